#include "homeserver/token_cache.h"

#include "async/condition.h"
#include "async/task_group.h"
#include "base/places.h"
#include "domain/errcode.h"

#include <boost/multi_index/composite_key.hpp>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/mem_fun.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ranked_index.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

namespace afterword::homeserver {
namespace {

namespace multi_index = boost::multi_index;

// A homeserver's refusal is shorter; a longer one is not remembered.
constexpr std::size_t max_refusal_bytes = 1'024;

struct DigestHash {
  std::size_t operator()(const Sha256& digest) const {
    std::size_t value = 0;
    std::memcpy(&value, digest.data(), sizeof value);  // as random as any part of it
    return value;
  }
};

Sha256 digest_of(const Credentials& credentials) {
  const auto& [access_token, user_id, device_id] = credentials;
  const auto is_there = [](const auto& part) { return part ? "yes" : "no"; };  // an absent one is not an empty one
  const auto text = [](const auto& part) { return part ? std::string_view(*part) : std::string_view(); };
  return sha256_of_list({access_token.text(), is_there(user_id), text(user_id), is_there(device_id), text(device_id)});
}

struct Entry {
  Sha256 credentials;
  Sha256 token;
  Identity identity;
  async::Steady asked;              // when the homeserver was asked
  mutable bool is_doubted = false;  // no part of any key

  const domain::UserId& user_id() const { return identity.user_id; }
};

struct ByUse {};
struct ByCredentials {};
struct ByToken {};
struct ByUser {};
using Entries = boost::multi_index_container<
    Entry,
    multi_index::indexed_by<
        multi_index::sequenced<multi_index::tag<ByUse>>,  // the most recently used first
        multi_index::hashed_unique<multi_index::tag<ByCredentials>,
                                   multi_index::member<Entry, Sha256, &Entry::credentials>, DigestHash>,
        multi_index::ranked_non_unique<
            multi_index::tag<ByToken>,
            multi_index::composite_key<Entry, multi_index::member<Entry, Sha256, &Entry::token>,
                                       multi_index::member<Entry, async::Steady, &Entry::asked>>>,
        multi_index::hashed_non_unique<multi_index::tag<ByUser>,
                                       multi_index::const_mem_fun<Entry, const domain::UserId&, &Entry::user_id>,
                                       std::hash<domain::UserId>>>>;

struct Refusal {
  Sha256 credentials;
  domain::HomeserverError error;
  async::Steady until;
};
using Refusals = boost::multi_index_container<
    Refusal, multi_index::indexed_by<
                 multi_index::sequenced<multi_index::tag<ByUse>>,  // the latest first
                 multi_index::hashed_unique<multi_index::tag<ByCredentials>,
                                            multi_index::member<Refusal, Sha256, &Refusal::credentials>, DigestHash>>>;

// A whoami under way, kept by those who wait for it.
struct Call {
  Call(const async::Executor& executor, const Sha256& token_digest, async::Steady now)
      : token(token_digest), asked(now), answered(executor) {}

  const Sha256 token;
  const async::Steady asked;
  std::optional<WhoamiAnswer> answer;
  async::Condition answered;
};

using Calls = Places<std::string>;

}  // namespace

struct TokenCache::Implementation {
  Implementation(async::Executor executor_, async::Clock& clock_, Homeserver& homeserver_, TokenCacheOptions options_)
      : executor(std::move(executor_)),
        clock(clock_),
        homeserver(homeserver_),
        options(options_),
        known_calls(options.max_calls, options.max_calls_per_token),
        unknown_calls(options.max_calls, options.max_calls_per_address),
        tasks(executor) {}

  // The entry, if it can be of use: fresh, or stale.
  const Entry* find(const Sha256& key, async::Steady now);
  const Refusal* find_refusal(const Sha256& key);
  bool is_fresh(const Entry& entry, async::Steady now) const {
    return !entry.is_doubted && now - entry.asked < options.time_to_live;
  }
  bool knows(const Sha256& token) const { return entries.get<ByToken>().contains(std::make_tuple(token)); }

  // Null: too much is under way.
  std::shared_ptr<Call> join_call(const Sha256& key, const TokenQuestion& question);
  Task<void> ask(Sha256 key, Credentials credentials, http::Headers about_client, std::shared_ptr<Call> call,
                 Calls::Place place);
  void remember(Entry entry);
  void remember(Refusal refusal);

