#include "ops/check.h"

#include "base/json.h"
#include "homeserver/accounts.h"
#include "homeserver/answer_limits.h"
#include "http/client.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <variant>

namespace afterword::ops {
namespace {

using async::Task;
using Answer = Result<http::Response, http::NoAnswer>;

const http::SendLimits answer_limits{std::chrono::seconds(10), homeserver::answer_limits::versions};

Task<Answer> get(http::Client& client, std::string target, std::string access_token = {}) {
  http::Request request;
  request.method = "GET";
  request.target = std::move(target);
  if (!access_token.empty()) request.headers.add("Authorization", "Bearer " + access_token);
  co_return co_await client.send(std::move(request), answer_limits);
}

// "Synapse 1.163.2", if it says so.
std::string product(const Answer& answer) {
  const std::optional<json::object> body = answer ? parse_json_object(answer->body) : std::nullopt;
  const json::value* const server = body ? body->if_contains("server") : nullptr;
  if (server == nullptr || !server->is_object()) return "a homeserver";
  return string_member(server->get_object(), "name").value_or("a homeserver") + " " +
         string_member(server->get_object(), "version").value_or("");
}

Task<Finding> check_homeserver(http::Client& client, const Configuration& configuration) {
  const std::string where = configuration.homeserver.url();
  const Answer versions = co_await get(client, "/_matrix/client/versions");
  if (!versions) {
    const std::string& reason = versions.error().reason;
    const bool is_not_trusted = reason.find("certificate verify failed") != std::string::npos;
    co_return Finding{"homeserver", Verdict::failed, fmt::format("no answer from {}: {}", where, reason),
                      is_not_trusted ? "name in homeserver.ca_file the certificate of whoever vouches for it"
                                     : "start the homeserver, or correct homeserver.url"};
  }
  const std::optional<json::object> body = parse_json_object(versions->body);
  if (versions->status != 200 || !body || !body->contains("versions")) {
    co_return Finding{"homeserver", Verdict::failed,
                      fmt::format("{} answers {}, but not as a homeserver does", where, versions->status),
                      "correct homeserver.url: it is the homeserver's own address, without a path"};
  }
  const Answer version = co_await get(client, "/_matrix/federation/v1/version");
  co_return Finding{"homeserver", Verdict::ok, fmt::format("{} at {}", product(version), where), {}};
}

Finding judge_whoami(const http::Response& answer, const Configuration& configuration) {
  const json::object body = parse_json_object(answer.body).value_or(json::object());
  const std::string errcode = string_member(body, "errcode").value_or("no error code");
  if (answer.status == 401 && errcode == "M_UNKNOWN_TOKEN") {
    return {"registration", Verdict::failed, "the homeserver does not know the as_token",
            fmt::format("list {} in the homeserver's configuration (Synapse: app_service_config_files, Dendrite: "
                        "app_service_api.config_files), and restart the homeserver",
                        std::filesystem::absolute(configuration.registration).lexically_normal().string())};
  }
  const std::string user_id = string_member(body, "user_id").value_or("");
  const std::size_t colon = user_id.find(':');
  if (answer.status != 200 || colon == std::string::npos) {
    return {"registration", Verdict::failed,
            fmt::format("asked whose token it is, the homeserver answers {} ({})", answer.status, errcode),
            "look into the homeserver's log, then check again"};
  }
  const std::string server_name = user_id.substr(colon + 1);
  if (server_name != configuration.server_name) {
    return {"registration", Verdict::failed,
            fmt::format("the homeserver is {}, not {}", server_name, configuration.server_name),
            "correct homeserver.server_name, and the regex in the registration, or homeserver.url"};
  }
  return {"registration", Verdict::ok, "known to the homeserver, as " + user_id, {}};
}

Task<Finding> check_registration(http::Client& client, const Configuration& configuration) {
  const Answer answer = co_await get(client, "/_matrix/client/v3/account/whoami", configuration.as_token);
  if (answer) co_return judge_whoami(*answer, configuration);
  co_return Finding{"registration", Verdict::failed, "no answer: " + answer.error().reason,
                    "look into the homeserver's log, then check again"};
}

// The homeserver reads the same file, so what it says is what the homeserver does.
std::optional<Finding> check_rate_limits(const Configuration& configuration) {
  if (configuration.rate_limited) return std::nullopt;
  return Finding{"rate limits", Verdict::warning,
                 "the homeserver does not limit how fast a user's delayed events are sent: rate_limited is false",
                 fmt::format("set rate_limited: true in {}, and restart the homeserver",
                             std::filesystem::absolute(configuration.registration).lexically_normal().string())};
}

// What `homeserver.admin_token` is for, if there is one, and what it means if there is none.
Task<Finding> check_accounts(http::Client& client, const Configuration& configuration) {
  if (!configuration.admin_token) {
    co_return Finding{
        "accounts",
        Verdict::ok,
        "not looked up, without homeserver.admin_token: what an account has scheduled is sent although it "
        "was locked, deactivated or shadow-banned since",
        {}};
  }
  // Afterword's own user, who need not have an account.
  const domain::UserId user_id("@_afterword:" + configuration.server_name);
  const Answer answer = co_await get(client, homeserver::account_target(user_id), *configuration.admin_token);
  constexpr std::string_view fix =
      "take the token of an administrator's session, and let homeserver.url lead to /_synapse/admin too";
  if (!answer) {
    co_return Finding{"accounts", Verdict::warning, "no answer: " + answer.error().reason, std::string(fix)};
  }
  const json::object body = parse_json_object(answer->body).value_or(json::object());
  const std::string errcode = string_member(body, "errcode").value_or("no error code");
  if (answer->status == 200 || (answer->status == 404 && errcode == "M_NOT_FOUND")) {
    co_return Finding{"accounts", Verdict::ok, "looked up before a delivery", {}};
  }
  co_return Finding{
      "accounts", Verdict::warning,
      fmt::format("the homeserver's admin API answers {} ({}), so they are not looked up", answer->status, errcode),
      std::string(fix)};
}

// Whether what listens there knows delayed events, as Afterword does, also while the homeserver is away.
Task<bool> afterword_answers(async::Executor executor, const http::Address& address) {
  http::Client client(executor, http::Origin::at(address));
  const Answer answer = co_await get(client, "/_matrix/client/v1/delayed_events/-");
  client.close();
  co_return answer && answer->status == 401 && answer->body.find("M_MISSING_TOKEN") != std::string::npos;
}

// What stands in the way of a Unix socket. The user who runs the check may have other rights than Afterword's, so of
// these nothing is said.
std::optional<Finding> check_unix_socket(const http::Address& address) {
  const std::filesystem::path path = address.unix_path;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return Finding{"listen", Verdict::failed, fmt::format("{} is no folder", folder.string()),
                   "make it, for Afterword's user to write in, or correct listen"};
  }
  const auto status = std::filesystem::symlink_status(path, ignored);
  if (!std::filesystem::exists(status) || std::filesystem::is_socket(status)) return std::nullopt;
  return Finding{"listen", Verdict::failed, fmt::format("{} is a file that is not a socket", path.string()),
                 "move it away, or correct listen"};
}

// Opening it would make it, and for the user who runs the check rather than for Afterword's.
std::optional<Finding> check_missing_database(const Database& database) {
  const SqliteDatabase* const sqlite = std::get_if<SqliteDatabase>(&database);
  std::error_code ignored;
  if (sqlite == nullptr || std::filesystem::exists(sqlite->path, ignored)) return std::nullopt;

  const std::filesystem::path folder = sqlite->path.has_parent_path() ? sqlite->path.parent_path() : ".";
  if (::access(folder.c_str(), W_OK | X_OK) == 0) {
    return Finding{"database", Verdict::ok, sqlite->path.string() + " will be made at the first start", {}};
  }
  return Finding{"database", Verdict::failed,
                 fmt::format("{} cannot be made in {}", sqlite->path.filename().string(), folder.string()),
                 "make that folder, writable for Afterword's user, or correct database"};
}

Task<Finding> check_database(async::Executor executor, const Configuration& configuration, TryDatabase try_database) {
  if (const std::optional<Finding> missing = check_missing_database(configuration.database)) co_return *missing;
  const Result<void, std::string> opened = co_await try_database(configuration);
  if (opened) co_return Finding{"database", Verdict::ok, "opens", {}};
  // A file is one process's; a server is open to all.
  if (std::holds_alternative<SqliteDatabase>(configuration.database)) {
    const http::Address& address = configuration.listen.front();
    const bool is_running = co_await afterword_answers(executor, address);
    if (is_running) {
      co_return Finding{"database", Verdict::ok, "in use by the Afterword that runs at " + to_text(address), {}};
    }
  }
  co_return Finding{"database", Verdict::failed, opened.error(), {}};
}

}  // namespace

