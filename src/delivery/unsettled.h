// Events without an outcome although their time has come, as whoever operates the server may want to see them. Pages of
// them are bounded, and so is what is looked at for one.
#pragma once

#include "base/time.h"
#include "domain/delayed_event.h"
#include "domain/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace afterword::delivery {

// As long as it lives, nobody knows whether the event has arrived.
class Doubt {
 public:
  using All = std::unordered_set<const Doubt*>;

  Doubt(All& all, domain::DelayId delay_id, Timestamp due) : delay_id_(delay_id), due_(due), all_(all) {
    all_.insert(this);
  }
  Doubt(const Doubt&) = delete;
  Doubt& operator=(const Doubt&) = delete;
  ~Doubt() { all_.erase(this); }

  const domain::DelayId& delay_id() const { return delay_id_; }
  Timestamp due() const { return due_; }
  const std::string& reason() const { return reason_; }
  void set_reason(std::string reason) { reason_ = std::move(reason); }

 private:
  const domain::DelayId delay_id_;
  const Timestamp due_;
  std::string reason_;
  All& all_;
};

enum class UnsettledKind : std::uint8_t {
  late,      // they wait for their turn, or are being sent
  in_doubt,  // nobody knows whether they have arrived
  aside,     // they hold up their room no more
};

struct Unsettled {
  domain::DelayId delay_id;
  Timestamp due;
  std::string reason;                             // why the latest send has no outcome, of one that is in doubt
  std::optional<domain::HomeserverError> answer;  // what the homeserver answered last, if it did
};

// Of each kind no more are looked at.
inline constexpr std::size_t max_unsettled_looked_at = 10'000;

}  // namespace afterword::delivery
