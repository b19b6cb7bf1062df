// Loading, borrowing and evicting; see inference.h. Order of locks: the cache's, then a model's or the pool's.
#include "runtime/inference.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "runtime/idle_slots.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

// Idle contexts kept per model and capacity.
constexpr std::size_t kIdleContexts = 32;
// How often one who waits for a floor context or for another session's load looks at its stop flag without being woken.
constexpr std::chrono::milliseconds kLookAgain{100};

std::size_t bucket_of(std::int64_t rows) {
    const auto found = std::find_if(kCapacityBuckets.begin(), kCapacityBuckets.end(),
                                    [rows](std::int64_t capacity) { return capacity >= rows; });
    return std::min(static_cast<std::size_t>(found - kCapacityBuckets.begin()), kCapacityBuckets.size() - 1);
}

void throw_if_stopped(const StopFlag* stop) {
    if (stop != nullptr && stop->load())
        throw Error(sqlstate::kQueryCanceled, "canceling prediction due to a stop request");
}

void require_read_only(const PlannedProgram& planned) {
    const LoweredProgram& lowered = planned.executable->lowered();
    for (const LoweredOp& op : lowered.ops)
        for (const std::int32_t tensor : op.writes)
            if (lowered.tensors[static_cast<std::size_t>(tensor)].kind == LoweredKind::kVariable)
                throw InternalError("program \"" + lowered.name + "\" writes weights that sessions share");
}

}  // namespace

std::int64_t capacity_for(std::int64_t rows) {
    return kCapacityBuckets[bucket_of(rows)];
}

struct InferenceContext {
    InferenceContext(Extent&& place, std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                     std::span<std::byte* const> weights, std::size_t capacity_bucket, DeviceBridge* bridge)
        : extent(std::move(place)), bucket(capacity_bucket), instance(std::move(planned), transient, weights, bridge) {}

    Extent extent;  // empty for a floor context, which lies in its model's extent
    std::size_t bucket;
    std::uint64_t last_used = 0;
    ProgramInstance instance;
};

struct InferenceCache::State {
    State(Device& compute, TensorPool& tensor_pool, std::size_t program_limit, DeviceBridge* device_bridge)
        : device(compute), pool(tensor_pool), bridge(device_bridge), programs(program_limit) {}

    std::shared_ptr<const PlannedProgram> program(const ModelKey& key, const StoredModel& stored,
                                                  std::int64_t capacity) {
        return programs.get({key, capacity}, [&] {
            auto planned = plan_program(device, stored.program(capacity), {.batch_invariant = true});
            require_read_only(*planned);
            return planned;
        });
    }

    std::uint64_t tick() noexcept { return clock.fetch_add(1, std::memory_order_relaxed) + 1; }

    Device& device;
    TensorPool& pool;
    DeviceBridge* bridge;  // null on a synchronous device
    ProgramCache programs;
    std::atomic<std::uint64_t> clock{0};  // counts uses; orders them for eviction

    mutable std::mutex mutex;
    std::condition_variable loaded;  // a load has ended, or wake()
    std::map<ModelKey, std::shared_ptr<LoadedModel>> models;
    std::set<ModelKey> loading;
    Counters counters;
};

struct LoadedModel::State {
    State(InferenceCache::State& owner, const ModelKey& model_key, std::unique_ptr<const StoredModel> model)
        : cache(owner), key(model_key), stored(std::move(model)) {}
    ~State() {
        for (auto& bucket : idle)
            while (InferenceContext* const context = bucket.take())
                delete context;
    }

    // Checks the layout of the weights against their length.
    void check(std::span<const std::byte> weights) const;
    std::vector<std::byte*> weight_addresses(const Program& program) const;
    std::unique_ptr<InferenceContext> make_context(std::size_t bucket);
    // Null when it is in use.
    InferenceContext* take_floor() noexcept {
        const std::scoped_lock lock(floor_mutex);
        return std::exchange(floor_is_idle, false) ? floor.get() : nullptr;
    }
    InferenceContext* wait_for_floor(const StopFlag* stop);
    void return_floor() noexcept {
        const std::scoped_lock lock(floor_mutex);
        floor_is_idle = true;
        floor_returned.notify_one();
    }

