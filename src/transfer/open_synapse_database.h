// Opens the database of a Synapse, of either kind.
#pragma once

#include "base/result.h"
#include "ops/configuration.h"
#include "transfer/synapse_database.h"

#include <memory>
#include <string>

namespace afterword::transfer {

// The error is one line for a person, and shows no password: not there, not Synapse's, in use.
Result<std::unique_ptr<SynapseDatabase>, std::string> open_synapse_database(const ops::Database& database);

}  // namespace afterword::transfer
