// Who a request comes from, as the homeserver knows them.
#pragma once

#include "domain/ids.h"

#include <optional>

namespace afterword::api {

struct Caller {
  domain::UserId user_id;
  std::optional<domain::DeviceId> device_id;
  bool is_application_service = false;
};

}  // namespace afterword::api
