// Models made ready to predict: weights in the tensor pool, shared read-only by all sessions, and contexts (a forward
// program of fixed capacity with a place in memory of its own) that predictions borrow.
//
// A prediction whose model is loaded borrows an idle context, fills its inputs, runs it and gives it back: no pool, no
// allocation, no lock on the usual path. Contexts and models that nobody uses stay until the pool wants their bytes
// back, least recently used first; a model in use means that somebody holds its shared_ptr. A model's own extent
// includes one floor context, so that a prediction which finds no bytes for another context waits for that one instead
// of holding bytes while it waits for bytes. Knows no model family or session.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/job.h"
#include "memory/device_bridge.h"
#include "memory/tensor_pool.h"
#include "runtime/program_cache.h"
#include "runtime/program_instance.h"

namespace tensile {

// Batch capacities of forward programs. A prediction uses the smallest that holds its rows; more rows are cut into
// batches of the greatest.
inline constexpr std::array<std::int64_t, 4> kCapacityBuckets = {1, 16, 256, 4096};
// Capacity of the context that every loaded model brings with it.
inline constexpr std::int64_t kFloorCapacity = 256;

// The smallest bucket that holds `rows`, or the greatest bucket.
std::int64_t capacity_for(std::int64_t rows);

// What the runtime must know of a stored model. The engine derives from it, and finds its own object again through
// LoadedModel::stored(). Immutable and thread-safe.
class StoredModel {
  public:
    virtual ~StoredModel() = default;
    // For tensile.pool.
    virtual std::string label() const = 0;
    // Name and type of each weight; where its bytes begin in the stored weights (multiples of 64), and their total.
    virtual std::span<const Variable> variables() const = 0;
    virtual std::span<const std::uint64_t> weight_offsets() const = 0;
    virtual std::uint64_t weight_bytes() const = 0;
    // The forward program, of a model that has weights, for batches of at most `capacity` rows; its only extent slot is
    // the batch. It must not write its variables.
    virtual Program program(std::int64_t capacity) const = 0;
};

class InferenceCache;
class LoadedModel;
struct InferenceContext;

// A borrowed context; gives itself back on destruction. One thread uses it at a time.
class ContextLease {
  public:
    ContextLease(ContextLease&& other) noexcept;
    ContextLease& operator=(ContextLease&& other) noexcept;
    ContextLease(const ContextLease&) = delete;
    ContextLease& operator=(const ContextLease&) = delete;
    ~ContextLease();

    std::int64_t capacity() const;
    std::span<const TensorView> inputs() const;   // by program input order, at capacity
    std::span<const TensorView> outputs() const;  // by program output order, valid after run()
    // Runs the program over the first `rows` rows (at most capacity()). Input rows at or beyond `rows` are cleared
    // here.
    LaunchStatus run(Stream& stream, std::int64_t rows, const StopFlag* stop);

  private:
    friend class LoadedModel;
    ContextLease(std::shared_ptr<LoadedModel> model, InferenceContext* context);
    void give_back() noexcept;
    std::shared_ptr<LoadedModel> model_;
    InferenceContext* context_ = nullptr;
};

// Weights in the pool and their contexts. Held through shared_ptr for as long as somebody predicts with it.
class LoadedModel : public std::enable_shared_from_this<LoadedModel> {
  public:
    ~LoadedModel();
    const StoredModel& stored() const;
    const ModelKey& key() const;
    // Borrows a context for a batch of `rows`: its capacity is the bucket of `rows`, or kFloorCapacity when the pool
    // has no bytes for another context; the caller then cuts its rows into more batches. Never waits for the pool, only
    // for the floor context. Throws Error 57014 when `stop` is set while waiting.
    ContextLease borrow(std::int64_t rows, const StopFlag* stop);
    // The weights as they were loaded, on the host.
    std::vector<std::byte> read_weights() const;

    LoadedModel(const LoadedModel&) = delete;
    LoadedModel& operator=(const LoadedModel&) = delete;

  private:
    friend class InferenceCache;
    friend class ContextLease;
    struct State;
    explicit LoadedModel(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// All loaded models of the engine. Installs itself as the pool's reclaimer. Thread-safe; outlives its models.
class InferenceCache {
  public:
    struct Counters {
        std::size_t models = 0;
        std::uint64_t loads = 0;
        std::uint64_t model_evictions = 0;
        std::uint64_t context_evictions = 0;
    };

    // `bridge`: of an asynchronous device, otherwise null.
    InferenceCache(Device& device, TensorPool& pool, std::size_t program_limit, DeviceBridge* bridge = nullptr);
    ~InferenceCache();

    // Nothing when the model is not loaded.
    std::shared_ptr<LoadedModel> find(const ModelKey& key);
    // Takes an extent for the weights and the floor context (see TensorPool::acquire for its errors) and copies the
    // weights. When another session has loaded the model meanwhile, gives that one. Throws Error 22023 when `weights`
    // is not as long as the model says.
    std::shared_ptr<LoadedModel> load(const ModelKey& key, std::unique_ptr<const StoredModel> stored,
                                      std::span<const std::byte> weights,
                                      std::optional<std::chrono::milliseconds> timeout, const StopFlag* stop);
    // Lets go of idle contexts and idle models, least recently used first, until `wanted` bytes are free; returns the
    // bytes freed. Lets go of nothing when all of them together are less than `wanted`.
    std::uint64_t reclaim(std::uint64_t wanted);
    // Lets go of every model that nobody uses, also of those that take no bytes of the pool but of the host.
    void forget_idle_models();
    // Those who wait for a floor context or another session's load look at their stop flags.
    void wake() noexcept;

    Counters counters() const;
    ProgramCache::Counters program_counters() const;

    InferenceCache(const InferenceCache&) = delete;
    InferenceCache& operator=(const InferenceCache&) = delete;

  private:
    friend class LoadedModel;
    friend class ContextLease;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tensile
