#include "http/body_stream.h"

namespace afterword::http {

async::Task<bool> gather(std::string& body, std::shared_ptr<BodyStream>& rest, std::size_t max_bytes) {
  if (rest) co_await rest->ask_for();
  while (rest && body.size() <= max_bytes) {
    const auto piece = co_await rest->read();
    if (!piece) co_return false;
    body += *piece;
    if (piece->empty()) rest.reset();
  }
  co_return true;
}

}  // namespace afterword::http
