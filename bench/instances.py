"""Measures what instances on one PostgreSQL cost: at rest, at the start, when one is lost, and what heartbeats leave.

Fills the database directly, because scheduling a million events would take long. Needs no homeserver: a heartbeat
without a token is answered by Afterword alone.

    scripts/python bench/instances.py [--events N] [--rest SECONDS] [--heartbeats SECONDS]
"""

import argparse
import base64
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.process_figures import memory_mb, processor_seconds
from bench.servers import UNLIMITED
from bench.wrk import managing, run_wrk
from system.gateway import Afterword
from system.matrix import U
from system.postgres import Postgres
from system.processes import ProcessFailed

# Each user has one event, each room a hundred, all due in a day; their timers are nobody's yet.
FILL = """
WITH new AS MATERIALIZED (
  SELECT gen_random_uuid() AS id, ('@user' || n || ':home.test')::bytea AS user_id,
         ('!room' || n / 100 || ':home.test')::bytea AS room_id,
         (extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now
  FROM generate_series(1, {count}) AS n),
kept AS (
  INSERT INTO afterword.events
    (delay_id, user_id, room_id, kind, type, state_key, redacts, delayed_since_ts, delay_ms, state, content)
  SELECT id, user_id, room_id, 0, 'm.room.message', '', '', now, 86400000, 0, '{{"body":"later"}}' FROM new)
INSERT INTO afterword.active (delay_id, user_id, room_id, delayed_since_ts, delay_ms, owner)
SELECT id, user_id, room_id, now, 86400000, 0 FROM new
"""


class Bench:
    def __init__(self, directory: Path):
        self.directory = directory
        settings = {"shared_buffers": "512MB", "max_wal_size": "4GB", "shared_preload_libraries": "pg_stat_statements"}
        self.postgres = Postgres(settings)
        self.instances: list[Afterword] = []

    def start(self) -> None:
        self.postgres.start()
        self.url = self.postgres.make_database()
        first = Afterword(self.directory / "first", settings={**UNLIMITED, "database": self.url})
        first.set_up("home.test", "http://127.0.0.1:9")
        self.instances = [first, first.beside(self.directory / "second", {**UNLIMITED, "database": self.url})]

    def close(self) -> None:
        for instance in self.instances:
            instance.stop()
        self.postgres.close()

    def ask(self, sql: str) -> int:
        return int(self.postgres.query(sql, self.url)[0][0])

    def of_table(self, column: str) -> int:
        return self.ask(f"SELECT {column} FROM pg_stat_user_tables WHERE relname = 'active'")


def to_text(delay_id: bytes) -> str:
    return base64.urlsafe_b64encode(delay_id).decode().rstrip("=")


