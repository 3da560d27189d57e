#include "http/gzip.h"

#include "base/text.h"

#define ZLIB_CONST  // what comes in is only read
#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <zlib.h>

namespace afterword::http {
namespace {

constexpr int window_bits = 15 + 16;  // 16: gzip
constexpr int memory_level = 8;
constexpr std::size_t unpacked_bytes = BodyStream::window_bytes / 2;  // at once

const Bytef* to_zlib(std::string_view piece) { return reinterpret_cast<const Bytef*>(piece.data()); }

class PackedStream final : public BodyStream {
 public:
  PackedStream(std::shared_ptr<BodyStream> body, ByteBudget::Share room)
      : body_(std::move(body)), room_(std::move(room)) {
    if (deflateInit2(&zlib_, Z_BEST_SPEED, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("zlib has no memory");
    }
  }
  PackedStream(const PackedStream&) = delete;
  PackedStream& operator=(const PackedStream&) = delete;
  ~PackedStream() override { deflateEnd(&zlib_); }

  async::Task<Result<std::string_view, BrokenOff>> read() override {
    if (has_ended_) co_return std::string_view();
    const auto piece = co_await body_->read();
    if (!piece) co_return piece.error();
    has_ended_ = piece->empty() || body_->remaining_bytes() == 0;
    pack(*piece);
    co_return std::string_view(output_);
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    return has_ended_ ? std::optional<std::uint64_t>(0) : std::nullopt;
  }

 private:
  void pack(std::string_view piece) {
    zlib_.next_in = to_zlib(piece);
    zlib_.avail_in = static_cast<uInt>(piece.size());
    output_.resize(deflateBound(&zlib_, static_cast<uLong>(piece.size())) + 64);
    zlib_.next_out = reinterpret_cast<Bytef*>(output_.data());
    zlib_.avail_out = static_cast<uInt>(output_.size());
    deflate(&zlib_, has_ended_ ? Z_FINISH : Z_SYNC_FLUSH);
    output_.resize(output_.size() - zlib_.avail_out);
  }

  std::shared_ptr<BodyStream> body_;
  ByteBudget::Share room_;
  z_stream zlib_{};
  std::string output_;
  bool has_ended_ = false;
};

class UnpackedStream final : public BodyStream {
 public:
  UnpackedStream(std::shared_ptr<BodyStream> body, ByteBudget::Share room)
      : body_(std::move(body)), room_(std::move(room)), output_(unpacked_bytes, '\0') {
    if (inflateInit2(&zlib_, window_bits) != Z_OK) throw std::runtime_error("zlib has no memory");
  }
  UnpackedStream(const UnpackedStream&) = delete;
  UnpackedStream& operator=(const UnpackedStream&) = delete;
  ~UnpackedStream() override { inflateEnd(&zlib_); }

  async::Task<Result<std::string_view, BrokenOff>> read() override {
    for (;;) {
      if (zlib_.avail_in == 0 && !may_have_more_) {
        const auto piece = co_await body_->read();
        if (!piece) co_return piece.error();
        if (piece->empty()) {
          if (!is_whole_) co_return BrokenOff{"a body in gzip is cut"};
          co_return std::string_view();
        }
        zlib_.next_in = to_zlib(*piece);
        zlib_.avail_in = static_cast<uInt>(piece->size());
      }
      // What is packed in parts is one body.
      if (is_whole_ && zlib_.avail_in > 0) inflateReset(&zlib_);
      zlib_.next_out = reinterpret_cast<Bytef*>(output_.data());
      zlib_.avail_out = static_cast<uInt>(output_.size());
      const int result = inflate(&zlib_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        co_return BrokenOff{"a body is not in gzip as it says"};
      }
      is_whole_ = result == Z_STREAM_END;
      may_have_more_ = zlib_.avail_out == 0 && !is_whole_;
      const std::string_view unpacked(output_.data(), output_.size() - zlib_.avail_out);
      if (!unpacked.empty()) co_return unpacked;
    }
  }

  std::optional<std::uint64_t> remaining_bytes() const override {
    const bool has_all = is_whole_ && zlib_.avail_in == 0 && body_->remaining_bytes() == 0;
    return has_all ? std::optional<std::uint64_t>(0) : std::nullopt;
  }

 private:
  std::shared_ptr<BodyStream> body_;
  ByteBudget::Share room_;
  z_stream zlib_{};
  std::string output_;
  bool may_have_more_ = false;  // of what it has been given
  bool is_whole_ = false;
};

// Takes what stands before the first separator, and that, off a list.
std::string_view take_first(std::string_view& list, char separator) {
  const std::size_t end = list.find(separator);
  const std::string_view first = list.substr(0, end);
  list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
  return trim(first);
}

bool is_refused(std::string_view parameters) {
  const std::size_t weight = to_lower(parameters).find("q=");
  if (weight == std::string_view::npos) return false;
  return parameters.substr(weight + 2).find_first_of("123456789") == std::string_view::npos;
}

}  // namespace

bool accepts_gzip(const Headers& headers) {
  bool others = false;
  std::optional<bool> gzip;
  for (const Header& header : headers) {
    if (!equal_ignoring_case(header.name, "Accept-Encoding")) continue;
    for (std::string_view codings = header.value; !codings.empty();) {
      std::string_view parameters = take_first(codings, ',');
      const std::string_view name = take_first(parameters, ';');
      if (name == "*") others = !is_refused(parameters);
      if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip")) gzip = !is_refused(parameters);
    }
  }
  return gzip.value_or(others);
}

std::shared_ptr<BodyStream> packed(std::shared_ptr<BodyStream> body, ByteBudget::Share room) {
  return std::make_shared<PackedStream>(std::move(body), std::move(room));
}

std::shared_ptr<BodyStream> unpacked(std::shared_ptr<BodyStream> body, ByteBudget::Share room) {
  return std::make_shared<UnpackedStream>(std::move(body), std::move(room));
}

}  // namespace afterword::http
