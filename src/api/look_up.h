// Looks a delayed event up (docs/protocol.md section 3).
#pragma once

#include "api/context.h"
#include "api/wire_form.h"
#include "http/message.h"

#include <optional>

namespace afterword::api {

struct LookUpRequest {
  WireForm form = WireForm::stable;
  domain::UserId caller;
  std::optional<domain::DelayId> delay_id;  // absent: what stands in the path is the form of none
};

async::Task<http::Response> look_up(Context& context, LookUpRequest request);

}  // namespace afterword::api
