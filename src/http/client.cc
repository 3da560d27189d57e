#include "http/client.h"

#include "base/memory_pool.h"
#include "http/client_connection.h"
#include "http/hop_by_hop.h"
#include "http/keep_time.h"
#include "http/name_lookup.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <deque>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <unordered_set>
#include <vector>

namespace afterword::http {
namespace {

using Arrived = NoAnswer::Arrived;

// Servers close idle connections after a minute or so; to use one just before that is to lose a request.
constexpr std::chrono::seconds max_idle_time{30};

constexpr std::chrono::milliseconds time_between_looks{100};

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

// To wait for a word about the body is nothing to ask for where the body follows at once.
bool waits_to_be_asked(const Header& header) {
  return equal_ignoring_case(header.name, "Expect") && equal_ignoring_case(header.value, "100-continue");
}

// Nothing if it cannot be written as one request. `own_host`: for a request that names none.
std::optional<ClientConnection::Outgoing> to_outgoing(Request request, const std::string& own_host) {
  remove_hop_by_hop(request.headers);
  HeadWriter writer =
      HeadWriter::request(request.method, request.target, request.headers.find("Host").value_or(own_host));
  for (const Header& header : request.headers) {
    if (equal_ignoring_case(header.name, "Host") || equal_ignoring_case(header.name, "Content-Length")) continue;
    if (request.rest || !waits_to_be_asked(header)) writer.add(header.name, header.value);
  }
  const auto no_bytes = request.is_chunked ? std::nullopt : std::optional<std::uint64_t>(0);
  const std::optional<std::uint64_t> remaining = request.rest ? request.rest->remaining_bytes() : no_bytes;
  const bool says_length =
      request.method == "PUT" || request.method == "POST" || request.headers.find("Content-Length");
  if (!remaining) {
    writer.add("Transfer-Encoding", "chunked");
  } else if (*remaining > 0 || !request.body.empty() || says_length) {
    writer.add("Content-Length", std::to_string(request.body.size() + *remaining));
  }
  std::optional<Head> head = writer.finish();
  if (!head) return std::nullopt;
  return ClientConnection::Outgoing{.head = std::move(*head),
                                    .body = std::move(request.body),
                                    .rest = std::move(request.rest),
                                    .interim = std::move(request.interim),
                                    .is_chunked = !remaining,
                                    .is_head_request = request.method == "HEAD"};
}

// One send(), which waits for `finished` while its exchange runs beside it: so the deadline holds whatever the exchange
// is doing, and no operation needs a time limit of its own.
struct Call {
  Call(const async::Executor& executor, ClientConnection::Outgoing outgoing_to_use, SendLimits limits_to_use)
      : outgoing(std::move(outgoing_to_use)), limits(limits_to_use), finished(executor) {}

  void end_with(SendResult result) { outcome = std::move(result); }
  void end_with(std::string why_not) { outcome = NoAnswer{arrived, std::move(why_not)}; }

  ClientConnection::Outgoing outgoing;
  bool may_be_repeated = false;
  bool streams = false;
  const SendLimits limits;
  std::optional<ByteBudget::Share> held;
  bool has_slot = false;                     // one of max_connections
  std::unique_ptr<asio::steady_timer> turn;  // of one that waits for its slot: never expires; cancelled when it gets it
  std::shared_ptr<ClientConnection> connection;
  Arrived arrived = Arrived::no;
  bool aborted = false;
  asio::steady_timer finished;  // expires at the deadline; cancelled when there is an outcome
  std::optional<SendResult> outcome;
};

}  // namespace

// Shared by its calls, so that it outlives the Client until they have ended.
struct Client::Implementation : std::enable_shared_from_this<Implementation> {
  Implementation(async::Executor executor_to_use, Origin origin_to_use, const ClientOptions& options_to_use)
      : executor(std::move(executor_to_use)),
        clock(executor),
        origin(std::move(origin_to_use)),
        host(origin.host_header()),
        options(options_to_use),
        names(executor, origin.host) {
    if (!origin.tls) return;
    tls_context.emplace(asio::ssl::context::tls_client);
    tls_context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                             asio::ssl::context::no_tlsv1_1);
    if (origin.authorities.empty()) {
      tls_context->set_default_verify_paths();
    } else {
      tls_context->add_certificate_authority(asio::buffer(origin.authorities));
    }
  }

