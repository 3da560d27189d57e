// HTTP messages as values. The library that reads and writes them stays behind http/server.h and http/client.h.
#pragma once

#include "base/memory_pool.h"
#include "http/body_stream.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

struct Header {
  std::string_view name;
  std::string_view value;
};

// Headers in the order in which they stand on the wire; names compare without case. All are in one piece of memory, so
// what is found in them is good until they change or are moved.
class Headers {
 public:
  class Iterator;

  Headers() = default;
  Headers(std::initializer_list<Header> headers);
  // Those of the head at the beginning of `text`, which HeadScan (head_syntax.h) has found sound.
  static Headers read(std::string_view text);

  // Neither `name` nor `value` is in these headers.
  void add(std::string_view name, std::string_view value);
  void set(std::string_view name, std::string_view value);  // replaces all of that name
  void remove(std::string_view name);
  template <class Predicate>
  void remove_if(Predicate predicate) {
    remove_from(0, predicate);
  }
  // The first of that name.
  std::optional<std::string_view> find(std::string_view name) const;

  Iterator begin() const;
  Iterator end() const;

 private:
  // In front of each header, which is its name and its value.
  struct Sizes {
    std::uint32_t name;
    std::uint32_t value;
  };

  Header at(std::size_t place) const;
  static std::size_t packed_size(const Header& header) {
    return sizeof(Sizes) + header.name.size() + header.value.size();
  }
  template <class Predicate>
  void remove_from(std::size_t place, Predicate predicate);

  PooledString packed_;
};

class Headers::Iterator {
 public:
  using value_type = Header;
  using difference_type = std::ptrdiff_t;

  Iterator() = default;
  Header operator*() const { return headers_->at(place_); }
  Iterator& operator++() {
    place_ += packed_size(**this);
    return *this;
  }
  Iterator operator++(int) {
    const Iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Iterator&) const = default;

 private:
  friend class Headers;
  Iterator(const Headers& headers, std::size_t place) : headers_(&headers), place_(place) {}

  const Headers* headers_ = nullptr;
  std::size_t place_ = 0;
};

inline Headers::Iterator Headers::begin() const { return {*this, 0}; }
inline Headers::Iterator Headers::end() const { return {*this, packed_.size()}; }

template <class Predicate>
void Headers::remove_from(std::size_t place, Predicate predicate) {
  std::size_t kept = place;
  while (place < packed_.size()) {
    const Header header = at(place);
    const std::size_t size = packed_size(header);
    if (!predicate(header)) {
      std::memmove(packed_.data() + kept, packed_.data() + place, size);
      kept += size;
    }
    place += size;
  }
  packed_.resize(kept);
}

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

// Says that there is none.
inline Response without_answer() {
  Response response;
  response.status = no_answer;
  return response;
}

}  // namespace afterword::http