    InferenceCache::State& cache;
    const ModelKey key;
    const std::unique_ptr<const StoredModel> stored;
    Extent extent;  // weights | floor context
    std::atomic<std::uint64_t> last_used{0};
    std::array<IdleSlots<InferenceContext, kIdleContexts>, kCapacityBuckets.size()> idle;

    std::unique_ptr<InferenceContext> floor;
    std::mutex floor_mutex;
    std::condition_variable floor_returned;
    bool floor_is_idle = true;
};

void LoadedModel::State::check(std::span<const std::byte> weights) const {
    const auto fail = [this](const std::string& detail) {
        throw Error(sqlstate::kDataCorrupted, "stored weights of model \"" + stored->label() + "\" are damaged",
                    detail);
    };
    if (weights.size() != stored->weight_bytes())
        fail("There are " + std::to_string(weights.size()) + " bytes instead of " +
             std::to_string(stored->weight_bytes()) + ".");
    const std::span<const Variable> variables = stored->variables();
    const std::span<const std::uint64_t> offsets = stored->weight_offsets();
    if (offsets.size() != variables.size()) fail("Their layout does not name every weight.");
    for (std::size_t i = 0; i < variables.size(); ++i) {
        const std::uint64_t bytes = variables[i].type.bytes();
        if (offsets[i] % kTensorAlignment != 0 || bytes > weights.size() || offsets[i] > weights.size() - bytes)
            fail("Weight \"" + variables[i].name + "\" lies outside of them.");
    }
}

std::vector<std::byte*> LoadedModel::State::weight_addresses(const Program& program) const {
    const std::span<const Variable> variables = stored->variables();
    std::vector<std::byte*> addresses;
    for (const ValueId id : program.variables()) {
        const Value& value = program.value(id);
        const auto found = std::find_if(variables.begin(), variables.end(),
                                        [&](const Variable& variable) { return variable.name == value.name; });
        if (found == variables.end() || found->type != value.type)
            throw InternalError("model \"" + stored->label() + "\" has no weight \"" + value.name + "\" of that type");
        addresses.push_back(extent.data() +
                            stored->weight_offsets()[static_cast<std::size_t>(found - variables.begin())]);
    }
    return addresses;
}

// Null when the pool has no bytes for it.
std::unique_ptr<InferenceContext> LoadedModel::State::make_context(std::size_t bucket) {
    auto planned = cache.program(key, *stored, kCapacityBuckets[bucket]);
    Extent place = cache.pool.try_acquire(planned->extent_bytes(), {0, 0, "predict", stored->label()});
    if (!place) return nullptr;
    std::byte* const transient = place.data();
    const std::vector<std::byte*> weights = weight_addresses(planned->program);
    return std::make_unique<InferenceContext>(std::move(place), std::move(planned), transient, weights, bucket,
                                              cache.bridge);
}

InferenceContext* LoadedModel::State::wait_for_floor(const StopFlag* stop) {
    std::unique_lock lock(floor_mutex);
    while (!floor_is_idle) {
        throw_if_stopped(stop);
        floor_returned.wait_for(lock, kLookAgain);
    }
    floor_is_idle = false;
    return floor.get();
}

LoadedModel::LoadedModel(std::unique_ptr<State> state) : state_(std::move(state)) {}

LoadedModel::~LoadedModel() = default;

const StoredModel& LoadedModel::stored() const {
    return *state_->stored;
}

const ModelKey& LoadedModel::key() const {
    return state_->key;
}

std::vector<std::byte> LoadedModel::read_weights() const {
    std::vector<std::byte> weights(state_->stored->weight_bytes());
    if (weights.empty()) return weights;
    if (DeviceBridge* const bridge = state_->cache.bridge)
        bridge->read(weights, state_->extent.data());
    else
        std::memcpy(weights.data(), state_->extent.data(), weights.size());
    return weights;
}

ContextLease LoadedModel::borrow(std::int64_t rows, const StopFlag* stop) {
    if (state_->floor == nullptr) throw InternalError("a model without weights has no program to run");
    throw_if_stopped(stop);
    const std::size_t bucket = bucket_of(rows);
    InferenceContext* context = state_->idle[bucket].take();
    if (context == nullptr && kCapacityBuckets[bucket] == kFloorCapacity) context = state_->take_floor();
    if (context == nullptr) context = state_->make_context(bucket).release();
    if (context == nullptr) context = state_->wait_for_floor(stop);
    return ContextLease(shared_from_this(), context);
}

