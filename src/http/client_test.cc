#include "http/client.h"

#include "base/testing/temporary_folder.h"
#include "http/testing/raw_socket.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <optional>
#include <thread>

namespace afterword::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Arrived = NoAnswer::Arrived;
using asio::ip::tcp;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawSocket;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds time_enough{10'000};
constexpr std::string_view empty_answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// A server whose every word is written by the test, on a thread of its own.
class ScriptedServer {
 public:
  using Script = std::function<void(tcp::acceptor&)>;

  explicit ScriptedServer(Script script)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
        port_(acceptor_.local_endpoint().port()),
        thread_([this, script = std::move(script)] { script(acceptor_); }) {}
  ~ScriptedServer() { thread_.join(); }

  Origin origin() const { return {.tls = false, .host = "127.0.0.1", .port = port_}; }

 private:
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::thread thread_;
};

// Accepts one connection, and answers each request on it with the next of `answers`; then closes it.
ScriptedServer::Script answer_with(std::vector<std::string> answers) {
  return [answers = std::move(answers)](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    for (const std::string& answer : answers) {
      peer.read_message();
      peer.send(answer);
    }
  };
}

Request request(std::string method, std::string body = {}) {
  Request result;
  result.method = std::move(method);
  result.target = "/path?query";
  result.body = std::move(body);
  return result;
}

class ClientTest : public ::testing::Test {
 protected:
  Client& open(const Origin& origin, ClientOptions options = {}) {
    return client_.emplace(context_.get_executor(), origin, options);
  }

  // Starts one; run() goes on until all are answered.
  std::shared_ptr<std::optional<SendResult>> start(Request to_send, SendLimits limits = time_enough) {
    auto outcome = std::make_shared<std::optional<SendResult>>();
    asio::co_spawn(context_, client_->send(std::move(to_send), limits),
                   [outcome](const std::exception_ptr& failure, SendResult result) {
                     if (failure) std::rethrow_exception(failure);
                     *outcome = std::move(result);
                   });
    return outcome;
  }

  void run() {
    context_.restart();
    context_.run();
  }

  SendResult send(Request to_send, SendLimits limits = time_enough) {
    const auto outcome = start(std::move(to_send), limits);
    run();
    return outcome->value();
  }

  asio::io_context context_;
  std::optional<Client> client_;
};

std::string body_of(const Result<Response, NoAnswer>& outcome) {
  return outcome ? outcome->body : "no answer: " + outcome.error().reason;
}

class UnixSocketClientTest : public ClientTest {
 protected:
  using Acceptor = asio::local::stream_protocol::acceptor;

  void listen(int backlog) {
    acceptor_.open();
    acceptor_.bind(asio::local::stream_protocol::endpoint(path_));
    acceptor_.listen(backlog);
  }
  Origin origin() const { return {.host = "localhost", .unix_path = path_}; }

  afterword::testing::TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "homeserver.sock").string();
  asio::io_context io_;
  Acceptor acceptor_{io_};
};

TEST_F(UnixSocketClientTest, SendsItsRequestAndReadsItsAnswer) {
  listen(1);
  std::string received;
  std::thread server([&] {
    RawSocket peer = RawSocket::accept(acceptor_);
    received = peer.read_message();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere");
  });
  open(origin());
  EXPECT_EQ(body_of(send(request("GET"))), "here");
  server.join();
  EXPECT_THAT(received, HasSubstr("\r\nHost: localhost\r\n"));
}

TEST_F(UnixSocketClientTest, SaysThatNothingArrivedWhereNobodyListens) {
  const auto failure_of = [this] {
    const auto outcome = send(request("PUT"));
    EXPECT_EQ(outcome.error().arrived, Arrived::no);
    return outcome.error().reason;
  };
  open(origin());
  EXPECT_EQ(failure_of(), "cannot connect to unix:" + path_ + ": No such file or directory");
  listen(1);
  acceptor_.close();
  EXPECT_EQ(failure_of(), "cannot connect to unix:" + path_ + ": Connection refused");
}

