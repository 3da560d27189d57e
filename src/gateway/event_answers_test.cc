#include "gateway/event_answers.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::gateway {
namespace {

bool shows_events(std::string_view method, std::string_view path) {
  const auto target = http::Target::parse("/_matrix/client" + std::string(path));
  return target && may_show_events(method, *target);
}

TEST(EventAnswers, AreThoseOfTheseRequests) {
  for (const char* path : {"/v3/sync",
                           "/r0/sync?since=s1&timeout=30000",
                           "/v3/rooms/!room:example.org/messages?dir=b",
                           "/r0/rooms/%21room%3Aexample.org/messages",
                           "/api/v1/rooms/!room/messages",
                           "/unstable/rooms/!room/messages",
                           "/v3/rooms/!room/context/$event",
                           "/v3/rooms/!room/context/%24base64%2Fevent",
                           "/v3/rooms/!room/event/$event",
                           "/v3/rooms/!room/state",
                           "/v3/rooms/!room/state/m.room.name?format=event",
                           "/v3/rooms/!room/state/m.room.name/?format=event",
                           "/v3/rooms/!room/state/org.matrix.msc3401.call.member/key?format=event",
                           "/v3/rooms/!room/members",
                           "/r0/rooms/!room/initialSync",
                           "/v1/rooms/!room/relations/$event",
                           "/v1/rooms/!room/relations/$event/m.thread",
                           "/v1/rooms/!room/relations/$event/m.thread/m.room.message",
                           "/unstable/rooms/!room/relations/$event",
                           "/unstable/org.matrix.msc2675/rooms/!room/relations/$event",
                           "/v1/rooms/!room/threads",
                           "/unstable/org.matrix.msc3856/rooms/!room/threads",
                           "/r0/events",
                           "/v3/events",
                           "/r0/events/$event",
                           "/r0/initialSync",
                           "/v3/notifications"}) {
    EXPECT_TRUE(shows_events("GET", path)) << path;
    EXPECT_FALSE(shows_events("PUT", path)) << path;
    EXPECT_FALSE(shows_events("OPTIONS", path)) << path;
  }
  for (const char* path :
       {"/unstable/org.matrix.simplified_msc3575/sync?timeout=0", "/v4/sync", "/v3/search", "/r0/search"}) {
    EXPECT_TRUE(shows_events("POST", path)) << path;
  }
}

TEST(EventAnswers, AreNotThoseOfOthers) {
  for (const char* path : {"",
                           "/",
                           "/v3",
                           "/v3/",
                           "/v2/sync",
                           "/v3/sync/",
                           "/v3/sync/more",
                           "/versions",
                           "/v3/search",
                           "/v3/rooms",
                           "/v3/rooms/!room",
                           "/v3/rooms/!room/",
                           "/v3/rooms/!room/messages/more",
                           "/v3/rooms/!room/context",
                           "/v3/rooms/!room/event",
                           "/v3/rooms/!room/event/$event/more",
                           "/v3/rooms/!room/relations",
                           "/v1/rooms/!room/relations/$event/m.thread/m.room.message/more",
                           "/v3/rooms/!room/joined_members",
                           "/v1/rooms/!room/timestamp_to_event",
                           "/v3/rooms%2F!room%2Fmessages",
                           "/unstable/org.matrix.msc4140/delayed_events",
                           "/v3/events/$event/more"}) {
    EXPECT_FALSE(shows_events("GET", path)) << path;
  }
  EXPECT_FALSE(shows_events("POST", "/v3/rooms/!room/messages"));
  EXPECT_FALSE(shows_events("POST", "/v3/user_directory/search"));
  EXPECT_FALSE(may_show_events("GET", *http::Target::parse("/_matrix/federation/v1/event/$event")));
  EXPECT_FALSE(may_show_events("GET", *http::Target::parse("/")));
}

TEST(EventAnswers, AreNotWhatUsersWroteThemselves) {
  for (const char* path : {"/v3/rooms/!room/state/m.room.name", "/v3/rooms/!room/state/m.room.name/",
                           "/v3/rooms/!room/state/m.room.name?format=content", "/v3/rooms/!room/state/type/key",
                           "/v3/user/@alice:example.org/account_data/type", "/v3/profile/@alice:example.org"}) {
    EXPECT_FALSE(shows_events("GET", path)) << path;
  }
}

}  // namespace
}  // namespace afterword::gateway
