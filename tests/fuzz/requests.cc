// http/server and http/client back to back, as gateway/pass_through puts them: a client's bytes are the same requests
// however they are cut into packets, and the homeserver gets exactly the requests that we have seen.
//
// The input: the bytes of one connection.
#include "gateway/pass_through.h"
#include "http/client.h"
#include "http/server.h"
#include "require.h"
#include "targets.h"
#include "wire.h"

#include <boost/asio/io_context.hpp>

#include <charconv>
#include <memory>
#include <vector>

namespace afterword::fuzz {
namespace {

constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// A homeserver that reads by the letter of RFC 9112 and knows nothing but what we may send: a request line of three
// words, headers without odd bytes, a body of a Content-Length or of plain chunks.
class StrictReader {
 public:
  // Takes what is complete off `bytes`.
  static void read(std::string& bytes, std::vector<http::Request>& requests) {
    for (;;) {
      const std::size_t end = bytes.find("\r\n\r\n");
      if (end == bytes.npos) return;
      http::Request request = read_head(std::string_view(bytes).substr(0, end));
      std::size_t length = 0;
      if (const auto text = request.headers.find("Content-Length")) {
        const auto parsed = std::from_chars(text->begin(), text->end(), length);
        require(parsed.ec == std::errc() && parsed.ptr == text->end(), "Content-Length is a number");
      }
      std::size_t body_end = end + 4 + length;
      if (const auto coding = request.headers.find("Transfer-Encoding")) {
        require(*coding == "chunked" && !request.headers.find("Content-Length"), "a body has one framing");
        body_end = read_chunks(bytes, end + 4, request.body);
      } else if (body_end <= bytes.size()) {
        request.body = bytes.substr(end + 4, length);
      }
      if (body_end > bytes.size()) return;
      bytes.erase(0, body_end);
      requests.push_back(std::move(request));
    }
  }

 private:
  // Where they end; beyond `bytes` if they are not complete.
  static std::size_t read_chunks(std::string_view bytes, std::size_t at, std::string& body) {
    for (;;) {
      const std::size_t line_end = bytes.find("\r\n", at);
      if (line_end == bytes.npos) return bytes.size() + 1;
      std::size_t size = 0;
      const char* const end = bytes.data() + line_end;
      const auto parsed = std::from_chars(bytes.data() + at, end, size, 16);
      require(parsed.ec == std::errc() && parsed.ptr == end, "a chunk's line is a number");
      at = line_end + 2 + size + 2;
      if (at > bytes.size()) return at;
      require(bytes.substr(at - 2, 2) == "\r\n", "a chunk has its end");
      if (size == 0) return at;
      body += bytes.substr(line_end + 2, size);
    }
  }

  static http::Request read_head(std::string_view head) {
    const auto take = [&head] {
      const std::size_t end = std::min(head.find("\r\n"), head.size());
      const std::string_view line = head.substr(0, end);
      head.remove_prefix(std::min(end + 2, head.size()));
      require(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos, "no line holds CR, LF or NUL");
      return line;
    };
    http::Request request;
    const std::string_view line = take();
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    require(first != line.npos && first < last, "a request line has three words");
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, last - first - 1);
    require(line.substr(last + 1) == "HTTP/1.1", "the version is ours");
    require(!request.target.empty() && request.target.find_first_of(" \t") == request.target.npos,
            "a target is a word");
    int hosts = 0;
    int lengths = 0;
    while (!head.empty()) {
      const std::string_view header = take();
      const std::size_t colon = header.find(':');
      require(colon != header.npos && colon > 0, "a header has a name");
      const std::string_view name = header.substr(0, colon);
      require(name.find_first_of(" \t") == name.npos, "a name is a word");
      std::string_view value = header.substr(colon + 1);
      if (value.starts_with(' ')) value.remove_prefix(1);
      hosts += http::equal_ignoring_case(name, "Host") ? 1 : 0;
      lengths += http::equal_ignoring_case(name, "Content-Length") ? 1 : 0;
      request.headers.add(std::string(name), std::string(value));
    }
    require(hosts == 1 && lengths <= 1, "Host stands there once, and Content-Length at most once");
    return request;
  }
};

class World {
 public:
  World()
      : homeserver_(Socket::listen()),
        client_(context_.get_executor(), {.tls = false, .host = "127.0.0.1", .port = homeserver_.port()}),
        server_(
            context_.get_executor(), [this](http::Request request) { return handle(std::move(request)); }, {},
            [](auto...) { return http::Admission{.streams_body = true}; }) {
    require(server_.listen({"127.0.0.1", 0}).has_value(), "there is a port");
  }

