#include "base/log.h"

#include "base/json.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace afterword {
namespace {

// What log_with() says at this level and format, without the time.
class LoggedLines {
 public:
  explicit LoggedLines(LogFormat format) : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_));
    logger->set_formatter(make_log_formatter(format));
    spdlog::set_default_logger(std::move(logger));
  }
  ~LoggedLines() { spdlog::set_default_logger(before_); }
  LoggedLines(const LoggedLines&) = delete;
  LoggedLines& operator=(const LoggedLines&) = delete;

  std::string text() const { return lines_.str(); }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream lines_;
};

TEST(Log, ShowsFieldsBehindTheWords) {
  const LoggedLines lines(LogFormat::text);
  log_with(log::level::warn, "it failed", {{"room", "!a:b"}, {"type", "a b=\"c\"\n"}, {"empty", ""}, {"status", 403}});
  log::warn("and then");
  const std::string shown = R"(Z warning it failed room=!a:b type="a b=\"c\"\n" empty="" status=403)";
  EXPECT_THAT(lines.text(), ::testing::HasSubstr(shown + "\n"));
  EXPECT_THAT(lines.text(), ::testing::EndsWith("Z warning and then\n"));
}

TEST(Log, IsAnObjectALineAsJson) {
  const LoggedLines lines(LogFormat::json);
  log_with(log::level::err, "it \"failed\"\n", {{"room", "!\xff:b"}, {"status", 403}});
  log::warn("{}", R"(","level":"forged)");
  std::istringstream text(lines.text());
  std::string first;
  std::string second;
  std::string third;
  std::getline(text, first);
  std::getline(text, second);
  EXPECT_FALSE(std::getline(text, third));
  const auto failed = parse_json_object(first);
  ASSERT_TRUE(failed) << first;
  EXPECT_EQ(failed->size(), 5u);
  EXPECT_THAT(*string_member(*failed, "time"), ::testing::MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z"));
  EXPECT_EQ(string_member(*failed, "level"), "error");
  EXPECT_EQ(string_member(*failed, "message"), "it \"failed\"\n");
  EXPECT_EQ(string_member(*failed, "room"), "!\\xff:b");
  EXPECT_EQ(failed->at("status"), json::value(403));
  const auto forged = parse_json_object(second);
  ASSERT_TRUE(forged) << second;
  EXPECT_EQ(string_member(*forged, "level"), "warning");
}

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
