// Bodies that pass from one connection to another in pieces: a client, http::Server, http::Client, and a homeserver.
// The test speaks for both ends.
#include "http/body_stream.h"

#include "http/client.h"
#include "http/server.h"
#include "http/testing/raw_socket.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thread>

namespace afterword::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawSocket;
using ::testing::StartsWith;

constexpr std::string_view get_request = "GET /file HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view old_get_request = "GET /file HTTP/1.0\r\n\r\n";

// `client` outlives the task.
async::Task<Response> pass(Client& client, Request request, std::chrono::milliseconds timeout) {
  auto answer = co_await client.stream(std::move(request), timeout);
  if (answer) co_return std::move(*answer);
  Response failed;
  failed.status = 502;
  failed.body = answer.error().reason;
  co_return failed;
}

class BodyStreamTest : public ::testing::Test {
 protected:
  BodyStreamTest() : acceptor_(own_context_, {asio::ip::address_v4::loopback(), 0}) {}

  void start(ServerOptions server_options = {}, ClientOptions client_options = {},
             std::chrono::milliseconds timeout = 10s) {
    const Origin homeserver{.tls = false, .host = "127.0.0.1", .port = acceptor_.local_endpoint().port()};
    client_.emplace(context_.get_executor(), homeserver, client_options);
    const auto handler = [this, timeout](Request request) { return pass(*client_, std::move(request), timeout); };
    const auto admit = [](auto...) { return Admission{.streams_body = true}; };
    server_.emplace(context_.get_executor(), handler, server_options, admit);
    ASSERT_TRUE(server_->listen({"127.0.0.1", 0}));
    thread_ = std::thread([this] { context_.run(); });
  }

  void TearDown() override {
    asio::co_spawn(context_, server_->drain(0ms), asio::use_future).wait();
    thread_.join();
  }

  RawSocket connect() { return RawSocket::connect(server_->port()); }
  RawSocket accept() { return RawSocket::accept(acceptor_); }

  // The homeserver's side of a request that the client sends now.
  RawSocket ask(RawSocket& client, std::string_view request = get_request) {
    client.send(request);
    RawSocket homeserver = accept();
    homeserver.read_until("\r\n\r\n");
    return homeserver;
  }

  asio::io_context own_context_;
  tcp::acceptor acceptor_;
  asio::io_context context_;
  std::optional<Client> client_;
  std::optional<Server> server_;
  std::thread thread_;
};

TEST_F(BodyStreamTest, PassesOnWhatThereIsOfAnAnswer) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  for (int round = 0; round < 2; ++round) {
    homeserver.send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/20\r\nContent-Length: 10\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/20\r\n"),
                      HasSubstr("\r\nContent-Length: 10\r\n"), Not(HasSubstr("Connection"))));
    homeserver.send("01234");
    EXPECT_EQ(client.read(5), "01234");
    homeserver.send("56789");
    EXPECT_EQ(client.read(5), "56789");
    if (round == 0) client.send(get_request);
    if (round == 0) homeserver.read_until("\r\n\r\n");  // over the same connections
  }
}