  class AnswerStream;

  enum class Body { whole, in_pieces };
  // Whoever waits for an answer waits long at times, so that the request itself is in no frame.
  async::Task<SendResult> send(Request request, SendLimits limits, Body body) {
    const bool may_be_repeated = is_safe(request.method) && !request.rest;
    std::string client = std::move(request.client);
    auto outgoing = to_outgoing(std::move(request), host);
    if (!outgoing) return send(shared_from_this(), nullptr);
    auto call = std::allocate_shared<Call>(PoolAllocator<Call>(), executor, std::move(*outgoing), limits);
    call->may_be_repeated = may_be_repeated;
    call->streams = body == Body::in_pieces;
    if (options.bodies && !call->streams) call->held.emplace(*options.bodies, std::move(client));
    return send(shared_from_this(), std::move(call));
  }

  // `call`: null if it cannot be written.
  static async::Task<SendResult> send(std::shared_ptr<Implementation> self, std::shared_ptr<Call> call) {
    if (self->closed) co_return NoAnswer{Arrived::no, "the client is closed", true};
    if (!call) co_return NoAnswer{Arrived::no, "it cannot be written as one HTTP request"};
    call->finished.expires_after(call->limits.timeout);
    self->calls.insert(call);
    self->take_slot_or_queue(call);
    asio::co_spawn(self->executor, perform(self, call),
                   [self, call](const std::exception_ptr& failure) { self->finish(*call, failure); });

    boost::system::error_code cancelled;
    for (std::uint64_t sent = 0; !call->outcome && !cancelled;) {
      co_await call->finished.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
      // A body that is sent in pieces has all the time that it needs, as long as it gets on.
      if (!call->connection || call->connection->sent_rest_bytes() == sent) break;
      sent = call->connection->sent_rest_bytes();
      if (!cancelled) call->finished.expires_after(call->limits.timeout);
    }
    self->calls.erase(call);
    const bool has_failed = call->outcome && !*call->outcome;
    if (call->outcome && !(has_failed && self->closed)) co_return std::move(*call->outcome);
    self->abort(call);
    const bool timed_out = call->finished.expiry() <= self->clock.steady_now();
    co_return NoAnswer{call->arrived,
                       timed_out ? fmt::format("no answer within {} ms", call->limits.timeout.count())
                                 : std::string("the request was cancelled"),
                       self->closed || !timed_out};
  }

