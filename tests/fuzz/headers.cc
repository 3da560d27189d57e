// http/hop_by_hop: what belongs to one connection goes, whatever Connection says.
//
// The input: a header a line, NAME:VALUE.
#include "http/hop_by_hop.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {

void headers(std::string_view input) {
  http::Headers all;
  while (!input.empty()) {
    const std::string_view line = take_line(input);
    const std::size_t colon = std::min(line.find(':'), line.size());
    all.add(std::string(line.substr(0, colon)), std::string(line.substr(std::min(colon + 1, line.size()))));
  }
  http::Headers kept = all;
  http::remove_hop_by_hop(kept);
  auto original = all.begin();
  for (const http::Header& header : kept) {
    require(!http::is_hop_by_hop(header.name), "none of one connection is left");
    while (original != all.end() && ((*original).name != header.name || (*original).value != header.value)) ++original;
    require(original != all.end(), "what is left stands as it stood, in its order");
    ++original;
  }
  http::Headers again = kept;
  http::remove_hop_by_hop(again);
  require(std::ranges::equal(again, kept,
                             [](const auto& a, const auto& b) { return a.name == b.name && a.value == b.value; }),
          "a second time changes nothing");
}

}  // namespace afterword::fuzz