TEST_F(BodyStreamTest, PassesOnEveryFraming) {
  start();
  struct Case {
    std::string_view head, begin, rest;
    bool ends_by_closing = false;
  };
  for (const Case& framing :
       {Case{"Content-Length: 6\r\n", "abc", "def"},
        Case{"Transfer-Encoding: chunked\r\n", "1;x=y\r\na\r\n2\r\nbc\r\n", "3\r\ndef\r\n0\r\nX-Trailer: t\r\n\r\n"},
        Case{"", "abc", "def", true}}) {
    for (const std::string_view request : {get_request, old_get_request}) {
      RawSocket client = connect();
      RawSocket homeserver = ask(client, request);
      homeserver.send("HTTP/1.1 200 OK\r\n" + std::string(framing.head) + "\r\n" + std::string(framing.begin));
      const std::string head = client.read_until("\r\n\r\n");
      const bool is_old = request == old_get_request;
      const bool has_length = framing.head.starts_with("Content-Length");
      const bool is_chunked = !is_old && !has_length;
      EXPECT_THAT(client.read_until("abc"), is_chunked ? "3\r\nabc" : "abc") << head;
      homeserver.send(framing.rest);
      if (framing.ends_by_closing) homeserver.close();
      if (is_chunked) {
        EXPECT_THAT(head, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
        EXPECT_EQ(client.read_until("0\r\n\r\n"), "\r\n3\r\ndef\r\n0\r\n\r\n") << "trailers are dropped";
      } else {
        EXPECT_EQ(head.find("\r\nContent-Length: 6\r\n") != std::string::npos, has_length) << head;
        EXPECT_THAT(head, Not(HasSubstr("chunked")));
        EXPECT_EQ(client.read(3), "def");
      }
      if (is_old) {
        EXPECT_TRUE(client.is_closed_by_peer());
      }
    }
  }
}

TEST_F(BodyStreamTest, PassesOnAnswersWithoutABody) {
  start();
  RawSocket client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  RawSocket homeserver = accept();
  const auto answer_with = [&](std::string_view answer) {
    homeserver.read_until("\r\n\r\n");
    homeserver.send(answer);
    return client.read_until("\r\n\r\n");
  };
  EXPECT_THAT(answer_with("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), HasSubstr("\r\nContent-Length: 99\r\n"));
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Not(HasSubstr("Length")));
  client.send(get_request);
  EXPECT_THAT(answer_with("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"), HasSubstr("\r\nETag: \"x\"\r\n"));
  client.send(get_request);
  EXPECT_THAT(answer_with("HTTP/1.1 204 No Content\r\n\r\n"), StartsWith("HTTP/1.1 204 "));
  client.send(get_request);
  EXPECT_THAT(answer_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HasSubstr("\r\nContent-Length: 0\r\n"));
}

// Neither by us, nor by a client that takes the end of the connection for the end of the answer.
TEST_F(BodyStreamTest, WhatBreaksOffIsNotCompleted) {
  start();
  for (const std::string begin : {"Content-Length: 6\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    for (const std::string_view request : {get_request, old_get_request}) {
      RawSocket client = connect();
      RawSocket homeserver = ask(client, request);
      homeserver.send("HTTP/1.1 200 OK\r\n" + begin);
      const bool is_chunked = begin.ends_with("\r\n") && request == get_request;
      client.read_until(is_chunked ? "abc\r\n" : "abc");
      homeserver.close();
      ASSERT_TRUE(client.waits_for_bytes(10s));
      EXPECT_TRUE(client.was_reset_by_peer()) << begin << request;
      EXPECT_EQ(client.read_to_end(), "");
    }
  }
}

// A client that reads to the end of the connection would take what it has for all of it.
TEST_F(BodyStreamTest, WhatAClientIsCutOffFromLooksNotComplete) {
  ServerOptions options;
  options.half_closed_limit = 100ms;
  start(options);
  RawSocket client = connect();
  RawSocket homeserver = ask(client, old_get_request);
  homeserver.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.read_until("abc");
  client.half_close();
  ASSERT_TRUE(client.waits_for_bytes(10s));
  EXPECT_TRUE(client.was_reset_by_peer());
}

TEST_F(BodyStreamTest, WhatHasMoreBehindItIsNotCompleted) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  client.read_until("abc");
  homeserver.send("defHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(homeserver.is_closed_by_peer());
}

TEST_F(BodyStreamTest, WhatDoesNotGetOnBreaksOff) {
  ClientOptions options;
  options.stall_timeout = 100ms;
  start({}, options);
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\nabc"));
  EXPECT_TRUE(homeserver.is_closed_by_peer());
}

// The time in which it waits for the homeserver is not the client's.
TEST_F(BodyStreamTest, AClientNeedNotBeFasterThanTheHomeserver) {
  ServerOptions options;
  options.answer_timeout = 1s;
  options.half_closed_limit = 800ms;
  start(options);
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  client.half_close();
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
  for (const char* piece : {"a", "b", "c", "d", "e", "f"}) {
    std::this_thread::sleep_for(300ms);
    homeserver.send(piece);
  }
  EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\nabcdef"));
}

TEST_F(BodyStreamTest, AClientThatGoesEndsWhatTheHomeserverSends) {
  start();
  for (const std::string_view request : {get_request, std::string_view("POST / HTTP/1.1\r\nHost: h\r\n\r\n")}) {
    RawSocket client = connect();
    RawSocket homeserver = ask(client, request);
    homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    client.read_until("abc");
    client.reset();
    EXPECT_TRUE(homeserver.is_closed_by_peer()) << request;
  }
}

constexpr std::size_t large_bytes = 200 * 1000 * 1000;

std::string large_answer() { return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large_bytes) + "\r\n\r\n"; }

// Sends `large_bytes` behind a head, on a thread of its own.
class Flood {
 public:
  Flood(RawSocket& socket, std::string head) : thread_([this, &socket, head] { run(socket, head); }) {}
  ~Flood() { thread_.join(); }

  // When no more goes.
  std::size_t sent_until_it_stops() const {
    std::size_t before = 0;
    do {
      before = sent_;
      std::this_thread::sleep_for(500ms);
    } while (sent_ != before);
    return before;
  }

 private:
  void run(RawSocket& socket, const std::string& head) {
    socket.send(head);
    const std::string piece(100'000, 'x');
    while (sent_ < large_bytes && !socket.was_reset_by_peer()) {
      socket.send(piece);
      sent_ += piece.size();
    }
  }

  std::atomic<std::size_t> sent_ = 0;
  std::thread thread_;
};

TEST_F(BodyStreamTest, ASlowClientSlowsTheHomeserverDown) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  const Flood flood(homeserver, large_answer());
  EXPECT_LT(flood.sent_until_it_stops(), large_bytes / 3) << "what the system buffers, and little more";
  client.read_until("\r\n\r\n");
  std::size_t received = 0;
  for (std::string piece = client.read(1'000'000); !piece.empty(); piece = client.read(1'000'000)) {
    received += piece.size();
    if (received == large_bytes) break;
  }
  EXPECT_EQ(received, large_bytes);
}

TEST_F(BodyStreamTest, AClientThatGoesWithoutReadingEndsIt) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  {
    const Flood flood(homeserver, large_answer());
    EXPECT_LT(flood.sent_until_it_stops(), large_bytes);
    client.reset();
  }
  EXPECT_TRUE(homeserver.is_closed_by_peer());
}

