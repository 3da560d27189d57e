"""Two Afterwords are restarted in turn behind a load balancer while clients are at work; what fails is counted.

    PYTHONPATH=tests scripts/python -m system.rolling_restarts [--rounds N] [--balancer nginx|haproxy|both]
"""

import argparse
import contextlib
import http.client
import itertools
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .gateway import Afterword
from .homeservers import Synapse
from .load_balancers import HaProxy, LoadBalancer, Nginx
from .matrix import C, Response, User, quote
from .postgres import Postgres

BALANCERS: dict[str, type[LoadBalancer]] = {"nginx": Nginx, "haproxy": HaProxy}

_MESSAGE = "m.room.message"
_NUMBER = "org.example.number"  # in the content
_SOON, _LONG = 1500, 600_000  # delays, in ms
# Between two restarts, as deploy/README.md has it: the load balancer finds out that the first is back.
SETTLE = 2.0
# Less than from one restart to the next. It is cut by at most two then, as in a rolling restart each is that outlasts it.
_POLL_MS = 2000
_REST_LIMIT = 60.0  # until all that is due has been sent
_SETTINGS = {"rate_limits.enabled": "false", "limits.max_scheduled_per_user": "none"}


@dataclass
class Figures:
    restarts: int = 0
    requests: "Counter[str]" = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds, of what is no long poll
    due: int = 0
    lost: list[int] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    after_cancel: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.requests.most_common())
        return (
            f"{self.restarts} restarts, {self.requests.total()} requests ({kinds}), {len(self.failures)} failed, "
            f"slowest {self.slowest:.2f} s; {self.due} events due, {len(self.lost)} lost, {len(self.twice)} twice, "
            f"{len(self.after_cancel)} after a cancel"
        )


@dataclass
class Load:
    """What all clients share."""

    figures: Figures = field(default_factory=Figures)
    ended: threading.Event = field(default_factory=threading.Event)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client(threading.Thread):
    """One user in a room, on one connection, which is kept. It asks once, and whatever is not answered by 200 has failed."""

    def __init__(self, user: User, load: Load, pause: float):
        super().__init__()
        self.user = user
        self.room = user.create_room()
        self.due: set[int] = set()
        self.cancelled: set[int] = set()
        self._load = load
        self._pause = pause  # seconds between its requests, on average
        self._connection = user.server.connect()
        self._random = random.Random(user.user_id)
        self._own = ""  # an event that it keeps alive

    def run(self) -> None:
        acts = [self._restart, self._restart, self._restart, self._look_up, self._schedule_and_cancel]
        acts += [self._schedule, self._who_am_i, self._make_filter, self._send]
        self._own = self._delayed(_LONG)[1]
        while not self._load.ended.wait(self._random.expovariate(1 / self._pause)):
            self._random.choice(acts)()
        self._connection.close()

    def _restart(self) -> None:
        self._ask("restarts", lambda: self.user.manage(self._own, "restart", kept=self._connection))

    def _look_up(self) -> None:
        self._ask("look-ups", lambda: self.user.look_up(self._own, kept=self._connection))

    def _schedule(self) -> None:
        number, delay_id = self._delayed(_SOON)
        if delay_id:
            self.due.add(number)

    def _schedule_and_cancel(self) -> None:
        number, delay_id = self._delayed(_LONG)
        if self._ask("cancels", lambda: self.user.manage(delay_id, "cancel", kept=self._connection)):
            self.cancelled.add(number)

    def _delayed(self, delay_ms: int) -> tuple[int, str]:
        number = next(self._load.numbers)
        content = {"msgtype": "m.text", "body": "later", _NUMBER: number}
        ask = lambda: self.user.schedule(self.room, _MESSAGE, content, delay_ms, kept=self._connection)
        answer = self._ask("schedules", ask)
        return number, answer.json["delay_id"] if answer else ""

    def _who_am_i(self) -> None:
        path = f"{C}/v3/account/whoami"
        self._ask("passing GETs", lambda: self.user.request("GET", path, kept=self._connection))

    def _send(self) -> None:
        content = {"msgtype": "m.text", "body": "now"}
        self._ask("passing PUTs", lambda: self.user.send(self.room, _MESSAGE, content, kept=self._connection))

    def _make_filter(self) -> None:
        """Asked twice it would make two."""
        path = f"{C}/v3/user/{quote(self.user.user_id)}/filter"
        body = {"room": {"timeline": {"limit": next(self._load.numbers)}}}
        self._ask("passing POSTs", lambda: self.user.request("POST", path, body=body, kept=self._connection))

    def _ask(self, kind: str, ask: Callable[[], Response]) -> Response | None:
        return ask_once(self._load, kind, ask)


