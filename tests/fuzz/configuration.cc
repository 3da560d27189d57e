// ops/configuration: the file, which may be anything, and the settings of the command line.
//
// The input: a line of KEY=VALUE; then the file.
#include "ops/configuration.h"

#include "base/testing/temporary_folder.h"
#include "ops/duration.h"
#include "ops/files.h"
#include "ops/load_configuration.h"
#include "ops/registration.h"
#include "require.h"
#include "targets.h"

#include <fstream>

namespace afterword::fuzz {
namespace {

struct Folder {
  Folder() {
    const std::string text = ops::registration_text(ops::make_registration(), "example.org");
    require(ops::write_new_file(folder.path() / "afterword-registration.yaml", text).has_value(), "it can be written");
  }
  testing::TemporaryFolder folder;
};

void check_error(const std::string& error) {
  require(!error.empty() && !error.ends_with('\n'), "an error has a line for a person");
}

void check(const ops::Configuration& configuration) {
  require(!configuration.homeserver.host.empty() && configuration.homeserver.port != 0, "there is a homeserver");
  for (const char character : configuration.homeserver.host_header()) {
    require(character > ' ' && character != '\x7f', "a Host header is one word");
  }
  require(!configuration.server_name.empty(), "there is a server name");
  require(!configuration.listen.empty(), "there is an address to listen on");
  for (const http::Address& address : configuration.listen) {
    require(address.is_unix() == address.host.empty(), "an address is one of two kinds");
    require(address.unix_path.size() <= http::max_unix_path_bytes, "the system takes the path");
  }
  const auto is_sound = [](const std::optional<Milliseconds>& limit) {
    return !limit || (*limit >= Milliseconds(0) && limit->count() <= max_json_integer);
  };
  require(is_sound(configuration.limits.max_delay), "delays can be counted");
  require(is_sound(configuration.retention.max_age), "ages can be counted");
  require(configuration.start_grace >= Milliseconds(0) && configuration.start_grace <= std::chrono::seconds(30),
          "the grace is short");
  for (const Rate& rate : {configuration.rate_limits.schedule, configuration.rate_limits.manage,
                           configuration.rate_limits.delay_id, configuration.rate_limits.guess}) {
    require(rate.per_second > 0 && rate.burst_count > 0, "a rate lets something through");
  }
}

}  // namespace

void configuration(std::string_view input) {
  static const Folder folder;
  static const std::filesystem::path file = folder.folder.path() / "afterword.yaml";
  const std::string line(take_line(input));
  std::ofstream(file, std::ios::binary) << input;

  std::vector<ops::Setting> settings;
  if (const auto setting = ops::parse_setting(line)) settings.push_back(*setting);
  const auto loaded = ops::load_configuration(file, settings);
  if (loaded) {
    check(*loaded);
    require(!loaded->as_token.empty(), "the token was read");
  } else {
    check_error(loaded.error());
  }

  settings.insert(settings.begin(), {{"homeserver.url", "http://127.0.0.1", "--homeserver"},
                                     {"homeserver.server_name", "example.org", "--server-name"}});
  const auto of_settings = ops::configuration_of(settings, folder.folder.path());
  if (of_settings) check(*of_settings);
  if (!of_settings) check_error(of_settings.error());
}

}  // namespace afterword::fuzz
