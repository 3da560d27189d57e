#include "monitoring/families.h"

#include <limits>
#include <prometheus/text_serializer.h>

namespace afterword::monitoring {

void Families::begin(prometheus::MetricType type, std::string& name, std::string& help) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
}

prometheus::ClientMetric& Families::new_sample(Labels labels) {
  prometheus::ClientMetric& sample = families_.back().metric.emplace_back();
  for (const auto& [name, value] : labels) sample.label.push_back({name, std::string(value)});
  return sample;
}

void Families::add(double value, Labels labels) {
  prometheus::ClientMetric& sample = new_sample(labels);
  sample.counter.value = value;  // of which the serializer takes the one that the family's type names
  sample.gauge.value = value;
}

void Families::add(const Histogram& histogram, Labels labels) {
  auto& sample = new_sample(labels).histogram;
  sample.sample_sum = histogram.sum();
  for (std::size_t bucket = 0; bucket <= histogram.bounds().size(); ++bucket) {
    sample.sample_count += histogram.count(bucket);
    const bool is_last = bucket == histogram.bounds().size();
    const double bound = is_last ? std::numeric_limits<double>::infinity() : histogram.bounds()[bucket];
    sample.bucket.push_back({sample.sample_count, bound});
  }
}

std::string Families::text() const { return prometheus::TextSerializer().Serialize(families_); }

}  // namespace afterword::monitoring
