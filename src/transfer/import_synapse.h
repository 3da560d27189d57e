// Takes over what Synapse's own delayed events feature has yet to send, with its delay_ids: what
// `afterword import-synapse` does, apart from its command line.
//
// Events leave Synapse's table once they are durable in ours, because Synapse sends what stands there at its next
// start, whether the feature is on or off. An import that was broken off goes on when it is run again.
#pragma once

#include "base/result.h"
#include "ops/configuration.h"

#include <cstdint>
#include <string>
#include <vector>

namespace afterword::transfer {

struct ImportTally {
  std::uint64_t taken = 0;
  std::uint64_t known = 0;        // from an import that was broken off
  std::uint64_t sent = 0;         // by Synapse
  std::vector<std::string> left;  // with Synapse, which would send them: why, a line each
};

// `synapse_database`: Synapse's own. Blocks. The error is one line for a person.
Result<ImportTally, std::string> import_synapse(const ops::Configuration& configuration,
                                                const ops::Database& synapse_database);

}  // namespace afterword::transfer
