// The emulation itself: what it must notice in a wrong kernel, and that it leaves a right one alone.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "cuda/launch.h"
#include "unit/cuda/emulation/emulation.h"

namespace tensile::cuda {

namespace {

constexpr int kThreads = 128;

// Each thread reads what its neighbour wrote; without the barrier, some read too early.
__global__ void rotate(int* values, bool with_barrier) {
    __shared__ int shared[kThreads];
    const unsigned thread = threadIdx.x;
    shared[thread] = -1;
    __syncthreads();
    shared[thread] = static_cast<int>(thread + blockIdx.x);
    if (with_barrier) __syncthreads();
    values[blockIdx.x * blockDim.x + thread] = shared[(thread + 1) % blockDim.x];
    __syncthreads();
}

__global__ void leave_early() {
    if (threadIdx.x == 3) return;
    __syncthreads();
}

__global__ void sum_of_warp(float* sums) {
    auto value = static_cast<float>(threadIdx.x);
    for (int lanes = 16; lanes > 0; lanes /= 2)
        value += __shfl_xor_sync(0xffffffffU, value, lanes);
    sums[threadIdx.x] = value;
}

__global__ void write_behind(float* values, int count) {
    values[count] = 1;
}

class Emulation : public ::testing::Test {
  protected:
    ~Emulation() override {
        cuda_emulation::set_thread_order(0);
        cuda_emulation::take_complaints();
    }

    static std::vector<int> rotated(bool with_barrier, std::uint64_t order) {
        cuda_emulation::set_thread_order(order);
        std::vector<int> values(3 * kThreads);
        launch_kernel(rotate, dim3(3), dim3(kThreads), nullptr, "rotate", values.data(), with_barrier);
        return values;
    }
};

TEST_F(Emulation, OrderOfThreadsShowsAMissingBarrier) {
    std::vector<int> expected(3 * kThreads);
    for (int i = 0; i < 3 * kThreads; ++i)
        expected[static_cast<std::size_t>(i)] = (i + 1) % kThreads + i / kThreads;
    for (const std::uint64_t order : {0, 1, 20, 21}) {
        EXPECT_EQ(rotated(true, order), expected);
        EXPECT_EQ(rotated(false, order) == expected, false) << order;
    }
    EXPECT_EQ(cuda_emulation::take_complaints(), "");
}

TEST_F(Emulation, ComplainsOfABarrierThatAThreadNeverReaches) {
    launch_kernel(leave_early, dim3(1), dim3(64), nullptr, "leave_early");
    EXPECT_NE(cuda_emulation::take_complaints().find("63 wait at __syncthreads"), std::string::npos);
}

TEST_F(Emulation, ShufflesExchangeWithinAWarp) {
    for (const std::uint64_t order : {0, 1, 7}) {
        cuda_emulation::set_thread_order(order);
        std::vector<float> sums(64);
        launch_kernel(sum_of_warp, dim3(1), dim3(64), nullptr, "sum_of_warp", sums.data());
        for (std::size_t i = 0; i < sums.size(); ++i)
            EXPECT_EQ(sums[i], i < 32 ? 31 * 16 : 31 * 16 + 32 * 32);
    }
    EXPECT_EQ(cuda_emulation::take_complaints(), "");
}

#if !defined(__SANITIZE_ADDRESS__)  // which ends the test at once
TEST_F(Emulation, SeesAWriteBehindAnAllocation) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, 100), "allocating");
    EXPECT_EQ(cuda_emulation::damaged_guard(), "");
    launch_kernel(write_behind, dim3(1), dim3(1), nullptr, "write_behind", static_cast<float*>(memory), 25);
    EXPECT_EQ(cuda_emulation::damaged_guard(), "something was written behind an allocation of 100 bytes");
    check(cudaFree(memory), "freeing");
}
#endif

TEST_F(Emulation, RefusesAGridThatNoDeviceTakes) {
    EXPECT_THROW(launch_kernel(leave_early, dim3(1), dim3(2048), nullptr, "leave_early"), PluginError);
    EXPECT_THROW(launch_kernel(leave_early, dim3(1, 70000), dim3(32), nullptr, "leave_early"), PluginError);
    EXPECT_THROW(launch_kernel(leave_early, dim3(0), dim3(32), nullptr, "leave_early"), PluginError);
}

}  // namespace

}  // namespace tensile::cuda