  // Until the call has its outcome.
  static async::Task<void> perform(std::shared_ptr<Implementation> self, std::shared_ptr<Call> call) {
    if (!call->has_slot) {
      boost::system::error_code ignored;
      co_await call->turn->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    for (bool is_replacement = false;; is_replacement = true) {
      if (call->aborted) co_return call->end_with("the request was cancelled");
      call->connection = is_replacement ? nullptr : self->take_idle(call->may_be_repeated);
      const bool is_reused = call->connection != nullptr;
      const auto idle = is_reused ? self->idle_time(*call->connection) : KeepTime::Duration(0);
      if (!is_reused) {
        auto* const tls_context = self->tls_context ? &*self->tls_context : nullptr;
        call->connection = std::make_shared<ClientConnection>(self->executor, tls_context);
        ++self->opened;
        auto why_not = co_await call->connection->open(self->origin, self->names, self->options.connect_timeout);
        if (why_not) co_return call->end_with(std::move(*why_not));
        if (call->aborted) co_return call->end_with("the request was cancelled");
      }

      call->arrived = Arrived::unknown;
      co_await call->connection->begin(call->outgoing);
      const bool may_be_replaced = is_reused && call->may_be_repeated;
      if (!may_be_replaced) call->outgoing.forget_text();
      co_await call->connection->wait_for_answer();
      const auto failure = co_await read_answer(self, call);
      if (!failure) co_return;
      const bool was_closed = failure->before_answer && !call->aborted;
      if (is_reused && was_closed) self->keep_time.saw_closed(idle, self->clock.steady_now());
      if (!may_be_replaced || !was_closed) {
        co_return call->end_with(
            NoAnswer{Arrived::unknown, failure->reason, failure->request_broke_off, failure->too_large});
      }
      self->idle.clear();  // as old as the one that was closed, and in the way of max_connections
    }
  }

  // Until the call has its outcome; or else why there is none.
  static async::Task<std::optional<ClientConnection::Failure>> read_answer(std::shared_ptr<Implementation> self,
                                                                           std::shared_ptr<Call> call) {
    ClientConnection& connection = *call->connection;
    const std::uint64_t max_bytes = call->streams ? unlimited : call->limits.max_response_bytes;
    auto answer = co_await connection.read_answer_head(call->outgoing, max_bytes);
    if (!answer) co_return std::move(answer.error());
    if (call->streams) {
      call->end_with(self->hand_on(*call, std::move(*answer)));
      co_return std::nullopt;
    }
    for (;;) {
      if (call->held && !call->held->grow_to(connection.received().size())) {
        call->end_with(NoAnswer{Arrived::unknown, "there is no room for it in memory at present", false, false, true});
        co_return std::nullopt;
      }
      if (connection.is_complete()) break;
      auto failure = co_await connection.read_more(call->limits.timeout);
      if (failure) co_return failure;
    }
    answer->body = std::move(connection.received());
    if (call->held && call->held->holds_any()) {
      answer->room = std::make_shared<ByteBudget::Share>(std::move(*call->held));
    }
    self->keep(std::move(call->connection));
    call->end_with(std::move(*answer));
    co_return std::nullopt;
  }

  // With what has arrived of its body. What is to come takes the connection along, and the call's slot.
  Response hand_on(Call& call, Response answer) {
    answer.body = std::move(call.connection->received());
    if (call.connection->is_complete()) {
      keep(std::move(call.connection));
    } else {
      call.has_slot = false;
      answer.rest = make_stream(std::move(call.connection));
    }
    return answer;
  }

  std::shared_ptr<BodyStream> make_stream(std::shared_ptr<ClientConnection> connection);

  void finish(Call& call, const std::exception_ptr& failure) {
    call.connection = nullptr;
    if (call.has_slot) pass_slot_on();
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        call.end_with(error.what());
      }
    }
    call.finished.cancel();
  }

  void take_slot_or_queue(const std::shared_ptr<Call>& call) {
    if (slots_taken < options.max_connections) {
      ++slots_taken;
      call->has_slot = true;
    } else {
      call->turn = std::make_unique<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
      queue.push_back(call);
    }
  }

  void pass_slot_on() {
    if (queue.empty()) {
      --slots_taken;
      return;
    }
    const auto next = std::move(queue.front());
    queue.pop_front();
    next->has_slot = true;
    next->turn->cancel();
  }

  // The one used last: the others may grow old and go. Nothing if the other side might be closing all of them just now,
  // and the request cannot be repeated.
  std::shared_ptr<ClientConnection> take_idle(bool may_be_repeated) {
    while (!idle.empty() && idle_time(*idle.back()) <= max_idle_time) {
      if (!may_be_repeated && !keep_time.surely_keeps(idle_time(*idle.back()))) return nullptr;
      auto connection = std::move(idle.back());
      idle.pop_back();
      if (is_still_open(*connection)) return connection;
    }
    return nullptr;
  }

  KeepTime::Duration idle_time(const ClientConnection& connection) const {
    return clock.steady_now() - connection.idle_since;
  }

  bool is_still_open(ClientConnection& connection) {
    const bool is_open = connection.is_reusable();
    const auto now = clock.steady_now();
    is_open ? keep_time.saw_open(idle_time(connection), now) : keep_time.saw_closed(idle_time(connection), now);
    return is_open;
  }

  void keep(std::shared_ptr<ClientConnection> connection) {
    discard_old();
    if (closed || idle.size() >= options.max_idle_connections || !connection->is_in_step()) return;
    keep_time.was_told(connection->keep_alive());
    connection->idle_since = clock.steady_now();
    idle.push_back(std::move(connection));
  }

  // The oldest shows for how long the other side keeps them. It is looked at now and then, not with each request.
  void discard_old() {
    const auto now = clock.steady_now();
    if (now < next_look) return;
    next_look = now + time_between_looks;
    while (!idle.empty() && (idle_time(*idle.front()) > max_idle_time || !is_still_open(*idle.front()))) {
      idle.pop_front();
    }
  }

  void abort(const std::shared_ptr<Call>& call) {
    call->aborted = true;
    std::erase(queue, call);
    if (call->turn) call->turn->cancel();
    if (call->connection) call->connection->cut();
  }

  void close() {
    closed = true;
    idle.clear();
    names.abandon();
    for (ClientConnection* const connection : streaming) connection->cut();
    for (const auto& call : calls) {
      abort(call);
      call->finished.cancel();
    }
  }

  async::Executor executor;
  async::SystemClock clock;
  Origin origin;
  std::string host;
  ClientOptions options;
  NameLookup names;
  std::optional<asio::ssl::context> tls_context;

  std::set<std::shared_ptr<Call>, std::less<>, PoolAllocator<std::shared_ptr<Call>>> calls;  // in flight
  std::unordered_set<ClientConnection*> streaming;     // their answers are read in pieces
  std::size_t slots_taken = 0;                         // of max_connections
  std::deque<std::shared_ptr<Call>> queue;             // those that wait for a slot
  std::deque<std::shared_ptr<ClientConnection>> idle;  // the one used last at the end
  async::Steady next_look{};                           // at the oldest of them
  KeepTime keep_time;
  std::uint64_t opened = 0;  // connections
  bool closed = false;
};

