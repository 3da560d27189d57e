#include "http/listener.h"

#include "base/testing/temporary_folder.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <sys/stat.h>

namespace afterword::http {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class ListenerTest : public ::testing::Test {
 protected:
  using Opened = Result<std::vector<std::shared_ptr<Listener>>, std::string>;

  Opened open(const Address& address, mode_t mode = 0660) { return Listener::open(io_.get_executor(), address, mode); }
  Opened open_path(mode_t mode = 0660) { return open(at_path(), mode); }
  Address at_path() const { return {.unix_path = path_}; }

  bool can_connect() {
    asio::local::stream_protocol::socket client(io_);
    boost::system::error_code error;
    client.connect(asio::local::stream_protocol::endpoint(path_), error);
    return !error;
  }

  // As of a process that was killed.
  void leave_stale_socket() {
    asio::local::stream_protocol::acceptor left(io_, asio::local::stream_protocol::endpoint(path_));
  }

  mode_t mode() {
    struct stat status {};
    return ::lstat(path_.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }

  asio::io_context io_;
  afterword::testing::TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "afterword.sock").string();
};

TEST_F(ListenerTest, GivesItsFileTheModeWhateverTheUmaskIs) {
  for (const mode_t mask : {0000, 0022, 0077}) {
    const mode_t before = ::umask(mask);
    const Opened opened = open_path(0666);
    ::umask(before);
    ASSERT_TRUE(opened) << opened.error();
    EXPECT_EQ(mode(), 0666u);
    EXPECT_EQ(to_text(opened->at(0)->address()), "unix:" + path_);
    EXPECT_TRUE(can_connect());
  }
}

TEST_F(ListenerTest, RemovesItsFile) {
  { const Opened opened = open_path(); }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, LeavesAnothersFile) {
  {
    const Opened opened = open_path();
    std::filesystem::rename(path_, path_ + ".old");
    leave_stale_socket();
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, ReplacesWhatACrashHasLeft) {
  leave_stale_socket();
  ASSERT_TRUE(std::filesystem::exists(path_));
  const Opened opened = open_path(0600);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(mode(), 0600u);
  EXPECT_TRUE(can_connect());
}

TEST_F(ListenerTest, RefusesWhereAnotherListens) {
  const Opened first = open_path();
  const Opened second = open_path();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "cannot listen on unix:" + path_ + ": another process listens there; stop it, or choose another address");
  EXPECT_TRUE(can_connect());
}

TEST_F(ListenerTest, RefusesWhereAnotherListensThatHasNoTime) {
  asio::local::stream_protocol::acceptor other(io_);
  other.open();
  other.bind(asio::local::stream_protocol::endpoint(path_));
  other.listen(0);
  ASSERT_TRUE(can_connect());  // and now nobody else can
  const Opened opened = open_path();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("another process listens there"));
}

TEST_F(ListenerTest, TouchesNothingThatIsNoSocket) {
  folder_.write("kept", "text");
  folder_.write("afterword.sock", "text");
  const auto is_refused = [this] {
    const Opened opened = open_path();
    return !opened &&
           opened.error() == "cannot listen on unix:" + path_ +
                                 ": there is a file that is not a socket; move it away, or choose another path";
  };
  EXPECT_TRUE(is_refused());
  EXPECT_EQ(afterword::testing::text_of(path_), "text");
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(folder_.path() / "kept", path_);
  EXPECT_TRUE(is_refused());
}

TEST_F(ListenerTest, NeedsAFolder) {
  const Opened opened = open({.unix_path = (folder_.path() / "missing" / "afterword.sock").string()});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("its folder does not exist; make it"));
}

TEST_F(ListenerTest, IsReadyForTheNextOnceItsFileIsRemoved) {
  const Opened first = open_path();
  ASSERT_TRUE(first);
  first->at(0)->remove_file();
  const Opened second = open_path();
  ASSERT_TRUE(second) << second.error();
  first->at(0)->close();
  EXPECT_TRUE(can_connect());
}

TEST_F(ListenerTest, OfLocalhostIsOneInEachFamily) {
  boost::system::error_code no_ipv6;
  asio::ip::tcp::acceptor probe(io_);
  probe.open(asio::ip::tcp::v6(), no_ipv6);
  if (!no_ipv6) probe.bind({asio::ip::address_v6::loopback(), 0}, no_ipv6);
  const Opened opened = open({"localhost", 0});
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_THAT(*opened, SizeIs(no_ipv6 ? 1 : 2));
  for (const auto& listener : *opened) {
    EXPECT_EQ(listener->address().port, opened->at(0)->address().port);
    asio::ip::tcp::socket client(io_);
    client.connect({asio::ip::make_address(listener->address().host), listener->address().port});
  }
}

TEST_F(ListenerTest, AnEmptyPeerIsAUnixSocketsAlone) {
  const Opened tcp = open({"127.0.0.1", 0});
  const Opened unix_socket = open_path();
  ASSERT_TRUE(tcp && unix_socket);
  const Listener::Socket none(io_);
  EXPECT_NE(tcp->at(0)->peer_of(none), "");
  EXPECT_EQ(unix_socket->at(0)->peer_of(none), "");
}

}  // namespace
}  // namespace afterword::http
