#include "base/utf8_check.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace afterword {

namespace {

// Most texts are ASCII nearly everywhere, so many bytes are looked at at once.
std::size_t end_of_ascii(std::string_view text, std::size_t at) {
  constexpr std::uint64_t highest_bits = 0x8080'8080'8080'8080;
  for (std::array<std::uint64_t, 4> words; at + sizeof words <= text.size(); at += sizeof words) {
    std::memcpy(words.data(), text.data() + at, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & highest_bits) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

bool Utf8Check::take(std::string_view piece) {
  for (std::size_t i = 0; is_good_;) {
    if (is_whole()) i = end_of_ascii(piece, i);
    if (i == piece.size()) break;
    take(static_cast<unsigned char>(piece[i++]));
  }
  return is_good_;
}

void Utf8Check::take(unsigned char byte) {
  if (missing_ > 0) {
    is_good_ = byte >= lowest_ && byte <= highest_;
    --missing_;
    lowest_ = 0x80;
    highest_ = 0xbf;
  } else if (byte >= 0x80) {
    is_good_ = byte >= 0xc2 && byte <= 0xf4;
    missing_ = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    // What is shorter in another way, a surrogate, and what is beyond the last character.
    if (byte == 0xe0) lowest_ = 0xa0;
    if (byte == 0xf0) lowest_ = 0x90;
    if (byte == 0xed) highest_ = 0x9f;
    if (byte == 0xf4) highest_ = 0x8f;
  }
}

}  // namespace afterword
