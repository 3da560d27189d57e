// Whether an event in a room is the one that an attempt made. Pure.
//
// Every attempt of one delayed event carries the same sender, type, state key, content and origin_server_ts;
// homeservers keep them all, also those that forget transaction ids when they restart. Some show the transaction id
// too. A redaction is the exception: homeservers give it a time of their own, so it is known by what it redacts and
// why; a second one of the same event would change nothing.
#pragma once

#include "base/json.h"
#include "base/json_text.h"
#include "domain/delayed_event.h"

#include <optional>
#include <string>

namespace afterword::homeserver {

class Fingerprint {
 public:
  Fingerprint(const domain::DelayId& delay_id, const domain::EventToSend& event, const domain::Attempt& attempt);

  enum class Match {
    no,     // not ours, or the trace of another transaction
    alike,  // ours, as far as can be told
    exact   // it shows our transaction
  };
  // `event` is of the client-server API.
  Match match(const JsonText& event) const;

 private:
  bool has_content(const json::object& content) const;
  bool redacts_the_same(const std::optional<JsonText>& at_the_event, const json::object& content) const;

  const std::string transaction_;
  const domain::EventToSend& event_;
  const std::int64_t origin_server_ts_;
  const std::optional<json::object> content_;
};

// What the homeserver calls the type of what is sent.
std::string type_of(const domain::EventToSend& event);

}  // namespace afterword::homeserver
