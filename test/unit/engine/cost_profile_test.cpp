// Cost profiles: there and back, never from another machine, and nothing that somebody made up.
#include "engine/cost_profile.h"

#include <gtest/gtest.h>

namespace tensile {
namespace {

const DeviceProperties kDevice{"cpu", "AVX2", "oneDNN \"2.6\""};
constexpr int kThreads = 4;
constexpr DeviceRates kRates{1e9, 1e9, 1e-6};

std::vector<CostFigure> some_figures() {
    return {{"matmul..relu", 23, 19, 1.25, 8}, {"add", 3, 12, 0.5, 2}};
}

std::size_t merged(std::string_view profile, CostModel& model) {
    return merge_cost_profile(profile, kDevice, kThreads, model);
}

TEST(CostProfile, TravelsAsText) {
    const std::string text = write_cost_profile(kDevice, kThreads, some_figures());
    CostModel model(kRates);
    EXPECT_EQ(merged(text, model), 2U);
    EXPECT_EQ(model.figures(10), some_figures());
}

TEST(CostProfile, NothingMeasuredIsNoText) {
    EXPECT_EQ(write_cost_profile(kDevice, kThreads, {}), "");
    CostModel model(kRates);
    EXPECT_EQ(merged("", model), 0U);
}

TEST(CostProfile, ChosenAlgorithmsTravelToTheSameDeviceWhateverItsThreads) {
    const AlgorithmChoices choices = {{"matmul(f32[256?0, 64])", {0x00, 0xff, 0x1a}}, {"convolution \"x\"", {7}}};
    const std::string text = write_cost_profile(kDevice, kThreads, some_figures(), choices);
    EXPECT_EQ(algorithm_choices_in(text, kDevice), choices);
    EXPECT_EQ(algorithm_choices_in(write_cost_profile(kDevice, kThreads + 1, {}, choices), kDevice), choices);
    EXPECT_TRUE(algorithm_choices_in(text, {"cpu", "AVX2", "oneDNN 3"}).empty());
    EXPECT_TRUE(algorithm_choices_in(write_cost_profile(kDevice, kThreads, some_figures()), kDevice).empty());
    CostModel model(kRates);
    EXPECT_EQ(merged(text, model), 2U);
}

TEST(CostProfile, ChosenAlgorithmsAreBoundedAndChecked) {
    AlgorithmChoices many;
    for (int i = 0; i < 1000; ++i)
        many.emplace("problem " + std::to_string(i), std::vector<std::uint8_t>(64, 1));
    const std::string text = write_cost_profile(kDevice, kThreads, some_figures(), many);
    EXPECT_LE(text.size(), kMaxProfileBytes);
    EXPECT_GT(algorithm_choices_in(text, kDevice).size(), 50U);
    CostModel model(kRates);
    EXPECT_EQ(merged(text, model), 2U) << "figures have room beside them";
    const std::string header = R"({"device":"cpu","instruction_set":"AVX2","library":"oneDNN \"2.6\"","choices":)";
    for (const char* made_up : {R"({"a":"0"}})", R"({"a":"zz"}})", R"({"a":""}})", R"({"a":7}})", "[]}", "7}", "{"})
        EXPECT_TRUE(algorithm_choices_in(header + made_up, kDevice).empty()) << made_up;
}

TEST(CostProfile, OtherMachinesDoNotCount) {
    const std::string text = write_cost_profile(kDevice, kThreads, some_figures());
    CostModel model(kRates);
    for (const DeviceProperties& other :
         {DeviceProperties{"cuda", "AVX2", kDevice.kernel_library},
          DeviceProperties{"cpu", "AVX-512", kDevice.kernel_library}, DeviceProperties{"cpu", "AVX2", "oneDNN 3"}})
        EXPECT_EQ(merge_cost_profile(text, other, kThreads, model), 0U);
    EXPECT_EQ(merge_cost_profile(text, kDevice, kThreads + 1, model), 0U);
    EXPECT_EQ(model.size(), 0U);
}

TEST(CostProfile, IsBounded) {
    std::vector<CostFigure> many;
    for (int i = 0; i < 2000; ++i)
        many.push_back({std::string(kMaxKindBytes, 'x'), i % 60, i / 60, 2, 3});
    const std::string text = write_cost_profile(kDevice, kThreads, many);
    EXPECT_LE(text.size(), kMaxProfileBytes);
    CostModel model(kRates);
    EXPECT_GT(merged(text, model), 100U);
    EXPECT_LE(model.size(), kMaxProfileFigures);
    EXPECT_EQ(merged(std::string(1 << 20, ' ') + text, model), 0U);
}

TEST(CostProfile, WhatIsNoProfileIsLeftOut) {
    const std::string header = R"({"device":"cpu","instruction_set":"AVX2","library":"oneDNN \"2.6\"","threads":4,)";
    CostModel model(kRates);
    for (const char* figures :
         {R"("figures":{}})", R"("figures":[[]]})", R"("figures":[["a",1,1,1]]})", R"("figures":[[1,1,1,1,1]]})",
          R"("figures":[["a","1",1,1,1]]})", R"("figures":[["a",-1,1,1,1]]})",
          R"("figures":[["a",1,99999999999,1,1]]})", R"("figures":[["a",1,1,1,-1]]})",
          R"("figures":[["a",1,1,1,18446744073709551615]]})", R"("figures":[["a",1.5,1,1,1]]})",
          R"("figures":[["a",1,1,1e308,1]]})", R"("figures":[["a",1,1,null,1]]})", R"("figures":[["\u0000",1,1,1,1]]})",
          R"("other":1})", "", "}"})
        EXPECT_EQ(merged(header + figures, model), 0U) << figures;
    for (const char* text : {"null", "[]", "{", "7", "\xff\xfe", "{\"device\":{}}"})
        EXPECT_EQ(merged(text, model), 0U) << text;
    EXPECT_EQ(model.size(), 0U);
    // One bad figure does not spoil the others.
    EXPECT_EQ(merged(header + R"("figures":[["a",1,1,1,-1],["b",1,1,1,1]]})", model), 1U);
}

}  // namespace
}  // namespace tensile
