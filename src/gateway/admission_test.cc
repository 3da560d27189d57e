#include "gateway/admission.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::gateway {
namespace {

struct Case {
  std::string_view method;
  std::string target;
  std::size_t max_body_bytes;  // 0: it passes in pieces
  bool may_use_reserve;
  bool ends_with_client;
};

TEST(Admission, FollowsTheRoute) {
  const std::string c = "/_matrix/client";
  const std::string u = c + "/unstable/org.matrix.msc4140";
  const std::size_t small = 1024;
  const std::size_t event = 68 * 1024;
  const Case cases[] = {
      {"POST", u + "/delayed_events/x", small, true, false},
      {"POST", u + "/delayed_events/x/restart", small, true, false},
      {"POST", c + "/v1/delayed_events/x/send", small, true, false},
      {"GET", c + "/v1/delayed_events/x", small, true, false},
      {"GET", c + "/v1/delayed_events", small, true, false},
      {"GET", u + "/delayed_events", small, true, false},
      {"OPTIONS", u + "/delayed_events", small, true, false},
      {"DELETE", u + "/delayed_events", small, true, false},
      {"POST", u + "/no/such/route", small, true, false},
      {"PUT", "/elsewhere?org.matrix.msc4140.delay=1", small, true, false},
      {"PUT", "not a path", small, true, false},
      {"GET", c + "/versions", small, false, true},
      {"GET", c + "/v3/capabilities", small, false, true},
      {"PUT", c + "/v3/rooms/!r:x/delayed_event/m.room.message/t", event, true, false},
      {"PUT", u + "/rooms/!r:x/delayed_event/m.room.message/t", event, true, false},
      {"PUT", c + "/v3/rooms/!r:x/send/m.room.message/t?org.matrix.msc4140.delay=1", event, true, false},
      {"PUT", c + "/v3/rooms/!r:x/send/m.room.message/t", 0, false, false},
      {"POST", "/_matrix/media/v3/upload", 0, false, false},
      {"PUT", "/_synapse/admin/v2/users/@a:x", 0, false, false},
      {"GET", "/_synapse/admin/v2/users/@a:x", 0, false, true},
      {"GET", c + "/v3/sync?timeout=30000", 0, false, true},
      {"HEAD", c + "/v3/login", 0, false, true},
      {"OPTIONS", c + "/v3/sync", 0, false, true},
      {"POST", c + "/unstable/org.matrix.simplified_msc3575/sync?timeout=30000", 0, false, true},
      {"GET", "/_afterword/", 0, false, true},
      {"POST", "/_afterword/", 0, false, false},
      {"POST", c + "/v3/logout", 0, false, false},
      {"DELETE", c + "/v3/devices/D", 0, false, false},
  };
  for (const Case& wanted : cases) {
    const http::Admission found = admit(wanted.method, wanted.target);
    EXPECT_EQ(found.max_body_bytes, wanted.max_body_bytes) << wanted.target;
    EXPECT_EQ(found.streams_body, wanted.max_body_bytes == 0) << wanted.target;
    EXPECT_EQ(found.may_use_reserve, wanted.may_use_reserve) << wanted.target;
    EXPECT_EQ(found.ends_with_client, wanted.ends_with_client) << wanted.target;
  }
}

}  // namespace
}  // namespace afterword::gateway