ContextLease::ContextLease(std::shared_ptr<LoadedModel> model, InferenceContext* context)
    : model_(std::move(model)), context_(context) {}

ContextLease::ContextLease(ContextLease&& other) noexcept
    : model_(std::move(other.model_)), context_(std::exchange(other.context_, nullptr)) {}

ContextLease& ContextLease::operator=(ContextLease&& other) noexcept {
    std::swap(model_, other.model_);
    std::swap(context_, other.context_);
    return *this;
}

ContextLease::~ContextLease() {
    if (context_ != nullptr) give_back();
}

void ContextLease::give_back() noexcept {
    LoadedModel::State& model = *model_->state_;
    TensorPool& pool = model.cache.pool;
    context_->last_used = model.cache.tick();
    model.last_used.store(context_->last_used, std::memory_order_relaxed);
    if (context_ == model.floor.get())
        model.return_floor();
    else if (!model.idle[context_->bucket].put(context_))
        delete context_;
    model_.reset();
    // Whoever waits for bytes may now have those of this context or of its model.
    if (pool.has_waiters()) pool.wake();
}

std::int64_t ContextLease::capacity() const {
    return kCapacityBuckets[context_->bucket];
}

std::span<const TensorView> ContextLease::inputs() const {
    return context_->instance.inputs();
}

std::span<const TensorView> ContextLease::outputs() const {
    return context_->instance.outputs();
}

LaunchStatus ContextLease::run(Stream& stream, std::int64_t rows, const StopFlag* stop) {
    if (rows < 0 || rows > capacity()) throw InternalError("a prediction has more rows than its context holds");
    for (std::int64_t& extent : context_->instance.extents())
        extent = rows;
    context_->instance.clear_unused_rows();
    return context_->instance.run(stream, stop);
}

InferenceCache::InferenceCache(Device& device, TensorPool& pool, std::size_t program_limit, DeviceBridge* bridge)
    : state_(std::make_unique<State>(device, pool, program_limit, bridge)) {
    pool.set_reclaimer([this](std::uint64_t wanted) { return reclaim(wanted); });
}

InferenceCache::~InferenceCache() {
    state_->pool.set_reclaimer({});
}

std::shared_ptr<LoadedModel> InferenceCache::find(const ModelKey& key) {
    const std::scoped_lock lock(state_->mutex);
    const auto found = state_->models.find(key);
    return found == state_->models.end() ? nullptr : found->second;
}

std::shared_ptr<LoadedModel> InferenceCache::load(const ModelKey& key, std::unique_ptr<const StoredModel> stored,
                                                  std::span<const std::byte> weights,
                                                  std::optional<std::chrono::milliseconds> timeout,
                                                  const StopFlag* stop) {
    State& cache = *state_;
    {
        // One load of a model at a time: the others would only wait for bytes that they do not need.
        std::unique_lock lock(cache.mutex);
        while (cache.loading.contains(key)) {
            throw_if_stopped(stop);
            cache.loaded.wait_for(lock, kLookAgain);
        }
        if (const auto found = cache.models.find(key); found != cache.models.end()) return found->second;
        cache.loading.insert(key);
    }
    struct EndOfLoad {
        State& cache;
        const ModelKey& key;
        ~EndOfLoad() {
            const std::scoped_lock lock(cache.mutex);
            cache.loading.erase(key);
            cache.loaded.notify_all();
        }
    };
    const EndOfLoad end{cache, key};

    auto state = std::make_unique<LoadedModel::State>(cache, key, std::move(stored));
    LoadedModel::State& model = *state;
    model.check(weights);
    // A closed form is all on the host: nothing of it is in the pool.
    if (!model.stored->variables().empty()) {
        auto planned = cache.program(key, *model.stored, kFloorCapacity);
        const std::uint64_t weight_end = aligned_size(weights.size());
        model.extent = cache.pool.acquire(weight_end + planned->extent_bytes(), {0, 0, "model", model.stored->label()},
                                          timeout, stop);
        if (cache.bridge != nullptr)
            cache.bridge->write(model.extent.data(), weights);
        else if (!weights.empty())
            std::memcpy(model.extent.data(), weights.data(), weights.size());
        const std::vector<std::byte*> addresses = model.weight_addresses(planned->program);
        model.floor = std::make_unique<InferenceContext>(Extent(), planned, model.extent.data() + weight_end, addresses,
                                                         bucket_of(kFloorCapacity), cache.bridge);
    }
    model.last_used = cache.tick();
    std::shared_ptr<LoadedModel> loaded(new LoadedModel(std::move(state)));
    const std::scoped_lock lock(cache.mutex);
    cache.models[key] = loaded;
    ++cache.counters.loads;
    return loaded;
}

