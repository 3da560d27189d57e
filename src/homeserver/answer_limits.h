// How large the answer to each question of our own may be. Users write what stands in some of them, as many megabytes
// as they like, and nothing that one of them writes may take our memory or our only thread. A larger answer counts as
// none, and what was asked is then unclear, not refused.
//
// An event has at most 65,536 bytes in its room (the specification's limit). A client is shown more: homeservers write
// some characters in six (`\u003c`), and put other events into its `unsigned`: the state before it, the redaction of
// it, its latest edit and the latest of its thread.
#pragma once

#include <cstddef>

namespace afterword::homeserver::answer_limits {

inline constexpr std::size_t kib = 1024;

// Of what holds a few members that no user writes: an event id, a user id, a token for the next page, or an error.
inline constexpr std::size_t few_members = 64 * kib;
inline constexpr std::size_t send = few_members;
inline constexpr std::size_t mark = few_members;
inline constexpr std::size_t whoami = few_members;
inline constexpr std::size_t timestamp_to_event = few_members;

// An account as an administrator sees it, with its addresses and identities elsewhere.
inline constexpr std::size_t account = 256 * kib;

// Versions, features, and what a homeserver calls itself: the operator's words, a few hundred lines.
inline constexpr std::size_t versions = 1024 * kib;

// Six events of 64 KiB, six bytes for each of theirs, and some room: no event is larger.
inline constexpr std::size_t event = 4096 * kib;

// A page of several events, which is read in some milliseconds. Where a page would be larger, a smaller one is asked
// for, down to a single event, which has the limit above.
inline constexpr std::size_t page = 1024 * kib;

// A page of one event, or its context, of which nothing else is asked.
inline constexpr std::size_t framed_event = event + few_members;

// All the pages that one search reads in one direction.
inline constexpr std::size_t search = 64 * 1024 * kib;

}  // namespace afterword::homeserver::answer_limits
