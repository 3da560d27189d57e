"""What stands in for a homeserver while others are measured: it answers as briefly as it can.

Users are called after their token: `u7` is @u7:example.org. When each event was sent to it, it tells at /arrivals.

Usage: scripts/python bench/homeserver.py PORT [--takes-ms N] [--server NAME]
  --takes-ms  how long it takes over an event
  --server    what its header `Server` says; without one it cannot be told what it is
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
import resource
import time

LARGE_SYNC_BYTES = 10_000_000
# Whose tokens are "alice" and "bob".
ALICE, BOB = "@alice:example.org", "@bob:example.org"
ARRIVALS = "/arrivals"  # {transaction id: wall time in ms}


def event_id_of(path: str) -> str:
    return "$" + hashlib.sha256(path.encode()).hexdigest()[:43]


class _Homeserver:
    def __init__(self, takes_ms: float, server: str | None) -> None:
        self._takes_seconds = takes_ms / 1000
        self._server = f"Server: {server}\r\n" if server else ""
        self._sent: list[str] = []
        self._arrivals: dict[str, float] = {}
        self._large_syncs: dict[int, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                arrived = time.time()
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                left = int(length[1]) if length else 0
                while left > 0:
                    piece = await reader.read(min(left, 1 << 18))
                    if not piece:
                        return
                    left -= len(piece)
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                if "hold" in target:
                    await reader.read(1)  # until the client goes
                    return
                if method == "PUT" and ("/send/" in target or "/sendToDevice/" in target):
                    if "/send/" in target:
                        self._arrivals.setdefault(target.partition("?")[0].rpartition("/")[2], arrived * 1000)
                    if self._takes_seconds:
                        await asyncio.sleep(self._takes_seconds)
                writer.write(self._answer_to(method, target, head))
                await writer.drain()
        writer.close()

    def _answer(self, body: bytes) -> bytes:
        head = f"HTTP/1.1 200 OK\r\n{self._server}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _answer_to(self, method: str, target: str, head: bytes) -> bytes:
        path = target.partition("?")[0]
        if path.endswith("/whoami"):
            token = re.search(rb"(?i)\r\nauthorization: *bearer (\S+)", head)[1].decode()
            named = re.search(r"user_id=%40(\w+)", target)
            user_id = f"@{named[1] if named else token}:example.org"
            return self._answer(json.dumps({"user_id": user_id, "device_id": "D"}).encode())
        if path.endswith("/sync"):
            return self._large(1 if "own" in target else 10)
        if method == "PUT" and "/send/" in path:
            self._sent.append(event_id_of(path))
            self._large_syncs.clear()
            return self._answer(json.dumps({"event_id": self._sent[-1]}).encode())
        if path.endswith("/versions"):
            return self._answer(b'{"versions": ["v1.11"]}')
        if path == ARRIVALS:
            return self._answer(json.dumps(self._arrivals).encode())
        return self._answer(b"{}")

    def _large(self, own_every: int) -> bytes:
        """So often an event is Alice's, and now and then one is that which she has sent."""
        if own_every not in self._large_syncs:
            text = "x" * 400
            events = []
            for number in range(LARGE_SYNC_BYTES // 650):
                event_id = self._sent[-1] if self._sent and number % 100 == 0 else event_id_of(str(number))
                content = {"msgtype": "m.text", "body": text}
                sender = ALICE if number % own_every == 0 else BOB
                events.append({"type": "m.room.message", "sender": sender, "event_id": event_id, "content": content,
                               "origin_server_ts": number, "unsigned": {"age": number}})  # fmt: skip
            rooms = {"join": {"!r:example.org": {"timeline": {"events": events, "limited": False}}}}
            self._large_syncs[own_every] = self._answer(json.dumps({"next_batch": "s1", "rooms": rooms}).encode())
        return self._large_syncs[own_every]


async def _run(arguments: argparse.Namespace) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    homeserver = _Homeserver(arguments.takes_ms, arguments.server)
    server = await asyncio.start_server(homeserver.serve, "127.0.0.1", arguments.port, limit=1 << 18, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--takes-ms", type=float, default=0)
    parser.add_argument("--server")
    asyncio.run(_run(parser.parse_args()))
