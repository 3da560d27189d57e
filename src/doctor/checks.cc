#include "doctor/checks.h"

#include <filesystem>

namespace afterword::doctor {
namespace {

constexpr const Check* checks[] = {
    &homeserver_check, &registration_check, &namespace_check,  &rate_limited_check,  &delayed_events_check,
    &clock_check,      &accounts_check,     &whoami_check,     &token_service_check, &listen_check,
    &clients_check,    &database_check,     &durability_check, &disk_check,          &sync_check,
};

}  // namespace

std::span<const Check* const> all_checks() { return checks; }

std::string registration_path(const ops::Configuration& configuration) {
  return std::filesystem::absolute(configuration.registration).lexically_normal().string();
}

std::string first_address(const ops::Configuration& configuration) {
  return to_text(ops::reachable(configuration.listen.front()));
}

}  // namespace afterword::doctor
