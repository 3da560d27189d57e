// What the doctor has seen, as values: what was asked and answered, the files, and the database. Every check judges it
// without looking at anything else.
//
// Thread: any, one at a time.
#pragma once

#include "base/json.h"
#include "base/time.h"
#include "http/message.h"
#include "ops/configuration.h"
#include "ops/registration.h"
#include "store/durability.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::doctor {

// A GET that changes nothing.
struct Question {
  // The second: at its first `listen`; the third is of rtc.registration.
  enum class To : std::uint8_t { homeserver, afterword, token_service };
  enum class Token : std::uint8_t { none, as_token, admin_token };

  std::string target{};
  Token token = Token::none;
  To to = To::homeserver;
  // With a proof of gateway/arrival.h, so that an Afterword with our registration tells that it was asked.
  bool with_proof = false;
  // Of an address that is nobody's, so often in a row: for limits, which then are nobody's either.
  int times = 1;

  bool operator==(const Question&) const = default;
};

// What others wrote, for a terminal: without control characters, and not too much of it.
std::string printable(std::string_view text);

struct Answer {
  int status = 0;        // 0: there was none
  std::string reason{};  // then
  http::Headers headers{};
  std::string text{};
  json::object body{};         // what the text says, if that is an object
  bool is_afterwords = false;  // it proved that an Afterword with our registration answered
  WallTime asked{}, answered{};

  std::string string(std::string_view key) const { return printable(string_member(body, key).value_or("")); }
  std::string errcode() const { return printable(string_member(body, "errcode").value_or("no error code")); }
};

// Where a file is.
struct Disk {
  std::string folder{};
  std::uint64_t free_bytes = 0;
  bool in_memory = false;                          // gone with the machine's next start
  bool on_network = false;                         // where SQLite's locks and its shared memory are not to be relied on
  std::vector<std::chrono::microseconds> syncs{};  // how long those took that were tried
  std::string why_no_syncs{};                      // if none was
};

struct DatabaseSeen {
  enum class State : std::uint8_t { opens, not_made_yet, cannot_be_made, refused };

  State state = State::opens;
  std::string error{};                            // of the last
  std::optional<store::Durability> durability{};  // where it could be read
  std::optional<Disk> disk{};                     // of a file
};

// A Unix socket at which Afterword shall listen.
struct SocketSeen {
  std::string path{};
  std::string folder{};
  bool has_folder = true;
  bool is_another_file = false;
};

class Evidence {
 public:
  explicit Evidence(const ops::Configuration& of) : configuration(of) {}

  const ops::Configuration& configuration;
  std::optional<ops::Registration> registration;  // as its file is now
  std::vector<SocketSeen> sockets;
  DatabaseSeen database;

  bool has(const Question& question) const { return find(question) != nullptr; }
  void add(Question question, std::vector<Answer> answers);

  // Of a question that was asked; else there is none.
  const Answer& answer(const Question& question) const;
  const std::vector<Answer>& answers(const Question& question) const;

 private:
  struct Asked {
    Question question;
    std::vector<Answer> answers;
  };
  const Asked* find(const Question& question) const;

  std::vector<Asked> asked_;
};

}  // namespace afterword::doctor
