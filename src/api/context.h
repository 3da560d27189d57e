// What the handlers work with. It outlives every request.
#pragma once

#include "async/clock.h"
#include "delivery/delivery.h"
#include "domain/limits.h"
#include "store/store.h"

namespace afterword::api {

struct Context {
  async::Clock& clock;
  store::Store& store;
  delivery::Delivery& delivery;
  domain::Limits limits;
};

}  // namespace afterword::api
