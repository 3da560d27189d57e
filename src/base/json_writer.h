// Writes a JSON object as text, without a tree of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace afterword {

class JsonObjectWriter {
 public:
  // At the end of `text`, which outlives it.
  explicit JsonObjectWriter(std::string& text) : text_(text) { text_ += '{'; }

  // `name` needs no escapes. The value is in UTF-8.
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::int64_t value);
  // A value that is JSON already.
  void add_json(std::string_view name, std::string_view value);
  // Those of an object that is JSON already, in its shortest form.
  void add_members_of(std::string_view object);

  // Call once, after all members.
  void end() { text_ += '}'; }

 private:
  void add_comma();
  void add_name(std::string_view name);

  std::string& text_;
  bool is_empty_ = true;
};

}  // namespace afterword
