// The exchange and the running means; see link.h.
#include "memory/link.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <thread>

#include "tensor/error.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

// Weight of one observation in the mean: about the last sixteen pieces count.
constexpr double kWeight = 1.0 / 16;
// A clock tick or a cached transfer must not look like an infinitely fast link.
constexpr double kLeastSeconds = 1e-7;

struct AlignedFree {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{kCopyAlignment}); }
};
using AlignedBuffer = std::unique_ptr<std::byte, AlignedFree>;

AlignedBuffer aligned_buffer(std::size_t bytes) {
    AlignedBuffer buffer(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kCopyAlignment})));
    std::memset(buffer.get(), 0x5A, bytes);
    return buffer;
}

template <typename Body>
double seconds_of(const Body& body) {
    const auto begin = Clock::now();
    body();
    return std::max(std::chrono::duration<double>(Clock::now() - begin).count(), kLeastSeconds);
}

}  // namespace

void Link::measure(HostStore& store) {
    const std::scoped_lock only_one(measuring_);
    if (is_measured()) return;
    const std::uint64_t half = std::min(store.bytes(), kProbeBytes) / 2 / kCopyAlignment * kCopyAlignment;
    if (half == 0) throw InternalError("a host store is too small to measure the link");
    const AlignedBuffer source = aligned_buffer(half);
    const AlignedBuffer target = aligned_buffer(half);
    const std::span<const std::byte> from(source.get(), half);
    const std::span<std::byte> to(target.get(), half);
    const auto rate = [&](double seconds) { return static_cast<double>(half) / seconds; };

    Rates alone;
    alone[0] = rate(seconds_of([&] { write_pieces(store, 0, from); }));
    alone[1] = rate(seconds_of([&] { read_pieces(store, 0, to); }));

    double shared_out = kLeastSeconds;
    std::exception_ptr failure;
    double shared_in = 0;
    {
        const std::jthread writer([&] {
            try {
                shared_out = seconds_of([&] { write_pieces(store, half, from); });
            } catch (...) {
                failure = std::current_exception();
            }
        });
        shared_in = seconds_of([&] { read_pieces(store, 0, to); });
    }
    if (failure) std::rethrow_exception(failure);

    constexpr int kSmallReads = 4;
    const double small = seconds_of([&] {
        for (int i = 0; i < kSmallReads; ++i)
            store.read(static_cast<std::uint64_t>(i) * kCopyPiece % half, to.first(kCopyAlignment));
    });
    set(alone, {rate(shared_out), rate(shared_in)}, small / kSmallReads);
}

void Link::measure(Stream& out, Stream& in, std::byte* device, std::byte* host, std::uint64_t bytes) {
    const std::scoped_lock only_one(measuring_);
    if (is_measured()) return;
    const std::uint64_t half = bytes / 2 / kCopyAlignment * kCopyAlignment;
    const auto rate = [&](double seconds) { return static_cast<double>(half) / seconds; };
    // The first copies pay for what the system prepares only once.
    out.copy(host, device, half);
    in.copy(device + half, host + half, half);
    out.synchronize();
    in.synchronize();

    constexpr int kSmallReads = 4;
    const double small = seconds_of([&] {
        for (int i = 0; i < kSmallReads; ++i) {
            in.copy(device, host, kCopyAlignment);
            in.synchronize();
        }
    });
    Rates alone;
    alone[0] = rate(seconds_of([&] {
        out.copy(host, device, half);
        out.synchronize();
    }));
    alone[1] = rate(seconds_of([&] {
        in.copy(device, host, half);
        in.synchronize();
    }));
    // Of the direction that is waited for last, the time may be too long by what the other one takes alone.
    double shared_out = kLeastSeconds;
    const double shared_in = seconds_of([&] {
        shared_out = seconds_of([&] {
            in.copy(device + half, host + half, half);
            out.copy(host, device, half);
            out.synchronize();
        });
        in.synchronize();
    });
    set(alone, {rate(shared_out), rate(shared_in)}, small / kSmallReads);
}

void Link::set(const Rates& alone, const Rates& shared, double latency_seconds) {
    const std::scoped_lock lock(mutex_);
    alone_ = alone;
    shared_ = shared;
    latency_seconds_ = latency_seconds;
    measured_at_ = std::chrono::system_clock::now();
    is_measured_.store(true, std::memory_order_release);
}

void Link::observe(CopyDirection direction, std::uint64_t bytes, double seconds, bool shared) noexcept {
    if (bytes < kCopyPiece / 2 || !is_measured()) return;
    const double rate = static_cast<double>(bytes) / std::max(seconds, kLeastSeconds);
    const std::scoped_lock lock(mutex_);
    double& mean = (shared ? shared_ : alone_)[static_cast<std::size_t>(direction)];
    mean += kWeight * (rate - mean);
    measured_at_ = std::chrono::system_clock::now();
}

std::chrono::system_clock::time_point Link::measured_at() const noexcept {
    const std::scoped_lock lock(mutex_);
    return measured_at_;
}

LinkModel Link::model() const noexcept {
    const std::scoped_lock lock(mutex_);
    LinkModel model;
    model.out_bytes_per_second = alone_[0];
    model.in_bytes_per_second = alone_[1];
    // Two directions together never do less than the better one alone: it could be used alone.
    model.total_bytes_per_second =
        std::clamp(shared_[0] + shared_[1], std::max(alone_[0], alone_[1]), alone_[0] + alone_[1]);
    model.latency_seconds = latency_seconds_;
    return model;
}

}  // namespace tensile
