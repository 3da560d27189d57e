// What the handlers work with. It outlives every request.
#pragma once

#include "async/clock.h"
#include "delivery/delivery.h"
#include "domain/limits.h"
#include "http/byte_budget.h"
#include "store/store.h"

#include <cstdint>
#include <memory>

namespace afterword::api {

struct Context {
  async::Clock& clock;
  store::Store& store;
  delivery::Delivery& delivery;
  domain::Limits limits;
  // What lists take while they are made.
  std::shared_ptr<http::ByteBudget> bodies = std::make_shared<http::ByteBudget>(512 * 1024 * 1024);
  std::uint64_t too_many_scheduled = 0;  // requests beyond limits.max_scheduled_per_user
};

}  // namespace afterword::api
