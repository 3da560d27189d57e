#include "main/process_limits.h"

#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <sys/resource.h>

namespace afterword {
namespace {

TEST(ConnectionLimits, NeverAddUpToMoreThanThereAre) {
  for (const std::size_t descriptors : {64u, 256u, 1024u, 4096u, 20'000u, 65'536u, 1'048'576u}) {
    const ConnectionLimits limits = share_out(descriptors);
    // The two clients that pass requests on never have more under way than there are requests.
    const std::size_t most =
        limits.clients + limits.passing + 2 * limits.passing_idle + limits.operations + 2 * limits.own;
    EXPECT_LT(most, descriptors) << descriptors;
    EXPECT_GE(descriptors - most, descriptors < 2048 ? descriptors / 16 : 100) << "left for the store and the log";
    EXPECT_GT(limits.operations, 0u);
    EXPECT_GT(limits.whoami, 0u);
    EXPECT_LT(2 * limits.whoami, limits.own) << "so that nobody waits for what is asked about made-up tokens";
    EXPECT_GE(limits.own, descriptors < 2048 ? descriptors / 16 : 128);
  }
}

TEST(ConnectionLimits, GrowWithTheSystemUpToWhatIsOfUse) {
  EXPECT_EQ(share_out(256).clients, 96u);
  EXPECT_EQ(share_out(20'000).clients, 9'744u);
  EXPECT_EQ(share_out(65'536).clients, 20'000u);
  EXPECT_EQ(share_out(65'536).owner, 5'000u);
}

std::size_t places_of(const delivery::Options& options) {
  return options.max_concurrent_sends + options.max_concurrent_retries + options.max_concurrent_requests;
}

TEST(ConnectionLimits, HaveAConnectionForEveryPlaceAndAsManyForQuestions) {
  for (std::size_t descriptors = least_descriptors; descriptors < 5'000; ++descriptors) {
    const ConnectionLimits limits = share_out(descriptors);
    const delivery::Options options = limit_places({}, limits);
    ASSERT_LE(2 * places_of(options), limits.own) << descriptors;
    ASSERT_GE(options.max_sends_of_an_owner, 1u) << descriptors;
    ASSERT_GE(options.max_retries_of_an_owner, 1u) << descriptors;
    ASSERT_GE(options.max_requests_of_an_owner, 1u) << descriptors;
    ASSERT_LT(options.max_sends_of_an_owner, options.max_concurrent_sends) << descriptors;
    ASSERT_LT(options.max_retries_of_an_owner, options.max_concurrent_retries) << descriptors;
    ASSERT_LT(options.max_requests_of_an_owner, options.max_concurrent_requests) << descriptors;
  }
}

TEST(ConnectionLimits, TakeNoPlaceWhereThereIsRoom) {
  const delivery::Options all;
  EXPECT_EQ(places_of(limit_places(all, share_out(2'048))), places_of(all));
  EXPECT_EQ(places_of(limit_places(all, share_out(1'048'576))), places_of(all));
  const delivery::Options few = limit_places(all, share_out(256));
  EXPECT_EQ(few.max_concurrent_sends, 4u);
  EXPECT_EQ(few.max_concurrent_retries, 2u);
  EXPECT_EQ(few.max_concurrent_requests, 2u);
}

TEST(ProcessLimits, TheDescriptorLimitIsRaisedToWhatTheSystemAllows) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
}

TEST(ProcessLimits, NoCoreIsDumped) {
  keep_memory_private();
  rlimit core{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &core), 0);
  EXPECT_EQ(core.rlim_cur, 0u);
  EXPECT_EQ(core.rlim_max, 0u);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
}

}  // namespace
}  // namespace afterword
