// Bodies in gzip (RFC 1952), in pieces.
//
// Lifecycle and errors: those of a BodyStream; what cannot be unpacked breaks off.
#pragma once

#include "http/body_stream.h"
#include "http/byte_budget.h"
#include "http/message.h"

#include <cstddef>
#include <memory>

namespace afterword::http {

// Whether who sent these takes a body in gzip (RFC 9110 section 12.5.3).
bool accepts_gzip(const Headers& headers);

// What a stream of either kind takes of memory while it is there.
inline constexpr std::size_t gzip_bytes = 320 * 1024;

// `body` packed. Each piece is handed on with all that it holds, so nobody waits for the next. Fast rather than small:
// all share one thread. `room` holds gzip_bytes.
std::shared_ptr<BodyStream> packed(std::shared_ptr<BodyStream> body, ByteBudget::Share room);

// `body` unpacked, in pieces that are bounded however much is in it.
std::shared_ptr<BodyStream> unpacked(std::shared_ptr<BodyStream> body, ByteBudget::Share room);

}  // namespace afterword::http
