"""Ordinary users: their heartbeats, and events that come due. What they notice is what is measured."""

import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from system.matrix import C, Server

from .homeserver import ARRIVALS, FakeHomeserver

DELAY = 1.0
HEARTBEATS_A_SECOND = 8  # of each user: within the default rate limit
EVENTS_EVERY = 0.25  # seconds


@dataclass
class Experience:
    restarts_ms: list[float] = field(default_factory=list)
    lateness_ms: list[float] = field(default_factory=list)
    failures: Counter = field(default_factory=Counter)
    scheduled: int = 0
    rss_mb: float = 0  # the most
    descriptors: int = 0  # the most; 0 if we may not see them

    def restart_ms(self, percent: int) -> float:
        return statistics.quantiles(self.restarts_ms, n=100)[percent - 1]


class Users:
    """Each keeps one connection and one call, and now and then schedules something that soon comes due."""

    def __init__(self, server: Server, homeserver: FakeHomeserver, pid: int, count: int = 5):
        self._server = server
        self._homeserver = Server(homeserver.url)
        self._pid = pid
        self._tokens = [f"user-{number}" for number in range(count)]
        self._connections: dict[str, HTTPConnection] = {token: server.connect(30) for token in self._tokens}
        self._calls = {token: self._schedule(token, "call", 3600, "call") for token in self._tokens}
        self._count = 0

    def live(self, seconds: float) -> Experience:
        experience = Experience()
        due: dict[str, float] = {}
        end = time.monotonic() + seconds
        next_event = time.monotonic()
        step = 1 / (HEARTBEATS_A_SECOND * len(self._tokens))
        turn = 0
        while time.monotonic() < end:
            began = time.monotonic()
            token = self._tokens[turn % len(self._tokens)]
            turn += 1
            self._restart(token, experience)
            if time.monotonic() >= next_event:
                next_event += EVENTS_EVERY
                self._schedule_soon(token, due, experience)
            experience.rss_mb = max(experience.rss_mb, rss_mb(self._pid))
            experience.descriptors = max(experience.descriptors, descriptors(self._pid))
            time.sleep(max(0.0, began + step - time.monotonic()))
        self._see_what_arrived(due, experience)
        return experience

    def _restart(self, token: str, experience: Experience) -> None:
        began = time.monotonic()
        status = self._ask(token, "POST", f"{C}/v1/delayed_events/{self._calls[token]}/restart", {})
        experience.restarts_ms.append((time.monotonic() - began) * 1000)
        if status != 200:
            experience.failures[status] += 1

    def _schedule_soon(self, token: str, due: dict[str, float], experience: Experience) -> None:
        self._count += 1
        event = f"event-{self._pid}-{self._count}"
        try:
            self._schedule(token, event, DELAY, event)
        except (OSError, HTTPException, AssertionError) as error:
            experience.failures[f"schedule: {error}"] += 1
            return
        due[event] = time.time() + DELAY
        experience.scheduled += 1

    def _see_what_arrived(self, due: dict[str, float], experience: Experience) -> None:
        give_up = time.monotonic() + 30
        while True:
            arrivals = self._homeserver.request("GET", ARRIVALS).ok()
            missing = [event for event in due if event not in arrivals]
            if not missing or time.monotonic() > give_up:
                break
            time.sleep(0.1)
        if missing:
            experience.failures["never sent"] = len(missing)
        experience.lateness_ms = [max(0.0, (arrivals[e] - due[e]) * 1000) for e in due if e in arrivals]

    def _schedule(self, token: str, room: str, delay: float, event: str) -> str:
        path = f"{C}/v3/rooms/!{room}-{token}:example.org/delayed_event/m.room.message/{event}-{time.monotonic_ns()}"
        body = {"delay_ms": int(delay * 1000), "content": {"id": event}}
        answer = self._server.request("PUT", path, token=token, body=body, kept=self._connections[token])
        assert answer.status == 200, answer
        return answer.json["delay_id"]

    def _ask(self, token: str, method: str, path: str, body: dict) -> int | str:
        try:
            return self._server.request(method, path, token=token, body=body, kept=self._connections[token]).status
        except (OSError, HTTPException, json.JSONDecodeError) as error:
            # It was idle for a moment, and there was no room: a client simply connects again, and so do we.
            self._connections[token].close()
            return type(error).__name__


def rss_mb(pid: int) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def descriptors(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except PermissionError:
        return 0  # it keeps its memory, and with it this, from all but root
