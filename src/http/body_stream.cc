#include "http/body_stream.h"

#include <algorithm>
#include <cstdint>

namespace afterword::http {

async::Task<bool> gather(std::string& body, std::shared_ptr<BodyStream>& rest, std::size_t max_bytes) {
  if (rest) co_await rest->ask_for();
  const auto remaining = rest ? rest->remaining_bytes() : std::nullopt;
  // All at once, for a text that grows takes twice its size.
  if (remaining) body.reserve(body.size() + static_cast<std::size_t>(std::min<std::uint64_t>(*remaining, max_bytes)));
  while (rest && body.size() <= max_bytes) {
    const auto piece = co_await rest->read();
    if (!piece) co_return false;
    body += *piece;
    if (piece->empty()) rest.reset();
  }
  co_return true;
}

}  // namespace afterword::http
