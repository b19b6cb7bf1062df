// Fibers of a block; see block_runner.h.
#include "unit/cuda/emulation/block_runner.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim;
dim3 gridDim;

namespace tensile::cuda_emulation {

namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10;

enum class State : std::uint8_t { kReady, kAtBlockBarrier, kAtWarpBarrier, kAtShuffle, kEnded };

class Stack {
  public:
    Stack()
        : begin_(
              mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
        if (begin_ == MAP_FAILED) throw std::bad_alloc();
    }
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    ~Stack() { munmap(begin_, kStackBytes); }
    void* begin() const { return begin_; }

  private:
    void* begin_;
};

// AddressSanitizer must know of every change of stacks.
class StackSwitch {
  public:
    void leave([[maybe_unused]] void* stack, [[maybe_unused]] std::size_t bytes, [[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, stack, bytes);
#endif
    }
    // Tells which stack was left.
    void arrive([[maybe_unused]] const void** from, [[maybe_unused]] std::size_t* from_bytes) {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(fake_stack_, from, from_bytes);
#endif
    }

  private:
    [[maybe_unused]] void* fake_stack_ = nullptr;
};

struct Thread {
    State state = State::kReady;
    unsigned mask = 0;
    uint3 place{};
    // Words brought to shuffles, of the present one and the one before: a lane may be one shuffle ahead of the others.
    std::uint32_t words[2] = {0, 0};
    unsigned shuffles = 0;
    int fiber = -1;
};

class BlockRunner {
  public:
    void set_order(std::uint64_t seed) { seed_ = seed; }

    std::string run(dim3 grid, dim3 block, const std::function<void()>& body) {
        const std::lock_guard<std::mutex> one_grid_at_a_time(mutex_);
        random_.seed(seed_);
        body_ = &body;
        gridDim = grid;
        blockDim = block;
        std::vector<std::uint64_t> blocks(std::uint64_t{grid.x} * grid.y * grid.z);
        std::iota(blocks.begin(), blocks.end(), std::uint64_t{0});
        put_in_order(blocks);
        std::string problem;
        for (const std::uint64_t index : blocks) {
            blockIdx = {static_cast<unsigned>(index % grid.x), static_cast<unsigned>(index / grid.x % grid.y),
                        static_cast<unsigned>(index / grid.x / grid.y)};
            problem = run_block(block);
            if (!problem.empty()) break;
        }
        return problem;
    }

    void wait(State state, unsigned mask) {
        thread().state = state;
        thread().mask = mask;
        yield(false);
    }

    std::uint32_t exchange(unsigned mask, std::uint32_t value, int source) {
        const unsigned parity = bring(mask, value);
        const int from = current_ / 32 * 32 + source;
        const bool there = (mask >> source & 1U) != 0 && from < static_cast<int>(threads_.size());
        return there ? threads_[static_cast<std::size_t>(from)].words[parity] : value;
    }

    unsigned match(unsigned mask, std::uint32_t value) {
        const unsigned parity = bring(mask, value);
        const auto first = static_cast<std::size_t>(current_ / 32 * 32);
        unsigned lanes = 0;
        for (std::size_t i = 0; i < 32 && first + i < threads_.size(); ++i)
            if (threads_[first + i].words[parity] == value) lanes |= 1U << i;
        return lanes & mask;
    }

    int lane() const { return current_ % 32; }

  private:
    struct Fiber {
        Stack stack;
        ucontext_t context{};
        StackSwitch stack_switch;
    };

    // Returns which of a thread's words the lanes of this call have brought.
    unsigned bring(unsigned mask, std::uint32_t value) {
        const unsigned parity = thread().shuffles++ % 2;
        thread().words[parity] = value;
        wait(State::kAtShuffle, mask);
        return parity;
    }

    Thread& thread() { return threads_[static_cast<std::size_t>(current_)]; }

    template <typename T>
    void put_in_order(std::vector<T>& items) {
        if (seed_ == 1) std::ranges::reverse(items);
        if (seed_ > 1) std::ranges::shuffle(items, random_);
    }

    std::string run_block(dim3 block) {
        threads_.assign(std::size_t{block.x} * block.y * block.z, Thread{});
        free_.resize(fibers_.size());
        std::iota(free_.begin(), free_.end(), 0);
        ready_.resize(threads_.size());
        std::iota(ready_.begin(), ready_.end(), 0);
        for (int i = 0; i < static_cast<int>(threads_.size()); ++i) {
            const auto u = static_cast<unsigned>(i);
            threads_[static_cast<std::size_t>(i)].place = {u % block.x, u / block.x % block.y, u / block.x / block.y};
        }
        while (!ready_.empty()) {
            put_in_order(ready_);
            for (next_ = 0; next_ < ready_.size();) {
                current_ = ready_[next_++];
                resume();
            }
            ready_.clear();
            release();
        }
        return std::ranges::all_of(threads_, [](const Thread& each) { return each.state == State::kEnded; })
                   ? std::string()
                   : stuck();
    }

