// Buckets of the cost model, their means and how one stands in for another.
#include "planner/cost_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

// Buckets of 2^0 to 2^63.
constexpr std::int32_t kMaxBucket = 63;
// A mean forgets: a new sample has at least this weight.
constexpr double kLeastWeight = 1.0 / 16;
// Samples before outliers are held back, and by which factor they may leave the mean then. A step that was interrupted
// must not look like a slow op; a lasting change gets through within a few dozen steps.
constexpr std::uint32_t kSamplesBeforeClipping = 8;
constexpr double kClipFactor = 4;
// Figures of others count for at most so many measurements, so that the model's own soon outweigh them.
constexpr std::uint32_t kMaxImportedCount = 8;
// Ratios beyond this are no property of an op.
constexpr double kMaxRatio = 1e4;
constexpr std::size_t kMaxKinds = 1024;
constexpr std::uint32_t kAnyKind = 0;

std::int32_t bucket_of(double amount) {
    if (!(amount >= 2)) return 0;
    return std::min(static_cast<std::int32_t>(std::log2(amount)), kMaxBucket);
}

// kind | flops bucket | bytes bucket
std::uint64_t pack(std::uint32_t kind, std::int32_t flops_bucket, std::int32_t bytes_bucket) {
    return std::uint64_t{kind} << 16 | static_cast<std::uint64_t>(flops_bucket) << 8 |
           static_cast<std::uint64_t>(bytes_bucket);
}
std::uint32_t kind_in(std::uint64_t key) {
    return static_cast<std::uint32_t>(key >> 16);
}
std::int32_t flops_bucket_in(std::uint64_t key) {
    return static_cast<std::int32_t>(key >> 8 & 0xff);
}
std::int32_t bytes_bucket_in(std::uint64_t key) {
    return static_cast<std::int32_t>(key & 0xff);
}

bool is_kind_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '|' || c == ' ';
}

bool is_plausible(const CostFigure& figure) {
    const auto in_range = [](std::int32_t bucket) { return bucket >= 0 && bucket <= kMaxBucket; };
    return !figure.kind.empty() && figure.kind.size() <= kMaxKindBytes &&
           std::all_of(figure.kind.begin(), figure.kind.end(), is_kind_character) && in_range(figure.flops_bucket) &&
           in_range(figure.bytes_bucket) && figure.ratio >= 1 / kMaxRatio && figure.ratio <= kMaxRatio &&
           figure.count > 0;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void keep_most_measured(std::vector<CostFigure>& figures, std::size_t limit) {
    std::sort(figures.begin(), figures.end(), [](const CostFigure& a, const CostFigure& b) {
        if (a.count != b.count) return a.count > b.count;
        if (a.kind != b.kind) return a.kind < b.kind;
        return std::pair(a.flops_bucket, a.bytes_bucket) < std::pair(b.flops_bucket, b.bytes_bucket);
    });
    if (figures.size() > limit) figures.resize(limit);
}

}  // namespace

double roofline_seconds(const DeviceRates& rates, const LoweredOp& op) {
    return std::max(op.flops / rates.flops_per_second, op.bytes / rates.bytes_per_second) + rates.launch_seconds;
}

std::string op_kind(std::string_view op_name) {
    std::string kind;
    for (std::size_t i = 0; i < op_name.size() && kind.size() < kMaxKindBytes; ++i) {
        // A node's number: "_" and digits before the end of its name.
        if (op_name[i] == '_' && i + 1 < op_name.size() && is_digit(op_name[i + 1])) {
            std::size_t end = i + 1;
            while (end < op_name.size() && is_digit(op_name[end]))
                ++end;
            if (end == op_name.size() || op_name[end] == '.' || op_name[end] == ' ') {
                i = end - 1;
                continue;
            }
        }
        kind += is_kind_character(op_name[i]) ? op_name[i] : '_';
    }
    return kind.empty() ? "op" : kind;
}

CostModel::CostModel(const DeviceRates& rates, std::size_t capacity)
    : rates_(rates), capacity_(std::max<std::size_t>(capacity, 1)) {
    if (!(rates.flops_per_second > 0) || !(rates.bytes_per_second > 0) || !(rates.launch_seconds > 0))
        throw InternalError("rates of a device must be positive");
    kinds_.push_back({"op", {}});
    kind_numbers_.emplace("op", kAnyKind);
    buckets_.reserve(capacity_);
}

void CostModel::Mean::add(double sample) {
    if (count >= kSamplesBeforeClipping) sample = std::clamp(sample, ratio / kClipFactor, ratio * kClipFactor);
    ++count;
    ratio += (sample - ratio) * std::max(1.0 / count, kLeastWeight);
    // Weights are least weights long before the counter would overflow.
    count = std::min(count, std::uint32_t{1} << 30);
}

std::uint32_t CostModel::kind_number(std::string_view name) {
    std::string key(name);
    const auto found = kind_numbers_.find(key);
    if (found != kind_numbers_.end()) return found->second;
    if (kinds_.size() >= kMaxKinds) return kAnyKind;
    const auto number = static_cast<std::uint32_t>(kinds_.size());
    kinds_.push_back({key, {}});
    kind_numbers_.emplace(std::move(key), number);
    return number;
}

CostModel::Bucket& CostModel::bucket_at(std::uint64_t key) {
    const auto found = buckets_.find(key);
    if (found != buckets_.end()) {
        touch(found->second);
        return found->second;
    }
    if (buckets_.size() >= capacity_) forget_oldest();
    recency_.push_front(key);
    Bucket& bucket = buckets_[key];
    bucket.recency = recency_.begin();
    return bucket;
}

