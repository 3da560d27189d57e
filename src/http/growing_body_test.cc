#include "http/growing_body.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <gtest/gtest.h>

namespace afterword::http {
namespace {

std::string received(boost::optional<std::uint64_t> announced, std::size_t bytes) {
  boost::beast::http::request_header<> head;
  std::string body;
  GrowingBody::reader reader(head, body);
  boost::beast::error_code error;
  reader.init(announced, error);
  const std::string piece(60'000, 'x');
  while (body.size() < bytes) {
    reader.put(boost::asio::buffer(piece, std::min(piece.size(), bytes - body.size())), error);
    EXPECT_LE(body.capacity(), std::max<std::size_t>(128 * 1024, body.size() * 2));
  }
  EXPECT_EQ(body, std::string(bytes, 'x'));
  return body;
}

TEST(GrowingBody, TakesNoMoreMemoryThanWasAnnounced) {
  EXPECT_EQ(received(10'000'000, 10'000'000).capacity(), 10'000'000u);
  EXPECT_LE(received(10'000'000, 1'000'000).capacity(), 2'100'000u) << "for what has not arrived yet";
  EXPECT_LE(received(100, 100).capacity(), 100u);
}

TEST(GrowingBody, TakesAQuarterMoreWhereNothingWasAnnounced) {
  EXPECT_LE(received(boost::none, 10'000'000).capacity(), 12'600'000u);
}

}  // namespace
}  // namespace afterword::http
