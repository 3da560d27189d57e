#include "http/ip_range.h"

#include "base/read_number.h"

#include <algorithm>
#include <cstddef>

namespace afterword::http {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned mapped_bits = 96;  // what stands before an IPv4 address within one of IPv6

template <class Bytes>
bool have_same_prefix(const Bytes& a, const Bytes& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool is_mapped(const ip::address& address) { return address.is_v6() && address.to_v6().is_v4_mapped(); }

ip::address unmapped(const ip::address& address) {
  return is_mapped(address) ? ip::make_address_v4(ip::v4_mapped, address.to_v6()) : address;
}

}  // namespace

std::optional<ip::address> parse_ip(std::string_view text) {
  boost::system::error_code error;
  const ip::address address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return unmapped(address);
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  boost::system::error_code error;
  const ip::address written = ip::make_address(text.substr(0, slash), error);
  if (error) return std::nullopt;
  const unsigned all_bits = written.is_v4() ? 32 : 128;
  unsigned bits = all_bits;
  if (slash < text.size()) {
    const auto given = read_number<unsigned>(text.substr(slash + 1));
    if (!given || *given > all_bits) return std::nullopt;
    bits = *given;
  }
  if (!is_mapped(written)) return IpRange(written, bits);
  if (bits < mapped_bits) return std::nullopt;
  return IpRange(unmapped(written), bits - mapped_bits);
}

bool IpRange::contains(const ip::address& address) const {
  const ip::address other = unmapped(address);
  if (first_.is_v4() != other.is_v4()) return false;
  if (first_.is_v4()) return have_same_prefix(first_.to_v4().to_bytes(), other.to_v4().to_bytes(), prefix_bits_);
  return have_same_prefix(first_.to_v6().to_bytes(), other.to_v6().to_bytes(), prefix_bits_);
}

std::string IpRange::text() const {
  const unsigned all_bits = first_.is_v4() ? 32 : 128;
  return prefix_bits_ == all_bits ? first_.to_string() : first_.to_string() + "/" + std::to_string(prefix_bits_);
}

bool is_in_one_of(const std::vector<IpRange>& ranges, std::string_view address) {
  const auto parsed = parse_ip(address);
  return parsed && std::ranges::any_of(ranges, [&](const IpRange& range) { return range.contains(*parsed); });
}

}  // namespace afterword::http
