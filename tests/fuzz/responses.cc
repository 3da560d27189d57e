// http/client_connection: an answer is the same however it is cut into packets, and whether it is read whole or in
// pieces; what it leaves over is nobody's answer; and what we write of it to a client reads as the same answer.
//
// The input: the method; then the bytes of a connection.
#include "http/answer_head.h"
#include "http/chunk.h"
#include "http/client.h"
#include "http/hop_by_hop.h"
#include "require.h"
#include "targets.h"
#include "wire.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <limits>
#include <optional>

namespace afterword::fuzz {
namespace {

enum class Body { whole, in_pieces };

// `client` outlives the task.
async::Task<http::SendResult> fetch(http::Client& client, http::Request request, Body body) {
  if (body == Body::whole) {
    const http::SendLimits limits(std::chrono::seconds(60));
    co_return co_await client.send(std::move(request), limits);
  }
  auto answer = co_await client.stream(std::move(request), std::chrono::seconds(60));
  if (!answer) co_return answer;
  const bool is_whole = co_await http::gather(*answer, std::numeric_limits<std::size_t>::max());
  if (!is_whole) co_return http::NoAnswer{http::NoAnswer::Arrived::unknown, "it broke off"};
  co_return answer;
}

// A client, and the server that answers it with the input.
class World {
 public:
  World() : listener_(Socket::listen()) {}

  http::SendResult run(const std::string& method, std::string_view bytes, std::size_t piece, Body body) {
    boost::asio::io_context context(1);
    http::Client client(context.get_executor(), {.tls = false, .host = "127.0.0.1", .port = listener_.port()});
    ask(context, client, method, body);
    Socket connection = listener_.accept();
    require(connection.is_open(), "the client connects");
    while (!bytes.empty()) {
      connection.send(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
      settle(context);
    }
    if (!outcome_) connection.end();
    settle(context);
    // A connection that closed before a byte is replaced, once.
    Socket replacement = listener_.accept();
    if (replacement.is_open()) replacement.end();
    settle(context);
    require(outcome_.has_value(), "an answer that has ended is one, or none");
    http::SendResult outcome = *std::exchange(outcome_, std::nullopt);

    ask(context, client, "GET", body);
    Socket next = listener_.accept();
    const Socket& asked = next.is_open() ? next : connection;
    asked.send("HTTP/1.1 299 Second\r\nContent-Length: 2\r\n\r\nOK");
    settle(context);
    require(outcome_ && *outcome_ && (*outcome_)->status == 299 && (*outcome_)->body == "OK",
            "what an answer leaves over is nobody's answer");
    outcome_.reset();
    client.close();
    settle(context);
    return outcome;
  }

 private:
  void ask(boost::asio::io_context& context, http::Client& client, const std::string& method, Body body) {
    http::Request request;
    request.method = method;
    request.target = "/";
    boost::asio::co_spawn(context, fetch(client, std::move(request), body),
                          [this](const std::exception_ptr& failure, http::SendResult outcome) {
                            require(!failure, "asking throws nothing");
                            outcome_ = std::move(outcome);
                          });
    settle(context);
  }

  Socket listener_;
  std::optional<http::SendResult> outcome_;
};

bool is_same(const http::SendResult& a, const http::SendResult& b) {
  if (a.has_value() != b.has_value()) return false;
  if (!a) return true;
  const auto is_same_header = [](const http::Header& x, const http::Header& y) {
    return x.name == y.name && x.value == y.value;
  };
  return a->status == b->status && a->body == b->body && std::ranges::equal(a->headers, b->headers, is_same_header);
}

// Read again by Beast, which is what it was read with.
void check_written(const http::Response& response) {
  http::AnswerContext context;
  context.date = "Thu, 01 Jan 1970 00:00:00 GMT";
  const std::optional<http::Head> head = http::make_answer_head(response, context);
  if (!head) return;  // it is answered by an error of ours
  std::string text(head->text());
  const http::Framing framing = http::framing_of(response, context);
  const bool has_body = framing != http::Framing::none;
  if (framing == http::Framing::chunked) {
    const http::FramedPiece framed = http::frame(text, response.body, http::Chunks::complete);
    text = framed.before + std::string(framed.piece) + std::string(framed.behind);
  } else if (has_body) {
    text += response.body;
  }

  boost::beast::http::response_parser<boost::beast::http::string_body> parser;
  parser.eager(true);
  boost::beast::error_code error;
  const std::size_t read = parser.put(boost::asio::buffer(text), error);
  require(!error && parser.is_done() && read == text.size(), "what we write is one answer");
  require(parser.get().result_int() == static_cast<unsigned>(response.status), "it has the same status");
  require(parser.get().body() == (has_body ? response.body : ""), "it has the same body");
}

}  // namespace

void responses(std::string_view input) {
  static World world;
  const std::string_view line = take_line(input);
  const std::string method(line == "HEAD" || line == "PUT" ? line : "GET");
  const http::SendResult whole = world.run(method, input, std::max<std::size_t>(input.size(), 1), Body::whole);
  const http::SendResult cut = world.run(method, input, 1 + input.size() / 7, Body::whole);
  const http::SendResult streamed = world.run(method, input, 1 + input.size() / 7, Body::in_pieces);
  // But for what comes behind an answer: it is heard of where it has arrived by then.
  require(is_same(whole, cut) || !whole || !cut, "packets make no difference");
  require(is_same(cut, streamed), "nor do pieces");
  if (!whole) return;
  require(whole->status >= 100 && whole->status <= 999, "a status has three digits");
  for (const http::Header& header : whole->headers) {
    require(!http::is_hop_by_hop(header.name), "headers of one connection stay there");
    require(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "no header holds a line");
  }
  if (whole->status >= 200) check_written(*whole);
}

}  // namespace afterword::fuzz
