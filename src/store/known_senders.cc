#include "store/known_senders.h"

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include <utility>
#include <variant>

namespace afterword::store {
namespace {

namespace multi_index = boost::multi_index;

struct Known {
  UserId user_id;
  bool has_sent;
  async::Steady since;
};

}  // namespace

// The most recently heard of first.
struct KnownSenders::Users
    : multi_index::multi_index_container<
          Known, multi_index::indexed_by<multi_index::sequenced<>,
                                         multi_index::hashed_unique<multi_index::member<Known, UserId, &Known::user_id>,
                                                                    std::hash<UserId>>>> {
  const Known* find(const UserId& user_id) const {
    const auto found = get<1>().find(user_id);
    return found == get<1>().end() ? nullptr : &*found;
  }
};

KnownSenders::KnownSenders(async::Clock& clock, Store& store, KnownSendersOptions options)
    : ForwardingStore(store), clock_(clock), options_(options), users_(std::make_unique<Users>()) {}

KnownSenders::~KnownSenders() = default;

Task<StoreResult<bool>> KnownSenders::has_sent(UserId user_id) {
  const async::Steady asked = clock_.steady_now();
  if (const Known* known = users_->find(user_id)) {
    if (asked - known->since < (known->has_sent ? options_.sent_time : options_.not_sent_time))
      co_return known->has_sent;
  }
  const auto any = co_await list_sent(user_id, 1);
  if (!any) co_return any.error();
  const Known* known = users_->find(user_id);
  const bool is_claimed_meanwhile = known != nullptr && known->has_sent && known->since >= asked;
  if (is_claimed_meanwhile) co_return true;
  remember(user_id, !any->empty());
  co_return !any->empty();
}

Task<StoreResult<ClaimAnswer>> KnownSenders::claim(DelayId delay_id, std::optional<UserId> caller,
                                                   domain::Attempt attempt, Timestamp now) {
  auto answer = co_await ForwardingStore::claim(delay_id, std::move(caller), attempt, now);
  const auto* claimed = answer ? std::get_if<domain::DelayedEvent>(&*answer) : nullptr;
  if (claimed != nullptr) remember(claimed->event->user_id, true);
  co_return answer;
}

// Before an attempt of an earlier process is gone on with, its event is read.
Task<StoreResult<std::optional<domain::DelayedEvent>>> KnownSenders::look_up(DelayId delay_id,
                                                                             std::optional<UserId> caller) {
  auto answer = co_await ForwardingStore::look_up(delay_id, std::move(caller));
  if (answer && *answer && (*answer)->state == domain::State::sending) remember((*answer)->event->user_id, true);
  co_return answer;
}

bool KnownSenders::is_known_to_have_sent(const UserId& user_id) const {
  const Known* known = users_->find(user_id);
  return known != nullptr && known->has_sent;
}

void KnownSenders::remember(const UserId& user_id, bool has_sent) {
  users_->get<1>().erase(user_id);
  users_->push_front({user_id, has_sent, clock_.steady_now()});
  if (users_->size() > options_.max_users) users_->pop_back();
}

}  // namespace afterword::store