void CostModel::touch(Bucket& bucket) {
    recency_.splice(recency_.begin(), recency_, bucket.recency);
}

void CostModel::forget_oldest() {
    buckets_.erase(recency_.back());
    recency_.pop_back();
}

CostKeys CostModel::prepare(const LoweredProgram& program) {
    CostKeys keys;
    keys.ops_.reserve(program.ops.size());
    const std::lock_guard lock(mutex_);
    for (const LoweredOp& op : program.ops) {
        const std::uint64_t key = pack(kind_number(op_kind(op.name)), bucket_of(op.flops), bucket_of(op.bytes));
        bucket_at(key);
        keys.ops_.push_back({key, roofline_seconds(rates_, op)});
    }
    return keys;
}

std::optional<double> CostModel::neighbouring_ratio(std::uint64_t key) const {
    double sum = 0;
    double weights = 0;
    for (std::int32_t flops = flops_bucket_in(key) - 1; flops <= flops_bucket_in(key) + 1; ++flops)
        for (std::int32_t bytes = bytes_bucket_in(key) - 1; bytes <= bytes_bucket_in(key) + 1; ++bytes) {
            if (flops < 0 || bytes < 0) continue;
            const auto found = buckets_.find(pack(kind_in(key), flops, bytes));
            if (found == buckets_.end()) continue;
            const Mean& mean = found->second.mean;
            // Beyond the memory of a mean more measurements do not make it more certain.
            const double weight = std::min<double>(mean.count, 1 / kLeastWeight);
            sum += weight * mean.ratio;
            weights += weight;
        }
    return weights > 0 ? std::optional(sum / weights) : std::nullopt;
}

double CostModel::ratio_of(std::uint64_t key) const {
    const auto found = buckets_.find(key);
    if (found != buckets_.end() && found->second.mean.count > 0) return found->second.mean.ratio;
    if (const std::optional<double> ratio = neighbouring_ratio(key)) return *ratio;
    return kinds_[kind_in(key)].mean.ratio;
}

std::vector<double> CostModel::seconds(const CostKeys& keys) const {
    std::vector<double> result;
    result.reserve(keys.ops_.size());
    const std::lock_guard lock(mutex_);
    for (const CostKeys::Op& op : keys.ops_)
        result.push_back(op.prior_seconds * ratio_of(op.bucket));
    return result;
}

void CostModel::learn(const CostKeys& keys, std::span<const double> measured) {
    if (measured.size() != keys.ops_.size()) throw InternalError("measured times do not match the ops of the program");
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < measured.size(); ++i) {
        if (!(measured[i] > 0) || !std::isfinite(measured[i])) continue;
        const CostKeys::Op& op = keys.ops_[i];
        const double sample = std::clamp(measured[i] / op.prior_seconds, 1 / kMaxRatio, kMaxRatio);
        kinds_[kind_in(op.bucket)].mean.add(sample);
        const auto found = buckets_.find(op.bucket);
        if (found == buckets_.end()) continue;  // forgotten: its kind has learned
        found->second.mean.add(sample);
        found->second.is_measured = true;
        touch(found->second);
    }
}

CostFigure CostModel::figure_of(std::uint64_t key, const Bucket& bucket) const {
    return {kinds_[kind_in(key)].name, flops_bucket_in(key), bytes_bucket_in(key), bucket.mean.ratio,
            bucket.mean.count};
}

std::vector<CostFigure> CostModel::figures(std::size_t limit) const {
    std::vector<CostFigure> result;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, bucket] : buckets_)
            if (bucket.mean.count > 0) result.push_back(figure_of(key, bucket));
    }
    keep_most_measured(result, limit);
    return result;
}

std::vector<CostFigure> CostModel::figures(const CostKeys& keys, std::size_t limit) const {
    std::vector<std::uint64_t> wanted;
    for (const CostKeys::Op& op : keys.ops_)
        wanted.push_back(op.bucket);
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    std::vector<CostFigure> result;
    {
        const std::lock_guard lock(mutex_);
        for (const std::uint64_t key : wanted) {
            const auto found = buckets_.find(key);
            if (found != buckets_.end() && found->second.mean.count > 0)
                result.push_back(figure_of(key, found->second));
        }
    }
    keep_most_measured(result, limit);
    return result;
}

std::size_t CostModel::merge(std::span<const CostFigure> figures) {
    std::size_t taken = 0;
    const std::lock_guard lock(mutex_);
    for (const CostFigure& figure : figures) {
        if (!is_plausible(figure)) continue;
        const std::uint32_t kind = kind_number(figure.kind);
        if (kind == kAnyKind && figure.kind != kinds_[kAnyKind].name) continue;  // no room for more kinds
        const std::uint64_t key = pack(kind, figure.flops_bucket, figure.bytes_bucket);
        const std::uint32_t count = std::min(figure.count, kMaxImportedCount);
        const auto found = buckets_.find(key);
        if (found != buckets_.end() && (found->second.is_measured || found->second.mean.count >= count)) continue;
        // Others' figures never push out what this model has measured.
        if (found == buckets_.end() && buckets_.size() >= capacity_) continue;
        bucket_at(key).mean = {figure.ratio, count};
        if (kinds_[kind].mean.count < kMaxImportedCount) kinds_[kind].mean.add(figure.ratio);
        ++taken;
    }
    return taken;
}

std::size_t CostModel::size() const {
    const std::lock_guard lock(mutex_);
    return buckets_.size();
}

}  // namespace tensile
