// A body that comes in the pieces that a test wants.
#pragma once

#include "http/body_stream.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace afterword::http::testing {

class BodyInPieces final : public BodyStream {
 public:
  static std::shared_ptr<BodyInPieces> of(std::vector<std::string> pieces) {
    return std::make_shared<BodyInPieces>(std::move(pieces), false);
  }
  static std::shared_ptr<BodyInPieces> broken_off_after(std::vector<std::string> pieces) {
    return std::make_shared<BodyInPieces>(std::move(pieces), true);
  }

  BodyInPieces(std::vector<std::string> pieces, bool breaks_off)
      : pieces_(std::move(pieces)), breaks_off_(breaks_off) {}

  async::Task<Result<std::string_view, BrokenOff>> read() override {
    if (read_ < pieces_.size()) {
      // A piece that has gone cannot be looked at.
      piece_ = std::make_unique<std::string>(pieces_[read_++]);
      co_return std::string_view(*piece_);
    }
    piece_.reset();
    if (breaks_off_) co_return BrokenOff{"the test says so"};
    co_return std::string_view();
  }

  std::optional<std::uint64_t> remaining_bytes() const override { return std::nullopt; }

  std::size_t pieces_read() const { return read_; }

 private:
  const std::vector<std::string> pieces_;
  const bool breaks_off_;
  std::size_t read_ = 0;
  std::unique_ptr<std::string> piece_;
};

}  // namespace afterword::http::testing
