"""A server that says who it is to whoever asks, and remembers what it was asked."""

import json
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .matrix import Server


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        """Whoever asks whether it listens hangs up without a word."""


class ScriptedServer(Server):
    """Refuses everybody without a token, as a homeserver does. Serves from the moment it is made until close()."""

    def __init__(self, name: str):
        self.name = name
        self.asked: list[str] = []  # "METHOD /path?query"
        self.heard: list[tuple[Message, bytes]] = []  # the headers and the body of each
        self.answers: dict[str, object] = {"/_matrix/client/versions": {"versions": ["v1.11"]}}
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                scripted.asked.append(f"{self.command} {self.path}")
                scripted.heard.append((self.headers, body))
                answer = scripted.answers.get(self.path)
                refused = {"errcode": "M_MISSING_TOKEN", "error": scripted.name}
                told = json.dumps(refused if answer is None else answer).encode()
                self.send_response(401 if answer is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.send_header("X-Reached", scripted.name)
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = _handle

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        super().__init__(f"http://127.0.0.1:{self._server.server_port}")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return self.base_url.removeprefix("http://")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