TEST_F(UnixSocketClientTest, WaitsUntilThereIsRoom) {
  listen(0);
  RawSocket first = RawSocket::connect_to(path_);
  std::thread server([&] {
    std::this_thread::sleep_for(50ms);
    RawSocket::accept(acceptor_);
    RawSocket peer = RawSocket::accept(acceptor_);
    peer.read_message();
    peer.send(empty_answer);
  });
  open(origin());
  const auto outcome = send(request("GET"));
  EXPECT_TRUE(outcome) << outcome.error().reason;
  server.join();
}

TEST_F(UnixSocketClientTest, WaitsNoLongerThanForAnyConnection) {
  listen(0);
  const RawSocket first = RawSocket::connect_to(path_);
  open(origin(), {.connect_timeout = 50ms});
  const auto outcome = send(request("GET"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().arrived, Arrived::no);
  EXPECT_EQ(outcome.error().reason, "unix:" + path_ + " takes nobody within 50 ms");
}

TEST_F(ClientTest, FindsLocalhostInEitherFamily) {
  asio::io_context io;
  boost::system::error_code no_ipv6;
  tcp::acceptor acceptor(io);
  acceptor.open(tcp::v6(), no_ipv6);
  if (!no_ipv6) acceptor.bind({asio::ip::address_v6::loopback(), 0}, no_ipv6);
  if (no_ipv6) GTEST_SKIP() << "this machine has no IPv6";
  acceptor.listen();
  std::thread server([&] { answer_with({std::string(empty_answer)})(acceptor); });
  open({.host = "localhost", .port = acceptor.local_endpoint().port()});
  const auto outcome = send(request("GET"));
  EXPECT_TRUE(outcome) << outcome.error().reason;
  server.join();
}

TEST_F(ClientTest, SendsARequestAndReadsItsAnswer) {
  std::string received;
  std::string received_of_own;
  std::string host;
  {
    ScriptedServer server([&](tcp::acceptor& acceptor) {
      RawSocket peer = RawSocket::accept(acceptor);
      received = peer.read_message();
      peer.send(
          "HTTP/1.1 404 Not Found\r\nSet-Cookie: b\r\nX: 1\r\nSet-Cookie: a\r\nConnection: y\r\nY: 2\r\n"
          "Content-Length: 4\r\n\r\nbody");
      received_of_own = peer.read_message();
      peer.send(empty_answer);
    });
    host = server.origin().host_header();
    open(server.origin());
    Request put = request("PUT", "content");
    put.headers = {{"Host", "elsewhere"},
                   {"Content-Length", "99"},
                   {"A", "1"},
                   {"Connection", "B"},
                   {"B", "2"},
                   {"TE", "trailers"},
                   {"A", "3"},
                   {"Expect", "100-continue"}};
    const auto answer = send(std::move(put));
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_EQ(answer->status, 404);
    EXPECT_EQ(answer->body, "body");
    std::vector<std::string> lines;
    for (const Header& header : answer->headers)
      lines.push_back(std::string(header.name).append(": ").append(header.value));
    EXPECT_THAT(lines, ElementsAre("Set-Cookie: b", "X: 1", "Set-Cookie: a", "Content-Length: 4"));
    send(request("GET"));
  }
  EXPECT_THAT(received_of_own, StartsWith("GET /path?query HTTP/1.1\r\nHost: " + host + "\r\n"));
  EXPECT_THAT(received, StartsWith("PUT /path?query HTTP/1.1\r\nHost: elsewhere\r\n"));
  EXPECT_THAT(received, EndsWith("\r\nA: 1\r\nA: 3\r\nContent-Length: 7\r\n\r\ncontent"));
}

TEST_F(ClientTest, UsesAConnectionAgain) {
  ScriptedServer server(answer_with({"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
                                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n",
                                     "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",  // to a HEAD
                                     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc"}));
  open(server.origin());
  EXPECT_EQ(body_of(send(request("GET"))), "a");
  EXPECT_EQ(body_of(send(request("PUT", "x"))), "b");
  EXPECT_EQ(body_of(send(request("POST"))), "");
  EXPECT_EQ(body_of(send(request("GET"))), "");
  const auto head = send(request("HEAD"));
  EXPECT_EQ(body_of(head), "");
  EXPECT_EQ(head->headers.find("Content-Length"), "5");
  EXPECT_EQ(body_of(send(request("GET"))), "c");
}

TEST_F(ClientTest, UnderstandsAnAnswerThatArrivesInPieces) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_message();
    for (const char byte : std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n")) {
      peer.send({&byte, 1});
    }
  });
  open(server.origin());
  const auto answer = send(request("PUT"));
  EXPECT_EQ(body_of(answer), "abcde");
  EXPECT_EQ(answer->headers.find("Link"), std::nullopt);
}

TEST_F(ClientTest, AnAnswerThatIsAnnouncedForEverIsNone) {
  std::string announcements;
  for (int i = 0; i < 1000; ++i) announcements += "HTTP/1.1 102 Processing\r\n\r\n";
  ScriptedServer server(answer_with({announcements + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"}));
  open(server.origin());
  const auto answer = send(request("PUT"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, NoAnswer::Arrived::unknown);
}

TEST_F(ClientTest, AnAnswerWithoutLengthEndsWithItsConnection) {
  ScriptedServer server(answer_with({"HTTP/1.1 200 OK\r\n\r\nuntil the end"}));
  open(server.origin());
  EXPECT_EQ(body_of(send(request("GET"))), "until the end");
}

TEST_F(ClientTest, OpensANewConnectionWhenTheServerCloses) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    for (const char* answer :
         {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na",
          "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nb", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc"}) {
      RawSocket peer = RawSocket::accept(acceptor);
      peer.read_message();
      peer.send(answer);
    }
  });
  open(server.origin());
  for (const char* body : {"a", "b", "c"}) EXPECT_EQ(body_of(send(request("PUT"))), body);
}

// Who has said more than was asked may have answered something else: nothing on that connection can be believed.
TEST_F(ClientTest, AnAnswerWithMoreBehindItIsNoAnswer) {
  const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"GET", good + "b"},
      {"PUT", good + good},
      {"PUT", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nab"},
      {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nab"},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n\r\n"},
      {"HEAD", good},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\na"},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\n\r\na"},
      {"GET", "HTTP/1.1 100 Continue\r\n\r\n" + good + good}};
  for (const auto& [method, surprise] : cases) {
    ScriptedServer server([&surprise = surprise](tcp::acceptor& acceptor) {
      answer_with({surprise})(acceptor);
      answer_with({std::string(empty_answer)})(acceptor);
    });
    open(server.origin());
    const auto answer = send(request(method));
    ASSERT_FALSE(answer) << surprise;
    EXPECT_EQ(answer.error().arrived, Arrived::unknown) << surprise;
    EXPECT_TRUE(send(request("PUT"))) << "on a new connection, after " << surprise;
  }
}

TEST_F(ClientTest, WhatIsSaidBeforeTheNextRequestDoesNotAnswerIt) {
  std::promise<void> said;
  ScriptedServer server([&said](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_message();
    peer.send(empty_answer);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse");
    said.set_value();
    answer_with({"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"})(acceptor);
    EXPECT_TRUE(peer.is_closed_by_peer());
  });
  open(server.origin());
  send(request("GET"));
  said.get_future().wait();
  EXPECT_EQ(body_of(send(request("GET"))), "true");
}

TEST_F(ClientTest, AnAnswerThatCanBeReadInTwoWaysIsNoAnswer) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    ScriptedServer server(answer_with({answer}));
    open(server.origin());
    const auto outcome = send(request("PUT"));
    ASSERT_FALSE(outcome) << answer;
    EXPECT_EQ(outcome.error().arrived, Arrived::unknown);
    EXPECT_THAT(outcome.error().reason, StartsWith("not a well-formed answer")) << answer;
  }
}

