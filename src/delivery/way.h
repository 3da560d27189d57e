// Whether the way to the homeserver is open. While it is closed, which is an outage, nothing is sent at all.
//
// No answer about an event closes it: such an answer is a reason to ask, and a question that is about no event decides.
// Until that is answered, and while its answer is that the way is open, all go on, and what failed is tried again by
// itself. A closed way is asked about again and again, with growing pauses, until it is open.
//
// Thread: the server's only one. No errors.
#pragma once

#include "delivery/context.h"

#include <functional>
#include <string>
#include <utility>

namespace afterword::delivery {

class Way {
 public:
  // `opened` is called at the end of each outage.
  Way(Context& context, std::function<void(async::Steady closed_since)> opened)
      : context_(context), opened_(std::move(opened)) {}

  // The homeserver gave a clear answer.
  void heard();
  // It did not, to something of this owner's.
  void doubt(const domain::UserId& owner, const std::string& reason);

  bool is_closed() const { return closed_since_.has_value(); }
  // When it was last found to be open after an outage, if there was any.
  async::Steady open_since() const { return open_since_; }

 private:
  Task<void> ask_until_open(domain::UserId owner, std::string reason);
  Task<void> ask(domain::UserId owner, homeserver::WayAnswer& answer);
  void close(const std::string& doubt, const std::string& reason);
  void open();

  Context& context_;
  std::function<void(async::Steady closed_since)> opened_;
  bool asking_ = false;
  std::optional<async::Steady> closed_since_;
  async::Steady open_since_{};
  async::Steady not_before_{};  // of the next question, so that doubts about one event are no load
};

}  // namespace afterword::delivery
