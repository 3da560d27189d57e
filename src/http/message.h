// HTTP messages as values. The library that reads and writes them stays behind http/server.h and http/client.h.
#pragma once

#include "http/body_stream.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::http {

struct Header {
  std::string name;
  std::string value;
};

// Headers in the order in which they stand on the wire, but that the parser brings those of one name together; names
// compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> headers) : headers_(headers) {}

  void add(std::string name, std::string value) { headers_.push_back({std::move(name), std::move(value)}); }
  void set(std::string_view name, std::string value);  // replaces all of that name
  void remove(std::string_view name);
  template <class Predicate>
  void remove_if(Predicate predicate) {
    std::erase_if(headers_, predicate);
  }
  // The first of that name.
  std::optional<std::string_view> find(std::string_view name) const;

  auto begin() const { return headers_.begin(); }
  auto end() const { return headers_.end(); }

 private:
  std::vector<Header> headers_;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);

struct Request {
  std::string method;  // upper case
  std::string target;  // origin form, as received: /path?query
  Headers headers;
  std::string body;  // all of it, unless there is a rest
  std::shared_ptr<BodyStream> rest{};
  std::string peer;  // the address of the other end, without the port; empty in a request of our own
  // Whose share of what is bounded it takes from: as client_address() tells it.
  std::string client;
};

// In place of a status: there is no answer, and the connection is closed. Whoever asked, or the proxy in between, may
// ask again elsewhere, if it does no harm.
inline constexpr int no_answer = 0;

inline constexpr int too_many_requests = 429;

constexpr bool is_success(int status) { return status >= 200 && status < 300; }
constexpr bool is_client_error(int status) { return status >= 400 && status < 500; }

struct Response {
  int status = 200;
  Headers headers;
  std::string body;  // all of it, unless there is a rest
  std::shared_ptr<BodyStream> rest{};
  // Holds the room in memory that a large body takes (byte_budget.h), until the server takes room for it.
  std::shared_ptr<const void> room{};
};

}  // namespace afterword::http
