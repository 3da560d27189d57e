// The application service registration: the file by which the homeserver knows Afterword, and the one home of its
// secrets. Without a URL, so the homeserver sends Afterword nothing; with a namespace of all its users, so Afterword
// may send as each of them.
#pragma once

#include "base/result.h"
#include "gateway/sidecar.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::ops {

struct UserNamespace {
  std::string regex;
  bool exclusive = false;
};

struct Registration {
  std::string as_token{};
  std::string hs_token{};
  // Whether the homeserver's own limits hold for what is sent as its users. Where it does not say, homeservers take it
  // so.
  bool rate_limited = true;
  bool has_url = false;  // where the homeserver would send all that its users see
  std::vector<UserNamespace> users{};
};

// New tokens, 256 random bits each.
Registration make_registration();

// The file's text. Its tokens are the secret.
std::string registration_text(const Registration& registration, std::string_view server_name);

// Whether it is one word that a header can hold, whoever made it up.
bool is_token(std::string_view text);

// The errors are for a person, and hold no token.
Result<Registration, std::string> read_registration(const std::filesystem::path& path);

// Of a service for calls, as its own documents have it written: with its URL under the name of MSC4512.
Result<gateway::SidecarRegistration, std::string> read_sidecar_registration(const std::filesystem::path& path);

}  // namespace afterword::ops
