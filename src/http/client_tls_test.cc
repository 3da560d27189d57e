// The client over TLS: whom it trusts, and what a failed handshake means for a request.
#include "base/testing/temporary_folder.h"
#include "http/certificates.h"
#include "http/client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace afterword::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using ::testing::HasSubstr;

// A key, and a certificate for "localhost" that it has signed itself.
struct Identity {
  Identity() : key(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate(X509_new(), X509_free) {
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(certificate.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key;
  std::unique_ptr<X509, decltype(&X509_free)> certificate;
};

std::string to_pem(const Identity& identity) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> output(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(output.get(), identity.certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(output.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// Makes the certificate the only one that the system trusts, for as long as it lives.
class TrustedBySystem {
 public:
  explicit TrustedBySystem(const Identity& identity) {
    FILE* const stream = std::fopen(path_.c_str(), "w");
    PEM_write_X509(stream, identity.certificate.get());
    std::fclose(stream);
    ::setenv("SSL_CERT_FILE", path_.c_str(), 1);
  }
  ~TrustedBySystem() { ::unsetenv("SSL_CERT_FILE"); }

 private:
  const afterword::testing::TemporaryFolder folder_;
  const std::string path_ = folder_ / "certificate.pem";
};

// Accepts one connection, and answers `requests` requests on it.
class TlsServer {
 public:
  TlsServer(const Identity& identity, int requests)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}), port_(acceptor_.local_endpoint().port()) {
    SSL_CTX_use_certificate(tls_.native_handle(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(tls_.native_handle(), identity.key.get());
    thread_ = std::thread([this, requests] { serve(requests); });
  }
  ~TlsServer() { thread_.join(); }

  std::uint16_t port() const { return port_; }

 private:
  void serve(int requests) {
    boost::system::error_code error;
    asio::ssl::stream<tcp::socket> stream(acceptor_.accept(), tls_);
    stream.handshake(asio::ssl::stream_base::server, error);
    for (int number = 0; number < requests && !error; ++number) {
      std::string request;
      asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", error);
      const std::string name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name.size()) + "\r\n\r\n" + name;
      asio::write(stream, asio::buffer(answer), error);
    }
  }

  asio::io_context context_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::thread thread_;
};

class TlsClientTest : public ::testing::Test {
 protected:
  SendResult send(Client& client) {
    Request request;
    request.method = "GET";
    request.target = "/";
    std::optional<SendResult> outcome;
    asio::co_spawn(context_, client.send(std::move(request), std::chrono::milliseconds(10s)),
                   [&outcome](const std::exception_ptr&, SendResult result) { outcome = std::move(result); });
    context_.restart();
    context_.run();
    return std::move(outcome).value();
  }

  asio::io_context context_;
  Identity identity_;
};

TEST_F(TlsClientTest, TalksToAServerThatTheSystemTrusts) {
  const TrustedBySystem trusted(identity_);
  TlsServer server(identity_, 2);
  Client client(context_.get_executor(), {.tls = true, .host = "localhost", .port = server.port()});
  for (int round = 0; round < 2; ++round) {
    const auto answer = send(client);
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_EQ(answer->body, "localhost") << "the name that the server was asked for";
  }
}

TEST_F(TlsClientTest, TrustsTheOriginsOwnAuthoritiesInPlaceOfTheSystems) {
  const Identity other;
  const TrustedBySystem trusted(other);
  for (const bool is_own : {true, false}) {
    TlsServer server(is_own ? identity_ : other, is_own ? 1 : 0);
    Client client(context_.get_executor(),
                  {.tls = true, .host = "localhost", .port = server.port(), .authorities = to_pem(identity_)});
    const auto answer = send(client);
    EXPECT_EQ(answer.has_value(), is_own);
    EXPECT_THAT(answer ? "" : answer.error().reason, HasSubstr(is_own ? "" : "certificate verify failed"));
  }
}

TEST(Certificates, AreOneAtLeastAndEachIsReadable) {
  const std::string one = to_pem(Identity());
  EXPECT_TRUE(are_certificates(one));
  EXPECT_TRUE(are_certificates("subject=/CN=one\n" + one + "\nsubject=/CN=two\n" + to_pem(Identity())));
  EXPECT_FALSE(are_certificates(""));
  EXPECT_FALSE(are_certificates("none"));
  EXPECT_FALSE(are_certificates(one.substr(0, one.size() / 2)));
  EXPECT_FALSE(are_certificates(one + "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"));
}

TEST_F(TlsClientTest, RefusesACertificateForAnotherName) {
  const TrustedBySystem trusted(identity_);
  TlsServer server(identity_, 0);
  Client client(context_.get_executor(), {.tls = true, .host = "127.0.0.1", .port = server.port()});
  const auto answer = send(client);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, NoAnswer::Arrived::no);
  EXPECT_THAT(answer.error().reason, HasSubstr("certificate verify failed"));
}

TEST_F(TlsClientTest, RefusesACertificateThatNobodyTrusts) {
  const TrustedBySystem other{Identity()};
  TlsServer server(identity_, 0);
  Client client(context_.get_executor(), {.tls = true, .host = "localhost", .port = server.port()});
  const auto answer = send(client);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().arrived, NoAnswer::Arrived::no);
  EXPECT_THAT(answer.error().reason, HasSubstr("certificate verify failed"));
}

}  // namespace
}  // namespace afterword::http
