// Where all test programs start: with the log set up, as in the server, before there are threads. spdlog would make its
// logger at the first use, which ThreadSanitizer takes for a race, because it does not see into libraries.
#include "base/log.h"

#include <gmock/gmock.h>

int main(int argc, char** argv) {
  afterword::set_up_log("info");
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
