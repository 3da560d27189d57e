#include "domain/ids.h"

#include "base/encoding.h"

#include <algorithm>

namespace afterword::domain {
namespace {

constexpr std::string_view synapse_prefix = "syd_";
constexpr std::size_t synapse_letters = 20;
constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// The mark of Synapse's: the first 13 bits.
bool is_synapses(const DelayId::Bytes& bytes) { return bytes[0] == 0xff && bytes[1] >= 0xf8; }

// bytes = bytes × 52 + digit, the first byte being the highest.
void push_digit(DelayId::Bytes& bytes, std::size_t digit) {
  std::size_t carry = digit;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    carry += *byte * letters.size();
    *byte = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

// The other way.
std::size_t pop_digit(DelayId::Bytes& bytes) {
  std::size_t rest = 0;
  for (std::uint8_t& byte : bytes) {
    rest = rest * 256 + byte;
    byte = static_cast<std::uint8_t>(rest / letters.size());
    rest %= letters.size();
  }
  return rest;
}

std::optional<DelayId> parse_synapses(std::string_view text) {
  text.remove_prefix(synapse_prefix.size());
  DelayId::Bytes bytes{};
  for (const char letter : text) {
    const std::size_t digit = letters.find(letter);
    if (digit == std::string_view::npos) return std::nullopt;
    push_digit(bytes, digit);
  }
  bytes[0] = 0xff;
  bytes[1] |= 0xf8;
  return DelayId(bytes);
}

char* to_synapses_text(DelayId::Bytes bytes, char* text) {
  bytes[0] = 0;
  bytes[1] &= 0x07;
  char* const first = text + synapse_prefix.copy(text, synapse_prefix.size());
  char* const end = first + synapse_letters;
  for (char* letter = end; letter != first;) *--letter = letters[pop_digit(bytes)];
  return end;
}

constexpr std::size_t max_id_bytes = 255;

bool is_id(std::string_view text, char sigil) {
  const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  return text.size() > 1 && text.size() <= max_id_bytes && text.front() == sigil &&
         std::ranges::all_of(text, is_visible);
}

}  // namespace

bool is_user_id(std::string_view text) {
  const std::size_t colon = text.find(':');
  return is_id(text, '@') && colon != std::string_view::npos && colon + 1 < text.size();
}

bool is_event_id(std::string_view text) { return is_id(text, '$'); }

std::string_view server_of(const UserId& user_id) {
  const std::size_t colon = user_id.value.find(':');
  return colon == std::string::npos ? std::string_view() : std::string_view(user_id.value).substr(colon + 1);
}

DelayId DelayId::random() {
  Bytes bytes;
  do {
    fill_random(bytes);
  } while (is_synapses(bytes));
  return DelayId(bytes);
}

std::optional<DelayId> DelayId::parse(std::string_view text) {
  if (text.size() == synapse_prefix.size() + synapse_letters && text.starts_with(synapse_prefix)) {
    return parse_synapses(text);
  }
  Bytes bytes;
  if (!from_base64url(text, bytes) || is_synapses(bytes)) return std::nullopt;
  return DelayId(bytes);
}

DelayId::Text DelayId::text() const {
  static_assert(Text::max_size >= std::max(synapse_prefix.size() + synapse_letters, base64url_size(sizeof bytes_)));
  Text text;
  char* const begin = text.characters_.data();
  const char* const end = is_synapses(bytes_) ? to_synapses_text(bytes_, begin) : to_base64url(bytes_, begin);
  text.size_ = static_cast<std::size_t>(end - begin);
  return text;
}

std::string DelayId::to_string() const { return std::string(std::string_view(text())); }

TransactionKey TransactionKey::of(const UserId& user_id, const std::optional<DeviceId>& device_id,
                                  std::string_view path, std::string_view txn_id) {
  const std::string_view device = device_id ? std::string_view(device_id->value) : std::string_view();
  return TransactionKey{sha256_of_list({user_id.value, device, path, txn_id})};
}

}  // namespace afterword::domain
