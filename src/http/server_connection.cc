#include "http/server_connection.h"

#include "async/condition.h"
#include "base/log.h"
#include "http/chunk.h"
#include "http/client_address.h"
#include "http/head_syntax.h"
#include "http/matrix_answer.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace afterword::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;

// A head nearly always fits the first; while a connection waits, it holds no more.
constexpr std::size_t head_read_bytes = 4 * 1024;
constexpr std::size_t body_read_bytes = 64 * 1024;

// How long a client may take to read our last answer before we close on it.
constexpr std::chrono::seconds linger_time{2};

// And how much of what it still sends we throw away meanwhile: far more than is under way in a network, and too little
// to keep us busy.
constexpr std::size_t linger_bytes = 16 * 1024 * 1024;
constexpr std::size_t linger_read_bytes = 16 * 1024;

// Proxies, and RFC 9112, may send the absolute form to a server as well. Nothing if it names another host than the
// header does.
std::optional<std::string> to_origin_form(std::string as_received, std::string_view host) {
  std::string_view target = as_received;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t path = std::min(target.find_first_of("/?"), target.size());
    if (!equal_ignoring_case(target.substr(0, path), host)) return std::nullopt;
    target.remove_prefix(path);
    return target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  }
  return as_received;
}

// What RFC 9112 tells a server to refuse, and Beast lets through. Nothing if it can be understood in more than one way.
std::optional<Request> to_request(StrictParser<true>& parser, Headers headers) {
  std::optional<std::string_view> host;
  for (const Header& header : headers) {
    if (!equal_ignoring_case(header.name, "Host")) continue;
    if (host) return std::nullopt;
    host = header.value;
  }
  if (!host && parser.version >= 11) return std::nullopt;
  if (!is_host(host.value_or("")) || !has_one_length(headers, parser.version)) return std::nullopt;

  Request request;
  request.method = std::move(parser.method);
  std::optional<std::string> target = to_origin_form(std::move(parser.target), host.value_or(""));
  if (!target || !is_token(request.method) || !is_target(*target)) return std::nullopt;
  if (*target == "*" && request.method != "OPTIONS") return std::nullopt;
  // Neither is any business of a homeserver, and what they do to a connection is another matter for each reader.
  if (request.method == "CONNECT" || request.method == "TRACE") return std::nullopt;
  request.target = std::move(*target);
  request.headers = std::move(headers);
  return request;
}

std::string_view to_text(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// A client that loses its network says nothing. The system asks for it when it has been silent for so long, and then
// takes the connection for closed; so not even a request that waits for ever keeps it.
void find_out_when_it_is_dead(int socket) {
  const auto set = [&](int level, int name, int value) { ::setsockopt(socket, level, name, &value, sizeof value); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

enum class ClientState { there, half_closed, gone };

// Without reading anything: what has arrived behind the request is the next one. Of a Unix socket it can be told
// whether its client has closed it or has only ended its own side.
ClientState state_of(int socket) {
  pollfd state{.fd = socket, .events = POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) <= 0) return ClientState::there;
  if ((state.revents & (POLLERR | POLLHUP)) != 0) return ClientState::gone;
  return (state.revents & POLLRDHUP) != 0 ? ClientState::half_closed : ClientState::there;
}

}  // namespace

struct ServerConnection::Incoming : Pooled {
  Request request;
  bool keep_alive = true;
  bool http_1_0 = false;
};

enum class ServerConnection::Refusal { gone, malformed, head_too_large, body_too_large, out_of_memory };

ServerConnection::ServerConnection(Listener::Socket socket, std::string peer, std::string owner, ServerContext& context)
    : socket_(std::move(socket)),
      context_(context),
      peer_(std::move(peer)),
      owner_(std::move(owner)),
      held_(*context.options.bodies, owner_) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  find_out_when_it_is_dead(socket_.native_handle());
  socket_.non_blocking(true, ignored);
}

// Reads from its connection until the request is answered. It may be kept for longer than that, by whatever has yet to
// notice.
class ServerConnection::RequestBody final : public BodyStream {
 public:
  RequestBody(std::shared_ptr<ServerConnection> connection, bool is_asked_for)
      : connection_(std::move(connection)),
        waits_to_be_asked_(!is_asked_for),
        idle_since_(connection_->context_.tick),
        progress_{connection_->context_.tick},
        all_ended_(connection_->socket_.get_executor()) {}

