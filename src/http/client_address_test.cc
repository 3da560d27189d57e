#include "http/client_address.h"

#include <gtest/gtest.h>

namespace afterword::http {
namespace {

bool proxies(const std::string& address) { return address == "127.0.0.1" || address == "10.0.0.1"; }

Request from(std::string peer, std::initializer_list<const char*> forwarded_for) {
  Request request;
  request.peer = std::move(peer);
  for (const char* value : forwarded_for) request.headers.add("X-Forwarded-For", value);
  return request;
}

TEST(ClientAddress, IsThePeersWithoutAProxy) {
  EXPECT_EQ(client_address(from("192.0.2.7", {}), proxies), "192.0.2.7");
  EXPECT_EQ(client_address(from("192.0.2.7", {"198.51.100.1"}), proxies), "192.0.2.7");
}

TEST(ClientAddress, IsWhatATrustedProxySays) {
  EXPECT_EQ(client_address(from("127.0.0.1", {"198.51.100.1"}), proxies), "198.51.100.1");
  EXPECT_EQ(client_address(from("127.0.0.1", {"198.51.100.1 , 10.0.0.1"}), proxies), "198.51.100.1");
  EXPECT_EQ(client_address(from("127.0.0.1", {"198.51.100.1", "10.0.0.1"}), proxies), "198.51.100.1");
}

TEST(ClientAddress, IsNotWhatTheClientSaysOfItself) {
  EXPECT_EQ(client_address(from("127.0.0.1", {"203.0.113.9, 198.51.100.1"}), proxies), "198.51.100.1");
}

TEST(ClientAddress, IsACustomersNetworkInIPv6) {
  EXPECT_EQ(client_address(from("2001:db8:0:1::7", {}), proxies), "2001:db8:0:1::/64");
  EXPECT_EQ(client_address(from("127.0.0.1", {"2001:db8:0:1:a:b:c:d"}), proxies), "2001:db8:0:1::/64");
  EXPECT_EQ(client_address(from("127.0.0.1", {"::ffff:198.51.100.1"}), proxies), "198.51.100.1");
}

TEST(ClientAddress, HasNoPort) {
  EXPECT_EQ(client_address(from("127.0.0.1", {"198.51.100.1:4711"}), proxies), "198.51.100.1");
  EXPECT_EQ(client_address(from("127.0.0.1", {"198.51.100.1, 10.0.0.1:4711"}), proxies), "198.51.100.1");
  EXPECT_EQ(client_address(from("127.0.0.1", {"[2001:db8:0:1:a:b:c:d]:4711"}), proxies), "2001:db8:0:1::/64");
  EXPECT_EQ(client_address(from("127.0.0.1", {"[2001:db8:0:1:a:b:c:d]"}), proxies), "2001:db8:0:1::/64");
  EXPECT_EQ(client_address(from("127.0.0.1", {"[]:1"}), proxies), "");
  EXPECT_EQ(client_address(from("127.0.0.1", {"["}), proxies), "");
}

TEST(ClientAddress, IsWhatIsSaidThroughAUnixSocket) {
  EXPECT_EQ(client_address(from("", {"198.51.100.1"}), proxies), "198.51.100.1");
  EXPECT_EQ(client_address(from("", {"203.0.113.9, 198.51.100.1, 10.0.0.1"}), proxies), "198.51.100.1");
  EXPECT_EQ(client_address(from("", {"203.0.113.9, []"}), proxies), "");
  EXPECT_EQ(client_address(from("", {}), proxies), "");
}

TEST(ClientAddress, IsNobodysIfTheProxyNamesNobody) {
  EXPECT_EQ(client_address(from("127.0.0.1", {}), proxies), "");
  EXPECT_EQ(client_address(from("127.0.0.1", {""}), proxies), "");
}

}  // namespace
}  // namespace afterword::http
