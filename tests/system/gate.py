"""A proxy between Afterword and its homeserver that loses answers, requests, or both, when a test says so."""

import http.client
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .matrix import Server

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "host"}


class Lose(Enum):
    ANSWER = auto()  # the homeserver acts on it
    REQUEST = auto()  # it never gets there
    TIME = auto()  # the homeserver acts on it, and its answer takes longer than anybody waits


@dataclass(frozen=True)
class Answer:
    """An answer in the homeserver's place."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Fault = Lose | Answer
# Sees each send of an application service as (path, query); None lets it pass.
Faults = Callable[[str, dict[str, str]], Fault | None]


class Gate(Server):
    """Serves from the moment it is made until close()."""

    def __init__(self, homeserver: Server):
        self._homeserver = urllib.parse.urlsplit(homeserver.base_url).netloc
        self._faults: Faults = lambda path, query: None
        self._stalled = "/no path"
        self._answer_to_all: Answer | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.sends: list[str] = []  # the paths of all that came
        self.whoami_time = 0.0  # how many seconds an answer to it takes
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                gate._handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = _handle

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        super().__init__(f"http://127.0.0.1:{self._server.server_address[1]}")

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def fault_all(self, fault: Fault) -> None:
        self._faults = lambda path, query: fault

    def fault_where(self, faults: Faults) -> None:
        self._faults = faults

    def answer_all(self, answer: Answer) -> None:
        """Every request whatever, as a proxy does whose homeserver is away."""
        self._answer_to_all = answer

    def fault_next(self, fault: Fault, count: int = 1) -> None:
        """Only the next sends, however long it takes until they come."""
        left = [count]

        def faults(path: str, query: dict[str, str]) -> Fault | None:
            left[0] -= 1
            return fault if left[0] >= 0 else None

        self._faults = faults

    def stall(self, prefix: str) -> None:
        """What is asked below there is never answered."""
        self._stalled = prefix

    def sends_of(self, txn_id: str) -> int:
        return sum(path.endswith(f"/{txn_id}") for path in self.sends)

    def heal(self) -> None:
        self._faults = lambda path, query: None
        self._answer_to_all = None

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length) if length else None
        parts = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        if parts.path.startswith(self._stalled):
            self._closed.wait()
            handler.close_connection = True
            return
        fault = None
        if parts.path.endswith("/account/whoami"):
            self._closed.wait(self.whoami_time)
        if handler.command == "PUT" and "user_id" in query:
            with self._lock:
                self.sends.append(parts.path)
                fault = self._faults(parts.path, query)
        fault = fault or self._answer_to_all
        if fault is Lose.REQUEST:
            handler.close_connection = True
            return
        answer = fault if isinstance(fault, Answer) else self._ask(handler, body)
        if fault is Lose.TIME:
            self._closed.wait()
        if fault in (Lose.ANSWER, Lose.TIME) or answer is None:
            handler.close_connection = True
            return
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _ask(self, handler: BaseHTTPRequestHandler, body: bytes | None) -> Answer | None:
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection = http.client.HTTPConnection(self._homeserver, timeout=60)
        try:
            connection.request(handler.command, handler.path, body=body, headers=headers)
            got = connection.getresponse()
            kept = {name: value for name, value in got.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Answer(got.status, got.read(), kept)
        except (OSError, http.client.HTTPException):
            return None  # the homeserver is away: as if cut, which tells less than a refused connection
        finally:
            connection.close()
