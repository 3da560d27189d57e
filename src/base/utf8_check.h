// Whether a text is UTF-8 that comes in pieces, cut anywhere. For a whole one there is is_valid_utf8 in
// base/encoding.h.
#pragma once

#include <cstdint>
#include <string_view>

namespace afterword {

class Utf8Check {
 public:
  // Whether it can be UTF-8 so far. From the first piece on with which it cannot, it stays so.
  bool take(std::string_view piece);

  // Whether the last character is there to its end.
  bool is_whole() const { return missing_ == 0; }

 private:
  void take(unsigned char byte);

  bool is_good_ = true;
  int missing_ = 0;             // of the present character
  std::uint8_t lowest_ = 0x80;  // that the next of its bytes may be
  std::uint8_t highest_ = 0xbf;
};

}  // namespace afterword
