// The program as a person runs it: what it prints, and what it ends with.

#include "base/testing/temporary_folder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace afterword {
namespace {

using afterword::testing::TemporaryFolder;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::text_of;

struct Ended {
  int status;
  std::string output;
  std::string errors;
};

class ProgramTest : public ::testing::Test {
 protected:
  // `arguments` as in a shell, which starts in the test's own folder.
  Ended run(const std::string& arguments) {
    const std::string folder = folder_.path().string();
    const std::string command = "cd " + folder + " && " AFTERWORD_PROGRAM " " + arguments + " >output 2>errors";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(folder_.path() / "output"),
            text_of(folder_.path() / "errors")};
  }

  Ended init(const std::string& more = {}) {
    return run("init --server-name example.org --homeserver http://127.0.0.1:1 --dir made " + more);
  }

  TemporaryFolder folder_;
};

TEST_F(ProgramTest, HelpAndVersionGoToStandardOutput) {
  for (const char* arguments : {"--help", "--version", "init --help", "serve --help", "check --help"}) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.status, 0) << arguments;
    EXPECT_THAT(ended.output, Not(IsEmpty())) << arguments;
    EXPECT_THAT(ended.errors, IsEmpty()) << arguments;
  }
}

TEST_F(ProgramTest, MisuseIsOneLineOnStandardError) {
  for (const char* arguments : {"", "frobnicate", "--nonsense", "serve", "serve --config none.yaml",
                                "init --server-name x --homeserver nonsense --dir made"}) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.status, 2) << arguments;
    EXPECT_THAT(ended.output, IsEmpty()) << arguments;
    EXPECT_EQ(ended.errors.find('\n'), ended.errors.size() - 1) << ended.errors;
  }
}

TEST_F(ProgramTest, InitMakesTheFilesOnce) {
  const Ended first = init("--set limits.max_delay=2h");
  EXPECT_EQ(first.status, 0) << first.errors;
  EXPECT_THAT(first.output, HasSubstr("afterword serve --config "));
  const std::string text = text_of(folder_.path() / "made" / "afterword.yaml");
  EXPECT_THAT(text, HasSubstr("max_delay: 2h\n"));

  const Ended second = init();
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.errors, StartsWith("afterword: made/afterword.yaml exists already, "));
  EXPECT_EQ(text_of(folder_.path() / "made" / "afterword.yaml"), text);
}

TEST_F(ProgramTest, CheckFailsWithoutAHomeserver) {
  ASSERT_EQ(init().status, 0);
  const Ended ended = run("check --config made/afterword.yaml");
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, StartsWith("ok       configuration"));
  EXPECT_THAT(ended.output, HasSubstr("FAILED   homeserver"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "made" / "afterword.db"));
}

TEST_F(ProgramTest, APortInUseIsNamedWithItsLine) {
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string listen = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  ASSERT_EQ(init("--listen " + listen).status, 0);
  const Ended ended = run("serve --config made/afterword.yaml");
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, ContainsRegex("made/afterword.yaml:[0-9]+: listen: .*" + listen + ".*; "));
  ::close(taken);
}

TEST_F(ProgramTest, ADatabaseThatDoesNotOpenIsNamedWithItsLine) {
  ASSERT_EQ(init("--database sqlite:nowhere/afterword.db").status, 0);
  const Ended ended = run("serve --config made/afterword.yaml");
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, ContainsRegex("made/afterword.yaml:[0-9]+: database: .*folder does not exist"));
}

