"""Measures what heartbeats and schedules cost on SQLite and on PostgreSQL: with one instance, with two, with a standby.

Client, instances and PostgreSQL share this machine's processors, so a second instance cannot do more here than take
what is left of them: requests a second say little about machines of their own. What a process spends on a request does;
docs/scaling.md calculates with that. The contestants take turns; medians of the rounds, with the range of them.

    scripts/python bench/scaling.py [--quick] [--rounds N] [--seconds N] [--scheduled N]
"""

import argparse
import contextlib
import json
import random
import resource
import signal
import sqlite3
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.instances import timed, to_text
from bench.plan import Plan
from bench.process_figures import memory_mb, processor_seconds
from bench.report import commit, machine
from bench.servers import UNLIMITED, answering_nginx
from bench.wrk import CONNECTIONS, MESSAGE, Load, managing, run_wrk, schedules
from system.gateway import Afterword
from system.homeservers import Synapse
from system.matrix import C, Server, quote
from system.postgres import Postgres

USERS = 64
RESTART = f"{C}/v1/delayed_events/{{}}/restart"

Events = list[tuple[str, str]]  # (delay_id, token) of each


@dataclass(frozen=True)
class Contestant:
    name: str
    servers: list[Server]  # share the load
    events: Events  # to be restarted
    connections: int = CONNECTIONS
    waits_for_standby: bool = False


@dataclass(frozen=True)
class Measured:
    """One contestant in one round. `us`: microseconds of processor time for each request."""

    requests: int
    per_second: float
    failed: int
    p50_ms: float
    p99_ms: float
    afterword_us: float
    postgres_us: float
    standby_us: float
    client_us: float
    wal_bytes: float  # for each request
    transactions: float  # for each request


COLUMNS = [  # heading, what of Measured, decimals
    ("p50 ms", "p50_ms", 2),
    ("p99 ms", "p99_ms", 2),
    ("CPU µs: Afterword", "afterword_us", 1),
    ("PostgreSQL", "postgres_us", 1),
    ("standby", "standby_us", 1),
    ("client", "client_us", 1),
    ("WAL bytes", "wal_bytes", 0),
    ("transactions", "transactions", 3),
]