TEST_F(BodyStreamTest, AnAnswerHasItsConnectionUntilItsEnd) {
  ClientOptions options;
  options.max_connections = 1;
  start({}, options);
  RawSocket first = connect();
  std::optional<RawSocket> homeserver = ask(first);
  homeserver->send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  first.read_until("abc");

  RawSocket second = connect();
  second.send(get_request);
  EXPECT_FALSE(homeserver->waits_for_bytes(200ms));
  homeserver->send("def");
  EXPECT_EQ(first.read(3), "def");
  homeserver->read_until("\r\n\r\n");
  homeserver->send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  second.read_until("abc");

  first.send(get_request);
  second.reset();
  homeserver.emplace(accept());
  homeserver->read_until("\r\n\r\n");
  homeserver->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird");
  EXPECT_THAT(first.read_message(), EndsWith("third")) << "a client that has gone gives it back";
}

TEST_F(BodyStreamTest, ClosingTheClientBreaksItOff) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  client.read_until("abc");
  asio::post(context_, [this] { client_->close(); });
  EXPECT_TRUE(homeserver.is_closed_by_peer());
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(BodyStreamTest, PassesOnWhatThereIsOfARequest) {
  start();
  RawSocket client = connect();
  std::optional<RawSocket> homeserver;
  for (int round = 0; round < 2; ++round) {
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
    if (!homeserver) homeserver.emplace(accept());
    EXPECT_THAT(homeserver->read_until("\r\n\r\n"), HasSubstr("\r\nContent-Length: 6\r\n"));
    client.send("abc");
    EXPECT_EQ(homeserver->read(3), "abc");
    client.send("def");
    EXPECT_EQ(homeserver->read(3), "def");
    homeserver->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_THAT(client.read_message(), AllOf(EndsWith("ok"), Not(HasSubstr("Connection"))));
  }
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n");
  EXPECT_THAT(homeserver->read_until("\r\n\r\n"),
              AllOf(HasSubstr("\r\nTransfer-Encoding: chunked\r\n"), Not(HasSubstr("Length"))));
  EXPECT_EQ(homeserver->read(6), "1\r\na\r\n");
  client.send("2\r\nbc\r\n0\r\nX-Trailer: t\r\n\r\n" + std::string(get_request));
  EXPECT_EQ(homeserver->read(12), "2\r\nbc\r\n0\r\n\r\n") << "trailers are dropped";
  homeserver->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client.read_message(), EndsWith("ok"));
  EXPECT_THAT(homeserver->read_until("\r\n\r\n"), StartsWith("GET /file ")) << "what follows it";
}