  struct Seen {
    std::vector<http::Request> by_us;
    std::vector<http::Request> by_homeserver;
  };

  // One connection, its bytes sent in pieces of that size.
  Seen run(std::string_view bytes, std::size_t piece) {
    seen_ = {};
    seen_by_us_.clear();
    Socket connection = Socket::connect(server_.port());
    while (!bytes.empty()) {
      connection.send(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
      exchange(connection);
    }
    connection = Socket();
    exchange(connection);
    for (const Upstream& upstream : upstreams_) {
      require(upstream.unread.empty() || upstream.socket.has_ended(), "what breaks off ends its connection");
    }
    std::erase_if(upstreams_, [](const Upstream& upstream) { return !upstream.unread.empty(); });
    Seen seen;
    seen.by_homeserver = std::move(seen_.by_homeserver);
    for (const auto& request : seen_by_us_) {
      if (request->is_whole) seen.by_us.push_back(request->request);
    }
    return seen;
  }

 private:
  struct Upstream {
    Socket socket;
    std::string unread;
  };

  // A request, and what has been read of its body.
  struct Arriving {
    http::Request request;
    bool is_whole = false;
  };

  // Notes what passes.
  class Noted final : public http::BodyStream {
   public:
    Noted(std::shared_ptr<http::BodyStream> from, std::shared_ptr<Arriving> request)
        : from_(std::move(from)), request_(std::move(request)) {}

    async::Task<Result<std::string_view, http::BrokenOff>> read() override {
      const auto piece = co_await from_->read();
      if (piece) request_->request.body += *piece;
      request_->is_whole = piece && piece->empty();
      co_return piece;
    }
    async::Task<void> ask_for() override { return from_->ask_for(); }
    std::optional<std::uint64_t> remaining_bytes() const override { return from_->remaining_bytes(); }

   private:
    std::shared_ptr<http::BodyStream> from_;
    std::shared_ptr<Arriving> request_;
  };

  async::Task<http::Response> handle(http::Request request) {
    const auto arriving = std::make_shared<Arriving>(request, request.rest == nullptr);
    arriving->request.rest.reset();
    seen_by_us_.push_back(arriving);
    if (request.rest) request.rest = std::make_shared<Noted>(std::move(request.rest), arriving);
    return gateway::pass_through(client_, std::move(request), passing_);
  }

  void exchange(const Socket& connection) {
    for (bool went_on = true; went_on;) {
      settle(context_);
      went_on = false;
      if (connection.is_open()) connection.receive();
      for (Socket accepted = homeserver_.accept(); accepted.is_open(); accepted = homeserver_.accept()) {
        upstreams_.push_back({std::move(accepted), {}});
      }
      for (Upstream& upstream : upstreams_) {
        const std::string arrived = upstream.socket.receive();
        if (arrived.empty()) continue;
        went_on = true;
        upstream.unread += arrived;
        const std::size_t before = seen_.by_homeserver.size();
        StrictReader::read(upstream.unread, seen_.by_homeserver);
        for (std::size_t i = before; i < seen_.by_homeserver.size(); ++i) upstream.socket.send(answer);
      }
    }
  }

  boost::asio::io_context context_{1};
  async::SystemClock clock_{context_.get_executor()};
  gateway::Passing passing_{clock_, [](const std::string&) { return false; }};
  Socket homeserver_;
  http::Client client_;
  http::Server server_;
  std::vector<Upstream> upstreams_;
  std::vector<std::shared_ptr<Arriving>> seen_by_us_;
  Seen seen_;
};

bool is_same(const http::Request& a, const http::Request& b) {
  const auto is_same_header = [](const http::Header& x, const http::Header& y) {
    return x.name == y.name && x.value == y.value;
  };
  return a.method == b.method && a.target == b.target && a.body == b.body &&
         std::ranges::equal(a.headers, b.headers, is_same_header);
}

}  // namespace

void requests(std::string_view input) {
  static World world;
  const World::Seen whole = world.run(input, input.size());
  require(whole.by_us.size() == whole.by_homeserver.size(), "the homeserver gets as many requests as we have seen");
  for (std::size_t i = 0; i < whole.by_us.size(); ++i) {
    const http::Request& ours = whole.by_us[i];
    const http::Request& theirs = whole.by_homeserver[i];
    require(ours.method == theirs.method && ours.target == theirs.target && ours.body == theirs.body,
            "the homeserver gets the requests that we have seen");
  }

  const std::size_t piece = 1 + input.size() / 7;
  const World::Seen cut = world.run(input, piece);
  require(std::ranges::equal(whole.by_us, cut.by_us, is_same), "packets make no difference");
}

}  // namespace afterword::fuzz
