#include "gateway/arrival.h"

#include "async/testing/manual_clock.h"
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afterword::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr WallTime now = wall_from_ms(1'700'000'000'000);
const std::string key = arrival_key("as-token");

std::string proof(std::chrono::milliseconds wait = 0ms) { return arrival_proof(key, {"nonce", wait}, now); }

TEST(Arrival, AProofSaysWhatWasAsked) {
  const auto question = read_arrival_proof(key, proof(1500ms), now);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->nonce, "nonce");
  EXPECT_EQ(question->wait, 1500ms);
}

TEST(Arrival, AProofHoldsForFiveMinutes) {
  for (const auto late : {-5min, 0min, 5min}) EXPECT_TRUE(read_arrival_proof(key, proof(), now + late));
  for (const auto late : {-6min, 6min}) EXPECT_FALSE(read_arrival_proof(key, proof(), now + late));
}

TEST(Arrival, NobodyWithoutTheTokenHasAProof) {
  EXPECT_FALSE(read_arrival_proof(arrival_key("another"), proof(), now));
  EXPECT_FALSE(read_arrival_proof("", arrival_proof("", {"nonce"}, now), now));
  const std::string good = proof();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(read_arrival_proof(key, changed, now)) << changed;
    EXPECT_FALSE(read_arrival_proof(key, good.substr(0, i), now)) << i;
  }
  EXPECT_FALSE(read_arrival_proof(key, good + 'a', now));
}

TEST(Arrival, AProofShowsNeitherTheTokenNorTheKey) {
  EXPECT_THAT(proof(), Not(HasSubstr("as-token")));
  EXPECT_THAT(proof(), Not(HasSubstr(key)));
}

TEST(Arrival, NobodyIsKeptForLongerThanTwentyMinutes) {
  EXPECT_TRUE(read_arrival_proof(key, proof(20min), now));
  EXPECT_FALSE(read_arrival_proof(key, proof(21min), now));
  EXPECT_FALSE(read_arrival_proof(key, proof(-1ms), now));
}

TEST(Arrival, TellsWhatTheRequestSays) {
  async::testing::ManualClock clock;
  http::Request request;
  request.method = "PUT";
  request.target = "/a%2Fb?c";
  request.headers = {{"Host", "example.org"},
                     {"X-Forwarded-For", "192.0.2.7"},
                     {"x-forwarded-for", "192.0.2.8"},
                     {"X-Forwarded-Proto", "https"},
                     {"Authorization", "Bearer secret"}};
  request.body = "12345";
  request.peer = "127.0.0.1";
  request.client = "192.0.2.8";
  const auto is_trusted = [](const std::string& address) { return address == "127.0.0.1"; };
  const http::Response response = clock.run(tell_arrival(clock, std::move(request), {"nonce"}, is_trusted));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.find("Afterword-Check"), "nonce");
  const json::object told = parse_json_object(response.body).value();
  EXPECT_EQ(told.at("method"), "PUT");
  EXPECT_EQ(told.at("target"), "/a%2Fb?c");
  EXPECT_EQ(told.at("host"), json::array({"example.org"}));
  EXPECT_EQ(told.at("x_forwarded_for"), json::array({"192.0.2.7", "192.0.2.8"}));
  EXPECT_EQ(told.at("x_forwarded_proto"), json::array({"https"}));
  EXPECT_EQ(told.at("peer"), "127.0.0.1");
  EXPECT_EQ(told.at("is_trusted"), true);
  EXPECT_EQ(told.at("client"), "192.0.2.8");
  EXPECT_EQ(told.at("body_bytes"), 5u);
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

// A proxy that compresses has to find it worth while; Caddy loses what comes at once, and is more than a first read, as
// the answer to a request with a body.
TEST(Arrival, IsLongOnlyWhereNoBodyWasSent) {
  const auto told_bytes = [](std::string body) {
    async::testing::ManualClock clock;
    http::Request request;
    request.body = std::move(body);
    return clock.run(tell_arrival(clock, std::move(request), {"nonce"}, [](const std::string&) { return false; }))
        .body.size();
  };
  EXPECT_GT(told_bytes(""), 4096u);
  EXPECT_LT(told_bytes("{}"), 1024u);
}

TEST(Arrival, WaitsAsAsked) {
  async::testing::ManualClock clock;
  const auto before = clock.steady_now();
  clock.run(tell_arrival(clock, {}, {"nonce", 30s}, [](const std::string&) { return false; }));
  EXPECT_EQ(clock.steady_now() - before, 30s);
}

}  // namespace
}  // namespace afterword::gateway
