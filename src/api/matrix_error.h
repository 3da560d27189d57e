// Every error that Afterword answers by itself, but for those about HTTP itself (http/matrix_answer.h): status, errcode
// and words, made in this one table.
//
// What the homeserver refused is passed on as it said it (homeserver_refusal). Every answer made here is JSON and
// readable by web clients.
#pragma once

#include "api/wire_form.h"
#include "base/json.h"
#include "base/time.h"
#include "domain/delayed_event.h"
#include "domain/event_check.h"
#include "http/message.h"

#include <optional>
#include <string>
#include <string_view>

namespace afterword::api {

// A Matrix standard error response, with what else belongs into its body and headers.
struct MatrixError {
  int status = 500;
  std::string errcode;
  std::string error;                        // for a person who writes a client
  std::optional<Milliseconds> retry_after;  // also the Retry-After header, in whole seconds rounded up
  json::object extra;
};

// The request is malformed
MatrixError not_json();
MatrixError not_an_object();
MatrixError missing_parameter(std::string_view name);
MatrixError invalid_parameter(std::string_view name, std::string_view expected);
MatrixError event_fault(const domain::EventFault& fault);
MatrixError not_text();
MatrixError unrecognized();
MatrixError method_not_allowed();

// Limits
MatrixError delay_too_large(WireForm form, Milliseconds max_delay);
MatrixError too_many_scheduled(Milliseconds until_next_send);
MatrixError scheduling_forbidden();
MatrixError rate_limited(Milliseconds wait);

// The event
MatrixError delayed_event_not_found();
MatrixError already_finalised(WireForm form);
MatrixError cannot_be_retried();

// Who is asking
MatrixError missing_token();
MatrixError unreadable_authorization(std::string_view why);
MatrixError unknown_token();
MatrixError token_cannot_be_known(Milliseconds retry_after);  // at the moment

// It cannot be done now
MatrixError store_unavailable();
MatrixError homeserver_unreachable();
MatrixError outcome_unknown();

http::Response to_response(const MatrixError& error);
http::Response homeserver_refusal(const domain::HomeserverError& error);

// 200 with a JSON text.
http::Response ok(std::string body);

}  // namespace afterword::api
