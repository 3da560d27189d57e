// The identifiers of Matrix and ours, each a type of its own, so that a room cannot be passed where a user belongs.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::domain {

template <class Tag>
struct Id {
  std::string value;

  Id() = default;
  explicit Id(std::string text) : value(std::move(text)) {}
  friend auto operator<=>(const Id&, const Id&) = default;
};

using UserId = Id<struct UserTag>;      // @alice:example.org
using DeviceId = Id<struct DeviceTag>;  // JLAFKJWSCS
using RoomId = Id<struct RoomTag>;      // !room:example.org
using EventId = Id<struct EventTag>;    // $event

// Whether a text that the homeserver gives can be such an id at all: its sigil, no more than 255 bytes, no space and no
// control character. A user's also names its server.
bool is_user_id(std::string_view text);
bool is_event_id(std::string_view text);
// What stands behind the first colon.
std::string_view server_of(const UserId& user_id);

// The handle of a delayed event: random bits, so that knowing it can be the right to act on it. On the wire it is the
// base64url form of 128 of them, 22 characters of Matrix's opaque identifier grammar.
//
// Those that Synapse gave to its own delayed events are kept when they are taken over: "syd_" and 20 letters, which are
// numbers of base 52 and need 115 bits. The 13 bits before them are set; random() never sets them all.
class DelayId {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  DelayId() = default;
  explicit DelayId(const Bytes& bytes) : bytes_(bytes) {}

  static DelayId random();
  // Nothing for a text that is not the form of any delay_id: such an event cannot exist.
  static std::optional<DelayId> parse(std::string_view text);

  class Text;
  Text text() const;
  std::string to_string() const;
  const Bytes& bytes() const { return bytes_; }
  friend auto operator<=>(const DelayId&, const DelayId&) = default;

 private:
  Bytes bytes_{};
};

// It lies in no memory of its own, for it is short and often wanted.
class DelayId::Text {
 public:
  operator std::string_view() const { return {characters_.data(), size_}; }

 private:
  friend class DelayId;
  static constexpr std::size_t max_size = 24;

  std::array<char, max_size> characters_;
  std::size_t size_ = 0;
};

// What makes a scheduling request the same request: a digest of user, device, path and txn_id (docs/protocol.md section
// 1).
struct TransactionKey {
  std::array<std::uint8_t, 32> digest{};
  friend auto operator<=>(const TransactionKey&, const TransactionKey&) = default;

  // `path` names the endpoint with its room and event type, decoded, without the txn_id.
  static TransactionKey of(const UserId& user_id, const std::optional<DeviceId>& device_id, std::string_view path,
                           std::string_view txn_id);
};

}  // namespace afterword::domain

template <class Tag>
struct std::hash<afterword::domain::Id<Tag>> {
  std::size_t operator()(const afterword::domain::Id<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.value);
  }
};

template <>
struct std::hash<afterword::domain::DelayId> {
  // The bytes are random already.
  std::size_t operator()(const afterword::domain::DelayId& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes().data(), sizeof value);
    return value;
  }
};
