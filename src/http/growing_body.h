// A Beast body kept in a string that grows with what arrives: a Content-Length alone makes nobody allocate.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional/optional.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace afterword::http {

struct GrowingBody {
  using value_type = std::string;

  class reader {  // NOLINT(readability-identifier-naming): the name that Beast looks for
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& announced_bytes, boost::beast::error_code& error) {
      body_.reserve(static_cast<std::size_t>(std::min(announced_bytes.value_or(0), trusted_bytes)));
      error = {};
    }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      const std::size_t size_before = body_.size();
      for (const boost::asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
      }
      error = {};
      return body_.size() - size_before;
    }

    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    static constexpr std::uint64_t trusted_bytes = 64 * 1024;

    value_type& body_;
  };
};

}  // namespace afterword::http
