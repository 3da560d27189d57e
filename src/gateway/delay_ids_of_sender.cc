#include "gateway/delay_ids_of_sender.h"

#include "gateway/delay_ids.h"
#include "gateway/pass_through.h"
#include "http/gzip.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace afterword::gateway {
namespace {

// What the store is asked at a time, so that nobody who shares its batch waits long.
constexpr std::size_t asked_at_once = 500;
// Where an answer has more own events than the first of these, it is less work to know all that its reader has sent, if
// that is no more than the second.
constexpr std::size_t few_events = 100;
constexpr std::uint32_t max_known_events = 2'000;
constexpr std::size_t known_event_bytes = 256;  // at most
constexpr std::size_t worth_packing_bytes = 1'024;

bool is_gzip(const http::Response& answer) {
  const auto encoding = answer.headers.find("Content-Encoding");
  return encoding && http::equal_ignoring_case(*encoding, "gzip");
}

// Which delay_ids the events of one sender came from, as an answer needs it.
class SentDelayIds {
 public:
  SentDelayIds(store::Store& store, domain::UserId sender, http::ByteBudget::Share room)
      : store_(store), sender_(std::move(sender)), room_(std::move(room)) {}

  // What find() found last; or all, and then nothing needs to be found any more.
  const DelayIds& delay_ids() const { return delay_ids_; }
  bool knows_all() const { return knows_all_; }

  // Those of these events at least. What the store cannot be asked about is left out.
  async::Task<void> find(std::vector<domain::EventId> event_ids) {
    asked_ += event_ids.size();
    if (asked_ > few_events && !tried_to_know_all_) co_await know_all();
    if (knows_all_) co_return;
    delay_ids_.clear();
    for (auto next = event_ids.begin(); next != event_ids.end();) {
      const auto end = next + std::min<std::ptrdiff_t>(event_ids.end() - next, asked_at_once);
      std::vector<domain::EventId> asked(next, end);
      next = end;
      const auto found = co_await store_.find_sent(sender_, std::move(asked));
      if (!found) break;
      add(*found);
    }
  }

 private:
  // As they are now: the homeserver has made its answer already, so later ones are not in it.
  async::Task<void> know_all() {
    tried_to_know_all_ = true;
    if (!room_.grow_to(max_known_events * known_event_bytes)) co_return;
    const auto all = co_await store_.list_sent(sender_, max_known_events + 1);
    knows_all_ = all && all->size() <= max_known_events;
    delay_ids_.clear();
    if (knows_all_) add(*all);
    room_.hold(delay_ids_.size() * known_event_bytes);
  }

  void add(const std::vector<store::SentEvent>& events) {
    for (const store::SentEvent& sent : events) delay_ids_.emplace(sent.event_id, sent.delay_id);
  }

  store::Store& store_;
  const domain::UserId sender_;
  http::ByteBudget::Share room_;
  std::size_t asked_ = 0;
  bool tried_to_know_all_ = false;
  bool knows_all_ = false;
  DelayIds delay_ids_;
};

class BodyWithDelayIds final : public http::BodyStream {
 public:
  BodyWithDelayIds(const domain::UserId& sender, SentDelayIds sent, std::shared_ptr<http::BodyStream> body)
      : sent_(std::move(sent)), body_(std::move(body)), splicer_(sender) {}

  async::Task<Result<std::string_view, http::BrokenOff>> read() override {
    while (!has_ended_) {
      const auto piece = co_await body_->read();
      if (!piece) co_return piece.error();
      has_ended_ = piece->empty() || body_->remaining_bytes() == 0;
      splicer_.take(*piece, has_ended_);
      if (!sent_.knows_all()) co_await sent_.find(splicer_.event_ids());
      const std::string_view passing = splicer_.pass(sent_.delay_ids());
      if (!passing.empty()) co_return passing;
    }
    co_return std::string_view();
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    return has_ended_ ? std::optional<std::uint64_t>(0) : std::nullopt;
  }

 private:
  SentDelayIds sent_;
  std::shared_ptr<http::BodyStream> body_;
  DelayIdSplicer splicer_;
  bool has_ended_ = false;
};

// What it takes to pack or to unpack; nothing if there is no room.
std::optional<http::ByteBudget::Share> room_for_gzip(http::ByteBudget& bodies, const std::string& client) {
  http::ByteBudget::Share room(bodies, client);
  if (!room.grow_to(http::gzip_bytes)) return std::nullopt;
  return room;
}

void pack(http::Response& answer, http::ByteBudget::Share room) {
  answer.rest = http::packed(take_body(answer), std::move(room));
  answer.headers.set("Content-Encoding", "gzip");
  if (!answer.headers.find("Vary")) answer.headers.add("Vary", "Accept-Encoding");
}

}  // namespace

bool can_be_looked_into(const http::Response& answer) {
  const auto type = answer.headers.find("Content-Type");
  const auto encoding = answer.headers.find("Content-Encoding");
  return answer.status == 200 && type && type->starts_with("application/json") &&
         (!encoding || *encoding == "identity" || is_gzip(answer));
}

async::Task<http::Response> show_delay_ids_of(store::KnownSenders& senders, http::ByteBudget& bodies, Reader reader,
                                              http::Response answer) {
  const bool came_packed = is_gzip(answer);
  if (!came_packed && !answer.rest && !may_name(answer.body, reader.user_id)) co_return answer;
  const auto has_sent = co_await senders.has_sent(reader.user_id);
  if (!has_sent || !*has_sent) co_return answer;

  std::optional<http::ByteBudget::Share> to_unpack;
  if (came_packed) {
    to_unpack = room_for_gzip(bodies, reader.client);
    if (!to_unpack) co_return answer;
  }
  std::shared_ptr<http::BodyStream> body = take_body(answer);
  if (to_unpack) body = http::unpacked(std::move(body), std::move(*to_unpack));
  SentDelayIds sent(senders, reader.user_id, http::ByteBudget::Share(bodies, reader.client));
  auto changed = std::make_shared<BodyWithDelayIds>(reader.user_id, std::move(sent), std::move(body));
  auto changing = with_body(std::move(answer), std::move(changed));
  answer = co_await std::move(changing);
  if (answer.status == http::no_answer) co_return answer;

  const bool is_worth_it = answer.rest || answer.body.size() >= worth_packing_bytes;
  if (reader.takes_gzip && is_worth_it) {
    auto room = room_for_gzip(bodies, reader.client);
    const bool is_small = !answer.rest;
    if (room) pack(answer, std::move(*room));
    if (room && is_small) co_await http::gather(answer, 2 * small_answer_bytes);
  }
  co_return answer;
}

}  // namespace afterword::gateway
