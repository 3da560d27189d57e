#include "monitoring/totals.h"

#include <cstddef>
#include <cstdint>

namespace afterword::monitoring {
namespace {

json::object shown_histogram(const Histogram& histogram) {
  json::array buckets;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    count += histogram.count(i);
    buckets.push_back(json::object{{"le", histogram.bounds()[i]}, {"count", count}});
  }
  count += histogram.count(histogram.bounds().size());
  return {{"count", count}, {"sum", histogram.sum()}, {"buckets", std::move(buckets)}};
}

}  // namespace

json::object totals(const Sources& sources) {
  const delivery::Figures delivery = sources.context.delivery.figures();
  const gateway::RequestsOfRoute& restarts =
      sources.gateway.requests().at(static_cast<std::size_t>(gateway::RouteName::restart));
  std::uint64_t restarted = 0;
  for (std::size_t i = 0; i < restarts.answers.size(); ++i) {
    if (gateway::outcome_names.at(i) == "2xx") restarted = restarts.answers.at(i);
  }
  json::object failed;
  for (std::size_t i = 0; i < delivery::errcodes.size(); ++i) {
    if (delivery.failed.at(i) > 0) failed[delivery::errcodes.at(i)] = delivery.failed.at(i);
  }

  json::object shown;
  shown["version"] = sources.version;
  if (const auto held = sources.context.store.figures().held) {
    shown["scheduled"] = held->scheduled;
    shown["sending"] = held->sending;
  }
  shown["waiting"] = delivery.waiting;
  shown["under_way"] = delivery.under_way;
  shown["in_doubt"] = delivery.in_doubt;
  shown["aside"] = delivery.aside;
  shown["homeserver_outage"] = delivery.in_outage;
  shown["restarts"] = restarted;
  shown["sent"] = delivery.sent;
  shown["failed"] = std::move(failed);
  shown["given_up"] = delivery.given_up;
  shown["tried_again"] = delivery.tried_again;
  shown["lateness_seconds"] = shown_histogram(delivery.lateness_seconds);
  return shown;
}

}  // namespace afterword::monitoring
