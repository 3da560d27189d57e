#include "http/growing_body.h"

#include <gtest/gtest.h>

namespace afterword::http {
namespace {

std::string received(std::optional<std::uint64_t> announced, std::size_t bytes) {
  GrowingBody growing;
  growing.announce(announced);
  const std::string piece(60'000, 'x');
  std::string& body = growing.text();
  while (body.size() < bytes) {
    growing.append(std::string_view(piece).substr(0, bytes - body.size()));
    EXPECT_LE(body.capacity(), std::max<std::size_t>(128 * 1024, body.size() * 2));
  }
  EXPECT_EQ(body, std::string(bytes, 'x'));
  return std::move(body);
}

TEST(GrowingBody, TakesNoMoreMemoryThanWasAnnounced) {
  EXPECT_EQ(received(10'000'000, 10'000'000).capacity(), 10'000'000u);
  EXPECT_LE(received(10'000'000, 1'000'000).capacity(), 2'100'000u) << "for what has not arrived yet";
  EXPECT_LE(received(100, 100).capacity(), 100u);
}

TEST(GrowingBody, TakesAQuarterMoreWhereNothingWasAnnounced) {
  EXPECT_LE(received(std::nullopt, 10'000'000).capacity(), 12'600'000u);
}

}  // namespace
}  // namespace afterword::http
