// How often values fell where: the counts behind a histogram of the metrics, as plain numbers.
//
// Thread: one at a time. Nothing is allocated after it is made; a value costs a walk over at most max_buckets bounds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace afterword {

class Histogram {
 public:
  static constexpr std::size_t max_buckets = 16;

  // The bounds rise, are at most max_buckets, and live as long as the program. A value counts in the first bucket whose
  // bound it does not exceed; what exceeds all of them, in one more.
  explicit constexpr Histogram(std::span<const double> bounds) : bounds_(bounds) {}

  void add(double value) {
    std::size_t bucket = 0;
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += value;
  }

  std::span<const double> bounds() const { return bounds_; }
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }  // up to bounds().size(), included
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::array<std::uint64_t, max_buckets + 1> counts_{};
  double sum_ = 0;
};

// Of what takes from less than a millisecond to half a minute, in seconds.
inline constexpr std::array<double, 13> seconds_bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                       0.25,  0.5,    1,     2.5,  10,    30};

}  // namespace afterword
