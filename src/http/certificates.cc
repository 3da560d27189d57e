#include "http/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace afterword::http {

bool are_certificates(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                        BIO_free);
  if (!input) return false;
  bool is_there = false;
  ERR_clear_error();
  while (X509* const certificate = PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr)) {
    X509_free(certificate);
    is_there = true;
  }
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return is_there && ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace afterword::http
