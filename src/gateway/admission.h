// What each of our routes lets a request do to the server before anybody has looked at it. Pure.
#pragma once

#include "http/server.h"

#include <string_view>

namespace afterword::gateway {

http::Admission admit(std::string_view method, std::string_view target);

}  // namespace afterword::gateway
