// The fuzz targets: each is a property of one reader of outside bytes, and must hold for whatever bytes it is given.
//
// A new one is a file, a line here, and a folder of examples in corpus/. Two programs run them: `fuzz` (libfuzzer.cc)
// searches for bytes that break one, `fuzz_replay` (replay.cc) tries the corpus and small changes of it, and needs no
// clang. Thread: one.
#pragma once

#include <array>
#include <string_view>

namespace afterword::fuzz {

void answers(std::string_view input);
void client_address(std::string_view input);
void command_line(std::string_view input);
void configuration(std::string_view input);
void delay_ids(std::string_view input);
void encoding(std::string_view input);
void fingerprint(std::string_view input);
void headers(std::string_view input);
void heads(std::string_view input);
void json(std::string_view input);
void managing(std::string_view input);
void registration(std::string_view input);
void requests(std::string_view input);
void responses(std::string_view input);
void routes(std::string_view input);
void scheduling(std::string_view input);
void stored_rows(std::string_view input);
void target(std::string_view input);

struct Target {
  std::string_view name;  // also of its folder in corpus/
  void (*check)(std::string_view input);
};

inline constexpr std::array targets{
    Target{"answers", answers},
    Target{"client_address", client_address},
    Target{"command_line", command_line},
    Target{"configuration", configuration},
    Target{"delay_ids", delay_ids},
    Target{"encoding", encoding},
    Target{"fingerprint", fingerprint},
    Target{"headers", headers},
    Target{"heads", heads},
    Target{"json", json},
    Target{"managing", managing},
    Target{"registration", registration},
    Target{"requests", requests},
    Target{"responses", responses},
    Target{"routes", routes},
    Target{"scheduling", scheduling},
    Target{"stored_rows", stored_rows},
    Target{"target", target},
};

// Null if there is no such target.
const Target* find_target(std::string_view name);

}  // namespace afterword::fuzz
