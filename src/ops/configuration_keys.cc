#include "ops/configuration_keys.h"

#include "base/read_number.h"
#include "http/certificates.h"
#include "ops/duration.h"
#include "ops/files.h"
#include "ops/registration.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>
#include <vector>

namespace afterword::ops {
namespace {

using Taken = Result<void, std::string>;
using Folder = const std::filesystem::path&;

// Takes a relative one from the folder. Returns what is wrong with it.
std::optional<std::string> resolve_unix_path(std::string& path, Folder folder) {
  if (path.empty() || path.ends_with('/'))
    return "'unix:" + path + "' names no file; write unix:PATH, as unix:/run/afterword/afterword.sock";
  path = (folder / path).lexically_normal().string();
  if (path.size() <= http::max_unix_path_bytes) return std::nullopt;
  return fmt::format("'{}' is longer than the {} bytes that the path of a Unix socket may have; choose a shorter one",
                     path, http::max_unix_path_bytes);
}

Taken take_homeserver_url(const std::string& value, Folder folder, Configuration& configuration) {
  Result<http::Origin, std::string> origin = http::Origin::parse(value);
  if (!origin) return origin.error();
  if (!origin->unix_path.empty()) {
    if (auto wrong = resolve_unix_path(origin->unix_path, folder)) return *std::move(wrong);
  }
  configuration.homeserver = *std::move(origin);
  return {};
}

// After the URL, which it belongs to.
Taken take_ca_file(const std::string& value, Folder folder, Configuration& configuration) {
  if (value == "none") return {};
  const std::filesystem::path path = folder / value;
  Result<std::string, Unreadable> text = read_text_file(path);
  if (!text) {
    return fmt::format("{}: {}; name a file with certificates in PEM", path.string(), text.error().reason);
  }
  if (!http::are_certificates(*text)) {
    return path.string() + ": holds no certificate in PEM, or one that cannot be read; take what openssl x509 writes";
  }
  if (!configuration.homeserver.tls) {
    configuration.warnings.push_back("homeserver.ca_file: is of no use unless homeserver.url starts with https://");
  }
  configuration.homeserver.authorities = *std::move(text);
  return {};
}

// Matrix appendix "Server name": a host name or address, and perhaps a port.
Taken take_server_name(const std::string& value, Folder, Configuration& configuration) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
  if (value.empty() || value.find_first_not_of(letters) != std::string::npos) {
    return fmt::format("'{}' is not a server name; write what stands after the colon in a user's id, as example.org",
                       value);
  }
  configuration.server_name = value;
  return {};
}

Taken take_homeserver_kind(const std::string& value, Folder, Configuration& configuration) {
  if (value == "auto") return {};
  if (value != "synapse" && value != "other") return "'" + value + "' is no kind; write auto, synapse or other";
  configuration.homeserver_kind = value == "synapse" ? homeserver::Kind::synapse : homeserver::Kind::other;
  return {};
}

// Of VALUE, or of file:FILE. No error shows it.
Taken take_token(const std::string& value, Folder folder, std::optional<std::string>& taken,
                 std::optional<std::filesystem::path>& file) {
  constexpr std::string_view in_a_file = "file:";
  if (value == "none") return {};
  std::string token = value;
  if (value.starts_with(in_a_file)) {
    const std::filesystem::path path = folder / value.substr(in_a_file.size());
    const Result<std::string, Unreadable> text = read_text_file(path);
    if (!text) {
      return fmt::format("{}: {}; name a file with the token alone, readable by Afterword", path.string(),
                         text.error().reason);
    }
    token = text->substr(0, text->find_last_not_of(" \t\r\n") + 1);
    file = path;
  }
  if (!is_token(token)) {
    return std::string("is not an access token; write one, file:FILE, or none");
  }
  taken = std::move(token);
  return {};
}

Taken take_admin_token(const std::string& value, Folder folder, Configuration& configuration) {
  return take_token(value, folder, configuration.admin_token, configuration.admin_token_file);
}

Taken take_registration(const std::string& value, Folder folder, Configuration& configuration) {
  if (value.empty()) return std::string("is empty; name the registration file that the homeserver reads too");
  configuration.registration = folder / value;
  return {};
}

Taken take_rtc_registration(const std::string& value, Folder folder, Configuration& configuration) {
  if (value.empty()) return std::string("is empty; name the registration file of the service, or write none");
  if (value != "none") configuration.rtc_registration = folder / value;
  return {};
}

// Without white space around its parts, and without empty ones.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

Taken read_address(const std::string& text, Folder folder, http::Address& address) {
  if (text.starts_with(http::unix_prefix)) {
    address.unix_path = text.substr(http::unix_prefix.size());
    if (auto wrong = resolve_unix_path(address.unix_path, folder)) return *std::move(wrong);
    return {};
  }
  const auto wrong = [&] {
    return fmt::format(
        "'{}' is not an address to listen on; write HOST:PORT, as 127.0.0.1:8009 or [::1]:8009, or unix:PATH", text);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong();

  std::string_view host = std::string_view(text).substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of("[]:/") != std::string_view::npos) {
    return wrong();
  }
  const auto port = read_number<std::uint16_t>(text.substr(colon + 1));
  if (host.empty() || !port) return wrong();
  address.port = *port;
  address.host = host;
  return {};
}

Taken take_listen(const std::string& value, Folder folder, Configuration& configuration) {
  configuration.listen.clear();
  for (const std::string& text : split_list(value)) {
    Taken taken = read_address(text, folder, configuration.listen.emplace_back());
    if (!taken) return taken;
  }
  if (!configuration.listen.empty()) return {};
  return std::string("names no address; write HOST:PORT, as 127.0.0.1:8009, or unix:PATH");
}

Taken take_listen_mode(const std::string& value, Folder, Configuration& configuration) {
  unsigned mode = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, mode, 8);
  if (parsed.ec != std::errc() || parsed.ptr != end || mode > 0777 || value.size() < 3) {
    return "'" + value + "' is not the mode of a file; write three octal digits, as 660";
  }
  configuration.listen_mode = static_cast<mode_t>(mode);
  return {};
}

