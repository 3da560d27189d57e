// Places for what is sent on request, besides those of what is sent at its time (dispatcher.h): so many altogether and
// so many for each owner, so that whoever asks for much, or whose events are answered slowly, takes no connection that
// others need.
//
// Thread: the server's only one. It outlives the places that it has given. No errors.
#pragma once

#include "async/condition.h"
#include "base/places.h"
#include "delivery/context.h"
#include "domain/ids.h"

#include <optional>
#include <utility>

namespace afterword::delivery {

class RequestPlaces {
 public:
  explicit RequestPlaces(Context& context)
      : context_(context),
        places_(context.options.max_concurrent_requests, context.options.max_requests_of_an_owner),
        given_back_(context.executor) {}

  class [[nodiscard]] Place {
   public:
    Place(Place&& other) noexcept
        : given_back_(std::exchange(other.given_back_, nullptr)), place_(std::move(other.place_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (given_back_ != nullptr) given_back_->notify_all();
    }

   private:
    friend class RequestPlaces;
    Place(async::Condition& given_back, Places<domain::UserId>::Place place)
        : given_back_(&given_back), place_(std::move(place)) {}

    async::Condition* given_back_;  // none once it was moved from
    Places<domain::UserId>::Place place_;
  };

  // Waits for one. Nothing: there was none until then, or we are stopping.
  Task<std::optional<Place>> take_place(domain::UserId owner, async::Steady give_up) {
    while (!context_.is_stopping()) {
      if (auto place = places_.take_place(owner)) co_return Place(given_back_, *std::move(place));
      if (context_.clock.steady_now() >= give_up) break;
      co_await given_back_.wait_until(context_.clock, give_up);
    }
    co_return std::nullopt;
  }

 private:
  Context& context_;
  Places<domain::UserId> places_;
  async::Condition given_back_;
};

}  // namespace afterword::delivery
