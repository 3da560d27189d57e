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
// An answer that ends within this goes on as a whole.
constexpr std::size_t small_bytes = http::BodyStream::window_bytes / 2;
constexpr std::size_t worth_packing_bytes = 1'024;

bool is_gzip(const http::Response& answer) {
  const auto encoding = answer.headers.find("Content-Encoding");
  return encoding && http::equal_ignoring_case(*encoding, "gzip");
}

// All of a body, of which the beginning is there.
class BodyWithBeginning final : public http::BodyStream {
 public:
  BodyWithBeginning(std::string beginning, std::shared_ptr<http::BodyStream> rest)
      : beginning_(std::move(beginning)), rest_(std::move(rest)) {}

  async::Task<Result<std::string_view, http::BrokenOff>> read() override {
    if (!has_begun_ && !beginning_.empty()) {
      has_begun_ = true;
      co_return std::string_view(beginning_);
    }
    beginning_ = std::string();
    if (!rest_) co_return std::string_view();
    co_return co_await rest_->read();
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    const std::optional<std::uint64_t> remaining = rest_ ? rest_->remaining_bytes() : 0;
    return remaining && !has_begun_ ? *remaining + beginning_.size() : remaining;
  }

 private:
  std::string beginning_;
  std::shared_ptr<http::BodyStream> rest_;
  bool has_begun_ = false;
};

class BodyWithDelayIds final : public http::BodyStream {
 public:
  BodyWithDelayIds(store::Store& store, domain::UserId sender, std::shared_ptr<http::BodyStream> body)
      : store_(store), sender_(sender), body_(std::move(body)), splicer_(std::move(sender)) {}

  async::Task<Result<std::string_view, http::BrokenOff>> read() override {
    while (!has_ended_) {
      const auto piece = co_await body_->read();
      if (!piece) co_return piece.error();
      has_ended_ = piece->empty() || body_->remaining_bytes() == 0;
      std::vector<domain::EventId> event_ids = splicer_.take(*piece, has_ended_);
      const DelayIds delay_ids = co_await find(std::move(event_ids));
      const std::string_view passing = splicer_.pass(delay_ids);
      if (!passing.empty()) co_return passing;
    }
    co_return std::string_view();
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    return has_ended_ ? std::optional<std::uint64_t>(0) : std::nullopt;
  }

 private:
  async::Task<DelayIds> find(std::vector<domain::EventId> event_ids) {
    DelayIds delay_ids;
    for (auto next = event_ids.begin(); next != event_ids.end();) {
      const auto end = next + std::min<std::ptrdiff_t>(event_ids.end() - next, asked_at_once);
      std::vector<domain::EventId> asked(next, end);
      next = end;
      const auto found = co_await store_.find_sent(sender_, std::move(asked));
      if (!found) break;
      for (const store::SentEvent& sent : *found) delay_ids.emplace(sent.event_id, sent.delay_id);
    }
    co_return delay_ids;
  }

  store::Store& store_;
  const domain::UserId sender_;
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
  auto body = std::make_shared<BodyWithBeginning>(std::move(answer.body), std::move(answer.rest));
  answer.body = std::string();
  answer.rest = http::packed(std::move(body), std::move(room));
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

async::Task<http::Response> show_delay_ids_of(store::Store& store, http::ByteBudget& bodies, Reader reader,
                                              http::Response answer) {
  const bool came_packed = is_gzip(answer);
  if (!came_packed && !answer.rest && !may_name(answer.body, reader.user_id)) co_return answer;
  const auto has_sent = co_await store.has_sent(reader.user_id);
  if (!has_sent || !*has_sent) co_return answer;

  std::optional<http::ByteBudget::Share> to_unpack;
  if (came_packed) {
    to_unpack = room_for_gzip(bodies, reader.client);
    if (!to_unpack) co_return answer;
  }
  std::shared_ptr<http::BodyStream> body =
      std::make_shared<BodyWithBeginning>(std::move(answer.body), std::move(answer.rest));
  if (to_unpack) body = http::unpacked(std::move(body), std::move(*to_unpack));
  answer.body = std::string();
  answer.rest = std::make_shared<BodyWithDelayIds>(store, std::move(reader.user_id), std::move(body));
  forget_body(answer);
  const bool is_there = co_await http::gather(answer, small_bytes);
  if (!is_there) {
    answer = http::Response();
    answer.status = http::no_answer;
    co_return answer;
  }

  const bool is_worth_it = answer.rest || answer.body.size() >= worth_packing_bytes;
  if (reader.takes_gzip && is_worth_it) {
    auto room = room_for_gzip(bodies, reader.client);
    const bool is_small = !answer.rest;
    if (room) pack(answer, std::move(*room));
    if (room && is_small) co_await http::gather(answer, 2 * small_bytes);
  }
  co_return answer;
}

}  // namespace afterword::gateway