std::string to_text(const Finding& finding) {
  constexpr std::string_view verdicts[] = {"ok", "warning", "FAILED"};
  std::string text =
      fmt::format("{:<9}{:<15}{}\n", verdicts[static_cast<std::size_t>(finding.verdict)], finding.name, finding.detail);
  if (!finding.fix.empty()) text += fmt::format("{:<24}-> {}\n", "", finding.fix);
  return text;
}

Task<std::vector<Finding>> check(async::Executor executor, const Configuration& configuration,
                                 TryDatabase try_database) {
  std::vector<Finding> findings;
  findings.reserve(configuration.warnings.size());
  for (const std::string& warning : configuration.warnings) {
    findings.push_back({"configuration", Verdict::warning, warning, {}});
  }

  http::Client client(executor, configuration.homeserver);
  findings.push_back(co_await check_homeserver(client, configuration));
  if (findings.back().verdict == Verdict::ok) {
    findings.push_back(co_await check_registration(client, configuration));
    findings.push_back(co_await check_accounts(client, configuration));
  }
  if (const std::optional<Finding> limits = check_rate_limits(configuration)) findings.push_back(*limits);
  client.close();

  for (const http::Address& address : configuration.listen) {
    const auto found = address.is_unix() ? check_unix_socket(address) : std::nullopt;
    if (found) findings.push_back(*found);
  }
  findings.push_back(co_await check_database(executor, configuration, std::move(try_database)));
  co_return findings;
}

}  // namespace afterword::ops
