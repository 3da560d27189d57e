#include "http/connection_table.h"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <utility>

namespace afterword::http {

std::string share_owner(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(address, error);
  if (error || !parsed.is_v6()) return address;
  if (parsed.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6()).to_string();
  }
  auto bytes = parsed.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

ConnectionTable::Place ConnectionTable::add(std::shared_ptr<ServerConnection> connection, std::string owner) {
  if (!owner.empty()) ++counts_[owner];
  fresh_.push_back({std::move(connection), std::move(owner)});
  return std::prev(fresh_.end());
}

void ConnectionTable::remove(Place place) {
  uncount(*place);
  list_of(place->state).erase(place);
}

void ConnectionTable::work(Place place) {
  place->has_worked = true;
  move(place, State::busy);
}

std::shared_ptr<ServerConnection> ConnectionTable::let_one_go() {
  Entries& larger = fresh_.size() > waiting_.size() ? fresh_ : waiting_;
  if (larger.empty()) return nullptr;
  const Place place = larger.begin();
  uncount(*place);
  move(place, State::leaving);
  return place->connection;
}

std::size_t ConnectionTable::count_of(const std::string& owner) const {
  const auto found = counts_.find(owner);
  return found == counts_.end() ? 0 : found->second;
}

std::vector<std::shared_ptr<ServerConnection>> ConnectionTable::all() const {
  std::vector<std::shared_ptr<ServerConnection>> connections;
  connections.reserve(size() + leaving_.size());
  for_each([&](const auto& connection) { connections.push_back(connection); });
  return connections;
}

ConnectionTable::Entries& ConnectionTable::list_of(State state) {
  switch (state) {
    case State::fresh:
      return fresh_;
    case State::waiting:
      return waiting_;
    case State::busy:
      return busy_;
    case State::leaving:
      break;
  }
  return leaving_;
}

void ConnectionTable::move(Place place, State state) {
  if (place->state == State::leaving) return;
  Entries& to = list_of(state);
  to.splice(to.end(), list_of(place->state), place);
  place->state = state;
}

void ConnectionTable::uncount(const Entry& entry) {
  if (entry.owner.empty() || entry.state == State::leaving) return;
  const auto found = counts_.find(entry.owner);
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace afterword::http