TEST_F(ClientTest, WhatCannotBeWrittenAsOneRequestIsNotSent) {
  open({.tls = false, .host = "127.0.0.1", .port = 1});
  std::vector<Request> unwritable;
  for (const char* value : {"x\r\nX-Injected: yes", "x\ny", "x\ry", "\x01"}) {
    unwritable.push_back(request("GET"));
    unwritable.back().headers.add("Authorization", value);
  }
  for (const char* name : {"", "X Y", "X:", "X\r\nY"}) {
    unwritable.push_back(request("PUT"));
    unwritable.back().headers.add(name, "value");
  }
  for (const char* target : {"", "path", "/a b", "/a\r\nb", "/a/../b", "/a/%2e%2E/b", "/a#b", "http://elsewhere/"}) {
    unwritable.push_back(request("GET"));
    unwritable.back().target = target;
  }
  for (const char* method : {"", "GET /x HTTP/1.1\r\n\r\nGET", "PUT\t"}) unwritable.push_back(request(method));
  for (const Request& to_send : unwritable) {
    const auto answer = send(to_send);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().arrived, Arrived::no);
    EXPECT_EQ(answer.error().reason, "it cannot be written as one HTTP request") << to_send.method << to_send.target;
  }
}

TEST_F(ClientTest, NoticesThatAnIdleConnectionWasClosed) {
  std::promise<void> closed;
  ScriptedServer server([&closed](tcp::acceptor& acceptor) {
    answer_with({std::string(empty_answer)})(acceptor);
    closed.set_value();
    answer_with({std::string(empty_answer)})(acceptor);
  });
  open(server.origin());
  EXPECT_TRUE(send(request("PUT")));
  closed.get_future().wait();
  EXPECT_TRUE(send(request("PUT"))) << "not sent on the closed one";
}