  async::Task<Result<std::string_view, BrokenOff>> read() override {
    const Operation operation(*this);
    ServerConnection& from = *connection_;
    progress_.since += from.context_.tick - idle_since_;  // the time since the last piece was not the client's
    if (!stopped_) piece().clear();
    for (;;) {
      if (stopped_) co_return BrokenOff{"the request was answered before it was there"};
      from.refused_ = from.take_in();
      if (from.refused_) co_return BrokenOff{"the request is not well-formed"};
      if (!piece().empty() || from.parser_->is_done()) break;
      is_reading_ = true;
      if (!waits_to_be_asked_) from.expect_progress(progress_, from.context_.options.body_timeout);
      const error_code error = co_await from.read_some(body_read_bytes);
      is_reading_ = false;
      from.deadline_ = no_deadline;
      if (error && error != asio::error::operation_aborted) from.refused_ = Refusal::gone;
      if (error) co_return BrokenOff{"the client broke the request off"};
    }
    if (from.parser_->is_done()) from.context_.connections.work(from.place_);
    progress_.carried_bytes += piece().size();
    idle_since_ = from.context_.tick;
    co_return std::string_view(piece());
  }

  async::Task<void> ask_for() override {
    if (!std::exchange(waits_to_be_asked_, false) || stopped_) co_return;
    const Operation operation(*this);
    progress_.since = connection_->context_.tick;  // until now it had not been told to send
    if (is_reading_) connection_->expect_progress(progress_, connection_->context_.options.body_timeout);
    co_await connection_->ask_for_body();
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    const auto remaining = connection_->parser_->content_length_remaining();
    return remaining && !stopped_ ? std::optional<std::uint64_t>(*remaining) : std::nullopt;
  }

  // Ends what is under way. Nothing is read any more afterwards.
  async::Task<void> stop() {
    stopped_ = true;
    error_code ignored;
    if (operations_ > 0) connection_->socket_.cancel(ignored);
    while (operations_ > 0 && !connection_->was_cut_) co_await all_ended_.wait();
  }

 private:
  struct Operation {
    explicit Operation(RequestBody& body_to_use) : body(body_to_use) { ++body.operations_; }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() {
      if (--body.operations_ == 0) body.all_ended_.notify_all();
    }
    RequestBody& body;
  };

  std::string& piece() { return connection_->parser_->body(); }

  std::shared_ptr<ServerConnection> connection_;
  bool waits_to_be_asked_;
  std::uint64_t idle_since_;  // the tick
  Progress progress_;
  bool stopped_ = false;
  bool is_reading_ = false;
  int operations_ = 0;
  async::Condition all_ended_;
};

// Of one request, until it is answered.
class ServerConnection::Interim final : public InterimAnswers {
 public:
  explicit Interim(std::weak_ptr<ServerConnection> connection) : connection_(std::move(connection)) {}

  void pass_on(const Response& answer) override {
    if (const auto connection = connection_.lock()) connection->write_interim(answer);
  }

  void end() { connection_.reset(); }

 private:
  std::weak_ptr<ServerConnection> connection_;
};

async::Task<void> ServerConnection::run() {
  for (;;) {
    // What is here already needs no wait, so without this whoever sends many at once would be answered all of them
    // first.
    if (input_.size() > 0) co_await asio::post(asio::use_awaitable);
    auto read = co_await read_request();
    if (!read) {
      if (read.error() != Refusal::gone) co_await refuse(read.error());
      break;
    }
    std::unique_ptr<Incoming> incoming = std::move(*read);
    AnswerContext answer;
    answer.to_head_request = incoming->request.method == "HEAD";
    answer.to_http_1_0 = incoming->http_1_0;
    answer.keep_alive = incoming->keep_alive;

    deadline_ = no_deadline;
    handling_ = true;
    if (!incoming->request.rest) context_.connections.work(place_);
    half_closed_since_.reset();
    if (!ends_with_client_) {
      method_ = incoming->request.method;
      target_ = incoming->request.target;
    }
    const auto interim =
        answer.to_http_1_0 ? nullptr : std::allocate_shared<Interim>(PoolAllocator<Interim>(), weak_from_this());
    incoming->request.interim = interim;
    Response response;
    bool has_failed = true;
    try {
      auto handling = context_.handler(std::move(incoming->request));
      incoming.reset();  // a long poll waits for long
      response = co_await std::move(handling);
      has_failed = false;
    } catch (const std::exception& error) {
      if (!was_cut_) log::error("a request handler failed: {}", error.what());
    } catch (...) {
      log::error("a request handler failed with an unknown error");
    }
    if (has_failed) response = handler_failed();
    if (interim) interim->end();
    handling_ = false;
    target_ = std::string();  // it may be long, and the connection idle for long
    if (const auto body = body_.lock()) co_await body->stop();
    if (refused_) {
      if (*refused_ != Refusal::gone) co_await refuse(*refused_);
      break;
    }
    if (response.status == no_answer) break;
    held_.reset();
    response.room.reset();
    // Whoever does not read what he asked for would fill the memory with it.
    if (!held_.grow_to(response.rest ? BodyStream::window_bytes : response.body.size())) response = no_room_in_memory();

    // One who still sends does not hear that the next request may come.
    answer.keep_alive =
        answer.keep_alive && is_read() && !context_.draining && framing_of(response, answer) != Framing::until_close;
    answer.date = context_.date;
    is_answering_ = true;
    auto writing = write_answer(std::move(response), answer);
    const bool written = co_await std::move(writing);
    if (!written) break;
    is_answering_ = false;
    if (!answer.keep_alive) {
      co_await linger();
      break;
    }
  }
  close();
}

