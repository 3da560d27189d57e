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

// Headers in the order in which they stand on the wire; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> headers) : headers_(headers) {}
  // Those of the head at the beginning of `text`, which HeadScan (head_syntax.h) has found sound.
  static Headers read(std::string_view text);

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

// Whether a method asks for no change (RFC 9110 section 9.2.1): such a request may be sent twice, or given up half-way.
bool is_safe(std::string_view method);

struct Response;

// Where the answers go that come before the final one (1xx), but for 100, which is BodyStream's, and 101.
class InterimAnswers {
 public:
  virtual ~InterimAnswers() = default;

  // They are hints. So one is dropped if its client is slow to read.
  virtual void pass_on(const Response& answer) = 0;
};

struct Request {
  std::string method;  // upper case
  std::string target;  // origin form, as received: /path?query
  Headers headers;
  std::string body;  // all of it, unless there is a rest
  std::shared_ptr<BodyStream> rest{};
  bool is_chunked = false;                    // as its sender wrote the body, even if all of it is there
  std::shared_ptr<InterimAnswers> interim{};  // null: nobody wants them
  // The address of the other end, without the port; empty if it came through a Unix socket, and in a request of our
  // own.
  std::string peer;
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
  bool is_chunked = false;  // its sender did not say how long the body is, even if all of it is there
  std::string reason{};     // the words behind the status; empty: the usual ones
  // Holds the room in memory that a large body takes (byte_budget.h), until the server takes room for it.
  std::shared_ptr<const void> room{};
};

}  // namespace afterword::http
