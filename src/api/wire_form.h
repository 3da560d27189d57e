// The three forms in which clients speak of delayed events. All of them mean the same things; they differ in names and
// in how errors are told (docs/protocol.md sections 1 and 2).
#pragma once

#include <cstdint>

namespace afterword::api {

enum class WireForm : std::uint8_t {
  stable,    // /_matrix/client/v1 and v3, as the proposal was merged
  unstable,  // /_matrix/client/unstable/org.matrix.msc4140
  legacy,    // ?org.matrix.msc4140.delay= on the ordinary sending routes
};

}  // namespace afterword::api