// Takes in what has arrived. What it leaves is the next request, or a piece too small to understand yet; the limit
// holds for chunk extensions and trailers, which the parser's own limits do not cover.
std::optional<ServerConnection::Refusal> ServerConnection::take_in() {
  if (parser_->is_done() || input_.size() == 0) return std::nullopt;
  error_code error;
  input_.consume(parser_->put(input_.data(), error));
  if (error == beast_http::error::header_limit) return Refusal::head_too_large;
  if (error == beast_http::error::body_limit) return Refusal::body_too_large;
  if (error && error != beast_http::error::need_more) return Refusal::malformed;
  if (error && parser_->is_header_done() && input_.size() > context_.options.max_header_bytes) {
    return Refusal::malformed;
  }
  return std::nullopt;
}

async::Task<std::optional<ServerConnection::Refusal>> ServerConnection::read_head() {
  held_ = ByteBudget::Share(*context_.options.bodies, owner_);
  idle_ = input_.size() == 0;
  wait_for_client(idle_ ? context_.options.idle_timeout : context_.options.head_timeout);
  HeadScan scan(HeadScan::Of::request, context_.options.max_header_bytes);
  bool may_skip_line = true;  // RFC 9112 section 2.2: an empty line before the request
  for (;;) {
    if (may_skip_line && to_text(input_).starts_with("\r\n")) {
      may_skip_line = false;
      input_.consume(2);
    }
    const auto found = to_text(input_) == "\r" ? HeadScan::Result::incomplete : scan.look_at(to_text(input_));
    if (found == HeadScan::Result::sound) co_return std::nullopt;
    if (found == HeadScan::Result::malformed) co_return Refusal::malformed;
    if (found == HeadScan::Result::too_large) co_return Refusal::head_too_large;
    if (!held_.grow_to(input_.size())) co_return Refusal::out_of_memory;
    const error_code error = co_await read_some(head_read_bytes);
    if (error) co_return Refusal::gone;
    // Its time starts again with its first byte: a client may begin just before an idle connection would be closed.
    if (idle_) wait_for_client(context_.options.head_timeout);
    idle_ = false;
  }
}

async::Task<Result<std::unique_ptr<ServerConnection::Incoming>, ServerConnection::Refusal>>
ServerConnection::read_request() {
  ends_with_client_.reset();
  const auto refused = co_await read_head();
  if (refused) co_return *refused;
  parser_ = std::make_unique<StrictParser<true>>();
  parser_->header_limit(static_cast<std::uint32_t>(context_.options.max_header_bytes));
  parser_->body_limit(boost::none);
  std::size_t head_bytes = input_.size();
  Headers headers = Headers::read(to_text(input_));
  if (const auto refusal = take_in()) co_return *refusal;
  head_bytes -= input_.size();
  auto request = to_request(*parser_, std::move(headers));
  if (!request) co_return Refusal::malformed;
  auto incoming = std::make_unique<Incoming>();
  incoming->request = std::move(*request);
  incoming->request.is_chunked = parser_->chunked();
  incoming->request.peer = peer_;
  incoming->request.client =
      owner_.empty() ? client_address(incoming->request, context_.options.is_trusted_proxy) : owner_;
  held_ = ByteBudget::Share(*context_.options.bodies, incoming->request.client);
  // While it is handled, its target is there in the form in which it is looked at, and in that in which it goes on.
  head_bytes += 2 * incoming->request.target.size();
  held_.hold(head_bytes);
  incoming->keep_alive = parser_->keep_alive();
  incoming->http_1_0 = parser_->version < 11;
  if (parser_->is_done()) co_return incoming;

  parser_->eager(true);
  const std::string_view expected = incoming->request.headers.find("Expect").value_or("");
  const bool is_asked_for = incoming->http_1_0 || input_.size() > 0 || !equal_ignoring_case(expected, "100-continue");
  const Admission admission = context_.admit(incoming->request.method, incoming->request.target);
  ends_with_client_ = admission.ends_with_client;
  held_ = ByteBudget::Share(*context_.options.bodies, incoming->request.client, admission.may_use_reserve);
  if (admission.streams_body) {
    if (!held_.grow_to(head_bytes + BodyStream::window_bytes)) co_return Refusal::out_of_memory;
    if (const auto refusal = take_in()) co_return *refusal;
    incoming->request.body = std::move(parser_->body());
    if (parser_->is_done()) co_return incoming;
    const auto body = std::make_shared<RequestBody>(shared_from_this(), is_asked_for);
    body_ = body;
    incoming->request.rest = body;
    co_return incoming;
  }

  const std::uint64_t limit = std::min(admission.max_body_bytes, context_.options.max_body_bytes);
  const std::uint64_t announced = parser_->content_length().value_or(0);
  if (announced > limit) co_return Refusal::body_too_large;
  parser_->body_limit(limit);
  if (!held_.has_room_for(head_bytes + announced)) co_return Refusal::out_of_memory;
  if (!is_asked_for) {
    const bool written = co_await ask_for_body();
    if (!written) co_return Refusal::gone;
  }
  const auto refusal = co_await read_whole_body(head_bytes);
  if (refusal) co_return *refusal;
  incoming->request.body = std::move(parser_->body());
  if (input_.capacity() > head_read_bytes) input_.shrink_to_fit();
  co_return incoming;
}

