// What a folder's disk is like.
//
// Blocks for as long as some syncs take. Thread: any.
#pragma once

#include "doctor/evidence.h"

#include <filesystem>
#include <optional>

namespace afterword::doctor {

// Nothing if there is no such folder. Syncs are tried with a file that has no name, so nothing is left behind.
std::optional<Disk> look_at_disk(const std::filesystem::path& folder);

}  // namespace afterword::doctor
