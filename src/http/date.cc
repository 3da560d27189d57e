#include "http/date.h"

#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

namespace afterword::http {

std::optional<WallTime> parse_date(std::string_view text) {
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  std::tm date{};
  stream >> std::get_time(&date, "%a, %d %b %Y %H:%M:%S GMT");
  if (!stream) return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&date)));
}

}  // namespace afterword::http