// A balancer that closes what has been idle for 600 ms, and a client that is just as slow.
TEST_F(ClientTest, LosesNothingToAServerThatClosesIdleConnections) {
  constexpr int rounds = 12;
  std::atomic<int> connections = 0;
  ScriptedServer server([&connections](tcp::acceptor& acceptor) {
    for (int answered = 0; answered < rounds;) {
      RawSocket peer = RawSocket::accept(acceptor);
      ++connections;
      while (answered < rounds && peer.waits_for_bytes(600ms)) {
        if (peer.read_message().empty()) break;
        peer.send(empty_answer);
        ++answered;
      }
    }
  });
  open(server.origin());
  for (int round = 0; round < rounds; ++round) {
    const auto answer = send(request("PUT"));
    EXPECT_TRUE(answer) << answer.error().reason;
    std::this_thread::sleep_for(round % 3 == 0 ? 1ms : 592ms + round * 1ms);
  }
  EXPECT_LT(connections, rounds) << "those that were used just before are used again";
}

TEST_F(ClientTest, BelievesForHowLongItIsKept) {
  std::atomic<int> connections = 0;
  ScriptedServer server([&connections](tcp::acceptor& acceptor) {
    std::vector<RawSocket> peers;  // they stay open
    for (const int requests : {2, 1}) {
      peers.push_back(RawSocket::accept(acceptor));
      ++connections;
      for (int i = 0; i < requests; ++i) {
        peers.back().read_message();
        peers.back().send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=1\r\n\r\n");
      }
    }
  });
  open(server.origin());
  EXPECT_TRUE(send(request("GET")));
  EXPECT_TRUE(send(request("GET")));
  EXPECT_EQ(connections, 1) << "what may be repeated goes over it";
  EXPECT_TRUE(send(request("PUT")));
  EXPECT_EQ(connections, 2);
}

