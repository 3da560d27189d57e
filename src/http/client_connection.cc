#include "http/client_connection.h"

#include "async/condition.h"
#include "http/address.h"
#include "http/chunk.h"
#include "http/framing.h"
#include "http/head_syntax.h"
#include "http/hop_by_hop.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <sys/socket.h>
#include <utility>

namespace afterword::http {
namespace {

namespace beast_http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t head_read_bytes = 16 * 1024;
constexpr std::size_t body_read_bytes = BodyStream::window_bytes / 2;
constexpr std::uint32_t max_head_bytes = 64 * 1024;
constexpr int max_announcements = 16;
constexpr std::chrono::milliseconds between_tries{5};

bool is_address(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

template <class Buffer>
std::string_view to_text(const Buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// Whether whoever reads it has to wait for its end to know its length.
bool has_no_length(const StrictParser<false>& parser) { return parser.chunked() || parser.need_eof(); }

}  // namespace

class ClientConnection::Parser : public StrictParser<false> {};

ClientConnection::ClientConnection(async::Executor executor, asio::ssl::context* tls_context)
    : executor_(std::move(executor)), tls_context_(tls_context), socket_(executor_) {}

ClientConnection::~ClientConnection() = default;

async::Task<std::optional<std::string>> ClientConnection::open(const Origin& origin, NameLookup& names,
                                                               std::chrono::milliseconds limit) {
  std::optional<std::string> failure;
  if (origin.unix_path.empty()) {
    failure = co_await connect(origin, names, limit);
  } else {
    failure = co_await connect_to_path(origin.unix_path, limit);
  }
  if (failure) co_return failure;

  if (tls_context_ != nullptr) {
    error_code error;
    start_limit(limit);
    co_await shake_hands(origin, error);
    const bool in_time = !end_limit();
    if (!in_time) co_return fmt::format("no TLS handshake with {} within {} ms", origin.url(), limit.count());
    if (error) co_return fmt::format("no TLS with {}: {}", origin.url(), error.message());
  }
  co_return std::nullopt;
}

async::Task<Result<NameLookup::Addresses, std::string>> ClientConnection::addresses_of(
    const Origin& origin, NameLookup& names, std::chrono::milliseconds limit) {
  error_code error;
  const auto address = asio::ip::make_address(origin.host, error);
  if (!error) co_return NameLookup::Addresses{address};
  co_return co_await names.find(limit);
}

async::Task<std::optional<std::string>> ClientConnection::connect(const Origin& origin, NameLookup& names,
                                                                  std::chrono::milliseconds limit) {
  const std::string name = fmt::format("{}:{}", origin.host, origin.port);
  const auto addresses = co_await addresses_of(origin, names, limit);
  if (!addresses) co_return fmt::format("cannot resolve {}: {}", name, addresses.error());

  error_code error;
  bool in_time = true;
  for (const asio::ip::address& address : *addresses) {
    if (was_cut_) co_return "the connection was cut";
    socket_ = Socket(executor_);
    start_limit(limit);
    const tcp::endpoint endpoint(address, origin.port);
    co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    in_time = !end_limit();
    if (in_time && !error) break;
  }
  if (was_cut_) co_return "the connection was cut";
  if (!in_time) co_return fmt::format("cannot connect to {} within {} ms", name, limit.count());
  if (error) co_return fmt::format("cannot connect to {}: {}", name, error.message());
  socket_.set_option(tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
  co_return std::nullopt;
}

// The system answers at once, with EAGAIN while as many wait there as may wait, and tells nobody when that has ended.
async::Task<std::optional<std::string>> ClientConnection::connect_to_path(std::string path,
                                                                          std::chrono::milliseconds limit) {
  const asio::local::stream_protocol::endpoint endpoint(path);
  socket_ = Socket(executor_);
  error_code error;
  socket_.open(asio::generic::stream_protocol::endpoint(endpoint).protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (error) co_return fmt::format("cannot connect to {}{}: {}", unix_prefix, path, error.message());
  for (auto left = limit;; left -= between_tries) {
    if (was_cut_) co_return "the connection was cut";
    if (::connect(socket_.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) break;
    const error_code failure(errno, boost::system::system_category());
    if (failure != asio::error::would_block) {
      co_return fmt::format("cannot connect to {}{}: {}", unix_prefix, path, failure.message());
    }
    if (left <= between_tries)
      co_return fmt::format("{}{} takes nobody within {} ms", unix_prefix, path, limit.count());
    asio::steady_timer pause(executor_, between_tries);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  co_return std::nullopt;
}

async::Task<void> ClientConnection::shake_hands(const Origin& origin, error_code& error) {
  tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, *tls_context_);
  tls_->set_verify_mode(asio::ssl::verify_peer, error);
  tls_->set_verify_callback(asio::ssl::host_name_verification(origin.host), error);
  if (!is_address(origin.host)) SSL_set_tlsext_host_name(tls_->native_handle(), origin.host.c_str());
  co_await tls_->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
}

// What is to come of a request's body goes out beside the reading of the answer.
struct ClientConnection::Upload {
  explicit Upload(const async::Executor& executor) : ended(executor) {}

  async::Condition ended;
  asio::cancellation_signal cancellation;
  bool is_stopped = false;
  bool has_ended = false;
  bool broke_off = false;
};

async::Task<void> ClientConnection::begin(const Outgoing& outgoing) {
  parser_.reset();
  in_step_ = false;
  answer_begun_ = false;
  sent_rest_bytes_ = 0;
  error_code error;
  if (outgoing.is_chunked) {
    const FramedPiece first = frame(outgoing.head.text(), outgoing.body, chunks_of(true, outgoing.rest == nullptr));
    error = co_await send(first.before, first.piece, first.behind);
  } else {
    error = co_await send(outgoing.head.text(), outgoing.body, "");
  }
  // A server may refuse a request before it has read all of it: its answer counts, even if the rest could not be sent.
  sent_all_ = !error && !outgoing.rest;
  if (outgoing.rest && !error) upload_ = start_upload(outgoing);
}

async::Task<Result<Response, ClientConnection::Failure>> ClientConnection::read_answer_head(
    const Outgoing& outgoing, std::uint64_t max_body_bytes) {
  auto answer = co_await read_final_head(outgoing, max_body_bytes);
  const auto upload = std::exchange(upload_, nullptr);
  if (upload && !upload->has_ended) {
    upload->is_stopped = true;
    upload->cancellation.emit(asio::cancellation_type::terminal);
    while (!upload->has_ended) co_await upload->ended.wait();
  }
  if (!answer && upload && upload->broke_off) {
    co_return Failure{.reason = "the request broke off", .request_broke_off = true};
  }
  co_return answer;
}

std::shared_ptr<ClientConnection::Upload> ClientConnection::start_upload(const Outgoing& outgoing) {
  auto upload = std::make_shared<Upload>(executor_);
  asio::co_spawn(executor_, send_rest(shared_from_this(), outgoing.rest, outgoing.is_chunked, upload),
                 asio::bind_cancellation_slot(upload->cancellation.slot(), [upload](const std::exception_ptr&) {
                   upload->has_ended = true;
                   upload->ended.notify_all();
                 }));
  return upload;
}

// What fails here shows in the answer, or in that there is none.
async::Task<void> ClientConnection::send_rest(std::shared_ptr<ClientConnection> self, std::shared_ptr<BodyStream> rest,
                                              bool is_chunked, std::shared_ptr<Upload> upload) {
  for (;;) {
    const auto piece = co_await rest->read();
    if (upload->is_stopped) co_return;
    if (!piece) {
      // Without its end, the homeserver does not take it for whole.
      upload->broke_off = true;
      self->cut();
      co_return;
    }
    if (piece->empty()) break;
    const FramedPiece framed = frame("", *piece, chunks_of(is_chunked, false));
    const error_code error = co_await self->send(framed.before, framed.piece, framed.behind);
    if (error) co_return;
    self->sent_rest_bytes_ += piece->size();
  }
  if (is_chunked) {
    const error_code error = co_await self->send(last_chunk, "", "");
    if (error) co_return;
  }
  self->sent_all_ = true;
}

async::Task<error_code> ClientConnection::send(std::string_view before, std::string_view piece,
                                               std::string_view behind) {
  std::array<asio::const_buffer, 3> buffers = {asio::buffer(before), asio::buffer(piece), asio::buffer(behind)};
  error_code error;
  if (tls_) {
    co_await asio::async_write(*tls_, buffers, asio::redirect_error(asio::use_awaitable, error));
    co_return error;
  }
  // It nearly always fits the socket's buffer, and then needs no turn of the event loop.
  std::size_t sent = socket_.write_some(buffers, error);
  for (asio::const_buffer& buffer : buffers) {
    const std::size_t taken = std::min(sent, buffer.size());
    buffer += taken;
    sent -= taken;
  }
  const bool is_sent = asio::buffer_size(buffers) == 0;
  if (is_sent || (error && error != asio::error::would_block)) co_return error;
  co_await asio::async_write(socket_, buffers, asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

async::Task<Result<Response, ClientConnection::Failure>> ClientConnection::read_final_head(
    const Outgoing& outgoing, std::uint64_t max_body_bytes) {
  for (int announcements = 0;;) {
    auto failure = co_await read_head(announcements == 0);
    if (failure) co_return *failure;
    parser_ = std::make_unique<Parser>();
    parser_->header_limit(max_head_bytes);
    parser_->body_limit(max_body_bytes);
    parser_->skip(outgoing.is_head_request);
    failure = take_head();
    if (failure) co_return *failure;
    keep_alive_.reset();
    if (const auto said = headers_.find("Keep-Alive")) keep_alive_ = *said;
    Response response = to_response();
    if (response.status == 101) co_return Failure{"not a well-formed answer: a switch of protocols"};
    if (response.status < 200) {  // it announces the answer, and has no body
      if (++announcements > max_announcements) co_return Failure{"not a well-formed answer: it is announced for ever"};
      if (response.status == 100 && outgoing.rest) co_await outgoing.rest->ask_for();
      if (response.status != 100 && outgoing.interim) outgoing.interim->pass_on(response);
      continue;
    }
    parser_->eager(true);
    failure = take_in();
    if (failure) co_return *failure;
    co_return response;
  }
}

async::Task<std::optional<ClientConnection::Failure>> ClientConnection::read_head(bool is_waited_for) {
  HeadScan scan(HeadScan::Of::answer, max_head_bytes);
  for (;;) {
    const auto found = scan.look_at(to_text(input_));
    if (found == HeadScan::Result::sound) co_return std::nullopt;
    if (found == HeadScan::Result::too_large) co_return Failure{"not a well-formed answer: its head is too large"};
    if (found == HeadScan::Result::malformed) co_return Failure{"not a well-formed answer: a malformed head"};
    if (!std::exchange(is_waited_for, false)) co_await wait_for_answer();
    error_code error;
    if (tls_) {
      error = co_await receive(head_read_bytes);
    } else {
      error = receive_at_once();
    }
    if (error == asio::error::would_block) continue;
    if (error == asio::error::eof && answer_begun_) {
      co_return Failure{"the connection was closed in the middle of the answer"};
    }
    if (error) co_return Failure{fmt::format("no answer: {}", error.message()), !answer_begun_ && !was_cut_};
  }
}

// The head that is in the input.
std::optional<ClientConnection::Failure> ClientConnection::take_head() {
  error_code error;
  headers_ = Headers::read(to_text(input_));
  input_.consume(parser_->put(input_.data(), error));
  if (error == beast_http::error::body_limit) return Failure{"the answer is too large", false, true};
  if (error) return Failure{fmt::format("not a well-formed answer: {}", error.message())};
  if (!has_one_length(headers_, parser_->version)) return Failure{"not a well-formed answer: its length is ambiguous"};
  return std::nullopt;
}

Response ClientConnection::to_response() {
  Response response;
  response.status = parser_->status;
  response.reason = std::move(parser_->reason);
  response.headers = std::move(headers_);
  response.is_chunked = has_no_length(*parser_);
  remove_hop_by_hop(response.headers);
  return response;
}

async::Task<std::optional<ClientConnection::Failure>> ClientConnection::read_more(std::chrono::milliseconds limit) {
  const std::size_t received_before = received().size();
  while (!is_complete() && received().size() == received_before) {
    start_limit(limit);
    error_code error = co_await receive(body_read_bytes);
    if (end_limit()) co_return Failure{fmt::format("nothing more of the answer within {} ms", limit.count())};
    if (error == asio::error::eof) {
      parser_->put_eof(error);  // the end of a body without a length
      if (error) co_return Failure{"the connection was closed in the middle of the answer"};
      co_return finish();
    }
    if (error) co_return Failure{fmt::format("no answer: {}", error.message())};
    const auto failure = take_in();
    if (failure) co_return *failure;
  }
  co_return std::nullopt;
}

std::string& ClientConnection::received() { return parser_->body(); }

bool ClientConnection::is_complete() const { return parser_->is_done(); }

std::optional<std::uint64_t> ClientConnection::remaining_bytes() const {
  const auto remaining = parser_->content_length_remaining();
  return remaining ? std::optional<std::uint64_t>(*remaining) : std::nullopt;
}

// What has arrived of the body.
std::optional<ClientConnection::Failure> ClientConnection::take_in() {
  if (!is_complete() && input_.size() > 0) {
    error_code error;
    input_.consume(parser_->put(input_.data(), error));
    if (error == beast_http::error::body_limit) return Failure{"the answer is too large", false, true};
    if (error && error != beast_http::error::need_more) {
      return Failure{fmt::format("not a well-formed answer: {}", error.message())};
    }
    // Chunk extensions and trailers have no limit of their own.
    if (error && input_.size() > max_head_bytes) return Failure{"not a well-formed answer: too much framing"};
  }
  return is_complete() ? finish() : std::nullopt;
}

std::optional<ClientConnection::Failure> ClientConnection::finish() {
  // A read that was not filled has taken all there was.
  const Waiting behind = input_.size() > 0 || has_filled_read_ || tls_ ? look() : Waiting::nothing;
  if (behind == Waiting::bytes) return Failure{"not a well-formed answer: there is more behind it"};
  in_step_ = sent_all_ && parser_->keep_alive() && behind == Waiting::nothing;
  if (in_step_) input_.shrink_to_fit();
  return std::nullopt;
}

// What fails here fails again when it is read.
async::Task<void> ClientConnection::wait_for_answer() {
  error_code ignored;
  if (!tls_) co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ignored));
}

async::Task<error_code> ClientConnection::receive(std::size_t size) {
  error_code error;
  std::size_t received = 0;
  if (tls_) {
    received = co_await tls_->async_read_some(input_.prepare(size), asio::redirect_error(asio::use_awaitable, error));
  } else {
    received = co_await socket_.async_read_some(input_.prepare(size), asio::redirect_error(asio::use_awaitable, error));
  }
  took_in(received, size);
  co_return error;
}

// It needs no turn of the event loop; would_block if nothing is there. Most answers are small, so that each connection
// takes memory for what it has received, and not for what it could.
error_code ClientConnection::receive_at_once() {
  thread_local std::array<char, head_read_bytes> room;
  error_code error;
  const std::size_t received = socket_.read_some(asio::buffer(room), error);
  asio::buffer_copy(input_.prepare(received), asio::buffer(room, received));
  took_in(received, room.size());
  return error;
}

void ClientConnection::took_in(std::size_t received, std::size_t size) {
  input_.commit(received);
  answer_begun_ = answer_begun_ || received > 0;
  has_filled_read_ = received == size;
}

// What has arrived and was not asked for yet.
ClientConnection::Waiting ClientConnection::look() {
  if (input_.size() > 0) return Waiting::bytes;
  char byte = 0;
  if (tls_) {
    if (SSL_peek(tls_->native_handle(), &byte, 1) > 0) return Waiting::bytes;
    if (SSL_get_shutdown(tls_->native_handle()) != 0) return Waiting::end;
  }
  const auto received = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Waiting::nothing;
  // Under TLS, waiting bytes may be the other side's farewell; they end the connection too.
  return received > 0 && !tls_ ? Waiting::bytes : Waiting::end;
}

void ClientConnection::cut() {
  was_cut_ = true;
  error_code ignored;
  socket_.close(ignored);
}

void ClientConnection::start_limit(std::chrono::milliseconds limit) {
  limit_reached_ = false;
  limit_timer_ = std::make_unique<asio::steady_timer>(executor_, limit);
  limit_timer_->async_wait([weak = weak_from_this(), step = limited_step_](const error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->limited_step_ != step) return;
    self->limit_reached_ = true;
    error_code ignored;
    self->socket_.close(ignored);
  });
}

bool ClientConnection::end_limit() {
  ++limited_step_;
  limit_timer_.reset();
  return limit_reached_;
}

}  // namespace afterword::http
