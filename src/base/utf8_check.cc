#include "base/utf8_check.h"

#include <cstddef>
#include <cstring>

namespace afterword {

bool Utf8Check::take(std::string_view piece) {
  constexpr std::uint64_t highest_bits = 0x8080'8080'8080'8080;
  for (std::size_t i = 0; i < piece.size() && is_good_;) {
    std::uint64_t word = highest_bits;
    if (missing_ == 0 && i + sizeof word <= piece.size()) std::memcpy(&word, piece.data() + i, sizeof word);
    if ((word & highest_bits) == 0) {  // most texts are ASCII nearly everywhere
      i += sizeof word;
    } else {
      take(static_cast<unsigned char>(piece[i]));
      ++i;
    }
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
