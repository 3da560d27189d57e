#include "http/name_lookup.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <cstring>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <system_error>
#include <thread>

namespace afterword::http {

namespace asio = async::asio;

struct NameLookup::Question {
  explicit Question(const async::Executor& executor) : answered(executor) {}

  async::Condition answered;
  std::optional<Found> answer;
};

// What the thread holds of us. It may outlive the executor, and so must not hold anything that needs one: it finds
// nobody to answer once the question is abandoned.
struct NameLookup::Bridge {
  std::mutex mutex;
  std::shared_ptr<Question> question;  // guarded by the mutex
};

namespace {

NameLookup::Addresses addresses_of(const addrinfo* entries) {
  NameLookup::Addresses addresses;
  for (const addrinfo* entry = entries; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET) {
      sockaddr_in found{};
      std::memcpy(&found, entry->ai_addr, sizeof found);
      addresses.emplace_back(asio::ip::address_v4(ntohl(found.sin_addr.s_addr)));
    } else if (entry->ai_family == AF_INET6) {
      sockaddr_in6 found{};
      std::memcpy(&found, entry->ai_addr, sizeof found);
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &found.sin6_addr, bytes.size());
      addresses.emplace_back(asio::ip::address_v6(bytes, found.sin6_scope_id));
    }
  }
  return addresses;
}

}  // namespace

NameLookup::Found NameLookup::ask_system(const std::string& host) {
  // Some systems know it in one family only, and have what listens on it in the other.
  if (host == "localhost") return Addresses{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* entries = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &entries);
  if (failure != 0) return std::string(::gai_strerror(failure));
  Addresses addresses = addresses_of(entries);
  ::freeaddrinfo(entries);
  if (addresses.empty()) return std::string("it has no address");
  return addresses;
}

NameLookup::NameLookup(async::Executor executor, std::string host, LookUp look_up)
    : executor_(std::move(executor)), clock_(executor_), host_(std::move(host)), look_up_(std::move(look_up)) {}

void NameLookup::ask() {
  question_ = std::make_shared<Question>(executor_);
  bridge_ = std::make_shared<Bridge>();
  bridge_->question = question_;
  try {
    std::thread([bridge = bridge_, executor = executor_, host = host_, look_up = look_up_] {
      Found found = look_up(host);
      const std::lock_guard lock(bridge->mutex);
      if (!bridge->question) return;
      asio::post(executor, [question = std::move(bridge->question), found = std::move(found)]() mutable {
        question->answer = std::move(found);
        question->answered.notify_all();
      });
    }).detach();
  } catch (const std::system_error& error) {
    question_->answer = Found(std::string(error.what()));
  }
}

async::Task<NameLookup::Found> NameLookup::find(std::chrono::milliseconds limit) {
  if (abandoned_) co_return std::string("the client is closed");
  if (!question_ || question_->answer) ask();
  const auto question = question_;
  const async::Steady give_up = clock_.steady_now() + limit;
  while (!question->answer && !abandoned_ && clock_.steady_now() < give_up) {
    co_await question->answered.wait_until(clock_, give_up);
  }
  if (question->answer) co_return *question->answer;
  co_return abandoned_ ? std::string("the client was closed") : fmt::format("no answer within {} ms", limit.count());
}

void NameLookup::abandon() {
  abandoned_ = true;
  if (!question_) return;
  question_->answered.notify_all();
  const std::lock_guard lock(bridge_->mutex);
  bridge_->question.reset();
}

}  // namespace afterword::http
