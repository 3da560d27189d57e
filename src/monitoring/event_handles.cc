#include "monitoring/event_handles.h"

#include "base/encoding.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace afterword::monitoring {
namespace {

using Block = domain::DelayId::Bytes;

constexpr std::string_view prefix = "ev-";

// One block, which a delay_id fills: so no mode of operation and no nonce is needed.
Block convert(const std::array<std::uint8_t, 32>& key, const Block& block, bool encipher) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  Block converted{};
  int written = 0;
  const bool done = context != nullptr &&
                    EVP_CipherInit_ex(context.get(), EVP_aes_256_ecb(), nullptr, key.data(), nullptr, encipher) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
                    EVP_CipherUpdate(context.get(), converted.data(), &written, block.data(), block.size()) == 1;
  if (!done || written != static_cast<int>(block.size())) throw std::runtime_error("AES is not available");
  return converted;
}

}  // namespace

EventHandles::EventHandles() { fill_random(key_); }

std::string EventHandles::handle_of(const domain::DelayId& delay_id) const {
  return std::string(prefix) + to_base64url(convert(key_, delay_id.bytes(), true));
}

std::optional<domain::DelayId> EventHandles::find(std::string_view handle) const {
  if (!handle.starts_with(prefix)) return std::nullopt;
  const auto bytes = from_base64url(handle.substr(prefix.size()));
  Block block{};
  if (!bytes || bytes->size() != block.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), block.begin());
  return domain::DelayId(convert(key_, block, false));
}

}  // namespace afterword::monitoring