TEST_F(BodyStreamTest, ARequestThatBreaksOffIsNotCompleted) {
  start();
  for (const std::string framing : {"Content-Length: 6\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    RawSocket client = connect();
    client.send("PUT / HTTP/1.1\r\nHost: h\r\n" + framing);
    RawSocket homeserver = accept();
    homeserver.read_until("\r\n\r\n");
    homeserver.read_until(framing.ends_with("\r\n") ? "abc\r\n" : "abc");
    framing.ends_with("\r\n") ? client.reset() : client.half_close();
    EXPECT_TRUE(homeserver.is_closed_by_peer()) << framing;
  }
}

TEST_F(BodyStreamTest, ARequestThatBecomesMalformedIsRefusedAndNotCompleted) {
  start();
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  RawSocket homeserver = accept();
  homeserver.read_until("abc\r\n");
  client.send("nonsense\r\n\r\n");
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(homeserver.is_closed_by_peer());
}

TEST_F(BodyStreamTest, AnAnswerMayComeBeforeTheEndOfTheRequest) {
  start();
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\nabc");
  RawSocket homeserver = accept();
  homeserver.read_until("abc");
  homeserver.send("HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\n\r\nabc");
  EXPECT_THAT(client.read_until("\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("\r\nConnection: close\r\n")));
  EXPECT_EQ(client.read(3), "abc");
  client.send(std::string(100'000, 'x'));
  homeserver.send("def");
  EXPECT_EQ(client.read_to_end(), "def");
  EXPECT_TRUE(homeserver.is_closed_by_peer());
}

TEST_F(BodyStreamTest, TheHomeserverAsksForABodyThatWaitsToBeAskedFor) {
  start();
  constexpr std::string_view request = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  RawSocket client = connect();
  client.send(request);
  std::optional<RawSocket> homeserver = accept();
  EXPECT_THAT(homeserver->read_until("\r\n\r\n"), HasSubstr("\r\nExpect: 100-continue\r\n"));
  EXPECT_FALSE(client.waits_for_bytes(200ms));
  homeserver->send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(homeserver->read(4), "body");
  homeserver->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client.read_message(), EndsWith("ok"));

  client.send(request);
  homeserver->read_until("\r\n\r\n");
  homeserver->send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 413 ")) << "it does not want it";
  EXPECT_TRUE(homeserver->is_closed_by_peer());
}

TEST_F(BodyStreamTest, AClientThatWaitsToBeAskedHasItsTimeFromThen) {
  ServerOptions options;
  options.body_timeout = 1s;
  start(options);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  RawSocket homeserver = accept();
  homeserver.read_until("\r\n\r\n");
  EXPECT_FALSE(client.waits_for_bytes(2500ms)) << "the homeserver takes its time";
  homeserver.send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("bo");
  EXPECT_EQ(homeserver.read(2), "bo");
  ASSERT_TRUE(client.waits_for_bytes(10s)) << "now the client does";
  EXPECT_TRUE(client.was_closed_by_peer() || client.was_reset_by_peer());
}

TEST_F(BodyStreamTest, PassesOnWhatComesBeforeTheAnswer) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  homeserver.send(
      "HTTP/1.1 103 Hints\r\nLink: </a>\r\nConnection: X\r\nX: y\r\nLink: </b>\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 103 Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n");
  homeserver.send(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 102 Processing\r\n\r\n") << "nobody has asked for 100";
  EXPECT_THAT(client.read_message(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("ok")));

  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  homeserver.read_until("\r\n\r\n");
  homeserver.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  homeserver.read_until("body");
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(BodyStreamTest, TellsAnOldClientTheAnswerOnly) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client, old_get_request);
  homeserver.send("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 200 "));
}

// What does not fit at once is sent before the answer, or left out as a whole.
TEST_F(BodyStreamTest, AClientThatDoesNotReadGetsWholeInterimAnswersOrNone) {
  start();
  constexpr int rounds = 40;
  const std::string hint = "HTTP/1.1 103 Hints\r\nLink: " + std::string(60'000, 'x') + "\r\n\r\n";
  RawSocket client = connect();
  for (int round = 0; round < rounds; ++round) client.send(get_request);
  std::thread announcing([&, homeserver = accept()]() mutable {
    for (int round = 0; round < rounds; ++round) {
      homeserver.read_until("\r\n\r\n");
      for (int count = 0; count < 16; ++count) homeserver.send(hint);
      homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  std::this_thread::sleep_for(500ms);  // by then it has been sent more than fits
  int hints = 0;
  for (int answers = 0; answers < rounds;) {
    const std::string head = client.read_until("\r\n\r\n");
    if (head == hint) {
      ++hints;
      continue;
    }
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(client.read(2), "ok");
    ++answers;
  }
  announcing.join();
  EXPECT_GT(hints, 0);
}

TEST_F(BodyStreamTest, ASmallBodyInChunksStaysInChunks) {
  start();
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: t\r\n\r\n");
  RawSocket homeserver = accept();
  EXPECT_THAT(homeserver.read_until("\r\n\r\n"), Not(HasSubstr("Length")));
  EXPECT_EQ(homeserver.read(13), "3\r\nabc\r\n0\r\n\r\n");
  homeserver.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: t\r\n\r\n");
  EXPECT_THAT(client.read_until("0\r\n\r\n"),
              AllOf(HasSubstr("\r\nTransfer-Encoding: chunked\r\n"), EndsWith("\r\n\r\n2\r\nok\r\n0\r\n\r\n")));
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(homeserver.read_until("\r\n\r\n"), HasSubstr("chunked"));
  EXPECT_EQ(homeserver.read(5), "0\r\n\r\n");
  homeserver.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n0\r\n\r\n"), HasSubstr("chunked"));

  RawSocket old = connect();
  old.send(old_get_request);
  homeserver.read_until("\r\n\r\n");
  homeserver.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  EXPECT_THAT(old.read_message(), AllOf(HasSubstr("\r\nContent-Length: 2\r\n"), EndsWith("ok")));
}

TEST_F(BodyStreamTest, ARequestIsForTheHostThatItNames) {
  start();
  RawSocket client = connect();
  client.send("GET / HTTP/1.1\r\nHost: Matrix.example.org:8448\r\nConnection: host\r\n\r\n");
  RawSocket homeserver = accept();
  EXPECT_THAT(homeserver.read_until("\r\n\r\n"), HasSubstr("\r\nHost: Matrix.example.org:8448\r\n"));
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  client.read_message();
  client.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n");
  EXPECT_THAT(homeserver.read_until("\r\n\r\n"), HasSubstr("\r\nHost: other\r\n")) << "over the same connection";
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  client.read_message();
  client.send(old_get_request);
  EXPECT_THAT(homeserver.read_until("\r\n\r\n"), HasSubstr("\r\nHost: 127.0.0.1:")) << "one that names none";
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  client.read_message();
}

TEST_F(BodyStreamTest, ASlowHomeserverSlowsTheClientDown) {
  start();
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(large_bytes) + "\r\n\r\n");
  RawSocket homeserver = accept();
  homeserver.read_until("\r\n\r\n");
  {
    const Flood flood(client, "");
    EXPECT_LT(flood.sent_until_it_stops(), large_bytes / 3) << "what the system buffers, and little more";
    std::size_t received = 0;
    while (received < large_bytes) {
      const std::string piece = homeserver.read(1'000'000);
      ASSERT_FALSE(piece.empty());
      received += piece.size();
    }
  }
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client.read_message(), EndsWith("ok"));
}

TEST_F(BodyStreamTest, AnUploadMayTakeLongerThanAnAnswerMay) {
  start({}, {}, 400ms);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
  RawSocket homeserver = accept();
  homeserver.read_until("\r\n\r\n");
  for (const char* piece : {"a", "b", "c", "d", "e", "f"}) {
    std::this_thread::sleep_for(150ms);
    client.send(piece);
  }
  EXPECT_EQ(homeserver.read(6), "abcdef");
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client.read_message(), EndsWith("ok"));

  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  EXPECT_THAT(client.read_message(), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("Connection: close")))
      << "one that does not get on";
}

TEST_F(BodyStreamTest, NothingOfABodyIsSentTwice) {
  start();
  RawSocket client = connect();
  RawSocket homeserver = ask(client);
  homeserver.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  client.read_message();
  client.send("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  homeserver.read_until("abc");
  homeserver.close();
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 502 "));
}

// Comes as the test has written it.
class Pieces final : public BodyStream {
 public:
  Pieces(std::deque<std::string> pieces, bool breaks_off) : pieces_(std::move(pieces)), breaks_off_(breaks_off) {}

  async::Task<Result<std::string_view, BrokenOff>> read() override {
    if (pieces_.empty() && breaks_off_) co_return BrokenOff{"as written"};
    if (pieces_.empty()) co_return std::string_view();
    piece_ = std::move(pieces_.front());
    pieces_.pop_front();
    co_return std::string_view(piece_);
  }
  std::optional<std::uint64_t> remaining_bytes() const override { return std::nullopt; }

 private:
  std::deque<std::string> pieces_;
  bool breaks_off_;
  std::string piece_;
};

bool gather_now(Response& response, std::size_t max_bytes) {
  asio::io_context context;
  auto gathered = asio::co_spawn(context, gather(response, max_bytes), asio::use_future);
  context.run();
  return gathered.get();
}

Response response_with(std::deque<std::string> pieces, bool breaks_off = false) {
  Response response;
  response.body = "ab";
  response.rest = std::make_shared<Pieces>(std::move(pieces), breaks_off);
  return response;
}

TEST(Gather, WaitsForASmallBody) {
  Response response = response_with({"cd", "e"});
  EXPECT_TRUE(gather_now(response, 10));
  EXPECT_EQ(response.body, "abcde");
  EXPECT_EQ(response.rest, nullptr);
}

TEST(Gather, LeavesALargeBodyAsItIs) {
  Response response = response_with({"cd", "e"});
  EXPECT_TRUE(gather_now(response, 3));
  EXPECT_EQ(response.body, "abcd");
  EXPECT_NE(response.rest, nullptr);
}

TEST(Gather, TellsWhatBreaksOff) {
  Response response = response_with({"cd"}, true);
  EXPECT_FALSE(gather_now(response, 10));
}

}  // namespace
}  // namespace afterword::http
