// What a statement is run with, in PostgreSQL's binary form. Arrays are what makes one statement change many rows.
//
// Text of users is bytea: it may hold NUL, and need not be valid in any encoding.
#pragma once

#include "base/time.h"
#include "domain/ids.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::store::postgres {

// An element of an array; nothing is NULL.
using Element = std::optional<std::string>;

Element to_element(std::int64_t value);  // int8
Element to_element(bool value);
Element to_element(std::string_view bytes);
Element to_element(const std::string& bytes);
Element to_element(Timestamp value);     // int8
Element to_element(WallTime value);      // int8
Element to_element(Milliseconds value);  // int8
Element to_element(const domain::DelayId& value);
Element to_element(const domain::TransactionKey& value);  // bytea
template <class Tag>
Element to_element(const domain::Id<Tag>& id) {
  return id.value;
}
template <class T>
Element to_element(const std::optional<T>& value) {
  return value ? to_element(*value) : std::nullopt;
}

enum class ArrayOf : std::uint32_t { booleans = 16, bytes = 17, integers = 20, texts = 25, uuids = 2950 };

class Array {
 public:
  explicit Array(ArrayOf type) : type_(type) {}

  template <class T>
  void add(const T& value) {
    append(to_element(value));
  }
  bool empty() const { return count_ == 0; }
  std::string encode() const;

 private:
  void append(const Element& element);

  ArrayOf type_;
  std::int32_t count_ = 0;
  bool has_null_ = false;
  std::string elements_;
};

template <class Values>
Array array_of(ArrayOf type, const Values& values) {
  Array array(type);
  for (const auto& value : values) array.add(value);
  return array;
}

class Parameters {
 public:
  template <class... T>
  explicit Parameters(const T&... values) {
    (add(values), ...);
  }

  void add(const Array& array) { values_.emplace_back(array.encode()); }
  template <class T>
  void add(const T& value) {
    values_.push_back(to_element(value));
  }

  const std::vector<Element>& values() const { return values_; }

 private:
  std::vector<Element> values_;
};

}  // namespace afterword::store::postgres