// As systemd does: it starts the server, and listens to what it says.
class ServiceManager {
 public:
  explicit ServiceManager(const std::filesystem::path& folder) {
    address_.sun_family = AF_UNIX;
    (folder / "manager").string().copy(address_.sun_path, sizeof address_.sun_path - 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
  }
  ~ServiceManager() { ::close(socket_); }

  // `watchdog_us`: as WatchdogSec= has it; `watched` whether it is this process that is waited for.
  void start(const std::filesystem::path& configuration, const std::string& watchdog_us = {}, bool watched = true) {
    process_ = ::fork();
    if (process_ != 0) return;
    ::setenv("NOTIFY_SOCKET", address_.sun_path, 1);
    if (!watchdog_us.empty()) ::setenv("WATCHDOG_USEC", watchdog_us.c_str(), 1);
    ::setenv("WATCHDOG_PID", std::to_string(watched ? ::getpid() : ::getppid()).c_str(), 1);
    ::execl(AFTERWORD_PROGRAM, "afterword", "serve", "--config", configuration.c_str(), "--set", "log.level=off",
            nullptr);
    ::_exit(127);
  }
  void signal(int signal) const { ::kill(process_, signal); }

  // What it says next; nothing if it does not within this time.
  std::string hear(std::chrono::milliseconds within = std::chrono::seconds(30)) const {
    pollfd heard{.fd = socket_, .events = POLLIN, .revents = 0};
    char text[64];
    const bool said = ::poll(&heard, 1, static_cast<int>(within.count())) == 1;
    const ssize_t size = said ? ::recv(socket_, text, sizeof text, 0) : 0;
    return std::string(text, static_cast<std::size_t>(size));
  }
  std::string hear_but_for_the_watchdog() const {
    std::string heard = "WATCHDOG=1";
    while (heard == "WATCHDOG=1") heard = hear();
    return heard;
  }

  int stop() const {
    signal(SIGTERM);
    EXPECT_EQ(hear_but_for_the_watchdog(), "STOPPING=1");
    int status = -1;
    ::waitpid(process_, &status, 0);
    return status;
  }

 private:
  int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address_{};
  pid_t process_ = -1;
};

TEST_F(ProgramTest, TheServiceManagerHearsWhenItServesReadsItsConfigurationAgainAndStops) {
  ASSERT_EQ(init("--listen 127.0.0.1:0").status, 0);
  ServiceManager manager(folder_.path());
  manager.start(folder_.path() / "made" / "afterword.yaml");
  EXPECT_EQ(manager.hear(), "READY=1");
  manager.signal(SIGHUP);
  EXPECT_EQ(manager.hear(), "RELOADING=1");
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(manager.stop(), 0);
}

TEST_F(ProgramTest, TheWatchdogHearsFromAServerUntilItHangs) {
  ASSERT_EQ(init("--listen 127.0.0.1:0").status, 0);
  ServiceManager manager(folder_.path());
  manager.start(folder_.path() / "made" / "afterword.yaml", "200000");
  EXPECT_EQ(manager.hear_but_for_the_watchdog(), "READY=1");
  for (int times = 0; times < 5; ++times) EXPECT_EQ(manager.hear(), "WATCHDOG=1");
  manager.signal(SIGSTOP);
  while (!manager.hear(std::chrono::milliseconds(100)).empty()) {
  }
  EXPECT_EQ(manager.hear(std::chrono::seconds(1)), "");
  manager.signal(SIGCONT);
  EXPECT_EQ(manager.hear(), "WATCHDOG=1");
  EXPECT_EQ(manager.stop(), 0);
}

TEST_F(ProgramTest, AWatchdogThatWaitsForAnotherProcessHearsNothing) {
  ASSERT_EQ(init("--listen 127.0.0.1:0").status, 0);
  ServiceManager manager(folder_.path());
  manager.start(folder_.path() / "made" / "afterword.yaml", "200000", false);
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(manager.hear(std::chrono::seconds(1)), "");
  EXPECT_EQ(manager.stop(), 0);
}

// Its log goes into a pipe whose reader goes.
TEST_F(ProgramTest, NoSignalButThoseThatStopItEndsAServer) {
  ASSERT_EQ(init("--listen 127.0.0.1:0").status, 0);
  const std::string configuration = (folder_.path() / "made" / "afterword.yaml").string();
  int log[2];
  ASSERT_EQ(::pipe(log), 0);
  const pid_t program = ::fork();
  if (program == 0) {
    ::umask(0022);
    ::dup2(log[1], STDERR_FILENO);
    ::close(log[0]);
    ::close(log[1]);
    ::execl(AFTERWORD_PROGRAM, "afterword", "serve", "--config", configuration.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(log[1]);
  std::string said;
  char text[1024];
  for (ssize_t size = 1; size > 0 && said.find("serving on") == std::string::npos;) {
    size = ::read(log[0], text, sizeof text);
    said.append(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  ASSERT_THAT(said, HasSubstr("serving on"));
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2}) EXPECT_EQ(::kill(program, signal), 0);
  ::close(log[0]);
  ::kill(program, SIGTERM);  // which it logs
  int status = -1;
  ::waitpid(program, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);

  EXPECT_EQ(std::filesystem::status(folder_.path() / "made" / "afterword.db").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// Only the level of the log; and a configuration that is wrong by now changes nothing.
TEST_F(ProgramTest, AHangupHasTheLevelOfTheLogReadAgain) {
  ASSERT_EQ(init("--listen 127.0.0.1:0 --set log.format=json").status, 0);
  const std::filesystem::path path = folder_.path() / "made" / "afterword.yaml";
  const std::string before = text_of(path);
  const std::filesystem::path log = folder_.path() / "log";
  const pid_t program = ::fork();
  if (program == 0) {
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, STDERR_FILENO);
    ::execl(AFTERWORD_PROGRAM, "afterword", "serve", "--config", path.c_str(), nullptr);
    ::_exit(127);
  }
  const auto says = [&log](const std::string& text) {
    for (int tries = 0; tries < 300; ++tries) {
      if (text_of(log).find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  };
  EXPECT_TRUE(says(R"("message":"serving on )"));

  const std::string level = "level: info";
  std::string changed = before;
  changed.replace(changed.find(level), level.size(), "level: nonsense");
  folder_.write("made/afterword.yaml", changed);
  ::kill(program, SIGHUP);
  EXPECT_TRUE(says("the log stays as it is: " + path.string()));
  changed = before;
  changed.replace(changed.find(level), level.size(), "level: debug");
  folder_.write("made/afterword.yaml", changed);
  ::kill(program, SIGHUP);
  EXPECT_TRUE(says(R"("message":"the level of the log is debug")"));

  ::kill(program, SIGTERM);
  int status = -1;
  ::waitpid(program, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ProgramTest, TooFewOpenFilesAreRefused) {
  ASSERT_EQ(init().status, 0);
  const Ended ended =
      run("--version >version && ulimit -n 255 && " AFTERWORD_PROGRAM " serve --config made/afterword.yaml");
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, StartsWith("afterword: the limit of open files is 255, "));
}

// A homeserver that takes connections and answers nothing, while a request waits for it.
TEST_F(ProgramTest, AStopEndsBeforeItIsKilledWhateverIsUnderWay) {
  const auto listen = [](sockaddr_in& address) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket, 16), 0);
    EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return socket;
  };
  const auto shown = [](const sockaddr_in& address) { return "127.0.0.1:" + std::to_string(ntohs(address.sin_port)); };
  sockaddr_in silent{};
  const int homeserver = listen(silent);
  sockaddr_in ours{};
  ::close(listen(ours));  // a port that is free
  const std::string addresses = "--homeserver http://" + shown(silent) + " --listen " + shown(ours);
  ASSERT_EQ(run("init --server-name example.org --dir made " + addresses).status, 0);
  const std::string configuration = (folder_.path() / "made" / "afterword.yaml").string();
  const pid_t program = ::fork();
  if (program == 0) {
    ::execl(AFTERWORD_PROGRAM, "afterword", "serve", "--config", configuration.c_str(), "--set", "log.level=off",
            nullptr);
    ::_exit(127);
  }
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  int connected = -1;
  for (int tries = 0; connected != 0 && tries < 300; ++tries) {
    connected = ::connect(client, reinterpret_cast<const sockaddr*>(&ours), sizeof ours);
    if (connected != 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ASSERT_EQ(connected, 0);
  const std::string request = "GET /_matrix/client/v3/profile/@a:b HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(::send(client, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  ASSERT_GE(::accept(homeserver, nullptr, nullptr), 0);  // it is under way

  const auto signalled = std::chrono::steady_clock::now();
  ::kill(program, SIGTERM);
  int status = -1;
  ::waitpid(program, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - signalled, std::chrono::seconds(10));
  ::close(client);
  ::close(homeserver);
}

TEST_F(ProgramTest, AWrongSettingIsNamed) {
  ASSERT_EQ(init().status, 0);
  const Ended ended = run("serve --config made/afterword.yaml --set limits.max_dely=5h");
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, EndsWith("did you mean limits.max_delay?\n"));
}

}  // namespace
}  // namespace afterword
