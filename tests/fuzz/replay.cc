// The program `fuzz_replay TARGET CORPUS CHANGES [SEED]`: tries each file of the folder CORPUS on the target, then so
// many small changes of them. Changes are the same for the same seed, which is printed. Without clang there is nothing
// that steers them to new code; that is what the program `fuzz` is for.
#include "targets.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t max_input_bytes = 8192;

std::string last_input;

// The target has ended the process: say with which bytes.
void show_last_input(int) {
  std::fputs("the input, escaped:\n", stderr);
  for (const char character : last_input) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte < 0x7f && character != '\\') {
      std::fputc(byte, stderr);
    } else {
      std::fprintf(stderr, "\\x%02x", byte);
    }
  }
  std::fputc('\n', stderr);
  std::signal(SIGABRT, SIG_DFL);
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files(std::filesystem::directory_iterator(folder), {});
  std::ranges::sort(files);  // the same changes for the same seed
  std::vector<std::string> inputs;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return inputs;
}

class Changer {
 public:
  Changer(const std::vector<std::string>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  std::string next() {
    std::string input = any_of_corpus();
    for (std::size_t left = 1 + below(4); left > 0; --left) change(input);
    if (input.size() > max_input_bytes) input.resize(max_input_bytes);
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  const std::string& any_of_corpus() { return corpus_[below(corpus_.size())]; }

  std::string any_piece(const std::string& text) {
    const std::size_t begin = below(text.size() + 1);
    return text.substr(begin, below(std::min<std::size_t>(text.size() - begin, 64) + 1));
  }

  void change(std::string& input) {
    const std::size_t at = below(input.size() + 1);
    switch (below(5)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(below(256));
        return;
      case 1:
        input.insert(at, 1, static_cast<char>(below(256)));
        return;
      case 2:
        input.erase(at, 1 + below(8));
        return;
      case 3:
        input.insert(at, any_piece(input));
        return;
      default:
        input.insert(at, any_piece(any_of_corpus()));
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto* const target = argc < 4 ? nullptr : afterword::fuzz::find_target(argv[1]);
  if (target == nullptr) {
    std::fputs("fuzz_replay TARGET CORPUS CHANGES [SEED]; tests/fuzz/targets.h has the targets\n", stderr);
    return 2;
  }
  const std::vector<std::string> corpus = read_corpus(argv[2]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no examples\n", argv[2]);
    return 2;
  }
  const std::uint64_t seed = argc > 4 ? std::stoull(argv[4]) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);

  std::signal(SIGABRT, show_last_input);
  const auto check = [&](std::string input) {
    last_input = std::move(input);
    target->check(last_input);
  };
  for (const std::string& input : corpus) check(input);
  Changer changer(corpus, seed);
  for (long left = std::stol(argv[3]); left > 0; --left) check(changer.next());
}