TEST_F(ClientTest, OnlyWhatIsSafeIsSentTwice) {
  for (const bool reset : {false, true}) {
    std::atomic<int> repeated = 0;
    ScriptedServer server([&repeated, reset](tcp::acceptor& acceptor) {
      for (int method = 0; method < 4; ++method) {
        RawSocket peer = RawSocket::accept(acceptor);
        peer.read_message();
        peer.send(empty_answer);
        peer.read_message();  // taken, and not answered
        reset ? peer.reset() : peer.close();
        if (method == 3) break;
        RawSocket again = RawSocket::accept(acceptor);
        again.read_message();
        again.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        ++repeated;
      }
    });
    open(server.origin());
    for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
      EXPECT_TRUE(send(request("PUT")));
      EXPECT_TRUE(send(request(method))) << method;
    }
    EXPECT_TRUE(send(request("PUT")));
    const auto put = send(request("PUT"));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().arrived, Arrived::unknown);
    EXPECT_EQ(repeated, 3);
  }
}

TEST_F(ClientTest, ANewConnectionThatIsClosedIsNotReplaced) {
  ScriptedServer server([](tcp::acceptor& acceptor) { RawSocket::accept(acceptor).read_message(); });
  open(server.origin());
  const auto answer = send(request("GET"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, Arrived::unknown);
}

TEST_F(ClientTest, ACutAnswerIsNoAnswer) {
  for (const char* cut : {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    for (const bool reset : {false, true}) {
      ScriptedServer server([cut, reset](tcp::acceptor& acceptor) {
        RawSocket peer = RawSocket::accept(acceptor);
        peer.read_message();
        peer.send(cut);
        if (reset) peer.reset();
      });
      open(server.origin());
      const auto answer = send(request("GET"));
      ASSERT_FALSE(answer) << cut;
      EXPECT_EQ(answer.error().arrived, Arrived::unknown);
    }
  }
}

TEST_F(ClientTest, GarbageIsNoAnswer) {
  for (const std::string& garbage :
       {std::string("SSH-2.0-OpenSSH\r\n\r\n"), "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(200'000, 'x')}) {
    ScriptedServer server(answer_with({garbage}));
    open(server.origin());
    const auto answer = send(request("GET"));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().arrived, Arrived::unknown);
    EXPECT_THAT(answer.error().reason, StartsWith("not a well-formed answer"));
  }
}

TEST_F(ClientTest, AnAnswerMayBeTooLarge) {
  for (const char* large : {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n",
                            "HTTP/1.1 200 OK\r\n\r\n12345678901"}) {
    ScriptedServer server(answer_with({large}));
    open(server.origin());
    const auto answer = send(request("GET"), {time_enough, 10});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().reason, "the answer is too large");
    EXPECT_TRUE(answer.error().too_large);
    EXPECT_EQ(answer.error().arrived, Arrived::unknown);
  }
}

TEST_F(ClientTest, ThereMayBeNoRoomForAnAnswer) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + std::string(10'000, 'x');
  ScriptedServer server([&answer](tcp::acceptor& acceptor) {
    for (int i = 0; i < 3; ++i) {
      RawSocket peer = RawSocket::accept(acceptor);
      peer.read_message();
      peer.send(answer);
      peer.read_to_end();
    }
  });
  ClientOptions options;
  options.max_idle_connections = 0;
  options.bodies = std::make_shared<ByteBudget>(16'000);
  open(server.origin(), options);
  EXPECT_TRUE(send(request("GET")));
  {
    ByteBudget::Share others(*options.bodies);
    others.hold(5'000);
    const auto refused = send(request("GET"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().no_room);
  }
  {
    const auto answered = send(request("GET"));
    ASSERT_TRUE(answered);
    EXPECT_EQ(options.bodies->taken_bytes(), 10'000u) << "the answer goes on to hold it";
  }
  EXPECT_EQ(options.bodies->taken_bytes(), 0u);
}

TEST_F(ClientTest, EachRequestHasALimitOfItsOwn) {
  const std::string eleven_bytes = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901";
  ScriptedServer server(answer_with({eleven_bytes, eleven_bytes, eleven_bytes}));
  open(server.origin());
  EXPECT_TRUE(send(request("GET")));
  EXPECT_TRUE(send(request("GET"), {time_enough, 11}));
  EXPECT_FALSE(send(request("GET"), {time_enough, 10}));
}

TEST_F(ClientTest, CarriesLargeBodiesBothWays) {
  const std::string body(8 * 1024 * 1024, 'x');
  ScriptedServer server([&body](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    const std::string received = peer.read_message();
    EXPECT_TRUE(received.ends_with(body));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  open(server.origin());
  EXPECT_TRUE(body_of(send(request("PUT", body))) == body);
}

TEST_F(ClientTest, AnAnswerToHalfARequestCounts) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    peer.read_to_end();
  });
  open(server.origin());
  const auto answer = send(request("PUT", std::string(100'000, 'x')));
  ASSERT_TRUE(answer) << answer.error().reason;
  EXPECT_EQ(answer->status, 413);
}

TEST_F(ClientTest, ARefusedConnectionIsKnownNotToHaveArrived) {
  std::uint16_t port = 0;
  {
    tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
    port = acceptor.local_endpoint().port();
  }
  open({.tls = false, .host = "127.0.0.1", .port = port});
  const auto answer = send(request("PUT"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, Arrived::no);
  EXPECT_EQ(answer.error().reason, "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST_F(ClientTest, AnUnknownHostIsKnownNotToHaveArrived) {
  const std::string impossible(64, 'x');  // longer than a label may be: no name server is asked
  open({.tls = false, .host = impossible, .port = 80});
  const auto answer = send(request("PUT"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, Arrived::no);
}

TEST_F(ClientTest, TriesEveryAddressOfAName) {
  ScriptedServer server(answer_with({std::string(empty_answer)}));
  Origin origin = server.origin();
  origin.host = "localhost";  // may well be ::1 first, where nobody listens
  open(origin);
  const auto answer = send(request("GET"));
  EXPECT_TRUE(answer) << answer.error().reason;
}

TEST_F(ClientTest, ATimeoutAfterSendingIsUnknown) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_message();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nslo");
    EXPECT_TRUE(peer.is_closed_by_peer());
  });
  open(server.origin());
  const auto answer = send(request("GET"), 50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, Arrived::unknown);
  EXPECT_EQ(answer.error().reason, "no answer within 50 ms");
}

TEST_F(ClientTest, RequestsBeyondTheLimitWaitInOrder) {
  std::vector<std::string> received;
  {
    ScriptedServer server([&received](tcp::acceptor& acceptor) {
      RawSocket peer = RawSocket::accept(acceptor);
      for (int number = 0; number < 4; ++number) {
        const std::string message = peer.read_message();
        received.push_back(message.substr(message.find("\r\n\r\n") + 4));
        peer.send(empty_answer);
      }
    });
    ClientOptions options;
    options.max_connections = 1;
    open(server.origin(), options);
    for (const char* body : {"a", "b", "c", "d"}) start(request("PUT", body));
    run();
  }
  EXPECT_THAT(received, ElementsAre("a", "b", "c", "d"));
}

TEST_F(ClientTest, WhatTimesOutInTheQueueHasNotArrived) {
  std::promise<void> waiter_gone;
  ScriptedServer server([&waiter_gone](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_message();
    waiter_gone.get_future().wait();
    peer.send(empty_answer);
    EXPECT_THAT(peer.read_message(), EndsWith("third"));
    peer.send(empty_answer);
  });
  ClientOptions options;
  options.max_connections = 1;
  open(server.origin(), options);
  const auto first = start(request("PUT", "first"));
  const auto second = start(request("PUT", "second"), 50ms);
  const auto third = start(request("PUT", "third"));
  context_.restart();
  while (!*second) context_.run_one();
  waiter_gone.set_value();
  run();
  EXPECT_EQ(second->value().error().arrived, Arrived::no);
  EXPECT_TRUE(first->value());
  EXPECT_TRUE(third->value());
}

TEST_F(ClientTest, AFailedConnectionLetsTheNextOneIn) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    RawSocket::accept(acceptor).read_message();
    answer_with({std::string(empty_answer)})(acceptor);
  });
  ClientOptions options;
  options.max_connections = 1;
  open(server.origin(), options);
  const auto first = start(request("PUT"));
  const auto second = start(request("PUT"));
  run();
  EXPECT_FALSE(first->value());
  EXPECT_TRUE(second->value());
}

TEST_F(ClientTest, CloseEndsWhatIsInFlight) {
  std::promise<void> received;
  ScriptedServer server([&received](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_message();
    received.set_value();
    EXPECT_TRUE(peer.is_closed_by_peer());
  });
  ClientOptions options;
  options.max_connections = 1;
  open(server.origin(), options);
  const auto sent = start(request("PUT"));
  const auto queued = start(request("PUT"));
  auto arrived = received.get_future();
  context_.restart();
  while (arrived.wait_for(0s) != std::future_status::ready) context_.run_for(1ms);
  client_->close();
  run();
  EXPECT_EQ(sent->value().error().arrived, Arrived::unknown);
  EXPECT_TRUE(sent->value().error().was_cancelled);
  EXPECT_EQ(queued->value().error().arrived, Arrived::no);
  EXPECT_EQ(send(request("GET")).error().arrived, Arrived::no) << "it stays closed";
}

TEST_F(ClientTest, MayBeDestroyedWhileARequestIsInFlight) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    RawSocket peer = RawSocket::accept(acceptor);
    peer.read_message();
    EXPECT_TRUE(peer.is_closed_by_peer());
  });
  open(server.origin());
  const auto sent = start(request("PUT"));
  context_.restart();
  context_.run_for(20ms);
  client_.reset();
  run();
  EXPECT_FALSE(sent->value());
}

TEST_F(ClientTest, KeepsNoMoreIdleConnectionsThanAllowed) {
  ScriptedServer server([](tcp::acceptor& acceptor) {
    RawSocket first = RawSocket::accept(acceptor);
    RawSocket second = RawSocket::accept(acceptor);
    for (RawSocket* peer : {&first, &second}) {
      peer->read_message();
      peer->send(empty_answer);
    }
    EXPECT_TRUE(second.is_closed_by_peer() || first.is_closed_by_peer());
  });
  ClientOptions options;
  options.max_idle_connections = 0;
  open(server.origin(), options);
  start(request("PUT"));
  start(request("PUT"));
  run();
}

TEST(Origin, ReadsUrls) {
  const auto plain = Origin::parse("http://127.0.0.1:8008");
  ASSERT_TRUE(plain) << plain.error();
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 8008);
  EXPECT_EQ(plain->host_header(), "127.0.0.1:8008");

  const auto secure = Origin::parse("https://example.org/");
  ASSERT_TRUE(secure) << secure.error();
  EXPECT_TRUE(secure->tls);
  EXPECT_EQ(secure->port, 443);
  EXPECT_EQ(secure->host_header(), "example.org");

  const auto ipv6 = Origin::parse("http://[::1]:80");
  ASSERT_TRUE(ipv6) << ipv6.error();
  EXPECT_EQ(ipv6->host, "::1");
  EXPECT_EQ(ipv6->host_header(), "[::1]");
}

TEST(Origin, SaysWhatIsWrongWithAUrl) {
  for (const char* url : {"", "example.org", "ftp://example.org", "http://", "http://example.org/path",
                          "http://example.org?q", "http://example.org#f", "http://example.org:99999",
                          "http://example.org:0", "http://a b", "http://a%0d%0ab", "http://a%20b", "http://a%2fb"}) {
    const auto origin = Origin::parse(url);
    ASSERT_FALSE(origin) << url;
    EXPECT_THAT(origin.error(), HasSubstr(url));
  }
}

TEST(Origin, ShowsNoUserNameOrPassword) {
  for (const char* url : {"http://user@example.org", "http://user:pass@example.org", "user:pass@example.org/path"}) {
    const auto origin = Origin::parse(url);
    ASSERT_FALSE(origin) << url;
    EXPECT_THAT(origin.error(), HasSubstr("@example.org"));
    EXPECT_THAT(origin.error(), Not(HasSubstr("user:")));
    EXPECT_THAT(origin.error(), Not(HasSubstr("pass@")));
  }
}

}  // namespace
}  // namespace afterword::http