Taken take_operations_listen(const std::string& value, Folder folder, Configuration& configuration) {
  if (value == "none") return {};
  return read_address(value, folder, configuration.operations_listen.emplace());
}

// After the address, which it belongs to.
Taken take_operations_token(const std::string& value, Folder folder, Configuration& configuration) {
  constexpr std::size_t least_bytes = 16;
  std::optional<std::string>& token = configuration.operations_token;
  Taken taken = take_token(value, folder, token, configuration.operations_token_file);
  if (!taken || !token) return taken;
  if (token->size() < least_bytes) {
    return std::string("can be guessed, for it has less than 16 characters; make one with: openssl rand -hex 32");
  }
  if (!configuration.operations_listen) {
    configuration.warnings.push_back("ops.token: is of no use unless ops.listen is set");
  } else if (!is_local(*configuration.operations_listen)) {
    configuration.warnings.push_back("ops.token: is sent in clear to " + to_text(*configuration.operations_listen) +
                                     "; listen on 127.0.0.1 or on a Unix socket instead, behind a proxy with TLS");
  }
  return taken;
}

Taken take_database(const std::string& value, Folder folder, Configuration& configuration) {
  Result<Database, std::string> database = parse_database(value, folder);
  if (!database) return database.error();
  configuration.database = *std::move(database);
  return {};
}

template <class T, class Parse>
Taken take_limit(const std::string& value, std::optional<T>& into, Parse parse, std::string_view fix) {
  if (value == "none") {
    into.reset();
    return {};
  }
  const std::optional<T> parsed = parse(value);
  if (!parsed) return fmt::format("'{}' {}", value, fix);
  into = parsed;
  return {};
}

Taken take_duration(const std::string& value, std::optional<Milliseconds>& into) {
  return take_limit(value, into, parse_duration,
                    "is not a duration; write a number with ms, s, m, h, d or w, as 24h, or none");
}

Taken take_count(const std::string& value, std::optional<std::uint32_t>& into) {
  return take_limit(value, into, read_number<std::uint32_t>,
                    "is not a number; write a whole number from 0 to 4294967295, or none");
}

