#include "domain/errcode.h"

#include "base/json.h"

namespace afterword::domain {

std::string errcode_of(const HomeserverError& error) {
  const auto body = parse_json_object(error.body);
  return body ? string_member(*body, "errcode").value_or("") : "";
}

}  // namespace afterword::domain