async::Task<std::optional<ServerConnection::Refusal>> ServerConnection::read_whole_body(std::size_t head_bytes) {
  Progress progress{context_.tick};
  for (;;) {
    if (const auto refusal = take_in()) co_return *refusal;
    progress.carried_bytes = parser_->body().size();
    if (!held_.grow_to(head_bytes + progress.carried_bytes)) co_return Refusal::out_of_memory;
    if (parser_->is_done()) co_return std::nullopt;
    expect_progress(progress, context_.options.body_timeout);
    const error_code error = co_await read_some(body_read_bytes);
    if (error) co_return Refusal::gone;
  }
}

async::Task<bool> ServerConnection::ask_for_body() {
  Progress progress{context_.tick};
  co_return co_await write(continue_head, "", "", progress);
}

async::Task<error_code> ServerConnection::read_some(std::size_t size) {
  error_code error;
  const std::size_t received =
      co_await socket_.async_read_some(input_.prepare(size), asio::redirect_error(asio::use_awaitable, error));
  input_.commit(received);
  co_return error;
}

// Without waiting. While there is something unsent, the client reads too slowly for hints.
void ServerConnection::write_interim(const Response& answer) {
  const std::optional<Head> head = make_interim_head(answer);
  if (!head || !unsent_.empty()) return;
  error_code error;
  const std::size_t sent = socket_.write_some(asio::buffer(head->text()), error);
  if (!error) unsent_ = head->text().substr(sent);
}

async::Task<bool> ServerConnection::write_answer(Response response, AnswerContext answer) {
  std::optional<Head> head = make_answer_head(response, answer);
  if (!head) {
    log::error("an answer {} cannot be written as one HTTP answer", response.status);
    response = answer_not_writable();
    head = make_answer_head(response, answer);
  }
  Progress progress{context_.tick};
  const Framing framing = framing_of(response, answer);
  if (framing == Framing::none) co_return co_await write(head->text(), "", "", progress);
  const bool chunked = framing == Framing::chunked;
  if (!response.rest && !chunked) {
    co_return co_await write(head->text(), response.body, "", progress);
  }

  const FramedPiece first = frame(head->text(), response.body, chunks_of(chunked, response.rest == nullptr));
  const bool begun = co_await write(first.before, first.piece, first.behind, progress);
  response.body = std::string();
  if (!begun || !response.rest) co_return begun;
  co_return co_await pass_on(*response.rest, chunked, progress);
}

// Waits for the homeserver and for the client by turns. The client's time is not spent while it waits for the other.
async::Task<bool> ServerConnection::pass_on(BodyStream& rest, bool chunked, Progress& progress) {
  for (;;) {
    const std::uint64_t asked = context_.tick;
    deadline_ = no_deadline;
    context_.connections.work(place_);
    half_closed_since_.reset();
    passing_on_ = true;
    const auto piece = co_await rest.read();
    passing_on_ = false;
    progress.since += context_.tick - asked;
    if (!piece) {
      log::warn("an answer broke off: {}", piece.error().reason);
      close();
      co_return false;
    }
    if (piece->empty()) break;
    const FramedPiece framed = frame("", *piece, chunks_of(chunked, false));
    const bool written = co_await write(framed.before, framed.piece, framed.behind, progress);
    if (!written) co_return false;
  }
  if (!chunked) co_return true;
  co_return co_await write(last_chunk, "", "", progress);
}