Taken take_max_delay(const std::string& value, Folder, Configuration& configuration) {
  std::optional<Milliseconds>& max_delay = configuration.limits.max_delay;
  Taken taken = take_duration(value, max_delay);
  if (taken && max_delay == Milliseconds::zero()) {
    return std::string("'" + value +
                       "' allows no delay at all; to allow nobody to schedule, set "
                       "limits.max_scheduled_per_user to 0");
  }
  if (taken && max_delay && *max_delay < std::chrono::hours(1)) {
    configuration.warnings.push_back("limits.max_delay: " + value +
                                     " is under 1h; Element Call's delegated leave events are an hour long and will be "
                                     "refused");
  }
  return taken;
}

Taken take_max_message_delay(const std::string& value, Folder, Configuration& configuration) {
  return take_duration(value, configuration.limits.max_message_delay);
}

Taken take_more_for_calls(const std::string& value, Folder, Configuration& configuration) {
  const std::optional<std::uint32_t> more = read_number<std::uint32_t>(value);
  if (!more) return fmt::format("'{}' is not a number; write a whole number from 0 to 4294967295", value);
  configuration.limits.more_for_calls = *more;
  return {};
}

Taken take_max_scheduled(const std::string& value, Folder, Configuration& configuration) {
  return take_count(value, configuration.limits.max_scheduled_per_user);
}

Taken take_max_age(const std::string& value, Folder, Configuration& configuration) {
  return take_duration(value, configuration.retention.max_age);
}

Taken take_max_kept(const std::string& value, Folder, Configuration& configuration) {
  return take_count(value, configuration.retention.max_per_user);
}

Taken take_start_grace(const std::string& value, Folder, Configuration& configuration) {
  const std::optional<Milliseconds> parsed = parse_duration(value);
  if (!parsed || *parsed > std::chrono::seconds(30)) {
    return "'" + value + "' is not a duration of at most 30s; write 0s to 30s, as 10s";
  }
  configuration.start_grace = *parsed;
  return {};
}

Taken take_flag(const std::string& value, bool& into) {
  if (value != "true" && value != "false") {
    return "'" + value + "' is neither true nor false; write one of them";
  }
  into = value == "true";
  return {};
}

Taken take_rate_limits(const std::string& value, Folder, Configuration& configuration) {
  return take_flag(value, configuration.rate_limits.enabled);
}

Taken take_user_page(const std::string& value, Folder, Configuration& configuration) {
  return take_flag(value, configuration.user_page);
}

// "5/s burst 100"
std::optional<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view between = "/s burst ";
  const char* const end = text.data() + text.size();
  Rate rate;
  const auto per_second = std::from_chars(text.data(), end, rate.per_second);
  const std::string_view rest(per_second.ptr, static_cast<std::size_t>(end - per_second.ptr));
  if (per_second.ec != std::errc() || !rest.starts_with(between)) return std::nullopt;
  const auto burst = std::from_chars(rest.data() + between.size(), end, rate.burst_count);
  const bool sensible = rate.per_second >= 0.001 && rate.per_second <= 1e6 && rate.burst_count >= 1;
  if (burst.ec != std::errc() || burst.ptr != end || !sensible) return std::nullopt;
  return rate;
}

template <Rate gateway::RateLimitOptions::*member>
Taken take_rate(const std::string& value, Folder, Configuration& configuration) {
  const std::optional<Rate> rate = parse_rate(value);
  if (!rate) return fmt::format("'{}' is not a rate; write N/s burst M, as 5/s burst 100", value);
  configuration.rate_limits.*member = *rate;
  return {};
}

Taken take_trusted_proxies(const std::string& value, Folder, Configuration& configuration) {
  configuration.trusted_proxies.clear();
  if (value == "none") return {};
  for (const std::string& text : split_list(value)) {
    const auto range = http::IpRange::parse(text);
    if (!range) {
      return fmt::format(
          "'{}' is neither an IP address nor a range of them; write some with commas in between, as 127.0.0.1, ::1, "
          "10.0.0.0/8",
          text);
    }
    configuration.trusted_proxies.push_back(*range);
  }
  return {};
}

Taken take_served_paths(const std::string& value, Folder, Configuration& configuration) {
  configuration.served_paths.clear();
  if (value == "/") return {};
  for (std::string& path : split_list(value)) {
    if (path.ends_with('/')) path.pop_back();
    if (path.size() < 2 || !path.starts_with('/') || path.find_first_of("?#% ") != std::string::npos) {
      return fmt::format(
          "'{}' is not a path; write paths with commas in between, as /_matrix/client, /_matrix/media, "
          "or / for everything",
          path);
    }
    configuration.served_paths.push_back(std::move(path));
  }
  if (configuration.served_paths.empty()) return std::string("is empty; write / for everything");
  return {};
}

