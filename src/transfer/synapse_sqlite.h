// Synapse's delayed events in SQLite; see synapse_database.h.
#pragma once

#include "base/result.h"
#include "transfer/synapse_database.h"

#include <filesystem>
#include <memory>
#include <string>

namespace afterword::transfer {

Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_sqlite(const std::filesystem::path& path);

}  // namespace afterword::transfer