def timed(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


def wait_until(condition: Callable[[], bool], timeout: float = 600) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


def start(instance: Afterword) -> None:
    """However long it takes over what there is."""
    try:
        instance.start()
    except ProcessFailed:
        wait_until(lambda: answers(instance))


def answers(instance: Afterword) -> bool:
    try:
        return instance.request("GET", "/").status > 0
    except OSError:
        return False


def measure_start(bench: Bench, events: int) -> None:
    first, second = bench.instances
    first.start()
    empty = memory_mb(first.pid)
    first.stop()
    bench.postgres.query(FILL.format(count=events), bench.url)
    bench.postgres.query("VACUUM ANALYZE", bench.url)
    took = timed(lambda: start(first))
    print(f"start, taking over {events:,}: answers after {took:.1f} s,", end=" ")
    took += timed(lambda: wait_until(lambda: bench.ask("SELECT count(*) FROM afterword.active WHERE owner = 0") == 0))
    grown = memory_mb(first.pid) - empty
    print(f"has all after {took:.1f} s; {grown:.0f} MB, {grown * 1e6 / events:.0f} bytes an event")
    print(f"start of a second one, with nothing to take over: {timed(second.start):.1f} s")


def measure_rest(bench: Bench, seconds: int) -> None:
    time.sleep(5)
    committed = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    used = [processor_seconds(instance.pid) for instance in bench.instances]
    calls = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements"
    bench.postgres.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", bench.url)
    transactions, statements = bench.ask(committed), bench.ask(calls)
    time.sleep(seconds)
    transactions, statements = bench.ask(committed) - transactions, bench.ask(calls) - statements
    used = [processor_seconds(instance.pid) - before for instance, before in zip(bench.instances, used)]
    print(f"at rest, both together, over {seconds} s: {transactions / seconds:.1f} transactions/s,", end=" ")
    print(f"{statements / seconds:.1f} statements/s; {max(used) / seconds * 100:.1f} % of a processor each")


def measure_heartbeats(bench: Bench, seconds: int, among: int) -> None:
    """As if vacuum never came by."""
    bench.postgres.query("ALTER TABLE afterword.active SET (autovacuum_enabled = off)", bench.url)
    usable = "delay_id < 'fff80000-0000-0000-0000-000000000000'"  # beyond are those that stand for Synapse's
    ids = bench.postgres.query(f"SELECT delay_id FROM afterword.active WHERE {usable} LIMIT {among}", bench.url)
    texts = [to_text(uuid.UUID(text).bytes) for (text,) in ids]
    random.shuffle(texts)  # clients beat when they like
    events = [(text, "") for text in texts]
    time.sleep(5)  # until what was done before is counted
    updates, hot = bench.of_table("n_tup_upd"), bench.of_table("n_tup_hot_upd")
    size, indexes = (bench.ask(f"SELECT pg_{what}_size('afterword.active')") for what in ("table", "indexes"))
    path = f"{U}/delayed_events/{{}}/restart"
    result = run_wrk(managing("Afterword", bench.instances[0], events, path, bench.directory), seconds)
    time.sleep(2)
    updates, hot = bench.of_table("n_tup_upd") - updates, bench.of_table("n_tup_hot_upd") - hot
    grown = bench.ask("SELECT pg_table_size('afterword.active')") / size
    indexes_grown = bench.ask("SELECT pg_indexes_size('afterword.active')") / indexes
    print(f"heartbeats of {among:,}, {seconds} s, no vacuum: {result.per_second:,.0f}/s,", end=" ")
    print(f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms;", end=" ")
    print(f"{result.refused} refused, {result.broken} broken;", end=" ")
    print(f"{hot:,} of {updates:,} updates HOT ({hot / updates:.2%});", end=" ")
    print(f"table × {grown:.2f}, indexes × {indexes_grown:.2f}")
    bench.postgres.query("ALTER TABLE afterword.active RESET (autovacuum_enabled)", bench.url)


def measure_loss(bench: Bench, events: int) -> None:
    first, second = bench.instances
    owner = bench.ask("SELECT max(owner) FROM afterword.active")
    remaining = f"SELECT count(*) FROM afterword.active WHERE owner = {owner}"
    first.kill()
    began = time.monotonic()
    ended = f"SELECT count(*) FROM afterword.instances WHERE instance = {owner} AND ended"
    wait_until(lambda: bench.ask(ended) == 1)
    noticed = time.monotonic() - began
    wait_until(lambda: bench.ask(remaining) == 0)
    print(f"the first is killed: the second takes over after {noticed:.1f} s,", end=" ")
    print(f"has all {events:,} after {time.monotonic() - began:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/instances.py")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--heartbeats", type=int, default=60)
    parser.add_argument("--among", type=int, default=20_000, help="events that are restarted in turn")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="afterword-bench-") as directory:
        bench = Bench(Path(directory))
        try:
            bench.start()
            measure_start(bench, arguments.events)
            measure_rest(bench, arguments.rest)
            measure_heartbeats(bench, arguments.heartbeats, min(arguments.among, arguments.events))
            measure_loss(bench, arguments.events)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
