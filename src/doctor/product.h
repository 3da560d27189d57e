// Which homeserver it is, as its answers tell.
//
// Pure. Thread: any.
#pragma once

#include "doctor/evidence.h"

#include <cstdint>
#include <string>
#include <vector>

namespace afterword::doctor {

struct Product {
  enum class Kind : std::uint8_t { synapse, dendrite, other };

  Kind kind = Kind::other;
  std::string name = "a homeserver";  // with its version, if it says so
};

namespace product_questions {

inline const Question versions{.target = "/_matrix/client/versions", .with_proof = true};
inline const Question federation_version{.target = "/_matrix/federation/v1/version"};
inline const Question dendrite_monitor{.target = "/_dendrite/monitor/up"};  // answers without federation too

}  // namespace product_questions

std::vector<Question> questions_about_product();
Product product_of(const Evidence& evidence);

// Whether an answer of /_matrix/client/versions announces delayed events: the homeserver's own, or Afterword's.
bool has_delayed_events(const json::object& versions);

}  // namespace afterword::doctor
