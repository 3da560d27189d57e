// Metrics while they are gathered: families, each with its samples.
#pragma once

#include "base/histogram.h"

#include <initializer_list>
#include <prometheus/metric_family.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace afterword::monitoring {

using Labels = std::initializer_list<std::pair<const char*, std::string_view>>;

class Families {
 public:
  // What follows is of this family, until the next one begins.
  void counters(std::string name, std::string help) { begin(prometheus::MetricType::Counter, name, help); }
  void gauges(std::string name, std::string help) { begin(prometheus::MetricType::Gauge, name, help); }
  void histograms(std::string name, std::string help) { begin(prometheus::MetricType::Histogram, name, help); }

  void add(double value, Labels labels = {});
  template <class Integer>
  void add(Integer value, Labels labels = {}) {
    add(static_cast<double>(value), labels);
  }
  void add(const Histogram& histogram, Labels labels = {});

  // Of one sample each.
  template <class Number>
  void counter(std::string name, std::string help, Number value) {
    counters(std::move(name), std::move(help));
    add(value);
  }
  template <class Number>
  void gauge(std::string name, std::string help, Number value) {
    gauges(std::move(name), std::move(help));
    add(value);
  }
  void histogram(std::string name, std::string help, const Histogram& value) {
    histograms(std::move(name), std::move(help));
    add(value);
  }

  std::string text() const;

 private:
  void begin(prometheus::MetricType type, std::string& name, std::string& help);
  prometheus::ClientMetric& new_sample(Labels labels);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace afterword::monitoring
