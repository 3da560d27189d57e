#include "gateway/outcome_place.h"

namespace afterword::gateway {

using Kind = JsonToken::Kind;

std::optional<std::size_t> OutcomePlace::read(std::string_view piece, bool is_last) {
  const std::size_t begin = read_bytes_;
  const bool was_found = place_.has_value();
  read_bytes_ += piece.size();
  if (is_lost_) return std::nullopt;
  scanner_.read(piece);
  if (is_last) scanner_.finish();
  for (;;) {
    const JsonToken token = scanner_.next();
    if (token.kind == Kind::more) break;
    has_ended_ = token.kind == Kind::end && place_;
    is_lost_ = token.kind == Kind::invalid || (scanner_.depth() == 0 && !place_ && token.kind != Kind::end_object);
    if (is_lost_ || has_ended_) break;
    take(token);
  }
  if (is_lost_ || was_found || !place_) return std::nullopt;
  return *place_ - begin;
}

void OutcomePlace::take(const JsonToken& token) {
  if (token.kind == Kind::key) {
    if (scanner_.depth() == 1) key_ = text_of_string(scanner_.quoted(), buffer_);
    const bool is_member = scanner_.depth() == 1 || (in_extensions_ && scanner_.depth() == 2);
    if (!place_ && is_member) is_empty_ = false;
    return;
  }
  if (token.kind == Kind::end_object && scanner_.depth() == 1 && in_extensions_) {
    in_extensions_ = false;
    has_extensions_ = true;
    place_ = token.begin;
  } else if (token.kind == Kind::end_object && scanner_.depth() == 0) {
    if (!place_) place_ = token.begin;
  } else {
    take_member(token);
  }
}

void OutcomePlace::take_member(const JsonToken& token) {
  const bool is_sync = form_ == SyncForm::sync;
  if (token.kind == Kind::string && scanner_.depth() == 1 && key_ == (is_sync ? "next_batch" : "pos")) {
    token_ = text_of_string(scanner_.quoted(), buffer_);
  } else if (!is_sync && !place_ && token.kind == Kind::begin_object && scanner_.depth() == 2 && key_ == "extensions") {
    in_extensions_ = true;
    is_empty_ = true;
  }
}

std::string OutcomePlace::text_with(std::string_view events) const {
  std::string text(is_empty_ ? "" : ",");
  const bool is_sync = form_ == SyncForm::sync;
  if (!is_sync && !has_extensions_) text += R"("extensions":{)";
  text.append("\"").append(outcomes_key).append(is_sync ? "\":[" : R"(":{"delayed_events":[)").append(events);
  text += is_sync ? "]" : "]}";
  if (!is_sync && !has_extensions_) text += '}';
  return text;
}

}  // namespace afterword::gateway
