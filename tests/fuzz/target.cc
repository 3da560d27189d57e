// http/target: the parts of a request's target.
#include "http/target.h"

#include "base/encoding.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {

void target(std::string_view input) {
  const auto parsed = http::Target::parse(input);
  if (!parsed) return;
  const std::string question = input.find('?') == input.npos ? "" : "?";
  require(std::string(parsed->path).append(question).append(parsed->query) == input,
          "path and query are the target, byte for byte");
  require(!parsed->segments.empty(), "there is a segment");

  std::string path;
  for (const std::string_view segment : parsed->segments) path += '/' + percent_encode(segment);
  const auto again = http::Target::parse(path);
  require(again && again->segments == parsed->segments, "segments that are encoded again read as the same");
}

}  // namespace afterword::fuzz
