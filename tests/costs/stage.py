"""Afterword, in which is counted what requests cost, and the requests."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

from abuse.homeserver import SERVER_NAME, FakeHomeserver
from system.gateway import Afterword
from system.matrix import C

from .costs import Counts

# As long as those of a homeserver are.
TOKEN = "user-" + "t" * 40
DAY = 24 * 3_600_000
EVENTS = 100


def request(method: str, path: str, body: str = "") -> bytes:
    """As wrk sends it in bench/."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:8009\r\nAuthorization: Bearer {TOKEN}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


class Stage:
    """Afterword, in which things are counted, before a homeserver that answers at once."""

    def __init__(self, directory: Path):
        self.homeserver = FakeHomeserver(directory / "homeserver")
        settings = {"rate_limits.enabled": "false", "limits.max_scheduled_per_user": "none"}
        self.afterword = Afterword(directory / "afterword", settings=settings)
        self.counts = Counts(self.afterword)
        self.afterword.set_up(SERVER_NAME, self.homeserver.url)
        [as_token] = re.findall(r"as_token: *\"?([^\s\"]+)", self.afterword.registration.read_text())
        self.homeserver.start(as_token)
        self.afterword.start()
        self._numbers = itertools.count()
        self.delay_ids = [self._schedule() for _ in range(EVENTS)]

    def stop(self) -> int | None:
        status = self.afterword.stop()
        self.homeserver.stop()
        return status

    @property
    def port(self) -> int:
        return int(self.afterword.listen.rsplit(":", 1)[1])

    def _schedule(self) -> str:
        path = f"{C}/v3/rooms/!room:example.org/delayed_event/m.room.message/first-{next(self._numbers)}"
        body = {"delay_ms": DAY, "content": {"msgtype": "m.text", "body": "later"}}
        return self.afterword.request("PUT", path, token=TOKEN, body=body).ok()["delay_id"]

    def restarts(self) -> Iterator[bytes]:
        for delay_id in itertools.cycle(self.delay_ids):
            yield request("POST", f"{C}/v1/delayed_events/{delay_id}/restart", "{}")

    def schedules(self) -> Iterator[bytes]:
        body = json.dumps({"delay_ms": DAY, "content": {"msgtype": "m.text", "body": "later"}})
        for number in self._numbers:
            path = f"{C}/v3/rooms/!room:example.org/delayed_event/m.room.message/{number}"
            yield request("PUT", path, body)

    def look_ups(self) -> Iterator[bytes]:
        for delay_id in itertools.cycle(self.delay_ids):
            yield request("GET", f"{C}/v1/delayed_events/{delay_id}")

    def pages(self) -> Iterator[bytes]:
        return itertools.repeat(request("GET", f"{C}/v1/delayed_events?dir=f"))

    def passing(self) -> Iterator[bytes]:
        return itertools.repeat(request("GET", f"{C}/v3/profile/@user:example.org"))