    void resume() {
        Thread& thread = this->thread();
        threadIdx = thread.place;
        thread.state = State::kReady;
        if (thread.fiber < 0) {
            thread.fiber = take_fiber();
            start(fiber(thread));
        }
        scheduler_switch_.leave(fiber(thread).stack.begin(), kStackBytes, false);
        swapcontext(&scheduler_, &fiber(thread).context);
        scheduler_switch_.arrive(nullptr, nullptr);
    }

    Fiber& fiber(const Thread& thread) { return *fibers_[static_cast<std::size_t>(thread.fiber)]; }

    int take_fiber() {
        if (free_.empty()) {
            fibers_.push_back(std::make_unique<Fiber>());
            return static_cast<int>(fibers_.size()) - 1;
        }
        const int index = free_.back();
        free_.pop_back();
        return index;
    }

    void start(Fiber& fiber) {
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.begin();
        fiber.context.uc_stack.ss_size = kStackBytes;
        fiber.context.uc_link = nullptr;
        fiber.stack_switch = StackSwitch();
        makecontext(&fiber.context, &BlockRunner::enter, 0);
    }

    static void enter();

    // A thread that never waits needs no stack of its own: the fiber goes on with the next one.
    void run_threads() {
        fiber(thread()).stack_switch.arrive(&scheduler_stack_, &scheduler_stack_bytes_);
        for (;;) {
            (*body_)();
            thread().state = State::kEnded;
            const int fiber = thread().fiber;
            if (next_ == ready_.size() || threads_[static_cast<std::size_t>(ready_[next_])].fiber >= 0) break;
            current_ = ready_[next_++];
            thread().fiber = fiber;
            threadIdx = thread().place;
        }
        free_.push_back(thread().fiber);
        yield(true);
    }

    void yield(bool for_good) {
        Fiber& own = fiber(thread());
        own.stack_switch.leave(const_cast<void*>(scheduler_stack_), scheduler_stack_bytes_, for_good);
        swapcontext(&own.context, &scheduler_);
        own.stack_switch.arrive(&scheduler_stack_, &scheduler_stack_bytes_);
    }

    // Warps whose lanes are all there go on; when no warp can, a block whose threads are all at its barrier.
    void release() {
        for (std::size_t begin = 0; begin < threads_.size(); begin += 32)
            release_warp(begin, std::min(begin + 32, threads_.size()));
        if (!ready_.empty()) return;
        if (std::ranges::any_of(threads_, [](const Thread& each) { return each.state != State::kAtBlockBarrier; }))
            return;
        for (std::size_t i = 0; i < threads_.size(); ++i)
            ready_.push_back(static_cast<int>(i));
    }

    void release_warp(std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const Thread& first = threads_[i];
            if (first.state != State::kAtWarpBarrier && first.state != State::kAtShuffle) continue;
            bool complete = (first.mask >> (i - begin) & 1U) != 0;
            for (std::size_t j = begin; j < end; ++j)
                if ((first.mask >> (j - begin) & 1U) != 0)
                    complete = complete && threads_[j].state == first.state && threads_[j].mask == first.mask &&
                               threads_[j].shuffles % 2 == first.shuffles % 2;
            if (complete) ready_.push_back(static_cast<int>(i));
        }
    }

    std::string stuck() const {
        static constexpr const char* kNames[] = {"run", "wait at __syncthreads", "wait at __syncwarp",
                                                 "wait at a shuffle", "have ended"};
        std::string text = "threads of a block wait for each other for ever:";
        for (int state = 0; state < 5; ++state) {
            const auto count = std::ranges::count_if(
                threads_, [&](const Thread& each) { return each.state == static_cast<State>(state); });
            if (count > 0) text += " " + std::to_string(count) + " " + kNames[state] + ";";
        }
        return text;
    }

    std::mutex mutex_;
    std::uint64_t seed_ = 0;
    std::mt19937_64 random_;
    const std::function<void()>* body_ = nullptr;
    std::vector<Thread> threads_;
    std::vector<int> ready_;  // threads of the present round; those before next_ have had their turn
    std::size_t next_ = 0;
    int current_ = 0;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::vector<int> free_;
    ucontext_t scheduler_{};
    StackSwitch scheduler_switch_;
    const void* scheduler_stack_ = nullptr;
    std::size_t scheduler_stack_bytes_ = 0;
};

BlockRunner& runner() {
    static BlockRunner runner;
    return runner;
}

void BlockRunner::enter() {
    runner().run_threads();
}

}  // namespace

void set_thread_order(std::uint64_t seed) {
    runner().set_order(seed);
}

std::string run_grid(dim3 grid, dim3 block, const std::function<void()>& body) {
    return runner().run(grid, block, body);
}

std::uint32_t exchange(unsigned mask, std::uint32_t value, int source) {
    return runner().exchange(mask, value, source);
}

unsigned match(unsigned mask, std::uint32_t value) {
    return runner().match(mask, value);
}

int lane() {
    return runner().lane();
}

}  // namespace tensile::cuda_emulation

void __syncthreads() {
    tensile::cuda_emulation::runner().wait(tensile::cuda_emulation::State::kAtBlockBarrier, 0);
}

void __syncwarp(unsigned mask) {
    tensile::cuda_emulation::runner().wait(tensile::cuda_emulation::State::kAtWarpBarrier, mask);
}
