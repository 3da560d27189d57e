// `afterword import-synapse`: takes over what Synapse's own delayed events feature has yet to send, with its delay_ids.
//
// Events leave Synapse's table once they are durable in ours, because Synapse sends what stands there at its next
// start, whether the feature is on or off. Where it is broken off, it goes on when it is run again.
#pragma once

#include "main/command_line.h"

namespace afterword {

// The exit status: whether nothing is left that Synapse would send.
int import_synapse(const ImportSynapseCommand& command);

}  // namespace afterword
