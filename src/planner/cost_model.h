// Expected seconds of lowered ops: a roofline corrected by what was measured.
//
// The prior of an op is max(flops / flop rate, bytes / memory rate) plus the overhead of a launch (Williams, Waterman
// and Patterson, "Roofline", CACM 52(4), 2009). What it leaves out (cache hits, narrow shapes, slow kernels) depends on
// the kind of op and its size, so the ratio of measured to prior seconds is kept for each kind and bucket of
// (log2 flops, log2 bytes), as an exponentially weighted mean. An op of a bucket that was never measured takes the mean
// of the neighbouring buckets, then that of its kind, then the prior alone: a job that nobody has seen before is
// planned with figures of ops like its own. Knows neither devices nor where figures are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/lowered.h"

namespace tensile {

// What a device does when nothing is in its way; all greater than 0.
struct DeviceRates {
    double flops_per_second = 1e10;
    double bytes_per_second = 1e10;  // of memory traffic
    double launch_seconds = 1e-6;    // of an op that does next to nothing
};

// The roofline of one run of `op`.
double roofline_seconds(const DeviceRates& rates, const LoweredOp& op);

// The kinds of nodes in a lowered op, without their numbers: "matmul..tanh" of "matmul_3..tanh_5". At most
// kMaxKindBytes long; a longer one is cut.
inline constexpr std::size_t kMaxKindBytes = 96;
std::string op_kind(std::string_view op_name);

// One learned figure, as it is exported and imported.
struct CostFigure {
    std::string kind;
    std::int32_t flops_bucket = 0;  // floor(log2(flops)), 0 for less than 2
    std::int32_t bytes_bucket = 0;
    double ratio = 1;         // measured seconds / prior seconds
    std::uint32_t count = 0;  // of measurements behind it
    bool operator==(const CostFigure&) const = default;
};

// Where the figures of a program's ops are kept, by lowered op; made once, so that learning from a step looks up no
// names.
class CostKeys {
  public:
    std::size_t size() const { return ops_.size(); }
    // Those of another program of the same model.
    void append(const CostKeys& other) { ops_.insert(ops_.end(), other.ops_.begin(), other.ops_.end()); }

  private:
    friend class CostModel;
    struct Op {
        std::uint64_t bucket;
        double prior_seconds;
    };
    std::vector<Op> ops_;
};

// Thread-safe; every call takes one lock for all ops that it is about.
class CostModel {
  public:
    // Buckets kept at most; beyond, those not asked for or measured for the longest time are forgotten.
    static constexpr std::size_t kDefaultCapacity = 4096;

    explicit CostModel(const DeviceRates& rates, std::size_t capacity = kDefaultCapacity);

    const DeviceRates& rates() const { return rates_; }

    // Makes room for the program's ops among the buckets.
    CostKeys prepare(const LoweredProgram& program);
    // Expected seconds by lowered op.
    std::vector<double> seconds(const CostKeys& keys) const;
    // Takes the measured seconds of one step, by lowered op; an op with no time above 0 was not measured. Does not
    // allocate. Throws InternalError when there are not as many of them as ops.
    void learn(const CostKeys& keys, std::span<const double> measured);

    // At most `limit` figures, those with most measurements first.
    std::vector<CostFigure> figures(std::size_t limit) const;
    // The same, only those of the program's buckets.
    std::vector<CostFigure> figures(const CostKeys& keys, std::size_t limit) const;
    // Takes over figures of others for buckets that this model has not measured itself. Figures that no model can have
    // made (names of other characters, buckets or ratios out of range) are left out. Returns how many were taken.
    std::size_t merge(std::span<const CostFigure> figures);

    std::size_t size() const;

  private:
    struct Mean {
        double ratio = 1;
        std::uint32_t count = 0;
        void add(double sample);
    };
    struct Bucket {
        Mean mean;
        bool is_measured = false;  // by this model, not taken over
        std::list<std::uint64_t>::iterator recency;
    };
    struct Kind {
        std::string name;
        Mean mean;
    };

    std::uint32_t kind_number(std::string_view name);
    Bucket& bucket_at(std::uint64_t key);
    void touch(Bucket& bucket);
    void forget_oldest();
    double ratio_of(std::uint64_t key) const;
    std::optional<double> neighbouring_ratio(std::uint64_t key) const;
    CostFigure figure_of(std::uint64_t key, const Bucket& bucket) const;

    const DeviceRates rates_;
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::vector<Kind> kinds_;  // never forgotten; the first one stands for all beyond the greatest number
    std::unordered_map<std::string, std::uint32_t> kind_numbers_;
    std::unordered_map<std::uint64_t, Bucket> buckets_;
    std::list<std::uint64_t> recency_;  // most recently used first
};

}  // namespace tensile
