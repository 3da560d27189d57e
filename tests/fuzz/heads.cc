// http/head and gateway/who_is_asking: whatever goes in, what comes out is one head with exactly these headers, and the
// token that a client presents is a word.
//
// The input: a line each for the method, the target and each header, NAME:VALUE.
#include "gateway/who_is_asking.h"
#include "homeserver/query.h"
#include "http/head.h"
#include "http/head_syntax.h"
#include "require.h"
#include "targets.h"

#include <string>
#include <vector>

namespace afterword::fuzz {
namespace {

// The lines of a head that ends where it should.
std::vector<std::string_view> lines_of(std::string_view head) {
  require(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4, "a head ends once");
  std::vector<std::string_view> lines;
  head.remove_suffix(2);
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    lines.push_back(head.substr(0, end));
    require(lines.back().find_first_of(std::string_view("\r\n\0", 3)) == head.npos, "no line holds CR, LF or NUL");
    head.remove_prefix(end + 2);
  }
  return lines;
}

// Whether it can be written.
bool check_written(const http::Request& request) {
  http::HeadWriter writer = http::HeadWriter::request(request.method, request.target, "h");
  std::vector<std::string> expected{request.method + ' ' + request.target + " HTTP/1.1", "Host: h"};
  for (const http::Header& header : request.headers) {
    writer.add(header.name, header.value);
    expected.push_back(std::string(header.name).append(": ").append(header.value));
  }
  const auto head = writer.finish();
  if (!head) return false;
  const auto lines = lines_of(head->text());
  require(std::ranges::equal(lines, expected), "a head says what it was given, and nothing else");
  require(std::ranges::count(lines.front(), ' ') == 2, "a request line has three words");
  for (const http::Header& header : request.headers) {
    require(!header.name.empty() && header.name.find_first_of(": \t") == header.name.npos, "a name is a word");
  }
  const bool is_long = expected.size() - 1 > http::max_headers;
  const auto result = http::HeadScan(http::HeadScan::Of::request, 1 << 20).look_at(head->text());
  require(is_long || result == http::HeadScan::Result::sound, "we would take what we write");
  return true;
}

void check_token(const http::Request& request) {
  const auto target = http::Target::parse(request.target);
  if (!target) return;
  const auto found = gateway::credentials_of(request, *target);
  if (!found || !*found) return;
  const homeserver::Credentials& credentials = **found;
  const std::string_view token = credentials.access_token.text();
  const auto ends_a_word = [](char character) {
    return character <= ' ' || character >= '\x7f' ||
           std::string_view("%&;,\"'?#:").find(character) != std::string::npos;
  };
  require(!token.empty() && std::ranges::none_of(token, ends_a_word), "a token is a word");
  const auto in_query = target->parameter("access_token");
  const auto in_header = request.headers.find("Authorization");
  require(in_query.has_value() != in_header.has_value(), "a token is presented once");
  require(in_query ? *in_query == token : in_header->ends_with(token), "the token is what was presented");

  homeserver::Query query;
  if (credentials.user_id) query.add("user_id", *credentials.user_id);
  if (credentials.device_id) query.add_device(*credentials.device_id);
  http::Request question;
  question.method = "GET";
  question.target = "/whoami" + query.text();
  question.headers.add("Authorization", credentials.access_token.authorization());
  require(check_written(question), "the homeserver can be asked about whatever was presented");
  const auto asked = http::Target::parse(question.target);
  require(asked && asked->parameter("user_id") == credentials.user_id, "it is asked about that user");
  require(asked->parameter("device_id") == credentials.device_id, "it is asked about that device");
}

}  // namespace

void heads(std::string_view input) {
  http::Request request;
  request.method = take_line(input);
  request.target = take_line(input);
  while (!input.empty()) {
    const std::string_view line = take_line(input);
    const std::size_t colon = std::min(line.find(':'), line.size());
    request.headers.add(std::string(line.substr(0, colon)), std::string(line.substr(std::min(colon + 1, line.size()))));
  }
  check_written(request);
  check_token(request);
}

}  // namespace afterword::fuzz
