#include "homeserver/access_token.h"

#include <algorithm>

namespace afterword::homeserver {
namespace {

bool is_token_character(char character) {
  constexpr std::string_view others = "-._~+/";
  return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
         (character >= '0' && character <= '9') || others.find(character) != std::string_view::npos;
}

}  // namespace

std::optional<AccessToken> AccessToken::parse(std::string_view text) {
  if (text.size() > max_bytes) return std::nullopt;
  const std::string_view word = text.substr(0, text.find_last_not_of('=') + 1);
  if (word.empty() || !std::ranges::all_of(word, is_token_character)) return std::nullopt;
  return AccessToken(text);
}

}  // namespace afterword::homeserver
