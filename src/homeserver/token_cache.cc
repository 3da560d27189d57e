#include "homeserver/token_cache.h"

#include "async/condition.h"
#include "async/task_group.h"

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/mem_fun.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>

namespace afterword::homeserver {
namespace {

namespace multi_index = boost::multi_index;

// How long somebody with a stale answer waits for a fresh one. Clients give a heartbeat two seconds.
constexpr std::chrono::seconds patience{1};

struct DigestHash {
  std::size_t operator()(const Sha256& digest) const {
    std::size_t value = 0;
    std::memcpy(&value, digest.data(), sizeof value);  // as random as any part of it
    return value;
  }
};

void append_part(std::string& text, const std::optional<std::string>& part) {
  // An absent part is not an empty one.
  text += part ? std::to_string(part->size()) + ':' + *part : "-";
}

// Lengths keep the parts apart: no two credentials give the same text.
Sha256 digest_of(const Credentials& credentials) {
  std::string text;
  append_part(text, credentials.access_token);
  append_part(text, credentials.user_id);
  append_part(text, credentials.device_id);
  return sha256(text);
}

struct Entry {
  Sha256 credentials;
  Sha256 token;
  Identity identity;
  async::Steady asked;  // when the homeserver said so

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
        multi_index::hashed_non_unique<multi_index::tag<ByToken>, multi_index::member<Entry, Sha256, &Entry::token>,
                                       DigestHash>,
        multi_index::hashed_non_unique<multi_index::tag<ByUser>,
                                       multi_index::const_mem_fun<Entry, const domain::UserId&, &Entry::user_id>,
                                       std::hash<domain::UserId>>>>;

// A whoami under way, kept by those who wait for it.
struct Call {
  Call(const async::Executor& executor, const Sha256& token_digest) : token(token_digest), answered(executor) {}

  const Sha256 token;
  std::optional<WhoamiAnswer> answer;
  async::Condition answered;
};

}  // namespace

struct TokenCache::Implementation {
  Implementation(async::Executor executor_, async::Clock& clock_, Homeserver& homeserver_, TokenCacheOptions options_)
      : executor(std::move(executor_)), clock(clock_), homeserver(homeserver_), options(options_), tasks(executor) {}

  // The entry, if it can be of use: fresh, or stale.
  const Entry* find(const Sha256& key);
  bool is_fresh(const Entry& entry) const { return clock.steady_now() - entry.asked < options.time_to_live; }

  std::shared_ptr<Call> join_call(const Sha256& key, Credentials credentials);
  Task<void> ask(Sha256 key, Credentials credentials, std::shared_ptr<Call> call);
  void remember(Entry entry);

  async::Executor executor;
  async::Clock& clock;
  Homeserver& homeserver;
  const TokenCacheOptions options;
  Entries entries;
  // Calls that may be joined, and whose answer will be remembered.
  std::unordered_map<Sha256, std::shared_ptr<Call>, DigestHash> calls;
  async::TaskGroup tasks;
};

const Entry* TokenCache::Implementation::find(const Sha256& key) {
  auto& by_credentials = entries.get<ByCredentials>();
  const auto found = by_credentials.find(key);
  if (found == by_credentials.end()) return nullptr;
  if (clock.steady_now() - found->asked >= options.time_to_live + options.stale_limit) {
    by_credentials.erase(found);
    return nullptr;
  }
  auto& by_use = entries.get<ByUse>();
  by_use.relocate(by_use.begin(), entries.project<ByUse>(found));
  return &*found;
}

std::shared_ptr<Call> TokenCache::Implementation::join_call(const Sha256& key, Credentials credentials) {
  if (const auto found = calls.find(key); found != calls.end() && !found->second->answer) return found->second;
  const auto call = std::make_shared<Call>(executor, sha256(credentials.access_token));
  calls.insert_or_assign(key, call);
  tasks.spawn("whoami", ask(key, std::move(credentials), call));
  return call;
}

Task<void> TokenCache::Implementation::ask(Sha256 key, Credentials credentials, std::shared_ptr<Call> call) {
  // Also when the call is cancelled: those who wait for it must not wait for ever.
  struct Answering {
    ~Answering() {
      if (!call->answer) call->answer = Unreachable{"not asked: shutting down"};
      call->answered.notify_all();
    }
    std::shared_ptr<Call> call;
  };
  const Answering answering{call};

  WhoamiAnswer answer = co_await homeserver.whoami(std::move(credentials));
  call->answer = answer;
  const auto current = calls.find(key);
  if (current == calls.end() || current->second != call) co_return;  // forgotten meanwhile
  calls.erase(current);
  if (auto* identity = std::get_if<Identity>(&answer)) {
    remember(Entry{key, call->token, std::move(*identity), clock.steady_now()});
  } else if (const auto* refused = std::get_if<domain::HomeserverError>(&answer); refused && refused->status != 429) {
    entries.get<ByCredentials>().erase(key);
  }
}

void TokenCache::Implementation::remember(Entry entry) {
  entries.get<ByCredentials>().erase(entry.credentials);
  entries.push_front(std::move(entry));
  if (entries.size() > options.max_entries) entries.pop_back();
}

TokenCache::TokenCache(async::Executor executor, async::Clock& clock, Homeserver& homeserver, TokenCacheOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(executor), clock, homeserver, options)) {}

TokenCache::~TokenCache() = default;

Task<TokenAnswer> TokenCache::identify(Credentials credentials) {
  Implementation& cache = *implementation_;
  const Sha256 key = digest_of(credentials);
  std::optional<Stale> stale;
  if (const Entry* entry = cache.find(key)) {
    if (cache.is_fresh(*entry)) co_return entry->identity;
    stale.emplace(Stale{entry->identity});
  }

  const auto call = cache.join_call(key, std::move(credentials));
  const async::Steady give_up = cache.clock.steady_now() + patience;
  while (!call->answer) {
    if (!stale) {
      co_await call->answered.wait();
    } else if (cache.clock.steady_now() < give_up) {
      co_await call->answered.wait_until(cache.clock, give_up);
    } else {
      co_return std::move(*stale);
    }
  }

  if (stale && std::holds_alternative<Unreachable>(*call->answer)) co_return std::move(*stale);
  TokenAnswer answer = std::visit([](const auto& given) { return TokenAnswer(given); }, *call->answer);
  co_return answer;
}

void TokenCache::forget_token(std::string_view access_token) {
  const Sha256 token = sha256(access_token);
  implementation_->entries.get<ByToken>().erase(token);
  std::erase_if(implementation_->calls, [&](const auto& call) { return call.second->token == token; });
}

void TokenCache::forget_user(const domain::UserId& user_id) {
  implementation_->entries.get<ByUser>().erase(user_id);
  implementation_->calls.clear();  // whose they are is not known yet; to ask once more costs little
}

Task<void> TokenCache::close() {
  implementation_->tasks.stop();
  co_await implementation_->tasks.join();
}

}  // namespace afterword::homeserver
