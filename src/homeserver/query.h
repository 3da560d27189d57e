// The query of a request's target: "?name=value&name=value".
#pragma once

#include "base/encoding.h"

#include <string>
#include <string_view>

namespace afterword::homeserver {

class Query {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += text_.empty() ? '?' : '&';
    text_.append(name).append("=").append(percent_encode(value));
  }

  // Homeservers know the device of an application service's request by either name.
  void add_device(std::string_view device_id) {
    add("device_id", device_id);
    add("org.matrix.msc3202.device_id", device_id);
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace afterword::homeserver