class Poller(threading.Thread):
    """Waits for news, by turns in both ways in which clients do."""

    def __init__(self, user: User, load: Load):
        super().__init__()
        self._user = user
        self._load = load
        self._connection = user.server.connect()

    def run(self) -> None:
        since = self._user.sync()["next_batch"]
        sliding = f"{C}/unstable/org.matrix.simplified_msc3575/sync"
        sliding_position: dict[str, str] = {}
        while not self._load.ended.is_set():
            query = {"timeout": _POLL_MS, "since": since}
            ask = lambda: self._user.request("GET", f"{C}/v3/sync", query=query, kept=self._connection)
            if answer := ask_once(self._load, "long polls", ask):
                since = answer.json["next_batch"]
            query = {"timeout": _POLL_MS, **sliding_position}
            ask = lambda: self._user.request("POST", sliding, query=query, body={"lists": {}}, kept=self._connection)
            if answer := ask_once(self._load, "long polls", ask):
                sliding_position = {"pos": answer.json["pos"]}
        self._connection.close()


def ask_once(load: Load, kind: str, ask: Callable[[], Response]) -> Response | None:
    began = time.monotonic()
    try:
        answer = ask()
        failure = None if answer.status == 200 else f"{answer.status} {answer.body[:200]!r}"
    except (OSError, http.client.HTTPException) as error:
        answer, failure = None, repr(error)
    took = time.monotonic() - began
    with load.lock:
        load.figures.requests[kind] += 1
        if kind != "long polls":
            load.figures.slowest = max(load.figures.slowest, took)
        if failure:
            load.figures.failures.append(f"{time.strftime('%T')} one of the {kind}, after {took:.3f} s: {failure}")
    return None if failure else answer


@contextlib.contextmanager
def two_instances(directory: Path, synapse: Synapse, database: str) -> Iterator[tuple[Afterword, Afterword]]:
    """They share the database, and are not started yet; nor is the homeserver."""
    settings = {**_SETTINGS, "database": database}
    one = Afterword(directory / "one", settings=settings)
    one.set_up(synapse.server_name, synapse.base_url)
    two = one.beside(directory / "two", settings)
    try:
        yield one, two
    finally:
        one.stop()
        two.stop()


def run(synapse: Synapse, instances: tuple[Afterword, Afterword], balancer: LoadBalancer, rounds: int) -> Figures:
    """All of them have been started. In a round each instance is restarted once."""
    load = Load()
    name = balancer.name.lower()
    pauses = [0.01, 0.02, 0.05, 0.2, 0.5, 1.0]  # from connections that are never idle to some that mostly are
    clients = [Client(synapse.register(f"{name}-{n}").at(balancer), load, pause) for n, pause in enumerate(pauses)]
    pollers = [Poller(client.user, load) for client in clients]
    threads = [*clients, *pollers]
    for thread in threads:
        thread.start()
    try:
        for afterword in [*instances] * rounds:
            time.sleep(SETTLE)
            status = afterword.stop()
            if status != 0:
                load.figures.failures.append(f"{afterword.listen} ended with status {status}")
            afterword.start()
            load.figures.restarts += 1
        time.sleep(SETTLE)
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()
    for client in clients:
        judge(client, load.figures)
    return load.figures


def judge(client: Client, figures: Figures) -> None:
    """Compares the room with what the client was told."""
    deadline = time.monotonic() + _REST_LIMIT
    while True:
        seen = Counter(numbers_in(client))
        lost = client.due - seen.keys()
        if not lost or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    figures.due += len(client.due)
    figures.lost += sorted(lost)
    figures.twice += sorted(number for number, count in seen.items() if count > 1)
    figures.after_cancel += sorted(client.cancelled & seen.keys())


def numbers_in(client: Client) -> list[int]:
    """Of the delayed events in its room."""
    path = f"{C}/v3/rooms/{quote(client.room)}/messages"
    query = {"dir": "b", "limit": 1000}
    numbers: list[int] = []
    while True:
        page = client.user.request_patiently("GET", path, query=query).ok()
        numbers += [event["content"][_NUMBER] for event in page["chunk"] if _NUMBER in event["content"]]
        if "end" not in page:
            return numbers
        query["from"] = page["end"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/rolling-restarts")
    parser.add_argument("--rounds", type=int, default=20, help="in each, both instances are restarted")
    parser.add_argument("--balancer", choices=[*BALANCERS, "both"], default="both")
    arguments = parser.parse_args()
    names = list(BALANCERS) if arguments.balancer == "both" else [arguments.balancer]

    failed = False
    with tempfile.TemporaryDirectory(prefix="afterword-rolling-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        postgres = Postgres()
        stack.callback(postgres.close)
        postgres.start()
        synapse = Synapse(directory / "synapse")
        instances = stack.enter_context(two_instances(directory, synapse, postgres.make_database()))
        synapse.start([instances[0].registration])
        stack.callback(synapse.stop)
        for afterword in instances:
            afterword.start()
        for name in names:
            balancer = BALANCERS[name](directory / name, *instances, synapse)
            stack.callback(balancer.stop)
            balancer.start()
            figures = run(synapse, instances, balancer, arguments.rounds)
            print(f"{balancer.name}: {figures}", flush=True)
            for failure in figures.failures:
                print(f"  {failure}")
            failed |= bool(figures.failures or figures.lost or figures.twice or figures.after_cancel)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
