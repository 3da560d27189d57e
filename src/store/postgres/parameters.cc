#include "store/postgres/parameters.h"

#include <boost/endian/conversion.hpp>

#include <array>

namespace afterword::store::postgres {
namespace {

template <class Integer>
void append_big_endian(std::string& to, Integer value) {
  const Integer big = boost::endian::native_to_big(value);
  to.append(reinterpret_cast<const char*>(&big), sizeof big);
}

std::string_view view_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Element to_element(std::int64_t value) {
  std::string bytes;
  append_big_endian(bytes, value);
  return bytes;
}
Element to_element(bool value) { return std::string(1, value ? '\1' : '\0'); }
Element to_element(std::string_view bytes) { return std::string(bytes); }
Element to_element(const std::string& bytes) { return bytes; }
Element to_element(Timestamp value) { return to_element(to_ms(value)); }
Element to_element(WallTime value) { return to_element(to_ms(value)); }
Element to_element(Milliseconds value) { return to_element(std::int64_t{value.count()}); }
Element to_element(const domain::DelayId& value) { return to_element(view_of(value.bytes())); }
Element to_element(const domain::TransactionKey& value) { return to_element(view_of(value.digest)); }

void Array::append(const Element& element) {
  ++count_;
  if (!element) {
    has_null_ = true;
    append_big_endian(elements_, std::int32_t{-1});
    return;
  }
  append_big_endian(elements_, static_cast<std::int32_t>(element->size()));
  elements_ += *element;
}

std::string Array::encode() const {
  std::string bytes;
  bytes.reserve(20 + elements_.size());
  append_big_endian(bytes, std::int32_t{count_ == 0 ? 0 : 1});  // dimensions
  append_big_endian(bytes, std::int32_t{has_null_});
  append_big_endian(bytes, static_cast<std::uint32_t>(type_));
  if (count_ == 0) return bytes;
  append_big_endian(bytes, count_);
  append_big_endian(bytes, std::int32_t{1});  // the first index
  bytes += elements_;
  return bytes;
}

}  // namespace afterword::store::postgres
