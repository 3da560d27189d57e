// ops/registration: a file that may be anything, and whose tokens stay secret.
#include "ops/registration.h"

#include "base/testing/temporary_folder.h"
#include "require.h"
#include "targets.h"

#include <fstream>

namespace afterword::fuzz {

void registration(std::string_view input) {
  static const testing::TemporaryFolder folder;
  static const std::filesystem::path file = folder.path() / "r";
  std::ofstream(file, std::ios::binary) << input;
  const auto read = ops::read_registration(file);
  if (read) {
    require(!read->as_token.empty() && !read->hs_token.empty(), "both tokens are there");
  } else {
    require(read.error().starts_with(file.string()), "an error names the file");
    require(read.error().find("SECRET") == std::string::npos, "an error shows no token");
  }
}

}  // namespace afterword::fuzz
