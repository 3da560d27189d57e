#include "http/server.h"

#include "base/testing/temporary_folder.h"
#include "http/server_connection.h"
#include "http/testing/raw_socket.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace afterword::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawSocket;
using ::testing::StartsWith;

constexpr std::string_view get_request = "GET /get HTTP/1.1\r\nHost: here\r\n\r\n";

// Answers with what it was asked, so that a test can see it.
async::Task<Response> echo(Request request) {
  Response response;
  response.headers.add("X-Method", request.method);
  response.headers.add("X-Target", request.target);
  response.headers.add("X-Peer", request.peer);
  response.headers.add("X-Client", request.client);
  response.body = request.body;
  co_return response;
}

// Holds handlers until it is opened.
class Gate {
 public:
  explicit Gate(asio::io_context& context) : timer_(context, asio::steady_timer::time_point::max()) {}

  // On the server's thread.
  async::Task<void> pass() {
    entered.release_one();
    boost::system::error_code ignored;
    if (!open_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    passed = !ignored || open_;
  }
  async::Task<Response> answer() { return answer_with({}); }
  async::Task<Response> answer_with(std::string body) {
    const Ending ending{ended_};
    co_await pass();
    Response response;
    response.body = std::move(body);
    co_return response;
  }

  void open() {
    asio::post(timer_.get_executor(), [this] {
      open_ = true;
      timer_.cancel();
    });
  }

  struct Signal {
    void release_one() {
      if (!given.exchange(true)) promise.set_value();
    }
    void wait() { promise.get_future().wait(); }
    std::promise<void> promise;
    std::atomic<bool> given = false;
  };
  Signal entered;
  Signal& ended() { return *ended_; }  // answered, or cancelled
  std::atomic<bool> passed = false;

 private:
  struct Ending {
    ~Ending() { signal->release_one(); }
    std::shared_ptr<Signal> signal;  // the gate may be gone
  };

  asio::steady_timer timer_;
  std::shared_ptr<Signal> ended_ = std::make_shared<Signal>();
  bool open_ = false;
};

async::Task<Response> answer_at_once(std::string body) {
  Response response;
  response.body = std::move(body);
  co_return response;
}

class ServerTest : public ::testing::Test {
 protected:
  void start(Handler handler, ServerOptions options = {}, Admit admit = {}) {
    server_.emplace(context_.get_executor(), std::move(handler), options, std::move(admit));
    const auto listening = server_->listen({"127.0.0.1", 0});
    ASSERT_TRUE(listening) << listening.error();
    port_ = server_->port();
    thread_ = std::thread([this] { context_.run(); });
  }

  void TearDown() override {
    if (!thread_.joinable()) return;
    if (!drained_) drain(0ms).wait();
    thread_.join();
  }

  std::future<void> drain(std::chrono::milliseconds limit) {
    drained_ = true;
    return asio::co_spawn(context_, server_->drain(limit), asio::use_future);
  }

  // Whoever has connected before it drains is answered, whether or not the connection was accepted by then.
  void expect_all_served_in_a_drain(const std::function<RawSocket()>& connect) {
    std::vector<RawSocket> clients;
    // The server's thread is kept busy, so that they are not accepted before.
    std::promise<void> connected;
    asio::post(context_, [&connected] { connected.get_future().wait(); });
    for (int i = 0; i < 20; ++i) clients.push_back(connect());
    auto drained = drain(60s);
    connected.set_value();
    for (RawSocket& client : clients) {
      client.send(get_request);
      EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 200 OK\r\n"));
    }
    drained.wait();
  }

  RawSocket connect(const char* from = "127.0.0.1") { return RawSocket::connect(port_, from); }

  std::string ask(std::string_view request) {
    RawSocket client = connect();
    client.send(request);
    return client.read_message();
  }

  asio::io_context context_;
  std::optional<Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  bool drained_ = false;
};

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  start(echo);
  RawSocket client = connect();
  for (int round = 0; round < 3; ++round) {
    client.send("PUT /a%20b?c=d HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nbody");
    const std::string answer = client.read_message();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Method: PUT\r\nX-Target: /a%20b?c=d\r\nX-Peer: 127.0.0.1\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
    EXPECT_THAT(answer, ::testing::ContainsRegex("Date: ..., [0-9]+ ... 20[0-9]+ [0-9:]+ GMT\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Connection:")));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nbody"));
  }
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start(echo);
  RawSocket client = connect();
  std::string requests;
  for (int number = 0; number < 300; ++number) {
    const std::string body = std::to_string(number);
    requests += "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  client.send(requests);
  for (int number = 0; number < 300; ++number) {
    ASSERT_THAT(client.read_message(), EndsWith("\r\n\r\n" + std::to_string(number)));
  }
}

