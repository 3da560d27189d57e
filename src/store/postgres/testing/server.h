// A real PostgreSQL server for the tests of one program: made in a temporary folder at first use, reached by a unix
// socket there, and gone when the program ends, however it does.
#pragma once

#include "base/testing/temporary_folder.h"

#include <filesystem>
#include <string>
#include <sys/types.h>

namespace afterword::store::postgres::testing {

class Server {
 public:
  // The program's own. Throws std::runtime_error if there is no PostgreSQL 15 where Debian puts it.
  static Server& shared();

  Server();
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The URL of a new one.
  std::string make_database();
  std::string url_of(const std::string& database) const;

  // What the first column of the first row says. On a connection of its own.
  static std::string ask(const std::string& url, const std::string& sql);

  void stop();   // at once, as a crash
  void start();  // and waits until it answers
  std::filesystem::path socket() const;

 private:
  afterword::testing::TemporaryFolder folder_;
  pid_t process_ = -1;
  int databases_ = 0;
};

}  // namespace afterword::store::postgres::testing
