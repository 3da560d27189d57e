// Access tokens that tests write down.
#pragma once

#include "homeserver/access_token.h"

namespace afterword::homeserver::testing {

// Throws if it is none.
inline AccessToken access_token(std::string_view text) { return AccessToken::parse(text).value(); }

}  // namespace afterword::homeserver::testing
