#include "http/gzip.h"

#include "async/testing/manual_clock.h"
#include "http/testing/body_in_pieces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace afterword::http {
namespace {

using testing::BodyInPieces;

class GzipTest : public ::testing::Test {
 protected:
  ByteBudget::Share room() { return ByteBudget::Share(bodies_); }

  std::vector<std::string> pieces_of(const std::shared_ptr<BodyStream>& body) {
    std::vector<std::string> pieces;
    for (;;) {
      const auto piece = clock_.run(body->read());
      if (!piece) {
        pieces.emplace_back("broken off");
        return pieces;
      }
      if (piece->empty()) return pieces;
      pieces.emplace_back(*piece);
    }
  }
  std::string text_of(const std::shared_ptr<BodyStream>& body) {
    std::string text;
    for (const std::string& piece : pieces_of(body)) text += piece;
    return text;
  }
  std::string pack(const std::string& text) { return text_of(packed(BodyInPieces::of({text}), room())); }

  async::testing::ManualClock clock_;
  ByteBudget bodies_{1'000'000'000};
};

TEST_F(GzipTest, IsTheSameAfterwards) {
  std::mt19937 random(1952);
  std::string noise(300'000, '\0');
  std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
  for (const std::vector<std::string>& pieces : std::vector<std::vector<std::string>>{
           {}, {"x"}, {"one", "two"}, {std::string(1'000'000, 'a')}, {noise, "x", noise}}) {
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    const std::string in_gzip = text_of(packed(BodyInPieces::of(pieces), room()));
    EXPECT_EQ(in_gzip.substr(0, 2), "\x1f\x8b");
    std::vector<std::string> cut;
    for (std::size_t at = 0; at < in_gzip.size(); at += cut.back().size()) {
      cut.push_back(in_gzip.substr(at, 1 + random() % 50'000));
    }
    EXPECT_TRUE(text_of(unpacked(BodyInPieces::of(cut), room())) == text);
  }
}

TEST_F(GzipTest, KeepsNobodyWaitingForTheNextPiece) {
  const auto body = packed(BodyInPieces::of({"one", "two", "three"}), room());
  std::string so_far;
  for (const char* expected : {"one", "onetwo", "onetwothree"}) {
    so_far += *clock_.run(body->read());
    const auto pieces = pieces_of(unpacked(BodyInPieces::of({so_far}), room()));
    ASSERT_FALSE(pieces.empty());
    EXPECT_EQ(pieces[0], expected);
  }
}

TEST_F(GzipTest, IsUnpackedInBoundedPieces) {
  const std::string text(50'000'000, ' ');
  std::size_t bytes = 0;
  for (const std::string& piece : pieces_of(unpacked(BodyInPieces::of({pack(text)}), room()))) {
    EXPECT_LE(piece.size(), BodyStream::window_bytes);
    bytes += piece.size();
  }
  EXPECT_EQ(bytes, text.size());
}

TEST_F(GzipTest, BreaksOffWhereItIsNoneOrEndsTooSoon) {
  const std::string good = pack("some text");
  EXPECT_EQ(pieces_of(unpacked(BodyInPieces::of({good, good}), room())).size(), 2U) << "packed in parts";
  for (const std::string& bad : {std::string("{}"), good.substr(0, 5), good.substr(0, good.size() - 1), good + "x"}) {
    EXPECT_EQ(pieces_of(unpacked(BodyInPieces::of({bad}), room())).back(), "broken off");
  }
  EXPECT_EQ(pieces_of(unpacked(BodyInPieces::broken_off_after({good.substr(0, 5)}), room())).back(), "broken off");
  EXPECT_EQ(pieces_of(packed(BodyInPieces::broken_off_after({"x"}), room())).back(), "broken off");
}

TEST(AcceptsGzip, AsTheHeadersSay) {
  for (const char* value :
       {"gzip", "deflate, GZIP", "br;q=1.0, gzip;q=0.8, *;q=0.1", "*", "x-gzip", "gzip ; q=0.001"}) {
    EXPECT_TRUE(accepts_gzip({{"Accept-Encoding", value}})) << value;
  }
  for (const char* value : {"", "identity", "gzip;q=0", "gzip;Q=0.000", "*, gzip; q=0", "br", "*;q=0", "gzipped"}) {
    EXPECT_FALSE(accepts_gzip({{"Accept-Encoding", value}})) << value;
  }
  EXPECT_FALSE(accepts_gzip({}));
  EXPECT_TRUE(accepts_gzip({{"Accept-Encoding", "br"}, {"accept-encoding", "gzip"}}));
}

}  // namespace
}  // namespace afterword::http