class Bench:
    """What runs: Afterword on SQLite, two on one PostgreSQL, an nginx that does nothing, and later a standby."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack):
        self.directory = directory
        self._stack = stack
        self.postgres = Postgres()
        stack.callback(self.postgres.close)
        self.postgres.start()
        self.database = self.postgres.make_database()
        self.standby: Postgres | None = None
        synapse = Synapse(directory / "synapse")
        stack.callback(synapse.stop)
        self.on_sqlite = Afterword(directory / "on-sqlite", settings=UNLIMITED)
        self.on_sqlite.set_up(synapse.server_name, synapse.base_url)
        shared = {**UNLIMITED, "database": self.database}
        self.one, self.two = (self.on_sqlite.beside(directory / name, shared) for name in ("one", "two"))
        self.afterwords = [self.on_sqlite, self.one, self.two]
        synapse.start([self.on_sqlite.registration])
        for afterword in self.afterwords:
            stack.callback(afterword.stop)
            afterword.start()
        self.nothing, _ = answering_nginx(Plan("scaling", False, 1, set(), directory, stack), "nginx")
        self.users = [synapse.register(f"user-{n}") for n in range(USERS)]
        self.room = self.users[0].create_room()

    def ask(self, sql: str) -> int:
        return int(self.postgres.query(sql, self.database)[0][0])

    def add_standby(self) -> None:
        self.standby = self.postgres.make_standby()
        self._stack.callback(self.standby.close)
        self.standby.start()

    def schedules(self, contestant: Contestant, label: str) -> list[Load]:
        tokens = [user.token for user in self.users]
        make = lambda n, server: schedules(contestant.name, server, tokens, [self.room], f"{label}-{n}")
        return [make(n, server) for n, server in enumerate(contestant.servers)]

    def restarts(self, contestant: Contestant) -> list[Load]:
        parts = len(contestant.servers)
        part = lambda n: contestant.events[n::parts]
        make = lambda n, server: managing(f"{contestant.name} {n}", server, part(n), RESTART, self.directory)
        return [make(n, server) for n, server in enumerate(contestant.servers)]

    def measure(self, contestant: Contestant, loads: list[Load], seconds: int) -> Measured:
        if self.standby:
            names = "*" if contestant.waits_for_standby else ""
            self.postgres.query(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
            self.postgres.query("SELECT pg_reload_conf()")
        written, spent = self._written(), self._spent()
        with ThreadPoolExecutor(len(loads)) as threads:
            run = lambda load: run_wrk(load, seconds, contestant.connections // len(loads))
            results = list(threads.map(run, loads))
        spent = [after - before for before, after in zip(spent, self._spent())]
        written = [after - before for before, after in zip(written, self._written())]
        requests = sum(result.requests for result in results)
        return Measured(
            requests,
            sum(result.per_second for result in results),
            sum(result.refused + result.broken for result in results),
            max(result.p50_ms for result in results),
            max(result.p99_ms for result in results),
            *(each * 1e6 / requests for each in spent),
            *(each / requests for each in written),
        )

    def _spent(self) -> list[float]:
        """Seconds of processor time, in the order of Measured."""
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        return [
            sum(processor_seconds(afterword.pid) for afterword in self.afterwords),
            processor_seconds(self.postgres.pid),
            processor_seconds(self.standby.pid) if self.standby else 0.0,
            client.ru_utime + client.ru_stime,
        ]

    def _written(self) -> list[int]:
        """To PostgreSQL: bytes of WAL, and transactions."""
        transactions = "SELECT pg_snapshot_xmax(pg_current_snapshot())"
        return [self.ask("SELECT pg_current_wal_insert_lsn() - '0/0'"), self.ask(transactions)]


def events_in_sqlite(bench: Bench) -> list[tuple[bytes, str]]:
    """(delay_id, user_id) of each. Afterword does not run: it lets nobody else read."""
    with contextlib.closing(sqlite3.connect(bench.on_sqlite.directory / "afterword.db")) as connection:
        return connection.execute("SELECT delay_id, user_id FROM events WHERE state = 0").fetchall()


def events_in_postgres(bench: Bench) -> list[tuple[bytes, str]]:
    sql = "SELECT delay_id, convert_from(user_id, 'UTF8') FROM afterword.active"
    return [(uuid.UUID(text).bytes, user_id) for text, user_id in bench.postgres.query(sql, bench.database)]


def with_tokens(bench: Bench, events: list[tuple[bytes, str]]) -> Events:
    """In the order of chance: clients beat when they like."""
    tokens = {user.user_id: user.token for user in bench.users}
    random.shuffle(events)
    return [(to_text(delay_id), tokens[user_id]) for delay_id, user_id in events]


def fill(bench: Bench, servers: list[Server], wanted: int) -> None:
    """Until so many are scheduled, or some more."""
    contestant = Contestant("filling", servers, [])
    made = 0
    while made < wanted:
        made += bench.measure(contestant, bench.schedules(contestant, str(made)), 2).requests


def start_again(name: str, afterword: Afterword, scheduled: int) -> None:
    took = timed(afterword.start)
    print(f"  {name:26}{took:6.2f} s until it serves, {memory_mb(afterword.pid):6.1f} MB; {scheduled:,} scheduled")


def measure_keeping(bench: Bench, scheduled: int) -> tuple[Events, Events]:
    """Size and start. Answers what SQLite keeps, and PostgreSQL."""
    size = "SELECT pg_database_size(current_database())"
    empty = bench.ask(size)
    fill(bench, [bench.on_sqlite], scheduled)
    fill(bench, [bench.one, bench.two], scheduled)
    for afterword in bench.afterwords:
        afterword.stop()
    in_sqlite, in_postgres = events_in_sqlite(bench), events_in_postgres(bench)

    print(f"\nScheduled events, with a content of {len(json.dumps(MESSAGE))} bytes")
    in_file = (bench.on_sqlite.directory / "afterword.db").stat().st_size
    print(f"  {'SQLite':26}{in_file / len(in_sqlite):6.0f} bytes each")
    print(f"  {'PostgreSQL':26}{(bench.ask(size) - empty) / len(in_postgres):6.0f} bytes each")
    start_again("SQLite", bench.on_sqlite, len(in_sqlite))
    start_again("PostgreSQL, the first", bench.one, len(in_postgres))
    start_again("PostgreSQL, the second", bench.two, 0)
    sys.stdout.flush()
    return with_tokens(bench, in_sqlite), with_tokens(bench, in_postgres)


def print_table(title: str, results: dict[str, list[Measured]]) -> None:
    print(f"\n{title}")
    print(f"  {'':26}{'a second':>9} {'(range)':16}{'÷ nginx':>8}", end="")
    print("".join(f"{heading:>{len(heading) + 3}}" for heading, _, _ in COLUMNS))
    for name, measured in results.items():
        median = lambda what, of=measured: statistics.median(getattr(one, what) for one in of)
        rates = [one.per_second for one in measured]
        spread = f"({min(rates):,.0f}–{max(rates):,.0f})"
        ratio = median("per_second") / median("per_second", results["nginx"])
        print(f"  {name:26}{median('per_second'):>9,.0f} {spread:16}{ratio:>8.3f}", end="")
        print("".join(f"{median(what):>{len(heading) + 3},.{decimals}f}" for heading, what, decimals in COLUMNS))
        if failed := sum(one.failed for one in measured):
            print(f"  {name}: {failed} requests FAILED, so its figures do not count")
    sys.stdout.flush()


@dataclass
class Comparison:
    bench: Bench
    rounds: int
    seconds: int
    has_failed: bool = False

    def restarts(self, where: str, contestants: list[Contestant]) -> None:
        asked = [self._nothing(contestants), *contestants]
        loads = {contestant.name: self.bench.restarts(contestant) for contestant in asked}
        self._compare(f"Restarts (heartbeats){where}", contestants, lambda contestant, _: loads[contestant.name])

    def schedules(self, where: str, contestants: list[Contestant]) -> None:
        label = lambda contestant, number: quote(f"{contestant.name}, {number}")
        loads_of = lambda contestant, number: self.bench.schedules(contestant, label(contestant, number))
        self._compare(f"Schedules{where}", contestants, loads_of)

    def _nothing(self, contestants: list[Contestant]) -> Contestant:
        """nginx, which is asked what the first of them is asked."""
        return Contestant("nginx", [self.bench.nothing], contestants[0].events)

    def _compare(
        self, title: str, contestants: list[Contestant], loads_of: Callable[[Contestant, int], list[Load]]
    ) -> None:
        nothing = self._nothing(contestants)
        results: dict[str, list[Measured]] = {}
        for number in range(self.rounds):
            for contestant in [nothing, *contestants]:
                measured = self.bench.measure(contestant, loads_of(contestant, number), self.seconds)
                results.setdefault(contestant.name, []).append(measured)
                self.has_failed |= measured.failed > 0
        print_table(title, results)


def compare(bench: Bench, comparison: Comparison, scheduled: int) -> None:
    in_sqlite, in_postgres = measure_keeping(bench, scheduled)
    contestants = [
        Contestant("SQLite", [bench.on_sqlite], in_sqlite),
        Contestant("PostgreSQL, 1 instance", [bench.one], in_postgres),
        Contestant("PostgreSQL, 2 instances", [bench.one, bench.two], in_postgres),
        Contestant("1 instance, 1 connection", [bench.one], in_postgres, connections=1),
    ]
    comparison.restarts("", contestants)
    comparison.schedules("", contestants)
    bench.add_standby()
    contestants = [
        Contestant("not waited for", [bench.one], in_postgres),
        Contestant("synchronous", [bench.one], in_postgres, waits_for_standby=True),
        Contestant("synchronous, 1 connection", [bench.one], in_postgres, connections=1, waits_for_standby=True),
    ]
    comparison.restarts(", with a standby of PostgreSQL", contestants)
    comparison.schedules(", with a standby of PostgreSQL", contestants)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/scaling.py")
    parser.add_argument("--quick", action="store_true", help="one round of one second, among 5,000 events")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each contestant in a round")
    parser.add_argument("--scheduled", type=int, default=100_000, help="events that are restarted in turn")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.scheduled = 1, 1, 5_000
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    with tempfile.TemporaryDirectory(prefix="afterword-bench-") as directory, contextlib.ExitStack() as stack:
        bench = Bench(Path(directory), stack)
        print(f"machine    {machine()}\nafterword  {commit()}; without limits")
        [[version]] = bench.postgres.query("SHOW server_version")
        print(f"postgres   {version}; synchronous_commit=on, fsync=on, shared_buffers=128MB; on the same disk")
        print(f"rounds     {arguments.rounds} of {arguments.seconds} s, interleaved; wrk with {CONNECTIONS} connections")
        comparison = Comparison(bench, arguments.rounds, arguments.seconds)
        compare(bench, comparison, arguments.scheduled)
    sys.exit(1 if comparison.has_failed else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
