// A range of IP addresses, as 10.0.0.0/8.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::http {

// The address itself, of IPv4 also where it stands within one of IPv6 (::ffff:192.0.2.7). Nothing: it is none.
std::optional<boost::asio::ip::address> parse_ip(std::string_view text);

class IpRange {
 public:
  // 10.0.0.0/8, 2001:db8::/32, or one address. Bits behind the prefix count for nothing.
  static std::optional<IpRange> parse(std::string_view text);

  bool contains(const boost::asio::ip::address& address) const;
  std::string text() const;

 private:
  IpRange(boost::asio::ip::address first, unsigned prefix_bits) : first_(std::move(first)), prefix_bits_(prefix_bits) {}

  boost::asio::ip::address first_;
  unsigned prefix_bits_;
};

bool is_in_one_of(const std::vector<IpRange>& ranges, std::string_view address);

}  // namespace afterword::http