Taken take_log_level(const std::string& value, Folder, Configuration& configuration) {
  constexpr std::string_view levels[] = {"trace", "debug", "info", "warning", "error", "off"};
  if (std::ranges::find(levels, value) == std::end(levels)) {
    return fmt::format("'{}' is not a level; write one of {}", value, fmt::join(levels, ", "));
  }
  configuration.log_level = value;
  return {};
}

Taken take_log_format(const std::string& value, Folder, Configuration& configuration) {
  if (value != "text" && value != "json") return "'" + value + "' is no format; write text or json";
  configuration.log_format = value == "json" ? LogFormat::json : LogFormat::text;
  return {};
}

constexpr Key table[] = {
    {"homeserver.url", "", "http://127.0.0.1:8008",
     "Where Afterword reaches the homeserver itself, not through a proxy that\n"
     "leads back to Afterword; unix:PATH if it listens on a Unix socket.",
     take_homeserver_url},
    {"homeserver.ca_file", "none", "",
     "Of a homeserver at https://: a file with the certificates, in PEM, of whoever may\n"
     "vouch for it, in place of the system's.",
     take_ca_file},
    {"homeserver.server_name", "", "example.org", "What stands after the colon in the ids of its users.",
     take_server_name},
    {"homeserver.kind", "auto", "",
     "synapse, or other: a homeserver that may make an event minutes after it was\n"
     "asked to, as Dendrite. auto asks it, which a proxy in between may prevent;\n"
     "then a lost send is repeated some minutes later.",
     take_homeserver_kind},
    {"homeserver.admin_token", "none", "",
     "Of Synapse: an administrator's access token, or file:FILE with it. Accounts are\n"
     "then looked up before a delivery: what one has scheduled that is locked,\n"
     "deactivated or shadow-banned since is not sent.",
     take_admin_token},
    {"registration", "afterword-registration.yaml", "",
     "The application service registration that the homeserver reads as well. Its\n"
     "as_token is a secret. A relative path starts at this file's folder.",
     take_registration},
    {"listen", "127.0.0.1:8009", "",
     "Where Afterword listens: HOST:PORT, [IPv6]:PORT, or unix:PATH for a Unix socket;\n"
     "or a list of these. Put a reverse proxy with TLS in front of it.",
     take_listen, true},
    {"listen_mode", "660", "",
     "The mode of the files of Unix sockets. Who may write to one may connect, and is\n"
     "believed in X-Forwarded-For as trusted_proxies are.",
     take_listen_mode},
    {"database", "sqlite:afterword.db", "",
     "Where delayed events are kept: sqlite:FILE, where a relative path starts at\n"
     "this file's folder; or postgresql://USER@HOST/DATABASE, for several instances.",
     take_database},
    {"limits.max_delay", "24h", "", "The longest delay that a client may ask for. Calls use up to 1h.", take_max_delay},
    {"limits.max_message_delay", "30d", "",
     "The longest delay of messages, which people send later, where it is longer.", take_max_message_delay},
    {"limits.max_scheduled_per_user", "100", "",
     "How many events a user may have scheduled at once. 0 lets nobody schedule.", take_max_scheduled},
    {"limits.more_for_calls", "20", "",
     "How many more a user may have scheduled of what takes them out of a call, so that\n"
     "scheduled messages keep nobody out of one.",
     take_more_for_calls},
    {"retention.max_age", "7d", "", "How long an event can be looked up after it was sent, cancelled or refused.",
     take_max_age},
    {"retention.max_per_user", "1000", "",
     "How many events that were sent, cancelled or refused can be looked up, for each\n"
     "user, the latest first.",
     take_max_kept},
    {"delivery.start_grace", "10s", "",
     "After a start, how long clients have to restart what came due while Afterword\n"
     "was down, before it is sent; at most 30s. In 10s every client of a call that is\n"
     "still there has tried: Element Call does every 4 seconds, others every 5.",
     take_start_grace},
    {"rate_limits.enabled", "true", "", "Whether a client that asks too often is told to wait.", take_rate_limits},
    {"rate_limits.schedule", "5/s burst 100", "", "Scheduling, for each user.",
     take_rate<&gateway::RateLimitOptions::schedule>},
    {"rate_limits.manage", "10/s burst 100", "",
     "Restarting, cancelling and sending, for each user. Element Call restarts every\n"
     "4 seconds.",
     take_rate<&gateway::RateLimitOptions::manage>},
    {"rate_limits.look_up", "10/s burst 100", "", "Looking up and listing, for each user.",
     take_rate<&gateway::RateLimitOptions::look_up>},
    {"rate_limits.delay_id", "2/s burst 20", "",
     "Restarting, cancelling and sending without a token, for each delayed event.",
     take_rate<&gateway::RateLimitOptions::delay_id>},
    {"rate_limits.guess", "0.2/s burst 20", "",
     "Unknown delay_ids without a token, for each client address: whoever guesses.",
     take_rate<&gateway::RateLimitOptions::guess>},
    {"rate_limits.send", "5/s burst 50", "",
     "Delayed events that are sent, for each user; beyond it they fail with\n"
     "M_LIMIT_EXCEEDED. The homeserver's own limits hold too, if it has any and the\n"
     "registration says rate_limited: true.",
     take_rate<&gateway::RateLimitOptions::send>},
    {"trusted_proxies", "127.0.0.1, ::1", "",
     "Whose X-Forwarded-For tells a client's address: IP addresses and ranges, as\n"
     "10.0.0.0/8, with commas in between or as a list; or none. Who comes through a\n"
     "Unix socket is trusted in any case: see listen_mode.",
     take_trusted_proxies, true},
    {"served_paths", "/", "",
     "What passes through to the homeserver: paths with commas in between or as a list,\n"
     "each with what is below it; / is everything. The rest is answered 404. For\n"
     "instance, /_matrix/client, /_matrix/media leaves out administration and\n"
     "federation.",
     take_served_paths, true},
    {"rtc.registration", "none", "",
     "The registration file of a LiveKit token service (lk-jwt-service) for which the\n"
     "homeserver does not pass /rtc/livekit on: Afterword does, and says whose the\n"
     "requests are. none: such paths are the homeserver's.",
     take_rtc_registration},
    {"user_page", "false", "",
     "Whether there is a page for users at /_afterword/, where they see what they have\n"
     "scheduled, and schedule, send and cancel. Let the proxy send that path here too.",
     take_user_page},
    {"ops.listen", "none", "",
     "Where Afterword answers whoever watches over it, as 127.0.0.1:9009; or none.\n"
     "/metrics and /health ask for no token there: let nobody else reach this address.",
     take_operations_listen},
    {"ops.token", "none", "",
     "The secret that the operator's API and the console ask for, both at ops.listen:\n"
     "16 characters or more, or file:FILE with it. none: that API is off.",
     take_operations_token},
    {"log.level", "info", "",
     "How much is written to standard error: trace, debug, info, warning, error, off.\n"
     "On SIGHUP it is read again.",
     take_log_level},
    {"log.format", "text", "", "How the log is written: text, or json, which is an object a line.", take_log_format},
};

// Levenshtein's: how many letters must be added, dropped or changed.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view Key::section() const {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view Key::last_part() const { return name.substr(name.find('.') + 1); }

std::span<const Key> keys() { return table; }

const Key* find_key(std::string_view name) {
  const auto found = std::ranges::find(table, name, &Key::name);
  return found == std::end(table) ? nullptr : found;
}

bool is_section(std::string_view name) {
  return !name.empty() && std::ranges::any_of(table, [&](const Key& key) { return key.section() == name; });
}

const Key* nearest_key(std::string_view name) {
  constexpr std::size_t max_length = 100;  // no typo is longer, and the time grows with it
  if (name.size() > max_length) return nullptr;

  const std::string_view last_part = name.substr(name.rfind('.') + 1);
  const Key* nearest = nullptr;
  std::size_t least = max_length;
  for (const Key& key : table) {
    // In the wrong section, in none, or misspelt.
    for (const auto& [given, meant] : {std::pair(name, key.name), std::pair(last_part, key.last_part())}) {
      const std::size_t distance = edit_distance(given, meant);
      if (distance > meant.size() / 3 || distance >= least) continue;
      least = distance;
      nearest = &key;
    }
  }
  return nearest;
}

}  // namespace afterword::ops
