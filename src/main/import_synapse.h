// `afterword import-synapse`.
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status: whether nothing is left that Synapse would send.
int import_synapse(const ImportSynapseCommand& command);

}  // namespace afterword
