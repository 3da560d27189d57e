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
  const Place place = fresh_.insert(fresh_.end(), Entry{std::move(connection), shares_.end(), {}});
  if (owner.empty()) return place;
  place->share = shares_.try_emplace(std::move(owner)).first;
  std::list<Place>& waiting = place->share->second.waiting;
  place->in_share = waiting.insert(waiting.end(), place);
  return place;
}

void ConnectionTable::remove(Place place) {
  leave_share(*place);
  list_of(place->state).erase(place);
}

void ConnectionTable::work(Place place) {
  place->has_worked = true;
  move(place, State::busy);
}

std::shared_ptr<ServerConnection> ConnectionTable::let_one_go() {
  Entries& larger = fresh_.size() > waiting_.size() ? fresh_ : waiting_;
  return larger.empty() ? nullptr : let_go(larger.begin());
}

std::shared_ptr<ServerConnection> ConnectionTable::let_one_go_of(const std::string& owner) {
  const auto found = shares_.find(owner);
  if (found == shares_.end() || found->second.waiting.empty()) return nullptr;
  return let_go(found->second.waiting.front());
}

std::size_t ConnectionTable::count_of(const std::string& owner) const {
  const auto found = shares_.find(owner);
  return found == shares_.end() ? 0 : found->second.count();
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
  const auto waits = [](State which) { return which == State::fresh || which == State::waiting; };
  if (place->share != shares_.end()) {
    Share& share = place->share->second;
    std::list<Place>& among = waits(state) ? share.waiting : share.others;
    among.splice(among.end(), waits(place->state) ? share.waiting : share.others, place->in_share);
  }
  place->state = state;
}

std::shared_ptr<ServerConnection> ConnectionTable::let_go(Place place) {
  move(place, State::leaving);
  leave_share(*place);
  return place->connection;
}

void ConnectionTable::leave_share(Entry& entry) {
  if (entry.share == shares_.end()) return;
  Share& share = entry.share->second;
  const bool waits = entry.state == State::fresh || entry.state == State::waiting;
  (waits ? share.waiting : share.others).erase(entry.in_share);
  if (share.count() == 0) shares_.erase(entry.share);
  entry.share = shares_.end();
}

}  // namespace afterword::http
