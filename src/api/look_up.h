// Looks a delayed event up (docs/protocol.md section 3).
#pragma once

#include "api/context.h"
#include "api/wire_form.h"
#include "http/message.h"

#include <string>

namespace afterword::api {

struct LookUpRequest {
  WireForm form = WireForm::stable;
  domain::UserId caller;
  std::string delay_id;  // as it stands in the path, decoded
};

async::Task<http::Response> look_up(Context& context, LookUpRequest request);

}  // namespace afterword::api
