// Asks a homeserver what it is, for `afterword init`: so that nobody is asked what it tells by itself.
//
// Sends nothing but GET, and no token. Besides the homeserver, it asks the address that clients use, if the homeserver
// names one. The configuration must outlive the task. Thread: its executor's only one.
#pragma once

#include "async/task.h"
#include "doctor/evidence.h"
#include "doctor/product.h"
#include "http/message.h"
#include "ops/configuration.h"

#include <cstdint>
#include <optional>
#include <string>

namespace afterword::doctor {

// What stands between clients and the homeserver, as far as it says so.
enum class Proxy : std::uint8_t { unknown, nginx, caddy, another };

struct Identity {
  std::string no_answer{};  // why there is none, or that it is no homeserver's; empty if there is one

  Product product{};
  std::optional<std::string> server_name{};  // as other servers learn it
  bool has_delayed_events = false;           // of its own, and on
  bool delegates_tokens = false;             // to an authentication service (MAS)
  bool is_behind_proxy = false;              // at the very address that Afterword is to ask

  std::string public_url{};      // that clients use; empty if it does not say
  Proxy proxy = Proxy::unknown;  // there
};

// Pure: what its answers mean. Of the public address nothing is known yet.
Identity identity_of(const Evidence& evidence);
// Pure: by the headers of an answer.
Proxy proxy_of(const http::Headers& headers);

async::Task<Identity> identify(async::Executor executor, const ops::Configuration& configuration);

}  // namespace afterword::doctor