  async::Executor executor;
  async::Clock& clock;
  Homeserver& homeserver;
  const TokenCacheOptions options;
  Entries entries;
  Refusals refusals;
  // Calls that may be joined, and whose answer will be remembered.
  std::unordered_map<Sha256, std::shared_ptr<Call>, DigestHash> calls;
  Calls known_calls;    // by token
  Calls unknown_calls;  // by address
  TokenFigures counts;
  async::TaskGroup tasks;
};

const Entry* TokenCache::Implementation::find(const Sha256& key, async::Steady now) {
  auto& by_credentials = entries.get<ByCredentials>();
  const auto found = by_credentials.find(key);
  if (found == by_credentials.end()) return nullptr;
  if (now - found->asked >= options.time_to_live + options.stale_limit) {
    by_credentials.erase(found);
    return nullptr;
  }
  auto& by_use = entries.get<ByUse>();
  by_use.relocate(by_use.begin(), entries.project<ByUse>(found));
  return &*found;
}

const Refusal* TokenCache::Implementation::find_refusal(const Sha256& key) {
  const auto found = refusals.get<ByCredentials>().find(key);
  return found != refusals.get<ByCredentials>().end() && clock.steady_now() < found->until ? &*found : nullptr;
}

std::shared_ptr<Call> TokenCache::Implementation::join_call(const Sha256& key, const TokenQuestion& question) {
  const auto found = calls.find(key);
  if (found != calls.end() && !found->second->answer && found->second->asked >= question.not_before) {
    const auto holders = static_cast<std::size_t>(found->second.use_count());  // those who wait, and the call itself
    return holders < options.max_waiting_per_call ? found->second : nullptr;
  }
  const Sha256 token = sha256(question.credentials.access_token.text());
  auto place = knows(token) ? known_calls.take_place(std::string(token.begin(), token.end()))
                            : unknown_calls.take_place(question.address);
  if (!place) return nullptr;
  auto call = std::make_shared<Call>(executor, token, clock.steady_now());
  calls.insert_or_assign(key, call);
  http::Headers about_client = question.about_client ? question.about_client() : http::Headers();
  tasks.spawn("whoami", ask(key, question.credentials, std::move(about_client), call, std::move(*place)));
  return call;
}

Task<void> TokenCache::Implementation::ask(Sha256 key, Credentials credentials, http::Headers about_client,
                                           std::shared_ptr<Call> call, [[maybe_unused]] Calls::Place place) {
  // Also when the call is cancelled: those who wait for it must not wait for ever.
  struct Answering {
    ~Answering() {
      if (!call->answer) call->answer = Unreachable{"not asked: shutting down"};
      call->answered.notify_all();
    }
    std::shared_ptr<Call> call;
  };
  const Answering answering{call};

  WhoamiAnswer answer = co_await homeserver.whoami(std::move(credentials), std::move(about_client));
  call->answer = answer;
  const auto current = calls.find(key);
  if (current == calls.end() || current->second != call) co_return;  // forgotten meanwhile
  calls.erase(current);
  if (auto* identity = std::get_if<Identity>(&answer)) {
    remember(Entry{key, call->token, std::move(*identity), call->asked});
  } else if (auto* refused = std::get_if<domain::HomeserverError>(&answer)) {
    entries.get<ByCredentials>().erase(key);
    remember(Refusal{key, std::move(*refused), clock.steady_now() + options.refusal_time});
  }
}

void TokenCache::Implementation::remember(Entry entry) {
  entries.get<ByCredentials>().erase(entry.credentials);
  refusals.get<ByCredentials>().erase(entry.credentials);
  auto& by_token = entries.get<ByToken>();
  const auto token = std::make_tuple(entry.token);
  if (by_token.upper_bound_rank(token) - by_token.lower_bound_rank(token) >= options.max_entries_per_token) {
    by_token.erase(by_token.lower_bound(token));  // what was asked longest ago
  }
  entries.push_front(std::move(entry));
  if (entries.size() > options.max_entries) entries.pop_back();
}

void TokenCache::Implementation::remember(Refusal refusal) {
  if (refusal.error.body.size() > max_refusal_bytes) return;
  // An unknown token stays unknown; an account may be unlocked at any moment.
  if (domain::errcode_of(refusal.error) != "M_UNKNOWN_TOKEN") return;
  refusals.get<ByCredentials>().erase(refusal.credentials);
  refusals.push_front(std::move(refusal));
  if (refusals.size() > options.max_refusals) refusals.pop_back();
}

TokenCache::TokenCache(async::Executor executor, async::Clock& clock, Homeserver& homeserver, TokenCacheOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(executor), clock, homeserver, options)) {}

