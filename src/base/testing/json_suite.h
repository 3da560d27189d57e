// What Nicolas Seriot's JSONTestSuite asks of a reader of JSON (MIT licence): texts that each must take, texts that
// each must refuse, and texts about which RFC 8259 leaves it the choice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace afterword::testing {

struct JsonCase {
  std::string_view name;
  std::string text;
};

std::vector<JsonCase> json_to_take();
std::vector<JsonCase> json_to_refuse();

// Which of ours take it: parse_json, and the gateway's scanner for what is valid UTF-8.
struct UndecidedJsonCase {
  std::string_view name;
  std::string text;
  bool parser_takes = false;
  bool scanner_takes = false;
};

std::vector<UndecidedJsonCase> json_to_choose();

}  // namespace afterword::testing
