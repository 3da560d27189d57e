#include "monitoring/families.h"

#include <gtest/gtest.h>

namespace afterword::monitoring {
namespace {

TEST(Families, AreWrittenAsPrometheusReadsThem) {
  static constexpr std::array<double, 2> bounds{0.5, 1};
  Histogram histogram{bounds};
  for (const double value : {0.5, 0.75, 3.0}) histogram.add(value);
  Families families;
  families.counters("things_total", "Things.");
  families.add(3, {{"kind", "a \"b\""}});
  families.gauge("level", "How high.", 1.5);
  families.histogram("time_seconds", "How long.", histogram);
  EXPECT_EQ(families.text(),
            "# HELP things_total Things.\n"
            "# TYPE things_total counter\n"
            "things_total{kind=\"a \\\"b\\\"\"} 3\n"
            "# HELP level How high.\n"
            "# TYPE level gauge\n"
            "level 1.5\n"
            "# HELP time_seconds How long.\n"
            "# TYPE time_seconds histogram\n"
            "time_seconds_count 3\n"
            "time_seconds_sum 4.25\n"
            "time_seconds_bucket{le=\"0.5\"} 1\n"
            "time_seconds_bucket{le=\"1\"} 2\n"
            "time_seconds_bucket{le=\"+Inf\"} 3\n");
}

}  // namespace
}  // namespace afterword::monitoring
