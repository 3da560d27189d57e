// The connections of a server, and which of them give way when there is no room for another.
//
// A connection waits while its client has to do something: to send a request, the rest of one, or to read its answer.
// It is busy while we have. Those that wait are kept in the order in which they last got on, so the first of them is
// the one that can be missed most easily: of all, or of one owner. A connection that was told to give way does not
// count any more, though its task has yet to end.
//
// Thread: the server's only one.
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace afterword::http {

// Whom a share of what is bounded belongs to: an IPv4 address, or the /64 of an IPv6 address, which is what one
// customer is given.
std::string share_owner(const std::string& address);

class ServerConnection;

class ConnectionTable {
 private:
  enum class State { fresh, waiting, busy, leaving };
  struct Entry;
  using Entries = std::list<Entry>;

 public:
  // A connection's own; valid until remove().
  using Place = Entries::iterator;

  // `owner` as share_owner() tells it, or empty.
  Place add(std::shared_ptr<ServerConnection> connection, std::string owner);
  void remove(Place place);

  // It waits for its client, from now on.
  void wait(Place place) { move(place, place->has_worked ? State::waiting : State::fresh); }
  void work(Place place);

  // Takes one that waits out of the count; null if none does. The caller closes it.
  std::shared_ptr<ServerConnection> let_one_go();
  std::shared_ptr<ServerConnection> let_one_go_of(const std::string& owner);

  std::size_t size() const { return fresh_.size() + waiting_.size() + busy_.size(); }
  std::size_t count_of(const std::string& owner) const;
  bool has_waiting() const { return !fresh_.empty() || !waiting_.empty(); }
  bool is_empty() const { return size() == 0 && leaving_.empty(); }

  // A copy, for a connection may end, and leave, while something is done to it.
  std::vector<std::shared_ptr<ServerConnection>> all() const;

  // `visit` must end none.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Entries* entries : {&fresh_, &waiting_, &busy_, &leaving_}) {
      for (const Entry& entry : *entries) visit(entry.connection);
    }
  }

 private:
  struct Share {
    std::list<Place> waiting;
    std::list<Place> others;
    std::size_t count() const { return waiting.size() + others.size(); }
  };
  using Shares = std::unordered_map<std::string, Share>;

  struct Entry {
    std::shared_ptr<ServerConnection> connection;
    Shares::iterator share;  // end(): it belongs to none, or is leaving
    std::list<Place>::iterator in_share;
    State state = State::fresh;
    bool has_worked = false;
  };

  Entries& list_of(State state);
  void move(Place place, State state);
  std::shared_ptr<ServerConnection> let_go(Place place);
  void leave_share(Entry& entry);

  Entries fresh_;
  Entries waiting_;
  Entries busy_;
  Entries leaving_;
  Shares shares_;
};

}  // namespace afterword::http