TokenCache::~TokenCache() = default;

Task<TokenAnswer> TokenCache::identify(TokenQuestion question) {
  Implementation& cache = *implementation_;
  const Sha256 key = digest_of(question.credentials);
  std::optional<Stale> stale;
  const async::Steady now = cache.clock.steady_now();
  if (const Entry* entry = cache.find(key, now)) {
    const bool is_recent = cache.is_fresh(*entry, now) && entry->asked >= question.not_before;
    if (is_recent || question.takes_any_age) {
      ++cache.counts.known;
      co_return entry->identity;
    }
    stale.emplace(Stale{entry->identity});
  } else if (const Refusal* refusal = cache.find_refusal(key)) {
    ++cache.counts.refused;
    co_return refusal->error;
  }

  const auto call = question.only_if_remembered ? nullptr : cache.join_call(key, question);
  if (!question.only_if_remembered) ++(call ? cache.counts.asked : cache.counts.busy);
  if (!call && stale) co_return std::move(*stale);
  if (!call) co_return Busy{};
  const async::Steady give_up = stale ? std::min(question.take_stale, question.give_up) : question.give_up;
  while (!call->answer) {
    if (give_up == async::Steady::max()) {
      co_await call->answered.wait();
    } else if (cache.clock.steady_now() < give_up) {
      co_await call->answered.wait_until(cache.clock, give_up);
    } else {
      break;
    }
  }

  const bool is_unreachable = !call->answer || std::holds_alternative<Unreachable>(*call->answer);
  if (stale && is_unreachable) {
    ++cache.counts.stale;
    co_return std::move(*stale);
  }
  if (!call->answer) co_return Unreachable{"it does not answer in time"};
  TokenAnswer answer = std::visit([](const auto& given) { return TokenAnswer(given); }, *call->answer);
  co_return answer;
}

void TokenCache::forget_token(const AccessToken& access_token) {
  const Sha256 token = sha256(access_token.text());
  auto& by_token = implementation_->entries.get<ByToken>();
  const auto [first, last] = by_token.equal_range(std::make_tuple(token));
  by_token.erase(first, last);
  forget_calls_of(access_token);
}

void TokenCache::forget_calls_of(const AccessToken& access_token) {
  const Sha256 token = sha256(access_token.text());
  std::erase_if(implementation_->calls, [&](const auto& call) { return call.second->token == token; });
}

void TokenCache::forget_user(const domain::UserId& user_id) {
  implementation_->entries.get<ByUser>().erase(user_id);
  implementation_->calls.clear();  // whose they are is not known yet; to ask once more costs little
}

void TokenCache::forget_user_of(const AccessToken& access_token) {
  const Credentials credentials{access_token, std::nullopt, std::nullopt};
  const auto& by_credentials = implementation_->entries.get<ByCredentials>();
  const auto found = by_credentials.find(digest_of(credentials));
  if (found == by_credentials.end()) return;
  const domain::UserId user_id = found->user_id();
  forget_user(user_id);
}

void TokenCache::doubt_user_of(const AccessToken& access_token) {
  const auto doubt = [](const auto& index, const auto& key) {
    auto [entry, last] = index.equal_range(key);
    for (; entry != last; ++entry) entry->is_doubted = true;
  };
  const Entries& entries = implementation_->entries;
  doubt(entries.get<ByToken>(), std::make_tuple(sha256(access_token.text())));
  const auto& by_credentials = entries.get<ByCredentials>();
  const auto found = by_credentials.find(digest_of(Credentials{access_token, std::nullopt, std::nullopt}));
  if (found == by_credentials.end()) {  // anybody can make one up, and nobody else's calls end with it
    forget_calls_of(access_token);
    return;
  }
  doubt(entries.get<ByUser>(), found->user_id());
  implementation_->calls.clear();  // they may have been answered before, and whose they are is not known yet
}

TokenFigures TokenCache::figures() const {
  TokenFigures figures = implementation_->counts;
  figures.entries = implementation_->entries.size();
  figures.calls = implementation_->known_calls.taken() + implementation_->unknown_calls.taken();
  return figures;
}

Task<void> TokenCache::close() {
  implementation_->tasks.stop();
  co_await implementation_->tasks.join();
}

}  // namespace afterword::homeserver
