// Synapse's delayed events in PostgreSQL; see synapse_database.h.
#pragma once

#include "base/result.h"
#include "transfer/synapse_database.h"

#include <memory>
#include <string>

namespace afterword::transfer {

Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_postgres(const std::string& url);

}  // namespace afterword::transfer
