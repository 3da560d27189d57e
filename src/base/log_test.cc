#include "base/log.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace afterword {
namespace {

TEST(Log, HasOneLineForAMessageWhateverStandsInIt) {
  std::ostringstream lines;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  logger.set_formatter(make_log_formatter());
  logger.warn("{}", "said\r\n2026-01-01T00:00:00.000Z error made up \x1b[2J\x7f in \"Zürich\"");
  EXPECT_THAT(lines.str(),
              ::testing::EndsWith(
                  "Z warning said\\x0d\\x0a2026-01-01T00:00:00.000Z error made up \\x1b[2J\\x7f in \"Zürich\"\n"));
}

}  // namespace
}  // namespace afterword