// The rest of an answer.
class Client::Implementation::AnswerStream final : public BodyStream {
 public:
  AnswerStream(std::shared_ptr<Implementation> client, std::shared_ptr<ClientConnection> connection)
      : client_(std::move(client)), connection_(std::move(connection)) {
    client_->streaming.insert(connection_.get());
  }
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;
  ~AnswerStream() override {
    if (connection_) connection_->is_complete() ? let_go() : give_up();
  }

  async::Task<Result<std::string_view, BrokenOff>> read() override {
    if (connection_ && connection_->is_complete()) let_go();
    if (!connection_) co_return std::string_view();
    connection_->received().clear();
    auto failure = co_await connection_->read_more(client_->options.stall_timeout);
    if (failure) {
      give_up();
      co_return BrokenOff{std::move(failure->reason)};
    }
    co_return std::string_view(connection_->received());
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    return connection_ ? connection_->remaining_bytes() : 0;
  }

 private:
  void give_up() {
    connection_->cut();
    let_go();
  }

  void let_go() {
    client_->streaming.erase(connection_.get());
    client_->keep(std::move(connection_));
    client_->pass_slot_on();
  }

  std::shared_ptr<Implementation> client_;
  std::shared_ptr<ClientConnection> connection_;  // null when it has ended
};

std::shared_ptr<BodyStream> Client::Implementation::make_stream(std::shared_ptr<ClientConnection> connection) {
  return std::make_shared<AnswerStream>(shared_from_this(), std::move(connection));
}

Client::Client(async::Executor executor, Origin origin, ClientOptions options)
    : implementation_(std::make_shared<Implementation>(std::move(executor), std::move(origin), options)) {}

Client::~Client() { close(); }

async::Task<SendResult> Client::send(Request request, SendLimits limits) {
  return implementation_->send(std::move(request), limits, Implementation::Body::whole);
}

async::Task<SendResult> Client::stream(Request request, std::chrono::milliseconds timeout) {
  return implementation_->send(std::move(request), timeout, Implementation::Body::in_pieces);
}

ClientFigures Client::figures() const {
  const Implementation& client = *implementation_;
  return {client.options.max_connections, client.slots_taken, client.idle.size(), client.opened};
}

void Client::close() { implementation_->close(); }

}  // namespace afterword::http