TEST_F(ServerTest, UnderstandsARequestThatArrivesByteByByte) {
  start(echo);
  RawSocket client = connect();
  for (const char byte : std::string("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")) {
    client.send({&byte, 1});
  }
  EXPECT_THAT(client.read_message(), EndsWith("\r\n\r\nabcde"));
}

TEST_F(ServerTest, TrailersAreNoHeaders) {
  start([](Request request) -> async::Task<Response> {
    Response response;
    response.body = request.headers.find("Authorization") ? "smuggled" : "clean";
    co_return response;
  });
  EXPECT_THAT(ask("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: x\r\n\r\n"),
              EndsWith("clean"));
}

TEST_F(ServerTest, AsksForABodyThatWaitsToBeAskedFor) {
  start(echo);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_THAT(client.read_message(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\nbody")));
}

TEST_F(ServerTest, DoesNotAskForABodyThatIsTooLarge) {
  ServerOptions options;
  options.max_body_bytes = 10;
  start(echo, options);
  EXPECT_THAT(ask("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  start([](Request) -> async::Task<Response> {
    Response response;
    response.body = "four";
    co_return response;
  });
  RawSocket client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(get_request));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(client.read_message(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\nfour")));
}

TEST_F(ServerTest, KeepsTheLengthThatAHandlerGivesForHead) {
  start([](Request) -> async::Task<Response> {
    Response response;
    response.headers.add("content-length", "1234");
    co_return response;
  });
  RawSocket client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(get_request));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 1234\r\n"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), AllOf(Not(HasSubstr("1234")), HasSubstr("Content-Length: 0\r\n")));
}

TEST_F(ServerTest, NoContentHasNoLength) {
  start([](Request) -> async::Task<Response> {
    Response response;
    response.status = 204;
    response.body = "not to be seen";
    co_return response;
  });
  RawSocket client = connect();
  for (int round = 0; round < 2; ++round) {
    client.send(get_request);
    EXPECT_THAT(client.read_until("\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 204 No Content\r\n"), Not(HasSubstr("Length"))));
  }
}

TEST_F(ServerTest, PassesHeadersOnInOrderButForThoseOfAConnection) {
  start([](Request) -> async::Task<Response> {
    Response response;
    response.headers = {{"Set-Cookie", "b"},    {"Transfer-Encoding", "chunked"}, {"Set-Cookie", "a"},
                        {"Connection", "x"},    {"Keep-Alive", "timeout=1"},      {"Date", "its own"},
                        {"Content-Length", "9"}};
    co_return response;
  });
  EXPECT_THAT(
      ask(get_request),
      StartsWith("HTTP/1.1 200 OK\r\nSet-Cookie: b\r\nSet-Cookie: a\r\nDate: its own\r\nContent-Length: 0\r\n\r\n"));
}

TEST_F(ServerTest, ClosesWhenItIsAskedTo) {
  start(echo);
  for (const char* request : {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    RawSocket client = connect();
    client.send(request);
    EXPECT_THAT(client.read_to_end(), HasSubstr("\r\nConnection: close\r\n")) << request;
    EXPECT_TRUE(client.is_closed_by_peer());
  }
}

TEST_F(ServerTest, KeepsAnOldClientsConnectionIfItAsks) {
  start(echo);
  RawSocket client = connect();
  for (int round = 0; round < 2; ++round) {
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(client.read_message(), HasSubstr("\r\nConnection: keep-alive\r\n"));
  }
}

TEST_F(ServerTest, AcceptsTheAbsoluteForm) {
  start(echo);
  EXPECT_THAT(ask("GET http://here:80/a?b HTTP/1.1\r\nHost: here:80\r\n\r\n"), HasSubstr("X-Target: /a?b\r\n"));
  EXPECT_THAT(ask("GET http://here HTTP/1.1\r\nHost: here\r\n\r\n"), HasSubstr("X-Target: /\r\n"));
  EXPECT_THAT(ask("OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n"), HasSubstr("X-Target: *\r\n"));
}

TEST_F(ServerTest, RefusesWhatIsMalformed) {
  start(echo);
  for (const std::string_view request :
       {"garbage\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03 hello TLS\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot hexadecimal\r\n",
        // Lines that end, fold or name otherwise than RFC 9112 wants
        "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n", "GET /\r\n\r\n",
        // Lengths
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b chunked\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // Chunks
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\n\"\r\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: b\n\r\n\r\n",
        // Targets and hosts
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a/%2E%2e/b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "GET path HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"}) {
    RawSocket client = connect();
    client.send(request);
    const std::string answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nAccess-Control-Allow-Origin: *\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"({"errcode":"M_UNKNOWN","error":")"));
  }
  EXPECT_THAT(ask(get_request), StartsWith("HTTP/1.1 200 OK\r\n")) << "still serves the others";
}

TEST_F(ServerTest, RefusesANulWhereverItStands) {
  start(echo);
  const std::string request = "PUT /path HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\n";
  for (std::size_t place = 0; place + 4 < request.size(); ++place) {
    std::string with_nul = request;
    with_nul[place] = '\0';
    RawSocket client = connect();
    client.send(with_nul + "a");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400 ")) << place;
  }
}

TEST_F(ServerTest, RefusesMoreHeadersThanServersTake) {
  start(echo);
  std::string head = "GET / HTTP/1.1\r\nHost: here\r\n";
  for (int number = 0; number < 99; ++number) head += "X: y\r\n";
  EXPECT_THAT(ask(head + "\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(head + "X: y\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 431 "), HasSubstr("M_UNKNOWN")));
}

// RFC 9112 section 2.2: old clients send one behind a body.
TEST_F(ServerTest, SkipsAnEmptyLineBeforeARequest) {
  start(echo);
  RawSocket client = connect();
  for (int round = 0; round < 3; ++round) {
    client.send("\r\nPUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\na");
    EXPECT_THAT(client.read_message(), EndsWith("\r\n\r\na"));
  }
  for (const char* piece : {"\r", "\n", "GET / HTTP/1.1\r\nHost: here\r\n\r\n"}) {
    client.send(piece);
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 200 "));
}

// What it refers to outlives the server.
async::Task<Response> next_of(const std::vector<Response>& responses, std::atomic<std::size_t>& next) {
  co_return responses[next++];
}

// Whatever a homeserver or a bug makes of an answer, it stays one answer.
TEST_F(ServerTest, AnswersWith502WhatCannotBeWrittenAsOneAnswer) {
  const std::vector<Response> unwritable = {{.status = 200, .headers = {{"X", "a\r\nX-Injected: yes"}}, .body = ""},
                                            {.status = 200, .headers = {{"X\nY", "a"}}, .body = ""},
                                            {.status = 200, .headers = {{"X", std::string(1, '\0')}}, .body = ""},
                                            {.status = 101, .headers = {}, .body = ""},
                                            {.status = 1000, .headers = {}, .body = ""}};
  std::atomic<std::size_t> next = 0;
  start([&](Request) { return next_of(unwritable, next); });
  RawSocket client = connect();
  for (std::size_t round = 0; round < unwritable.size(); ++round) {
    client.send(get_request);
    EXPECT_THAT(client.read_message(), AllOf(StartsWith("HTTP/1.1 502 "), Not(HasSubstr("X-Injected")))) << round;
  }
}

TEST_F(ServerTest, RefusesAHeadThatIsTooLarge) {
  start(echo);
  RawSocket client = connect();
  client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int line = 0; line < 100; ++line) client.send("X-Filler: " + std::string(1000, 'x') + "\r\n");
  EXPECT_THAT(client.read_to_end(), AllOf(StartsWith("HTTP/1.1 431 "), HasSubstr("M_UNKNOWN")));
}

TEST_F(ServerTest, RefusesABodyThatIsTooLargeWhileTheClientStillSends) {
  ServerOptions options;
  options.max_body_bytes = 100'000;
  start(echo, options);
  const std::string piece(10'000, 'x');

  RawSocket announced = connect();
  announced.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  for (int number = 0; number < 100; ++number) announced.send(piece);
  EXPECT_THAT(announced.read_message(), AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("M_TOO_LARGE")));

  RawSocket chunked = connect();
  chunked.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int number = 0; number < 11; ++number) chunked.send("2710\r\n" + piece + "\r\n");
  EXPECT_THAT(chunked.read_message(), AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("M_TOO_LARGE")));
}

// Small bodies for POST, any for the others; GET ends with its client.
Admission small_post(std::string_view method, std::string_view) {
  Admission admission;
  admission.max_body_bytes = method == "POST" ? 10 : 1'000'000;
  admission.may_use_reserve = method == "POST";
  admission.ends_with_client = method == "GET";
  return admission;
}

TEST_F(ServerTest, TheRequestsHeadTellsHowMuchOfABodyItMayBring) {
  start(echo, {}, small_post);
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_THAT(ask(head + "Content-Length: 10\r\n\r\n0123456789"), StartsWith("HTTP/1.1 200 "));
  // None of the body is sent: it is refused without.
  EXPECT_THAT(ask(head + "Content-Length: 11\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("M_TOO_LARGE")));
  EXPECT_THAT(ask(head + "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(head + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  // Refused as soon as it is too much: neither the rest of the chunk nor the next one is sent.
  EXPECT_THAT(ask(head + "Transfer-Encoding: chunked\r\n\r\nb\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(head + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n1\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n01234567890"), StartsWith("HTTP/1.1 200 "));
}

bool everybody(const std::string&) { return true; }

TEST_F(ServerTest, AllBodiesTogetherHaveALimit) {
  ServerOptions options;
  options.bodies = std::make_shared<ByteBudget>(400'000);
  options.is_trusted_proxy = everybody;
  Gate gate(context_);
  const auto handler = [&gate](Request request) {
    std::string size = std::to_string(request.body.size());
    return request.target == "/wait" ? gate.answer_with(std::move(size)) : answer_at_once(std::move(size));
  };
  start(handler, options, [](std::string_view method, std::string_view) {
    return Admission{.max_body_bytes = 1'000'000, .may_use_reserve = method == "POST"};
  });
  const auto request = [](const std::string& start, std::size_t size) {
    return start + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  RawSocket holder = connect();
  holder.send(request("PUT /wait", 250'000));
  gate.entered.wait();

  const std::string refused = ask(request("PUT /", 120'000));
  EXPECT_THAT(refused, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: "), HasSubstr("M_UNKNOWN")));
  RawSocket chunked = connect();
  chunked.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1d4c0\r\n" + std::string(120'000, 'x'));
  EXPECT_THAT(chunked.read_message(), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(ask(request("PUT /", 90'000)), EndsWith("90000"));
  EXPECT_THAT(ask(request("POST /", 120'000)), EndsWith("120000")) << "the reserve";
  EXPECT_THAT(ask(request("PUT /", 4'000)), EndsWith("4000")) << "too small to be counted";

  gate.open();
  EXPECT_THAT(holder.read_message(), EndsWith("250000"));
  EXPECT_THAT(ask(request("PUT /", 340'000)), EndsWith("340000")) << "what was given back";
}

TEST_F(ServerTest, AnswersThatNobodyReadsHaveTheSameLimit) {
  constexpr std::size_t size = 24'000'000;  // far more than the system takes off us
  ServerOptions options;
  options.bodies = std::make_shared<ByteBudget>(80'000'000);
  options.is_trusted_proxy = everybody;
  std::atomic<int> answered = 0;
  const auto handler = [&answered](Request request) {
    ++answered;
    return answer_at_once(std::string(request.target == "/large" ? size : 5, 'x'));
  };
  start(handler, options);
  const std::string request = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
  std::vector<RawSocket> holders;
  for (int i = 0; i < 2; ++i) {
    holders.push_back(connect());
    holders.back().send(request);
  }
  while (answered < 2) std::this_thread::sleep_for(1ms);

  EXPECT_THAT(ask(request), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: ")));
  EXPECT_THAT(ask(get_request), EndsWith("xxxxx"));
  for (RawSocket& holder : holders) EXPECT_THAT(holder.read_message(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(request), StartsWith("HTTP/1.1 200 ")) << "what was given back";
}

// Whoever is told by the proxy, or connects, is one; a third of the room is his.
TEST_F(ServerTest, AnAddressHasAShareOfTheMemory) {
  ServerOptions options;
  options.bodies = std::make_shared<ByteBudget>(240'000);  // 210,000 where there is no reserve
  options.is_trusted_proxy = [](const std::string& address) { return address == "127.0.0.9"; };
  Gate gate(context_);
  const auto handler = [&gate](Request request) {
    return request.target == "/wait" ? gate.answer() : answer_at_once(request.client);
  };
  start(handler, options);
  const auto request = [](const std::string& target, std::size_t size, const std::string& client = "") {
    return "PUT " + target + " HTTP/1.1\r\nHost: h\r\n" +
           (client.empty() ? "" : "X-Forwarded-For: " + client + "\r\n") + "Content-Length: " + std::to_string(size) +
           "\r\n\r\n" + std::string(size, 'x');
  };
  const auto ask_from = [&](const char* from, const std::string& text) {
    RawSocket socket = connect(from);
    socket.send(text);
    return socket.read_message();
  };
  RawSocket holder = connect("127.0.0.9");
  holder.send(request("/wait", 50'000, "2001:db8::1"));
  gate.entered.wait();
  EXPECT_THAT(ask_from("127.0.0.9", request("/", 30'000, "2001:db8::2")),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: ")))
      << "of the same network";
  EXPECT_THAT(ask_from("127.0.0.9", request("/", 60'000, "198.51.100.7")), EndsWith("198.51.100.7"));
  EXPECT_THAT(ask_from("127.0.0.2", request("/", 60'000, "2001:db8::1")), EndsWith("127.0.0.2"))
      << "nobody else is believed";
  EXPECT_THAT(ask_from("127.0.0.2", request("/", 80'000)), StartsWith("HTTP/1.1 503 ")) << "more than a share";
  EXPECT_THAT(ask_from("127.0.0.9", request("/", 80'000)), EndsWith("\r\n\r\n")) << "a proxy stands for many";
  gate.open();
  EXPECT_THAT(holder.read_message(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask_from("127.0.0.9", request("/", 30'000, "2001:db8::2")), EndsWith("2001:db8::/64"));
}

TEST_F(ServerTest, DoesNotThrowAwayForLongWhatARefusedClientStillSends) {
  ServerOptions options;
  options.max_body_bytes = 10;
  start(echo, options);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
  const std::string piece(1'000'000, 'x');
  int sent = 0;
  while (sent < 200 && !client.was_reset_by_peer()) {
    client.send(piece);
    ++sent;
  }
  EXPECT_LT(sent, 200) << "megabytes";
}

TEST_F(ServerTest, HeadsThatArriveCountAsWell) {
  ServerOptions options;
  options.bodies = std::make_shared<ByteBudget>(100'000);
  options.is_trusted_proxy = everybody;
  start(echo, options);
  const std::string half_a_head = "GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + std::string(30'000, 'x');
  std::vector<RawSocket> holders;
  for (int i = 0; i < 2; ++i) {
    holders.push_back(connect());
    holders.back().send(half_a_head);
  }
  // What has been sent is read before the next connection, but perhaps not all of it.
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  std::string refused;
  while (!refused.starts_with("HTTP/1.1 503 ") && std::chrono::steady_clock::now() < give_up) {
    refused = ask(half_a_head + "\r\n\r\n");
  }
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(ask(get_request), StartsWith("HTTP/1.1 200 "));
  holders.clear();
  std::string answered;
  while (!answered.starts_with("HTTP/1.1 200 ") && std::chrono::steady_clock::now() < give_up) {
    answered = ask(half_a_head + "\r\n\r\n");
  }
  EXPECT_THAT(answered, StartsWith("HTTP/1.1 200 ")) << "what was given back";
}

TEST_F(ServerTest, ALongTargetCountsAsOftenAsItIsThere) {
  ServerOptions options;
  options.bodies = std::make_shared<ByteBudget>(300'000);
  start([bodies = options.bodies](Request) { return answer_at_once(std::to_string(bodies->taken_bytes())); }, options);
  const std::string answer = ask("GET /" + std::string(19'999, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_GE(std::stoul(answer.substr(answer.rfind('\n') + 1)), 60'000u);
  EXPECT_THAT(ask("GET /" + std::string(40'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, RefusesAChunkHeaderWithoutEnd) {
  ServerOptions options;
  options.max_header_bytes = 10'000;
  start(echo, options);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;");
  client.send(std::string(200'000, 'x'));
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ServerTest, CarriesLargeBodiesBothWays) {
  start(echo);
  std::string body(8 * 1024 * 1024, 'x');
  for (std::size_t position = 0; position < body.size(); position += 1000) body[position] = 'y';
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  client.send(body);
  client.read_until("\r\n\r\n");
  EXPECT_TRUE(client.read(body.size()) == body);
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnsweredWith500) {
  start([](Request) -> async::Task<Response> {
    throw std::runtime_error("a bug");
    co_return Response();
  });
  RawSocket client = connect();
  for (int round = 0; round < 2; ++round) {
    client.send(get_request);
    EXPECT_THAT(client.read_message(),
                AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr(R"({"errcode":"M_UNKNOWN")"), Not(HasSubstr("a bug"))));
  }
}

TEST_F(ServerTest, AHandlerFinishesWithoutItsClient) {
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); });
  RawSocket client = connect();
  client.send(get_request);
  gate.entered.wait();
  client.reset();
  gate.open();
  EXPECT_THAT(ask(get_request), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(gate.passed);
}

TEST_F(ServerTest, WhatOnlyReadsEndsWithItsClient) {
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); }, {}, small_post);
  RawSocket client = connect();
  client.send(get_request);
  gate.entered.wait();
  client.reset();
  gate.ended().wait();
  EXPECT_FALSE(gate.passed) << "the handler was cancelled";
}

TEST_F(ServerTest, WhatOnlyReadsEndsWhenItsClientHasClosed) {
  Gate gate(context_);
  ServerOptions options;
  options.half_closed_limit = 10ms;
  start([&gate](Request) { return gate.answer(); }, options, small_post);
  RawSocket client = connect();
  client.send(std::string(get_request) + std::string(get_request));
  gate.entered.wait();
  client.close();
  gate.ended().wait();
  EXPECT_FALSE(gate.passed);
}

TEST_F(ServerTest, WhatChangesSomethingIsFinishedWithoutItsClient) {
  Gate gate(context_);
  start([&gate](Request request) { return request.method == "PUT" ? gate.answer() : answer_at_once({}); }, {},
        small_post);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  gate.entered.wait();
  client.reset();
  std::this_thread::sleep_for(3 * tick_length);
  gate.open();
  EXPECT_THAT(ask(get_request), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(gate.passed);
}

TEST_F(ServerTest, WhatARequestMayDoIsAskedOnceHoweverLongItsClientIsGone) {
  Gate gate(context_);
  std::atomic<int> asked = 0;
  const auto admit = [&asked](std::string_view method, std::string_view target) {
    ++asked;
    return small_post(method, target);
  };
  start([&gate](Request request) { return request.method == "PUT" ? gate.answer() : answer_at_once({}); }, {}, admit);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  gate.entered.wait();
  client.reset();
  std::this_thread::sleep_for(4 * tick_length);
  EXPECT_EQ(asked, 1);
  gate.open();
  gate.ended().wait();
}

TEST_F(ServerTest, AClientThatHasSaidAllItWillIsAnswered) {
  ServerOptions options;
  options.half_closed_limit = 60s;
  Gate gate(context_);
  start([&gate](Request request) { return gate.answer_with(std::move(request.target)); }, options, small_post);
  RawSocket client = connect();
  client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  client.half_close();
  gate.entered.wait();
  std::this_thread::sleep_for(3 * tick_length);
  gate.open();
  EXPECT_THAT(client.read_message(), EndsWith("/1"));
  EXPECT_THAT(client.read_message(), EndsWith("/2"));
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_F(ServerTest, APipelinedRequestIsNoEndOfTheFirst) {
  Gate gate(context_);
  start([&gate](Request request) { return gate.answer_with(std::move(request.target)); }, {}, small_post);
  RawSocket client = connect();
  client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  gate.entered.wait();
  client.send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  std::this_thread::sleep_for(3 * tick_length);
  gate.open();
  EXPECT_THAT(client.read_message(), EndsWith("/1"));
  EXPECT_THAT(client.read_message(), EndsWith("/2"));
}

TEST_F(ServerTest, ClosesOnAHeadThatDoesNotEnd) {
  ServerOptions options;
  options.idle_timeout = 1s;
  options.head_timeout = 1s;
  start(echo, options);
  RawSocket half = connect();
  half.send("GET / HTTP/1.1\r\nHost:");
  RawSocket idle = connect();
  EXPECT_TRUE(half.is_closed_by_peer());
  EXPECT_TRUE(idle.is_closed_by_peer());
}

TEST_F(ServerTest, ClosesOnABodyThatDoesNotEnd) {
  ServerOptions options;
  options.body_timeout = 1s;
  start(echo, options);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_TRUE(client.is_closed_by_peer());
}

// Each byte is progress, but the whole has a time as well.
TEST_F(ServerTest, ClosesOnWhatComesAByteNowAndThen) {
  ServerOptions options;
  options.head_timeout = 1s;
  options.body_timeout = 1s;
  start(echo, options);
  for (const std::string_view begin :
       {"GET / HTTP/1.1\r\nHost: h\r\nX-Long: ", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"}) {
    RawSocket client = connect();
    client.send(begin);
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (!client.was_closed_by_peer() && std::chrono::steady_clock::now() < give_up) {
      client.send("x");
      std::this_thread::sleep_for(100ms);
    }
    EXPECT_LT(std::chrono::steady_clock::now(), give_up) << begin;
  }
}

TEST_F(ServerTest, WhatIsLargeMayTakeLongerAsLongAsItGetsOn) {
  ServerOptions options;
  options.body_timeout = 1s;
  options.min_bytes_per_second = 10'000;
  start(echo, options);
  RawSocket client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  for (int piece = 0; piece < 10; ++piece) {
    client.send(std::string(10'000, 'x'));
    std::this_thread::sleep_for(250ms);
  }
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AHandlerMayTakeItsTime) {
  ServerOptions options;
  options.idle_timeout = 0s;
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); }, options);
  RawSocket slow = connect();
  slow.send(get_request);
  gate.entered.wait();
  EXPECT_TRUE(connect().is_closed_by_peer()) << "an idle one is closed meanwhile";
  gate.open();
  EXPECT_THAT(slow.read_message(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ServerTest, WhatIsGivenBackWhileAHandlerTakesItsTimeIsNotMissed) {
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); });
  RawSocket client = connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  gate.entered.wait();
  std::this_thread::sleep_for(3 * tick_length);
  client.send(get_request);
  std::this_thread::sleep_for(2 * tick_length);
  gate.open();
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.read_message(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ServerTest, WhenItIsFullTheLongestIdleGivesWay) {
  ServerOptions options;
  options.max_connections = 3;
  start(echo, options);
  RawSocket half_a_head = connect();
  half_a_head.send("GET / HTTP/1.1\r\n");
  RawSocket idle = connect();
  RawSocket used = connect();
  used.send(get_request);
  used.read_message();
  std::vector<RawSocket> others;
  for (RawSocket* longest : {&half_a_head, &idle}) {
    others.push_back(connect());
    EXPECT_TRUE(longest->is_closed_by_peer());
    used.send(get_request);
    EXPECT_THAT(used.read_message(), StartsWith("HTTP/1.1 200 "));
  }
  others.back().send(get_request);
  EXPECT_THAT(others.back().read_message(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, WhenAllAreBusyANewOneWaits) {
  ServerOptions options;
  options.max_connections = 1;
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); }, options);
  RawSocket first = connect();
  first.send(get_request);
  gate.entered.wait();
  RawSocket second = connect();
  second.send(get_request);
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(second.was_closed_by_peer());
  gate.open();
  EXPECT_THAT(first.read_message(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(second.read_message(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AnAddressHasAShareOfTheConnections) {
  Gate gate(context_);
  ServerOptions options;
  options.max_connections_per_owner = 2;
  options.is_trusted_proxy = [](const std::string& peer) { return peer == "127.0.0.9"; };
  std::atomic<std::size_t> entered = 0;
  const auto handler = [&](Request) {
    ++entered;
    return gate.answer();
  };
  start(handler, options);
  std::vector<RawSocket> busy;
  for (const char* from : {"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.9", "127.0.0.9", "127.0.0.9"}) {
    busy.push_back(connect(from));
    busy.back().send(get_request);
    while (entered < busy.size()) std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(connect("127.0.0.2").is_closed_by_peer());
  gate.open();
  for (RawSocket& connection : busy) EXPECT_THAT(connection.read_message(), StartsWith("HTTP/1.1 200 "));
}

// Or whoever says nothing on many would shut out all others behind that address.
TEST_F(ServerTest, OfAnAddressWithItsShareTheLongestIdleGivesWay) {
  ServerOptions options;
  options.max_connections_per_owner = 2;
  start(echo, options);
  RawSocket other = connect("127.0.0.3");
  RawSocket first = connect("127.0.0.2");
  RawSocket second = connect("127.0.0.2");
  for (RawSocket* connection : {&other, &first, &second, &first}) {
    connection->send(get_request);
    EXPECT_THAT(connection->read_message(), StartsWith("HTTP/1.1 200 "));
  }
  RawSocket third = connect("127.0.0.2");
  third.send(get_request);
  EXPECT_THAT(third.read_message(), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(second.is_closed_by_peer());
  for (RawSocket* connection : {&other, &first}) {
    connection->send(get_request);
    EXPECT_THAT(connection->read_message(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(ServerTest, WhoSendsManyRequestsAtOnceLetsOthersInBetween) {
  constexpr int count = 300;
  std::atomic<int> handled = 0;
  std::atomic<int> before_another = 0;
  start([&](Request) {
    if (++handled == 1) asio::post(context_, [&] { before_another = handled.load(); });
    return answer_at_once({});
  });
  std::string requests;
  for (int i = 0; i < count; ++i) requests += get_request;
  RawSocket client = connect();
  client.send(requests);
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (handled < count && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(handled, count);
  EXPECT_LT(before_another, 10);
}

// As when memory runs out.
TEST_F(ServerTest, AnErrorWhileItAcceptsDoesNotEndAccepting) {
  ServerOptions options;
  std::atomic<int> errors = 0;
  options.is_trusted_proxy = [&errors](const std::string&) -> bool {
    if (++errors <= 2) throw std::bad_alloc();
    return false;
  };
  start(echo, options);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(connect().is_closed_by_peer());
  EXPECT_THAT(ask(get_request), StartsWith("HTTP/1.1 200 "));
}

// The same, while it looks at its connections.
TEST_F(ServerTest, AnErrorInItsTickerDoesNotEndIt) {
  ServerOptions options;
  options.idle_timeout = 2s;
  Gate gate(context_);
  std::atomic<int> errors = 0;
  start([&gate](Request) { return gate.answer(); }, options,
        [&errors](std::string_view, std::string_view) -> Admission {
          if (++errors <= 2) throw std::bad_alloc();
          return {};
        });
  RawSocket gone = connect();
  gone.send(get_request);
  gate.entered.wait();
  gone.reset();
  EXPECT_TRUE(connect().is_closed_by_peer()) << "an idle one is closed, so the ticker still runs";
  EXPECT_GE(errors, 2);
  gate.open();
  drain(1s).wait();  // the handler knows the gate
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  start(echo);
  Server other(context_.get_executor(), echo);
  const auto taken = other.listen({"127.0.0.1", port_});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), "cannot listen on 127.0.0.1:" + std::to_string(port_) +
                               ": another process listens there; stop it, or choose another address");
  const std::string impossible(64, 'x');  // longer than a label may be: no name server is asked
  const auto unknown = other.listen({impossible, 80});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error(), StartsWith("cannot listen on " + impossible + ":80: "));
}

TEST_F(ServerTest, ServesEveryAddressItListensAt) {
  const afterword::testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "socket").string();
  start(echo);
  ASSERT_TRUE(server_->listen({.unix_path = path}));
  EXPECT_THAT(ask(get_request), HasSubstr("\r\nX-Peer: 127.0.0.1\r\n"));
  RawSocket client = RawSocket::connect_to(path);
  client.send("GET /get HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n");
  EXPECT_THAT(client.read_message(), AllOf(HasSubstr("\r\nX-Peer: \r\n"), HasSubstr("\r\nX-Client: 192.0.2.7\r\n")));
  drain(1s).wait();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ServerTest, WhoHasComeThroughAUnixSocketIsServedWhenItDrains) {
  const afterword::testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "socket").string();
  start(echo);
  ASSERT_TRUE(server_->listen({.unix_path = path}));
  expect_all_served_in_a_drain([&path] { return RawSocket::connect_to(path); });
}

TEST_F(ServerTest, ARequestOfAUnixSocketThatOnlyReadsEndsWithItsClient) {
  const afterword::testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "socket").string();
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); }, {},
        [](std::string_view, std::string_view) { return Admission{.ends_with_client = true}; });
  ASSERT_TRUE(server_->listen({.unix_path = path}));
  RawSocket client = RawSocket::connect_to(path);
  client.send(get_request);
  gate.entered.wait();
  client.close();
  gate.ended().wait();
  EXPECT_FALSE(gate.passed);
}

TEST_F(ServerTest, AHandlerMayHaveNoAnswer) {
  start([](Request) -> async::Task<Response> {
    Response none;
    none.status = no_answer;
    co_return none;
  });
  RawSocket client = connect();
  client.send(get_request);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ServerTest, DrainAnswersWhatStillComesOnKeptConnections) {
  ServerOptions options;
  options.farewell = 60s;
  start(echo, options);
  RawSocket fresh = connect();
  RawSocket kept = connect();
  kept.send(get_request);
  kept.read_message();
  auto drained = drain(60s);
  EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
  for (RawSocket* client : {&fresh, &kept}) {
    client->send(get_request);
    EXPECT_THAT(client->read_to_end(),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\nConnection: close\r\n")));
  }
  drained.wait();
}

TEST_F(ServerTest, DrainServesWhatHasConnected) {
  ServerOptions options;
  options.farewell = 60s;
  start(echo, options);
  expect_all_served_in_a_drain([this] { return connect(); });
}

TEST_F(ServerTest, DrainClosesIdleConnectionsAfterTheFarewell) {
  ServerOptions options;
  options.farewell = 10ms;
  start(echo, options);
  RawSocket fresh = connect();
  RawSocket kept = connect();
  kept.send(get_request);
  kept.read_message();
  drain(60s).wait();
  EXPECT_TRUE(fresh.is_closed_by_peer());
  EXPECT_TRUE(kept.is_closed_by_peer());
  EXPECT_THROW(connect(), boost::system::system_error);
}

TEST_F(ServerTest, DrainWaitsForRequestsInFlight) {
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); });
  RawSocket client = connect();
  client.send(get_request);
  gate.entered.wait();
  auto drained = drain(60s);
  EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
  gate.open();
  EXPECT_THAT(client.read_to_end(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\nConnection: close\r\n")));
  drained.wait();
}

TEST_F(ServerTest, DrainCutsWhatTakesTooLong) {
  Gate gate(context_);
  start([&gate](Request) { return gate.answer(); });
  RawSocket client = connect();
  client.send(get_request);
  gate.entered.wait();
  drain(10ms).wait();
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_FALSE(gate.passed);
}

TEST(Server, MayBeDestroyedWhileItServes) {
  auto context = std::make_unique<asio::io_context>();
  auto gate = std::make_unique<Gate>(*context);
  auto server = std::make_unique<Server>(context->get_executor(), [&gate](Request) { return gate->answer(); });
  ASSERT_TRUE(server->listen({"127.0.0.1", 0}));
  RawSocket client = RawSocket::connect(server->port());
  client.send(get_request);
  while (!gate->entered.given) context->run_one();
  server.reset();
  EXPECT_TRUE(client.is_closed_by_peer());
  gate.reset();
  context.reset();
}

}  // namespace
}  // namespace afterword::http
