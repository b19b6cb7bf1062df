// A job: one set of variables, named programs over them, and a driver that decides which program runs next.
//
// A model family (src/models/) provides all three; the runtime executes them without knowing the model. The driver is a
// deterministic host state machine: it sees only what programs read back, and its state can be saved and restored, so a
// job continues exactly where a checkpoint left it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/program.h"

namespace tensile {

// How a variable's content can be had again when its buffer is lost.
enum class Recovery : std::uint8_t {
    kCheckpointed,  // only from a checkpoint: parameters, optimizer state, running statistics
    kRegenerated,   // by running a program again (replay storage, caches)
    kReReadable,    // from immutable storage (weights of a stored model): may simply be dropped
};

struct Variable {
    std::string name;
    TensorType type;
    Recovery recovery = Recovery::kCheckpointed;
    // Part of the stored model (weights); otherwise training state only.
    bool is_weight = false;
    // Writes the initial content; must be deterministic.
    std::function<void(const TensorView&)> initialize;
};

// Buffers of one program's inputs, by input order, and the extents to run with. Lives inside the job's extent; the
// driver writes into it before a step.
struct Feeds {
    std::span<const TensorView> inputs;
    std::span<std::int64_t> extents;  // by extent slot
};

class Driver {
  public:
    virtual ~Driver() = default;

    // Index of the program to run next, or nothing when the job is finished.
    virtual std::optional<int> next() = 0;
    // Writes the whole step's scalars and extents. Called once before feed_rows.
    virtual void feed(int program, Feeds feeds) = 0;
    // Copies rows [begin, end) of the batch into the inputs. Called from several threads for disjoint ranges; rows at
    // or beyond the extent must be written as zeros. `rows` of a step is feed_row_count().
    virtual std::int64_t feed_row_count(int program) const = 0;
    virtual void feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept = 0;
    // Looks at the outputs of the program that has just run (by output order).
    virtual void observe(int program, std::span<const TensorView> outputs) = 0;

    // The whole state of the machine as bytes, and back.
    virtual std::string save_state() const = 0;
    virtual void restore_state(const std::string& state) = 0;
};

struct Job {
    std::vector<Variable> variables;
    std::vector<Program> programs;
    std::unique_ptr<Driver> driver;
};

}  // namespace tensile
