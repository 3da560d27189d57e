// Where a server is: the origin of a URL, or a Unix socket.
#pragma once

#include "base/result.h"
#include "http/address.h"

#include <cstdint>
#include <string>

namespace afterword::http {

struct Origin {
  bool tls = false;
  std::string host;
  std::uint16_t port = 80;
  std::string authorities{};  // certificates in PEM (certificates.h) that may vouch for it; empty: the system's
  std::string unix_path{};    // of the Unix socket where it listens; host and port then only name it in what is sent

  // "http://127.0.0.1:8008", "https://example.org", also with a trailing slash, "unix:/run/synapse.sock". The error is
  // for a person.
  static Result<Origin, std::string> parse(const std::string& url);
  // What listens there, without TLS.
  static Origin at(const Address& address);
  std::string host_header() const;
  std::string url() const;
};

}  // namespace afterword::http