std::uint64_t InferenceCache::reclaim(std::uint64_t wanted) {
    struct Candidate {
        std::uint64_t last_used;
        std::uint64_t bytes;
        std::unique_ptr<InferenceContext> context;
        std::map<ModelKey, std::shared_ptr<LoadedModel>>::iterator model;
    };
    State& cache = *state_;
    std::vector<Candidate> candidates;
    // Destroyed after the lock is gone: giving pages back takes time.
    std::vector<std::shared_ptr<LoadedModel>> evicted;
    std::uint64_t freed = 0;

    const std::scoped_lock lock(cache.mutex);
    std::uint64_t total = 0;
    for (auto model = cache.models.begin(); model != cache.models.end(); ++model) {
        LoadedModel::State& state = *model->second->state_;
        // Only the cache holds it, and new holders come through the cache: nobody can begin to use it meanwhile.
        const bool model_is_idle = model->second.use_count() == 1;
        std::uint64_t last_used = state.last_used.load(std::memory_order_relaxed);
        // Contexts are taken to look at them; what is not evicted is put back.
        for (auto& bucket : state.idle)
            while (std::unique_ptr<InferenceContext> context{bucket.take()}) {
                last_used = std::max(last_used, context->last_used);
                total += context->extent.bytes();
                candidates.push_back({context->last_used, context->extent.bytes(), std::move(context), model});
            }
        if (!model_is_idle) continue;
        candidates.push_back({last_used, state.extent.bytes(), nullptr, model});
        total += state.extent.bytes();
    }
    // A model comes after all its contexts: its last use is not before theirs, and it was listed behind them.
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& left, const Candidate& right) { return left.last_used < right.last_used; });
    for (Candidate& candidate : candidates) {
        if (total >= wanted && freed < wanted) {
            freed += candidate.bytes;
            if (candidate.context != nullptr) {
                ++cache.counters.context_evictions;
            } else {
                ++cache.counters.model_evictions;
                evicted.push_back(std::move(candidate.model->second));
                cache.models.erase(candidate.model);
            }
        } else if (candidate.context != nullptr) {
            LoadedModel::State& state = *candidate.model->second->state_;
            if (state.idle[candidate.context->bucket].put(candidate.context.get()))
                static_cast<void>(candidate.context.release());
        }
    }
    return freed;
}

void InferenceCache::forget_idle_models() {
    std::vector<std::shared_ptr<LoadedModel>> evicted;
    const std::scoped_lock lock(state_->mutex);
    for (auto model = state_->models.begin(); model != state_->models.end();) {
        if (model->second.use_count() > 1) {
            ++model;
            continue;
        }
        evicted.push_back(std::move(model->second));
        model = state_->models.erase(model);
        ++state_->counters.model_evictions;
    }
}

void InferenceCache::wake() noexcept {
    State& cache = *state_;
    const std::scoped_lock lock(cache.mutex);
    cache.loaded.notify_all();
    for (const auto& [key, model] : cache.models) {
        const std::scoped_lock floor_lock(model->state_->floor_mutex);
        model->state_->floor_returned.notify_all();
    }
}

InferenceCache::Counters InferenceCache::counters() const {
    const std::scoped_lock lock(state_->mutex);
    Counters counters = state_->counters;
    counters.models = state_->models.size();
    return counters;
}

ProgramCache::Counters InferenceCache::program_counters() const {
    return state_->programs.counters();
}

}  // namespace tensile
