// See net3_options.h.
#include "models/net3/net3_options.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "tensor/error.h"

namespace tensile {

namespace {

// Greatest side of a dense matrix over the places of a mode: 64 MB.
constexpr std::int64_t kMostPlaces = 4096;
// A head of its own for every series needs so many windows for each of its numbers: with fewer it learns the noise.
constexpr std::int64_t kWindowsPerHeadNumber = 200;

Net3Recurrence recurrence_of(const Options& options) {
    const std::string& name = options.choice("recurrence");
    if (name == "shared") return Net3Recurrence::kShared;
    return name == "per_place" ? Net3Recurrence::kPerPlace : Net3Recurrence::kTensor;
}

Net3Skip skip_of(const Options& options) {
    const std::string& name = options.choice("skip");
    if (name == "none") return Net3Skip::kNone;
    return name == "last" ? Net3Skip::kLast : Net3Skip::kAutoregression;
}

std::vector<std::vector<int>> sets_of(std::span<const int> modes, bool single) {
    std::vector<std::vector<int>> sets;
    for (std::uint32_t bits = 1; bits < std::uint32_t{1} << modes.size(); ++bits) {
        std::vector<int> set;
        for (std::size_t i = 0; i < modes.size(); ++i)
            if ((bits >> i & 1U) != 0) set.push_back(modes[i]);
        if (!single || set.size() == 1) sets.push_back(std::move(set));
    }
    return sets;
}

// "station*pollutant"
std::vector<int> named_set(const std::string& text, const SeriesTable& table, std::span<const int> with_graph) {
    std::vector<int> set;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('*', begin), text.size());
        const std::string name = text.substr(begin, end - begin);
        const auto mode =
            static_cast<int>(std::ranges::find(table.modes, name, &SeriesMode::name) - table.modes.begin());
        if (mode == static_cast<int>(table.modes.size()))
            throw Error(sqlstate::kInvalidParameterValue, "option \"graph_terms\" names no mode: \"" + name + "\"",
                        "A term is \"all\", \"single\", \"none\", or modes joined by \"*\".");
        if (std::ranges::find(with_graph, mode) == with_graph.end())
            throw Error(sqlstate::kInvalidParameterValue,
                        "option \"graph_terms\" names a mode without a graph: \"" + name + "\"", {},
                        "Give it a graph with \"graphs\", or set \"graph_fallback\" to \"correlation\".");
        if (std::ranges::find(set, mode) == set.end()) set.push_back(mode);
        begin = end + 1;
    }
    std::ranges::sort(set);
    return set;
}

std::vector<std::vector<int>> terms_of(const Options& options, const SeriesTable& table, const Net3Architecture& net) {
    std::vector<int> with_graph;
    for (std::size_t mode = 0; mode < net.graphs.size(); ++mode)
        if (!net.graphs[mode].empty()) with_graph.push_back(static_cast<int>(mode));
    const std::vector<std::string>& names = options.texts("graph_terms");
    if (names.size() == 1 && names[0] == "none") return {};
    if (names.size() == 1 && (names[0] == "all" || names[0] == "single"))
        return sets_of(with_graph, names[0] == "single");
    std::vector<std::vector<int>> terms;
    for (const std::string& name : names)
        terms.push_back(named_set(name, table, with_graph));
    std::ranges::sort(terms);
    terms.erase(std::ranges::unique(terms).begin(), terms.end());
    return terms;
}

}  // namespace

