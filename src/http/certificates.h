// Certificates in PEM, as a file holds them.
#pragma once

#include <string>

namespace afterword::http {

// Whether there is one at least, and each can be read.
bool are_certificates(const std::string& pem);

}  // namespace afterword::http
