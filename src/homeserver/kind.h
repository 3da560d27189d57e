// Which kind of homeserver it is, for what matters to us: whether it keeps a queue, out of which an event may come
// minutes after its request has gone. Synapse has none; Dendrite has, and one that cannot be told is taken to.
//
// The operator may say it. Else an answer with Synapse's `Server` header does, and where a proxy replaces that, the
// version that the homeserver tells other servers. Once it is known to be Synapse it stays so. Thread: the server's
// only one. The references must outlive it.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "homeserver/product.h"
#include "http/client.h"

#include <optional>

namespace afterword::homeserver {

class KnownKind {
 public:
  KnownKind(http::Client& http, async::Clock& clock, std::optional<Kind> configured)
      : http_(http), clock_(clock), is_configured_(configured.has_value()), kind_(configured) {}

  bool may_queue() const { return kind_ != Kind::synapse; }
  void note(const http::Response& answer);

  // Asks, if it is neither known nor was asked of late.
  async::Task<void> ask();

 private:
  http::Client& http_;
  async::Clock& clock_;
  const bool is_configured_;
  std::optional<Kind> kind_;
  async::Steady ask_again_{};
};

}  // namespace afterword::homeserver
