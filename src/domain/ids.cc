#include "domain/ids.h"

#include "base/encoding.h"

#include <algorithm>

namespace afterword::domain {

DelayId DelayId::random() {
  Bytes bytes;
  fill_random(bytes);
  return DelayId(bytes);
}

std::optional<DelayId> DelayId::parse(std::string_view text) {
  Bytes bytes;
  const std::optional<std::string> decoded = from_base64url(text);
  if (!decoded || decoded->size() != bytes.size()) return std::nullopt;
  std::copy(decoded->begin(), decoded->end(), bytes.begin());
  return DelayId(bytes);
}

std::string DelayId::to_string() const { return to_base64url(bytes_); }

TransactionKey TransactionKey::of(const UserId& user_id, const std::optional<DeviceId>& device_id,
                                  std::string_view path, std::string_view txn_id) {
  // Lengths keep the parts apart: no two lists of parts give the same text.
  std::string text;
  for (const std::string_view part :
       {std::string_view(user_id.value), std::string_view(device_id ? device_id->value : std::string_view()), path,
        txn_id}) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return TransactionKey{sha256(text)};
}

}  // namespace afterword::domain
