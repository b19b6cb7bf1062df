// Small statistics of the server benchmarks: collects samples, prints minimum, median, 99th percentile and maximum.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace tensile::bench {

class Samples {
  public:
    void add(double value) { values_.push_back(value); }
    double quantile(double q) {
        std::sort(values_.begin(), values_.end());
        return values_.empty() ? 0 : values_[static_cast<std::size_t>(q * static_cast<double>(values_.size() - 1))];
    }
    void print(const std::string& what, const char* unit) {
        std::printf("%-58s min %10.2f  median %10.2f  p99 %10.2f  max %10.2f %s (n=%zu)\n", what.c_str(), quantile(0),
                    quantile(0.5), quantile(0.99), quantile(1), unit, values_.size());
        std::fflush(stdout);
    }

  private:
    std::vector<double> values_;
};

class Stopwatch {
  public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

}  // namespace tensile::bench
