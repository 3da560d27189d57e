#include "monitoring/exposition.h"

#include "monitoring/families.h"

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

namespace afterword::monitoring {
namespace {

double seconds(std::chrono::duration<double> duration) { return duration.count(); }

void add_requests(Families& families, const gateway::RequestFigures& requests) {
  const auto for_each_route = [&](auto visit) {
    for (std::size_t i = 0; i < requests.size(); ++i) visit(gateway::route_names[i], requests[i]);
  };
  families.counters("afterword_http_requests_total",
                    "Requests of clients that are over, by what they meant and the class of the answer's status.");
  for_each_route([&](std::string_view route, const gateway::RequestsOfRoute& figures) {
    for (std::size_t i = 0; i < figures.answers.size(); ++i) {
      families.add(figures.answers[i], {{"route", route}, {"outcome", gateway::outcome_names[i]}});
    }
  });
  families.histograms("afterword_http_request_duration_seconds",
                      "From the end of a request's head to the head of its answer.");
  for_each_route([&](std::string_view route, const gateway::RequestsOfRoute& figures) {
    families.add(figures.seconds, {{"route", route}});
  });
  families.gauges("afterword_http_requests_under_way", "Requests of clients that have no answer yet.");
  for_each_route([&](std::string_view route, const gateway::RequestsOfRoute& figures) {
    families.add(figures.under_way, {{"route", route}});
  });
}

void add_server(Families& families, const Sources& sources) {
  const http::ServerFigures figures = sources.server.figures();
  families.gauge("afterword_http_connections", "Connections of clients.", figures.connections);
  families.gauge("afterword_http_connections_limit", "How many there may be.", figures.max_connections);
  families.counter("afterword_http_connections_accepted_total", "Connections of clients that were taken.",
                   figures.accepted);
  families.counters("afterword_http_connections_closed_total",
                    "Connections of clients that were closed for want of room: new ones beyond the share of their "
                    "address, and those that waited for their client and gave way to new ones.");
  families.add(figures.beyond_share, {{"reason", "beyond_share"}});
  families.add(figures.gave_way, {{"reason", "gave_way"}});
  families.counter("afterword_http_requests_refused_total",
                   "What was answered before it was a request: malformed, too large, or without room in memory.",
                   figures.refused);
  families.gauge("afterword_body_memory_bytes", "What bodies of requests and answers take in memory.",
                 sources.bodies.taken_bytes());
  families.counter("afterword_body_memory_refusals_total",
                   "How often a body found no room, or its client's share used.", sources.bodies.refusals());
}

void add_limits(Families& families, const Sources& sources, const delivery::Figures& delivery) {
  families.counters("afterword_limits_hit_total",
                    "What was refused for a limit of ours: rate_limits of the configuration by their names, and "
                    "limits.max_scheduled_per_user.");
  const gateway::RateLimits::Hits& hits = sources.gateway.rate_limit_hits();
  for (std::size_t i = 0; i < hits.size(); ++i) families.add(hits[i], {{"limit", gateway::RateLimits::names[i]}});
  families.add(delivery.over_owner_limit, {{"limit", "send"}});
  families.add(sources.context.too_many_scheduled, {{"limit", "max_scheduled_per_user"}});
}

void add_delivery(Families& families, const delivery::Figures& figures) {
  std::uint64_t failed = 0;
  for (const std::uint64_t count : figures.failed) failed += count;
  families.counters("afterword_deliveries_total", "Delayed events that were sent, or failed for good.");
  families.add(figures.sent, {{"outcome", "sent"}});
  families.add(failed, {{"outcome", "failed"}});
  families.counters("afterword_delivery_failures_total", "Those that failed, by the errcode that they failed with.");
  for (std::size_t i = 0; i < figures.failed.size(); ++i) {
    families.add(figures.failed[i], {{"errcode", delivery::errcodes[i]}});
  }
  families.counter("afterword_deliveries_given_up_total", "Those that failed after a day without an answer.",
                   figures.given_up);
  families.histogram("afterword_delivery_lateness_seconds",
                     "How long after their time events were sent. What is sent on request has no such time.",
                     figures.lateness_seconds);
  families.counter("afterword_delivery_retries_total", "Sends and looks that had no outcome, and are tried again.",
                   figures.tried_again);
  families.gauge("afterword_deliveries_waiting", "Events that are due and wait for their turn.", figures.waiting);
  families.gauge("afterword_deliveries_under_way", "Events that are being sent, or are in doubt.", figures.under_way);
  families.gauge("afterword_deliveries_in_doubt",
                 "Events that were sent and of which nobody knows yet whether they arrived.", figures.in_doubt);
  families.gauge("afterword_deliveries_aside",
                 "Events that held up their room for too long, and are tried at growing intervals.", figures.aside);
  families.gauge("afterword_timers", "Timers of events. That of an event that was cancelled stays until its time.",
                 figures.timers);
  families.counter("afterword_events_adopted_total",
                   "Events that were taken over: from the database at the start, and from instances that are gone.",
                   figures.adopted);
  families.gauge("afterword_homeserver_outage", "1 while the homeserver takes no events, and all of them wait.",
                 figures.in_outage ? 1 : 0);
  families.counter("afterword_homeserver_outages_total", "How often that began.", figures.outages);
}

void add_homeserver(Families& families, const Sources& sources) {
  const homeserver::Measured::Figures& verbs = sources.homeserver.figures();
  families.counters(
      "afterword_homeserver_questions_total",
      "What Afterword asked of the homeserver for itself, and whether it got an answer that says something.");
  for (const homeserver::VerbFigures& verb : verbs) {
    for (std::size_t i = 0; i < verb.questions.size(); ++i) {
      families.add(verb.questions[i], {{"verb", verb.name}, {"outcome", homeserver::question_outcomes[i]}});
    }
  }
  families.histograms("afterword_homeserver_question_duration_seconds", "How long that took.");
  for (const homeserver::VerbFigures& verb : verbs) families.add(verb.seconds, {{"verb", verb.name}});

  const auto for_each_pool = [&](auto visit) {
    for (const Sources::Pool& pool : sources.pools) visit(pool.name, pool.client.figures());
  };
  families.gauges("afterword_homeserver_connections", "Connections to the homeserver, by what they are for.");
  for_each_pool([&](const char* pool, const http::ClientFigures& figures) {
    families.add(figures.in_use, {{"pool", pool}, {"state", "in_use"}});
    families.add(figures.idle, {{"pool", pool}, {"state", "idle"}});
  });
  families.gauges("afterword_homeserver_connections_limit", "How many may be in use.");
  for_each_pool([&](const char* pool, const http::ClientFigures& figures) {
    families.add(figures.max_connections, {{"pool", pool}});
  });
  families.counters("afterword_homeserver_connections_opened_total", "Connections to the homeserver that were begun.");
  for_each_pool([&](const char* pool, const http::ClientFigures& figures) {
    families.add(figures.opened, {{"pool", pool}});
  });
}

void add_sidecar(Families& families, const gateway::SidecarFigures& figures) {
  families.counters(
      "afterword_token_service_requests_total",
      "Requests of users to the token service for calls: whether it answered, or was not asked because the "
      "user had their share of its connections.");
  families.add(figures.answered, {{"outcome", "answered"}});
  families.add(figures.unanswered, {{"outcome", "unanswered"}});
  families.add(figures.over_share, {{"outcome", "over_share"}});
  families.gauge("afterword_token_service_requests_under_way", "Those that it has not answered yet.",
                 figures.under_way);
}

void add_tokens(Families& families, const homeserver::TokenFigures& figures) {
  families.counters("afterword_token_lookups_total",
                    "Whose a token is: it was known, known to be refused, the homeserver was asked, or there was too "
                    "much to ask.");
  families.add(figures.known, {{"answer", "known"}});
  families.add(figures.refused, {{"answer", "refused"}});
  families.add(figures.asked, {{"answer", "asked"}});
  families.add(figures.busy, {{"answer", "busy"}});
  families.counter("afterword_token_lookups_stale_total",
                   "Of those that were asked: the homeserver did not answer, and what it had said before was taken.",
                   figures.stale);
  families.gauge("afterword_tokens_known", "Tokens of which it is known whose they are.", figures.entries);
  families.gauge("afterword_whoami_under_way", "Questions to the homeserver whose a token is.", figures.calls);
}

void add_store(Families& families, const store::Figures& figures) {
  families.histogram("afterword_store_commit_operations", "How many operations shared each commit.",
                     figures.commits.operations);
  families.histogram("afterword_store_commit_duration_seconds", "How long each commit took, with its sync.",
                     figures.commits.seconds);
  families.counter("afterword_store_commits_failed_total", "Commits that the database did not take.",
                   figures.failed_commits);
  if (figures.held) {
    families.gauges("afterword_events", "Delayed events that have no outcome yet, by their state.");
    families.add(figures.held->scheduled, {{"state", "scheduled"}});
    families.add(figures.held->sending, {{"state", "sending"}});
    families.gauge("afterword_store_journal_entries", "Restarts in the journal that are not folded into the table yet.",
                   figures.held->journal_entries);
  }
  if (figures.lease) {
    families.gauge("afterword_lease_left_seconds",
                   "For how long this instance may send before it has to renew its lease.",
                   seconds(figures.lease->left));
    families.counter("afterword_leases_lost_total",
                     "How often this instance was away for too long and others could take over its events.",
                     figures.lease->lost);
  }
}

// Their names are those of every Prometheus client.
void add_process(Families& families) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  families.counter("process_cpu_seconds_total", "Processor time, of the user and the system.",
                   of(usage.ru_utime) + of(usage.ru_stime));
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (statm >> size >> resident) {
    families.gauge("process_resident_memory_bytes", "Memory that is held.",
                   resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  }
}

}  // namespace

std::string exposition(const Sources& sources) {
  const delivery::Figures delivery = sources.context.delivery.figures();
  Families families;
  families.gauges("afterword_build_info", "1, with the version that runs.");
  families.add(1, {{"version", sources.version}});
  add_requests(families, sources.gateway.requests());
  families.counter("afterword_answers_looked_into_total",
                   "Answers of the homeserver that show events, and were looked into for delay_ids of their reader.",
                   sources.gateway.answers_looked_into());
  add_server(families, sources);
  add_limits(families, sources, delivery);
  add_delivery(families, delivery);
  add_homeserver(families, sources);
  add_sidecar(families, sources.gateway.sidecar_figures());
  add_tokens(families, sources.tokens.figures());
  add_store(families, sources.context.store.figures());
  add_process(families);
  return families.text();
}

}  // namespace afterword::monitoring
