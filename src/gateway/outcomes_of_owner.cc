#include "gateway/outcomes_of_owner.h"

#include "api/delayed_event_json.h"
#include "gateway/outcome_place.h"
#include "gateway/pass_through.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace afterword::gateway {
namespace {

// Of somebody who may have been told of some, more than are kept by default.
constexpr std::uint32_t max_listed = 1'000;
// What an event takes at most, before it is known how much.
constexpr std::size_t event_bytes = 128 * 1024;

class BodyWithOutcomes final : public http::BodyStream {
 public:
  BodyWithOutcomes(std::shared_ptr<OutcomeTelling> telling, std::shared_ptr<BodyStream> body)
      : telling_(std::move(telling)), place_(telling_->form()), body_(std::move(body)) {}

  async::Task<Result<std::string_view, http::BrokenOff>> read() override {
    if (has_ended_) co_return std::string_view();
    const auto read = co_await body_->read();
    if (!read) co_return read.error();
    std::string_view piece = *read;
    has_ended_ = piece.empty() || body_->remaining_bytes() == 0;
    const auto place = place_.read(piece, has_ended_);
    if (place) {
      auto telling = telling_->events(place_.token());
      const std::string events = co_await std::move(telling);
      if (!events.empty()) {
        output_.assign(piece, 0, *place).append(place_.text_with(events)).append(piece, *place);
        piece = output_;
      }
    }
    if (has_ended_ && place_.has_ended()) telling_->has_told(place_.token());
    co_return piece;
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    return has_ended_ ? std::optional<std::uint64_t>(0) : std::nullopt;
  }

 private:
  const std::shared_ptr<OutcomeTelling> telling_;
  OutcomePlace place_;
  const std::shared_ptr<BodyStream> body_;
  std::string output_;
  bool has_ended_ = false;
};

}  // namespace

OutcomeTelling::OutcomeTelling(OutcomeSources sources, TokenHolder holder, std::string client, OutcomeQuestion question)
    : sources_(sources),
      holder_(std::move(holder)),
      question_(std::move(question)),
      room_(sources.bodies, std::move(client)) {
  if (!question_.since.empty()) before_ = sources_.told.find(holder_, question_.since);
}

async::Task<bool> OutcomeTelling::has_news(bool is_one_of_now) {
  if (!before_) co_return is_one_of_now;
  auto listing = sources_.store.list_outcomes(holder_.user_id, before_->perhaps.from(), max_listed);
  const auto positions = co_await std::move(listing);
  if (!positions) co_return false;
  Told with_news = *before_;
  bool has_some = false;
  for (const store::OutcomePosition& position : *positions) {
    if (with_news.perhaps.has(position)) continue;
    with_news.perhaps.add(position);
    has_some = true;
  }
  if (has_some) sources_.told.keeps(holder_, question_.since, std::move(with_news));
  co_return has_some;
}

async::Task<std::string> OutcomeTelling::events(std::string token) {
  const bool is_same_token = !token.empty() && token == question_.since;
  SomeOutcomes told;
  if (before_) told = is_same_token ? before_->perhaps : before_->certainly;
  const Timestamp listed = sources_.clock.now();
  const std::uint32_t limit = before_ ? max_listed : static_cast<std::uint32_t>(max_events);
  auto listing = sources_.store.list_outcomes(holder_.user_id, told.from(), limit);
  auto positions = co_await std::move(listing);
  if (!positions) co_return std::string();
  std::ranges::reverse(*positions);
  if (!before_) {
    if (positions->size() == limit) told.add_all_before(positions->front().finalised_ts);
    before_ = Told{told, told};
  }
  auto telling = tell(*std::move(positions), listed, told);
  std::string events = co_await std::move(telling);
  after_ = std::move(told);
  co_return events;
}

async::Task<std::string> OutcomeTelling::tell(std::vector<store::OutcomePosition> positions, Timestamp listed,
                                              SomeOutcomes& told) {
  const Milliseconds wall_offset = sources_.clock.wall_offset();
  // Everything before is either told, or older than what is told.
  Timestamp settled = listed - SomeOutcomes::slack;
  std::string events;
  std::size_t count = 0;
  for (const store::OutcomePosition& position : positions) {
    if (told.has(position)) continue;
    settled = std::min(settled, position.finalised_ts);  // should it not be told now
    if (count == max_events || events.size() >= max_bytes) break;
    if (!room_.grow_to(2 * events.size() + event_bytes)) break;
    auto looking = sources_.store.look_up(position.delay_id, holder_.user_id);
    const auto event = co_await std::move(looking);
    if (!event) break;
    settled = listed - SomeOutcomes::slack;
    told.add(position);
    if (!*event) continue;  // it has just been forgotten
    if (!events.empty()) events += ',';
    api::append_json(events, **event, api::WireForm::unstable, wall_offset);
    ++count;
  }
  told.add_all_before(settled);
  co_return events;
}

void OutcomeTelling::has_told(const std::string& token) {
  if (token.empty()) return;
  if (token == question_.since) {
    if (after_) sources_.told.keeps(holder_, token, {before_ ? before_->certainly : SomeOutcomes(), *after_});
  } else if (after_) {
    sources_.told.brings(holder_, token, *after_);
  } else if (before_) {
    sources_.told.brings(holder_, token, before_->certainly);
  }
}

async::Task<http::Response> tell_outcomes(std::shared_ptr<OutcomeTelling> telling, http::Response answer) {
  const auto encoding = answer.headers.find("Content-Encoding");
  if (encoding && *encoding != "identity") co_return answer;
  auto body = std::make_shared<BodyWithOutcomes>(std::move(telling), take_body(answer));
  auto changing = with_body(std::move(answer), std::move(body));
  co_return co_await std::move(changing);
}

}  // namespace afterword::gateway
