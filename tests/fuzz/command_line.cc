// main/command_line, and what stands in its arguments: durations, URLs, databases.
//
// The input: an argument a line.
#include "main/command_line.h"

#include "http/client.h"
#include "ops/duration.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {
namespace {

void check_duration(std::string_view text) {
  const auto duration = ops::parse_duration(text);
  if (!duration) return;
  require(duration->count() >= 0 && duration->count() <= max_json_integer, "a duration can be counted");
  require(ops::parse_duration(std::to_string(duration->count()) + "ms") == duration, "a duration has its milliseconds");
}

void check_url(const std::string& url) {
  const auto origin = http::Origin::parse(url);
  if (!origin) return;
  const std::string host = origin->host_header();
  for (const char character : host) require(character > ' ' && character < '\x7f', "a Host header is one word");
  require(host.find_first_of("/?#@\\") == host.npos, "a Host header is a host and perhaps a port");
  const auto again = http::Origin::parse((origin->tls ? "https://" : "http://") + host);
  require(again && again->host == origin->host && again->port == origin->port, "the Host header names the same origin");
}

}  // namespace

void command_line(std::string_view input) {
  std::vector<std::string> arguments{"afterword"};
  while (!input.empty()) {
    arguments.emplace_back(take_line(input));
    check_duration(arguments.back());
    check_url(arguments.back());
    static_cast<void>(ops::parse_database(arguments.back(), "/folder"));
  }
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  const CommandLine read = parse_command_line(static_cast<int>(pointers.size()), pointers.data());
  if (const auto* misused = std::get_if<Misused>(&read)) require(!misused->text.empty(), "a mistake is named");
  if (const auto* shown = std::get_if<Shown>(&read)) require(!shown->text.empty(), "what is asked for is shown");
}

}  // namespace afterword::fuzz