async::Task<bool> ServerConnection::write(std::string_view before, std::string_view body, std::string_view behind,
                                          Progress& progress) {
  const auto take = [](std::string_view& text, std::size_t& sent) {
    const std::size_t taken = std::min(sent, text.size());
    text.remove_prefix(taken);
    sent -= taken;
  };
  const std::string earlier = std::exchange(unsent_, {});
  std::string_view first = earlier;
  for (;;) {
    const std::array<asio::const_buffer, 4> buffers = {asio::buffer(first), asio::buffer(before), asio::buffer(body),
                                                       asio::buffer(behind)};
    // An answer nearly always fits the socket's buffer, and then needs no turn of the event loop.
    error_code error;
    std::size_t sent = socket_.write_some(buffers, error);
    if (error == asio::error::would_block) {
      context_.connections.wait(place_);
      expect_progress(progress, context_.options.answer_timeout);
      sent = co_await socket_.async_write_some(buffers, asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) co_return false;
    progress.carried_bytes += sent;
    take(first, sent);
    take(before, sent);
    take(body, sent);
    take(behind, sent);
    if (first.empty() && before.empty() && body.empty() && behind.empty()) co_return true;
  }
}

async::Task<void> ServerConnection::refuse(Refusal refusal) {
  held_.reset();
  Response response;
  switch (refusal) {
    case Refusal::gone:
      co_return;
    case Refusal::malformed:
      response = malformed_request();
      break;
    case Refusal::head_too_large:
      response = http::head_too_large();
      break;
    case Refusal::body_too_large:
      response = http::body_too_large();
      break;
    case Refusal::out_of_memory:
      response = no_room_in_memory();
      break;
  }
  ++context_.refused;
  AnswerContext answer;
  answer.keep_alive = false;
  answer.date = context_.date;
  const bool written = co_await write_answer(std::move(response), answer);
  if (written) co_await linger();
}

// To close while the client still sends would reset the connection, and the answer could be lost with it.
async::Task<void> ServerConnection::linger() {
  error_code error;
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  wait_for_client(linger_time);
  idle_ = true;  // nothing is owed to it any more
  input_.clear();
  std::size_t thrown_away = 0;
  while (!error && !context_.draining && thrown_away < linger_bytes) {
    thrown_away += co_await socket_.async_read_some(input_.prepare(linger_read_bytes),
                                                    asio::redirect_error(asio::use_awaitable, error));
  }
}

void ServerConnection::wait_for_client(std::chrono::seconds limit) {
  context_.connections.wait(place_);
  deadline_ = context_.tick + to_ticks(limit) + 1;  // the present tick is partly over
}

void ServerConnection::expect_progress(Progress& progress, std::chrono::seconds limit) {
  const auto wanted_bytes = context_.options.min_bytes_per_second * static_cast<std::size_t>(limit.count());
  if (progress.carried_bytes - progress.from_bytes >= wanted_bytes) {
    progress.since = context_.tick;
    progress.from_bytes = progress.carried_bytes;
    context_.connections.wait(place_);
  }
  deadline_ = progress.since + to_ticks(limit) + 1;
}

bool ServerConnection::is_abandoned() {
  if (!handling_ && !passing_on_) return false;
  switch (state_of(socket_.native_handle())) {
    case ClientState::there:
      return false;
    case ClientState::half_closed:
      if (!half_closed_since_) half_closed_since_ = context_.tick;
      if (context_.tick - *half_closed_since_ < to_ticks(context_.options.half_closed_limit)) return false;
      break;
    case ClientState::gone:
      break;
  }
  if (passing_on_) return true;
  if (!ends_with_client_) ends_with_client_ = context_.admit(method_, target_).ends_with_client;
  return *ends_with_client_;
}

void ServerConnection::hold_little() {
  if (!handling_ || !is_read()) return;
  if (body_.expired()) parser_.reset();
  if (input_.size() == 0 && input_.capacity() > 0) input_.shrink_to_fit();
}

void ServerConnection::close_if_idle() {
  error_code error;
  if (idle_ && socket_.available(error) == 0) close();
}

void ServerConnection::close() {
  error_code ignored;
  // An ordinary end would tell a client that reads to the end of the connection that this was all.
  if (is_answering_) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

void ServerConnection::cut() {
  was_cut_ = true;
  close();
  cancellation_.emit(asio::cancellation_type::terminal);
}

}  // namespace afterword::http
