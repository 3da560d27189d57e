// A Beast body kept in a string that grows with what arrives: a Content-Length alone makes nobody allocate. It takes
// little more memory than that: never more than was announced, or, where nothing was, a quarter more than has arrived.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional/optional.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace afterword::http {

struct GrowingBody {
  using value_type = std::string;

  class reader {  // NOLINT(readability-identifier-naming): the name that Beast looks for
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& announced_bytes, boost::beast::error_code& error) {
      announced_bytes_ = static_cast<std::size_t>(announced_bytes.value_or(0));
      body_.reserve(std::min(announced_bytes_, trusted_bytes));
      error = {};
    }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      const std::size_t size_before = body_.size();
      make_room_for(size_before + boost::beast::buffer_bytes(buffers));
      for (const boost::asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
      }
      error = {};
      return body_.size() - size_before;
    }

    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    static constexpr std::size_t trusted_bytes = 64 * 1024;

    // A string that grows by itself doubles.
    void make_room_for(std::size_t bytes) {
      if (bytes <= std::max(body_.capacity(), trusted_bytes)) return;
      std::string larger;
      larger.reserve(bytes <= announced_bytes_ ? std::min(2 * bytes, announced_bytes_) : bytes + bytes / 4);
      larger += body_;
      body_ = std::move(larger);
    }

    value_type& body_;
    std::size_t announced_bytes_ = 0;
  };
};

}  // namespace afterword::http
