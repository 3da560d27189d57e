#include "store/postgres/testing/server.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace afterword::store::postgres::testing {
namespace {

constexpr const char* programs = "/usr/lib/postgresql/15/bin/";
constexpr int port = 5432;  // part of the socket's name only

// PostgreSQL refuses to run as root.
const passwd* other_user() {
  if (::geteuid() != 0) return nullptr;
  const passwd* const nobody = ::getpwnam("nobody");
  if (nobody == nullptr) throw std::runtime_error("there is no user to run PostgreSQL as");
  return nobody;
}

// Its output goes to a file in `folder`.
pid_t start_program(const std::filesystem::path& folder, const char* name, std::vector<std::string> arguments) {
  const std::string program = std::string(programs) + name;
  const std::string log = folder / "log";
  const passwd* const user = other_user();
  const uid_t uid = user == nullptr ? 0 : user->pw_uid;
  const gid_t gid = user == nullptr ? 0 : user->pw_gid;
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(gid) != 0 || ::setuid(uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which forgets it
  if (::getppid() != parent) ::_exit(126);
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::setsid();  // a Ctrl-C is for us to answer
  if (::chdir("/") != 0) ::_exit(126);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Server& Server::shared() {
  static Server server;
  return server;
}

Server::Server() {
  if (const passwd* const user = other_user()) {
    if (::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("chown");
  }
  const int status = wait_for(start_program(
      folder_.path(), "initdb",
      {"-D", folder_ / "data", "--no-sync", "-A", "trust", "-U", "afterword", "-E", "UTF8", "--locale=C"}));
  if (status != 0) throw std::runtime_error("initdb of PostgreSQL 15 does not work; its package is postgresql");
  start();
}

Server::~Server() {
  if (process_ > 0) {
    ::kill(process_, SIGQUIT);
    wait_for(process_);
  }
}

void Server::start() {
  process_ = start_program(folder_.path(), "postgres",
                           {"-D", folder_ / "data", "-c", "listen_addresses=", "-c",
                            "unix_socket_directories=" + folder_.path().string(), "-c", fmt::format("port={}", port),
                            "-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "autovacuum_naptime=5s"});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (::PQping(url_of("postgres").c_str()) != PQPING_OK) {
    if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("PostgreSQL does not start");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Server::stop() {
  ::kill(process_, SIGQUIT);
  wait_for(process_);
  process_ = -1;
}

std::string Server::make_database() {
  const auto name = fmt::format("test_{}", ++databases_);
  ask(url_of("postgres"), "CREATE DATABASE " + name);
  return url_of(name);
}

std::string Server::ask(const std::string& url, const std::string& sql) {
  PGconn* const connection = ::PQconnectdb(url.c_str());
  PGresult* const result = ::PQexec(connection, sql.c_str());
  const std::string error = ::PQerrorMessage(connection);
  const std::string answer = ::PQntuples(result) > 0 ? ::PQgetvalue(result, 0, 0) : "";
  ::PQclear(result);
  ::PQfinish(connection);
  if (!error.empty()) throw std::runtime_error(error);
  return answer;
}

std::string Server::url_of(const std::string& database) const {
  std::string host;
  for (const char letter : folder_.path().string()) host += letter == '/' ? "%2F" : std::string(1, letter);
  return fmt::format("postgresql://afterword@{}:{}/{}", host, port, database);
}

std::filesystem::path Server::socket() const { return folder_ / fmt::format(".s.PGSQL.{}", port); }

}  // namespace afterword::store::postgres::testing
