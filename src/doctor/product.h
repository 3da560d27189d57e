// Which homeserver it is, as all that was asked tells (homeserver/product.h), for people.
//
// Pure. Thread: any.
#pragma once

#include "doctor/evidence.h"
#include "homeserver/product.h"

#include <string>
#include <vector>

namespace afterword::doctor {

struct Product {
  using Kind = homeserver::Kind;

  Kind kind = Kind::other;
  std::string name = "a homeserver";  // with its version, if it says so
};

namespace product_questions {

inline const Question versions{.target = "/_matrix/client/versions", .with_proof = true};
inline const Question federation_version{.target = std::string(homeserver::product_target)};
inline const Question dendrite_monitor{.target = "/_dendrite/monitor/up"};  // answers without federation too

}  // namespace product_questions

std::vector<Question> questions_about_product();
Product product_of(const Evidence& evidence);

// Whether an answer of /_matrix/client/versions announces delayed events: the homeserver's own, or Afterword's.
bool has_delayed_events(const json::object& versions);

}  // namespace afterword::doctor