std::span<const OptionDeclaration> net3_option_declarations() {
    using enum OptionType;
    static const std::vector<OptionDeclaration> declarations = [] {
        std::vector<OptionDeclaration> list = {
            {"window", kInteger, "5", 1, 1024, {}, "Past steps that a forecast looks at."},
            {"features", kInteger, "8", 1, 256, {}, "Features of a place behind the graph convolution."},
            {"hidden", kInteger, "8", 1, 256, {}, "Features of a place in the recurrent network."},
            {"compression",
             kReal,
             "0.8",
             0.01,
             1,
             {},
             "Places of a mode behind the Tucker compression, as a share of its keys; 1 compresses nothing."},
            {"graph_terms",
             kTextArray,
             "[\"all\"]",
             {},
             {},
             {},
             "Sets of modes whose graphs are applied together, such as \"station\" or \"station*pollutant\"; \"all\" "
             "sets, \"single\" modes or \"none\"."},
            {"graph_fallback",
             kChoice,
             "\"correlation\"",
             {},
             {},
             {"correlation", "none"},
             "Graph of a mode for which none is given."},
            {"recurrence",
             kChoice,
             "\"tensor\"",
             {},
             {},
             {"tensor", "shared", "per_place"},
             "Recurrent network: with a matrix for each mode, one for all places, or one of its own for each."},
            {"head",
             kChoice,
             "\"auto\"",
             {},
             {},
             {"auto", "shared", "per_series"},
             "Last layer: one for all series or one of its own for each, which takes long series."},
            {"skip",
             kChoice,
             "\"autoregression\"",
             {},
             {},
             {"autoregression", "last", "none"},
             "What the network's output is added to: a linear forecast of each series, its last value, or nothing."},
            {"orthogonality",
             kReal,
             "0.001",
             0,
             1000,
             {},
             "Weight of the penalty on compressions that are not orthonormal."},
            {"reconstruction", kReal, "0.001", 0, 1000, {}, "Weight of the penalty on what the compression loses."},
        };
        WindowTrainingDefaults defaults;
        defaults.epochs = "30";
        defaults.batch_size = "32";
        defaults.patience = "8";
        defaults.learning_rate = "0.005";
        defaults.schedule = "\"cosine\"";
        std::ranges::move(window_training_options(defaults), std::back_inserter(list));
        return list;
    }();
    return declarations;
}

Net3Architecture net3_architecture(const Options& options, const SeriesTable& table, const Net3Table& values,
                                   std::int64_t training_steps, std::int64_t windows, const std::atomic<bool>* stop) {
    Net3Architecture net;
    for (const SeriesMode& mode : table.modes)
        net.modes.push_back(static_cast<std::int64_t>(mode.keys.size()));
    if (net.modes.empty()) net.modes.push_back(1);
    net.window = options.integer("window");
    net.features = options.integer("features");
    net.hidden = options.integer("hidden");
    net.covariates = values.covariate_count;
    net.recurrence = recurrence_of(options);
    net.skip = skip_of(options);
    net.fills_gaps = values.has_gaps;
    net.orthogonality = options.real("orthogonality");
    net.reconstruction = options.real("reconstruction");

    const double ratio = options.real("compression");
    const bool correlates = options.choice("graph_fallback") == "correlation";
    bool narrows = false;
    for (std::size_t mode = 0; mode < net.modes.size(); ++mode) {
        const std::int64_t places = net.modes[mode];
        const auto graph = std::ranges::find(table.graphs, static_cast<int>(mode), &ModeGraph::mode);
        const bool given = graph != table.graphs.end();
        const bool needs_matrix = given || ratio < 1 || net.recurrence == Net3Recurrence::kTensor;
        if (places > kMostPlaces && needs_matrix)
            throw Error(
                sqlstate::kProgramLimitExceeded,
                "mode \"" + table.modes[mode].name + "\" has too many keys for method net3",
                "It has " + std::to_string(places) + " keys; matrices over a mode can have at most " +
                    std::to_string(kMostPlaces) + ".",
                "Use \"recurrence\": \"shared\", \"compression\": 1 and no graph for this mode, or another method.");
        net.compressed.push_back(std::max<std::int64_t>(
            static_cast<std::int64_t>(std::ceil(static_cast<double>(places) * ratio - 1e-9)), 1));
        narrows = narrows || net.compressed.back() < places;
        std::vector<float> matrix;
        if (places > 1 && given)
            matrix = normalised_graph(places, graph->edges);
        else if (places > 1 && correlates && places <= kMostPlaces)
            matrix = correlation_graph(values, net.modes, mode, training_steps, stop);
        net.graphs.push_back(std::move(matrix));
    }
    if (!narrows) net.compressed.clear();
    net.terms = terms_of(options, table, net);
    // Graphs that no term uses need not be kept.
    for (std::size_t mode = 0; mode < net.graphs.size(); ++mode)
        if (std::ranges::none_of(net.terms, [&](const std::vector<int>& term) {
                return std::ranges::find(term, static_cast<int>(mode)) != term.end();
            }))
            net.graphs[mode].clear();
    const std::string& head = options.choice("head");
    net.shared_head =
        head == "shared" || (head == "auto" && windows < kWindowsPerHeadNumber * (net.features + net.hidden + 1));
    return net;
}

}  // namespace tensile
