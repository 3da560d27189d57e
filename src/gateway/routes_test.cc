#include "gateway/routes.h"

#include <gtest/gtest.h>

#include <list>
#include <optional>
#include <string>
#include <utility>

namespace afterword::gateway {
namespace {

using api::WireForm;
using domain::Action;
using domain::EventKind;

// A route is good as long as its target.
Route route(std::string_view method, std::string text) {
  static std::list<std::pair<std::string, std::optional<http::Target>>> targets;
  auto& [kept, target] = targets.emplace_back(std::move(text), std::nullopt);
  target = http::Target::parse(kept);
  EXPECT_TRUE(target) << kept;
  return find_route(method, *target);
}

template <class T>
T expect(std::string_view method, const std::string& target) {
  const Route found = route(method, target);
  EXPECT_TRUE(std::holds_alternative<T>(found)) << method << ' ' << target << " is route " << found.index();
  const T* wanted = std::get_if<T>(&found);
  return wanted ? *wanted : T{};
}

const std::string c = "/_matrix/client";
const std::string u = c + "/unstable/org.matrix.msc4140";
const std::string delay = "?org.matrix.msc4140.delay=5000";

TEST(Routes, FindSchedulingInItsThreeForms) {
  const auto stable = expect<ScheduleRoute>("PUT", c + "/v3/rooms/!r:x/delayed_event/m.room.message/t1");
  EXPECT_EQ(stable.form, WireForm::stable);
  EXPECT_EQ(stable.room_id, "!r:x");
  EXPECT_EQ(stable.type, "m.room.message");
  EXPECT_EQ(stable.txn_id, "t1");
  EXPECT_EQ(expect<ScheduleRoute>("PUT", u + "/rooms/!r:x/delayed_event/m.room.message/t1").form, WireForm::unstable);

  for (const char* version : {"/v3", "/r0"}) {
    const auto legacy = expect<ScheduleRoute>("PUT", c + version + "/rooms/!r%3Ax/send/m.room.message/t%2F1" + delay);
    EXPECT_EQ(legacy.form, WireForm::legacy);
    EXPECT_EQ(legacy.room_id, "!r:x");
    EXPECT_EQ(legacy.txn_id, "t/1");
  }
}

TEST(Routes, FindDelayedStateEvents) {
  for (const char* path : {"/v3/rooms/!r:x/state/m.call", "/v3/rooms/!r:x/state/m.call/"}) {
    const auto state = expect<ScheduleRoute>("PUT", c + path + delay);
    EXPECT_EQ(state.kind, EventKind::state);
    EXPECT_EQ(state.type, "m.call");
    EXPECT_EQ(state.state_key, "");
    EXPECT_FALSE(state.txn_id);
  }
  EXPECT_EQ(expect<ScheduleRoute>("PUT", c + "/v3/rooms/!r:x/state/m.call/sk%2Fey" + delay).state_key, "sk/ey");
}

TEST(Routes, FindDelayedRedactions) {
  const auto redaction = expect<ScheduleRoute>("PUT", c + "/v3/rooms/!r:x/redact/$bad/t" + delay);
  EXPECT_EQ(redaction.kind, EventKind::redaction);
  EXPECT_EQ(redaction.redacts, "$bad");
  EXPECT_EQ(redaction.type, "m.room.redaction");
}

TEST(Routes, LeaveSendingWithoutADelayToTheHomeserver) {
  expect<PassThroughRoute>("PUT", c + "/v3/rooms/!r:x/send/m.room.message/t1");
  expect<PassThroughRoute>("PUT", c + "/v3/rooms/!r:x/state/m.call/");
  expect<PassThroughRoute>("GET", c + "/v3/rooms/!r:x/state/m.call/" + delay);
}

TEST(Routes, KnowLongPolls) {
  EXPECT_TRUE(expect<PassThroughRoute>("GET", c + "/v3/sync?since=s1&timeout=30000").is_long_poll);
  EXPECT_TRUE(expect<PassThroughRoute>("GET", c + "/v3/events?timeout=30000").is_long_poll);
  EXPECT_TRUE(
      expect<PassThroughRoute>("POST", c + "/unstable/org.matrix.simplified_msc3575/sync?timeout=1").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("GET", c + "/v3/sync").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("PUT", c + "/v3/rooms/!r:x/send/m.x/sync?timeout=1").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("PUT", c + "/v3/rooms/!r:x/state/m.x/sync?timeout=1").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("POST", c + "/v3/join/sync?timeout=1").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("PUT", c + "/v3/sync?timeout=1").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("POST", c + "/v3/createRoom?timeout=30000").is_long_poll);
  EXPECT_FALSE(expect<PassThroughRoute>("GET", "/").is_long_poll);
}

TEST(Routes, NeverLetADelayThrough) {
  for (const char* path : {"/v3/rooms/!r:x/send/m.room.message", "/v3/rooms/!r:x/send/a/b/c", "/v7/rooms/!r:x/send/a/b",
                           "/v3/rooms/!r:x/invite", "/v3/rooms/!r:x/state/a/b/c"}) {
    expect<UnrecognizedRoute>("PUT", c + path + delay);
    expect<UnrecognizedRoute>("POST", c + path + delay);
  }
  expect<UnrecognizedRoute>("PUT", "/elsewhere" + delay);
  expect<MethodNotAllowedRoute>("POST", c + "/v3/rooms/!r:x/send/m.room.message/t1" + delay);
  expect<ScheduleRoute>("PUT", c + "/api/v1/rooms/!r:x/send/a/b" + delay);
  expect<ScheduleRoute>("PUT", c + "/unstable/rooms/!r:x/send/a/b" + delay);
  expect<ScheduleRoute>("PUT", c + "/v3/rooms/!r:x/send/a/b?org%2Ematrix.msc4140.delay=5000");
  expect<ScheduleRoute>("PUT", c + "/v3/rooms/!r:x/%73end/a/b" + delay);
}

// Every spelling in which a homeserver, or a proxy before it, could read the parameter.
TEST(Routes, NeverLetADelayThroughInAnySpelling) {
  const std::string send = "/_matrix/client/v3/rooms/!r:x/send/a/b";
  for (const char* query :
       {"?x=1;org.matrix.msc4140.delay=5", "?;org.matrix.msc4140.delay=5", "?org.matrix.msc4140.delay",
        "?org.matrix.msc4140.delay=", "?%6Frg.matrix.msc4140.dela%79=5", "?a&org.matrix.msc4140.delay=5",
        "?org%2ematrix%2emsc4140%2edelay=5", "?x=%26&org.matrix.msc4140.delay=5;y",
        "?org.matrix.msc4140.delay=5&org.matrix.msc4140.delay=6", "?#&org.matrix.msc4140.delay=5",
        "??&org.matrix.msc4140.delay=%zz"}) {
    expect<ScheduleRoute>("PUT", send + query);
    expect<MethodNotAllowedRoute>("POST", send + query);
    expect<MethodNotAllowedRoute>("put", send + query);
  }
  for (const char* path : {"//_matrix/client/v3/rooms/!r:x/send/a/b", "/_matrix//client/v3/rooms/!r:x/send/a/b",
                           "/_matrix/client/v3/rooms/!r:x/send/a/b/", "/_matrix/client/v3//rooms/!r:x/send/a/b",
                           "/_matrix%2Fclient/v3/rooms/!r:x/send/a/b", "/_MATRIX/client/v3/rooms/!r:x/send/a/b",
                           "/_matrix/client/v1/rooms/!r:x/send/a/b", "/_matrix/client/V3/rooms/!r:x/send/a/b",
                           "/_matrix/client/v3/rooms/!r:x/Send/a/b", "/x/../_matrix/client/v3/rooms/!r:x/send/a/b",
                           "/_matrix/client/v3/rooms/!r:x/state/a/b/c", "/_matrix/client/v3/rooms/!r:x/join"}) {
    expect<UnrecognizedRoute>("PUT", path + delay);
    expect<UnrecognizedRoute>("POST", path + delay);
  }
  expect<ScheduleRoute>("PUT", "/%5Fmatrix/%63lient/v3/rooms/!r:x/send/a/b" + delay);
  // Decoded once only, as homeservers do.
  expect<PassThroughRoute>("PUT", send + "?org%252Ematrix.msc4140.delay=5");
  expect<PassThroughRoute>("PUT", send + "?x=org.matrix.msc4140.delay=5");
}

TEST(Routes, NeverLetADelayThroughInAForm) {
  const auto may_name_delay = [](std::string method, std::string type, std::string body, std::string path) {
    http::Request request;
    request.method = std::move(method);
    request.headers = {{"content-type", std::move(type)}};
    request.body = std::move(body);
    return may_name_delay_in_form(request, *http::Target::parse(path));
  };
  const std::string send = c + "/v3/rooms/!r:x/send/a";
  const std::string form = "application/x-www-form-urlencoded";
  const std::string body = R"({"a":"&org.matrix.msc4140.delay=5;"})";
  EXPECT_TRUE(may_name_delay("POST", form, body, send));
  EXPECT_TRUE(may_name_delay("PUT", "Application/X-WWW-Form-URLencoded ; charset=x", body, send));
  EXPECT_TRUE(may_name_delay("POST", form, "x;%6frg.matrix.msc4140.delay", "/elsewhere"));
  EXPECT_TRUE(may_name_delay("POST", "multipart/form-data; boundary=x", "", send));
  EXPECT_TRUE(may_name_delay("POST", "multipart/form-data; boundary=x", "", "//_matrix/client/v3/rooms/!r:x/send/a"));
  EXPECT_FALSE(may_name_delay("POST", form, R"({"a":"b"})", send));
  EXPECT_FALSE(may_name_delay("POST", "application/json", body, send));
  EXPECT_FALSE(may_name_delay("POST", "multipart/form-data; boundary=x", body, "/_matrix/media/v3/upload"));
  EXPECT_FALSE(may_name_delay("GET", form, body, send));
}

TEST(Routes, LookForTheDelayInNoFormThatIsTooLargeForAnEvent) {
  http::Request request;
  request.method = "POST";
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = std::string(256 * 1024 + 1, '&') + "org.matrix.msc4140.delay=5";
  for (const char* path : {"/_matrix/client/v3/rooms/!r:x/send/a", "/_matrix//client/v3/rooms/!r:x/send/a"}) {
    EXPECT_TRUE(may_name_delay_in_form(request, *http::Target::parse(path))) << path;
  }
  EXPECT_FALSE(may_name_delay_in_form(request, *http::Target::parse("/_matrix/media/v3/upload")));
}

TEST(Routes, KeepWhatOnlyLooksLikeOursFromTheHomeserver) {
  for (const char* path :
       {"/v3/delayed_events", "/r0/delayed_events/abc/send", "/v1/rooms/!r:x/delayed_event/a/b",
        "/v3/rooms/!r:x/delayed_event/a/b/", "/v3/rooms/!r:x/delayed_event/a", "/v1/delayed_events/"}) {
    const Route found = route("PUT", c + path);
    EXPECT_FALSE(std::holds_alternative<PassThroughRoute>(found)) << path;
    expect<PreflightRoute>("OPTIONS", c + path);
  }
  expect<PassThroughRoute>("PUT", c + "/v3/rooms/!r:x/send/delayed_event/b");
}

TEST(Routes, TakeAHeadForAGet) {
  expect<LookUpRoute>("HEAD", c + "/v1/delayed_events/abc");
  expect<LookUpRoute>("HEAD", u + "/delayed_events/abc");
  expect<ListScheduledRoute>("HEAD", u + "/delayed_events");
  expect<ListRoute>("HEAD", c + "/v1/delayed_events");
  expect<VersionsRoute>("HEAD", c + "/versions");
  expect<CapabilitiesRoute>("HEAD", c + "/v3/capabilities");
  expect<MethodNotAllowedRoute>("HEAD", c + "/v1/delayed_events/abc/restart");
}

TEST(Routes, FindManaging) {
  const auto stable = expect<ManageRoute>("POST", c + "/v1/delayed_events/abc/restart");
  EXPECT_EQ(stable.form, WireForm::stable);
  EXPECT_EQ(stable.delay_id, "abc");
  EXPECT_EQ(stable.action, Action::restart);
  EXPECT_EQ(expect<ManageRoute>("POST", u + "/delayed_events/abc/send").form, WireForm::unstable);
  EXPECT_EQ(expect<ManageRoute>("POST", u + "/delayed_events/abc").action, std::nullopt);
  expect<UnrecognizedRoute>("POST", c + "/v1/delayed_events/abc/explode");
  expect<MethodNotAllowedRoute>("POST", c + "/v1/delayed_events/abc");
  expect<MethodNotAllowedRoute>("GET", c + "/v1/delayed_events/abc/send");
}

TEST(Routes, FindLookUpAndLists) {
  EXPECT_EQ(expect<RetryRoute>("POST", c + "/v1/delayed_events/abc/afterword.retry").delay_id, "abc");
  expect<RetryRoute>("POST", u + "/delayed_events/abc/afterword.retry");
  expect<MethodNotAllowedRoute>("GET", u + "/delayed_events/abc/afterword.retry");
  EXPECT_EQ(expect<LookUpRoute>("GET", c + "/v1/delayed_events/abc").form, WireForm::stable);
  EXPECT_EQ(expect<LookUpRoute>("GET", u + "/delayed_events/abc").form, WireForm::unstable);
  expect<ListScheduledRoute>("GET", u + "/delayed_events?status=sent");
  expect<ListRoute>("GET", c + "/v1/delayed_events");
  expect<ListRoute>("GET", c + "/unstable/org.matrix.msc4486/delayed_events?dir=b");
  EXPECT_EQ(expect<ListRoute>("GET", u + "/delayed_events?org.matrix.msc4486.status=sent").form, WireForm::unstable);
  EXPECT_EQ(expect<ListRoute>("GET", c + "/v1/delayed_events?org.matrix.msc4486.status=sent").form, WireForm::stable);
  expect<MethodNotAllowedRoute>("POST", u + "/delayed_events?org.matrix.msc4486.status=sent");
}

TEST(Routes, TakeTheParametersOfAListUnderBothNames) {
  const auto value = [](const char* query) {
    return list_parameter(http::Target::parse("/" + std::string(query)).value(), "dir");
  };
  EXPECT_EQ(value("?dir=b"), "b");
  EXPECT_EQ(value("?org.matrix.msc4486.dir=b"), "b");
  EXPECT_EQ(value("?dir=f&org.matrix.msc4486.dir=b"), "b");
  EXPECT_EQ(value("?org.matrix.msc4486.dir="), "");
  EXPECT_EQ(value("?org.matrix.msc4486.status=sent"), std::nullopt);
}

TEST(Routes, AnswerPreflightsOfOurRoutes) {
  expect<PreflightRoute>("OPTIONS", c + "/v1/delayed_events/abc/restart");
  expect<PreflightRoute>("OPTIONS", u + "/delayed_events");
  expect<PreflightRoute>("OPTIONS", c + "/v3/rooms/!r:x/delayed_event/a/b");
  expect<PreflightRoute>("OPTIONS", c + "/v3/rooms/!r:x/send/a/b" + delay);
  expect<PassThroughRoute>("OPTIONS", c + "/v3/rooms/!r:x/send/a/b");
}

TEST(Routes, FindWhereToAnnounce) {
  expect<VersionsRoute>("GET", c + "/versions");
  expect<CapabilitiesRoute>("GET", c + "/v3/capabilities");
  expect<CapabilitiesRoute>("GET", c + "/r0/capabilities");
}

TEST(Routes, FindThePageForUsers) {
  EXPECT_EQ(expect<UserPageRoute>("GET", "/_afterword/").file, "");
  EXPECT_EQ(expect<UserPageRoute>("GET", "/_afterword/?loginToken=x").file, "");
  EXPECT_EQ(expect<UserPageRoute>("POST", "/_afterword/main.js").file, "main.js");
  for (const char* other : {"/_afterword", "/_afterword/a/b", "/_afterwords/", "/x/_afterword/"}) {
    expect<PassThroughRoute>("GET", other);
  }
  expect<UnrecognizedRoute>("POST", "/_afterword/" + delay);
}

TEST(Routes, LeaveTheDelegatedLeaveOfCallServicesToTheHomeserver) {
  expect<PassThroughRoute>("POST", c + "/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave");
}

TEST(Routes, HearOfWhatEndsATokensRights) {
  EXPECT_EQ(expect<PassThroughRoute>("POST", c + "/v3/logout").revokes, Revokes::this_token);
  EXPECT_EQ(expect<PassThroughRoute>("POST", c + "/v3/logout/all").revokes, Revokes::all_tokens);
  EXPECT_EQ(expect<PassThroughRoute>("POST", c + "/r0/account/password").revokes, Revokes::all_tokens);
  EXPECT_EQ(expect<PassThroughRoute>("POST", c + "/v3/account/deactivate").revokes, Revokes::the_account);
  EXPECT_EQ(expect<PassThroughRoute>("DELETE", c + "/v3/devices/ABC").revokes, Revokes::all_tokens);
  EXPECT_EQ(expect<PassThroughRoute>("POST", c + "/v3/delete_devices").revokes, Revokes::all_tokens);
  EXPECT_EQ(expect<PassThroughRoute>("GET", c + "/v3/sync").revokes, Revokes::nothing);
}

TEST(Routes, HearOfWhatAnAdminEnds) {
  const std::string admin = "/_synapse/admin";
  const std::string alice = "@alice:example.org";
  auto route = expect<PassThroughRoute>("POST", admin + "/v1/deactivate/%40alice%3Aexample.org");
  EXPECT_EQ(route.revokes, Revokes::the_account);
  EXPECT_EQ(route.administered, alice);
  route = expect<PassThroughRoute>("PUT", admin + "/v2/users/" + alice);
  EXPECT_EQ(route.revokes, Revokes::the_account);
  EXPECT_TRUE(route.answers_with_account);
  for (const std::string& path : {"/v1/reset_password/" + alice, "/v2/users/" + alice + "/delete_devices"}) {
    route = expect<PassThroughRoute>("POST", admin + path);
    EXPECT_EQ(route.revokes, Revokes::all_tokens) << path;
    EXPECT_EQ(route.administered, alice) << path;
    EXPECT_FALSE(route.answers_with_account) << path;
  }
  EXPECT_EQ(expect<PassThroughRoute>("GET", admin + "/v2/users/" + alice).revokes, Revokes::nothing);
  EXPECT_EQ(expect<PassThroughRoute>("POST", admin + "/v1/rooms/!room:x/join").revokes, Revokes::nothing);
}

TEST(Routes, AreServedByPathsAndWhatIsBelow) {
  const std::vector<std::string> served{"/_matrix/client", "/health"};
  for (const char* target : {"/_matrix/client", "/_matrix/client/", "/_matrix/client/v3/sync?x=/", "/health"}) {
    EXPECT_TRUE(is_served(served, *http::Target::parse(target))) << target;
    EXPECT_TRUE(is_served({}, *http::Target::parse(target))) << target;
  }
  for (const char* target : {"/", "/_matrix", "/_matrix/clients", "/_matrix/%63lient/v3/sync", "//_matrix/client",
                             "/_synapse/admin/v1/rooms", "/_synapse/admin?/_matrix/client", "/healthy"}) {
    EXPECT_FALSE(is_served(served, *http::Target::parse(target))) << target;
    EXPECT_TRUE(is_served({}, *http::Target::parse(target))) << target;
  }
}

}  // namespace
}  // namespace afterword::gateway
