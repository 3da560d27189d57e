"""A homeserver that costs next to nothing, in a process of its own: it answers at once, keeps nothing but the time at
which each event arrived, and takes its time only over tokens that it does not know.

Users are called after their token: `user-7` is @user-7:example.org.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from system.matrix import Server
from system.processes import Process, free_port

SERVER_NAME = "example.org"
UNKNOWN_TOKEN_SECONDS = 2.0
ARRIVALS = "/arrivals"  # what has arrived, as {content's "id": when}

_HELD_BYTES = 1_000_000  # more of a body is thrown away as it comes

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOKEN = re.compile(rb"\r\nauthorization: *bearer +(\S+)", re.IGNORECASE)


class FakeHomeserver:
    """Runs beside the test, from start() to stop()."""

    def __init__(self, directory: Path):
        self._port = free_port()
        self._directory = directory
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self, as_token: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(Path(__file__).resolve()), str(self._port), as_token]
        self._process = Process(command, self._directory / "homeserver.log", self._directory)
        self._process.wait_until(Server(self.url).is_ready)

    def stop(self) -> None:
        if self._process:
            self._process.stop()


class _Connection(asyncio.Protocol):
    arrivals: dict[str, float] = {}
    as_token = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = bytearray()
        self._large: tuple[bytes, int] | None = None  # the head of an upload, and how much of it is to come

    def data_received(self, data: bytes) -> None:
        if self._large:
            head, left = self._large[0], self._large[1] - len(data)
            self._large = (head, left) if left > 0 else None
            if left <= 0:
                self._answer(head, b"")
            return
        self._received += data
        while (end := self._received.find(_HEAD_END)) >= 0:
            head = bytes(self._received[:end])
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            whole = end + len(_HEAD_END) + length
            if len(self._received) < whole:
                if length > _HELD_BYTES:
                    self._large = (head, whole - len(self._received))
                    self._received.clear()
                return
            body = bytes(self._received[whole - length : whole])
            del self._received[:whole]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path.endswith("/account/whoami"):
            token = found[1] if (found := _TOKEN.search(head)) else b""
            if token == self.as_token:
                self._say(200, {"user_id": query.get("user_id", [f"@afterword:{SERVER_NAME}"])[0]})
            elif token.startswith(b"user-"):
                self._say(200, {"user_id": f"@{token.decode()}:{SERVER_NAME}", "device_id": "DEVICE"})
            else:
                refusal = {"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown access token"}
                self._say_later(UNKNOWN_TOKEN_SECONDS, 401, refusal)
        elif method == "PUT" and "/send/" in url.path:
            self.arrivals.setdefault(str(json.loads(body).get("id")), time.time())
            self._say(200, {"event_id": "$" + unquote(url.path.rsplit("/", 1)[1])})
        elif url.path == ARRIVALS:
            self._say(200, self.arrivals)
        elif "timeout" in query:
            self._say_later(int(query["timeout"][0]) / 1000, 200, {})
        elif url.path.endswith("/versions"):
            self._say(200, {"versions": ["v1.11"]})
        else:
            self._say(200, {})

    def _say_later(self, seconds: float, status: int, body: dict) -> None:
        asyncio.get_running_loop().call_later(seconds, self._say, status, body)

    def _say(self, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Said\r\nServer: Synapse/1.163.2\r\nContent-Type: application/json\r\n"
        self._transport.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(text) + text)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    _Connection.as_token = sys.argv[2].encode()
    asyncio.run(_serve(int(sys.argv[1])))
