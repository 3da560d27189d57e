"""Measures what forgetting costs: heartbeats while a million finalised events of 10,000 users are pruned, and after.

Fills Afterword's database directly, because scheduling and sending a million events would take hours. Needs no
homeserver: a heartbeat without a token is answered by Afterword alone.

    scripts/python bench/retention.py [--events N] [--users N]
"""

import argparse
import base64
import os
import re
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from system.gateway import Afterword
from system.matrix import U

HOUR = 3_600_000
COLUMNS = (
    "delay_id, user_id, room_id, kind, type, state_key, redacts, delayed_since_ts, delay_ms, state, finalised_ts,"
    " event_id, content"
)
INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, '!room:home.test', 0, 'm.room.message', '', '', ?, ?, ?, ?, ?, '{{}}')"


def fill(database: Path, events: int, users: int) -> bytes:
    """Answers the delay_id of the one event that is still scheduled."""
    connection = sqlite3.connect(database)
    now = int(time.time() * 1000)
    rows = (
        (os.urandom(16), f"@user-{n % users}:home.test", now - 2 * HOUR, HOUR, 2, now - HOUR + n % 1000, f"$event-{n}")
        for n in range(events)
    )
    connection.executemany(INSERT, rows)
    names = ((f"@user-{n}:home.test",) for n in range(users))
    connection.executemany("INSERT INTO users_to_prune VALUES (?)", names)
    scheduled = os.urandom(16)
    connection.execute(INSERT, (scheduled, "@alice:home.test", now, 24 * HOUR, 0, None, None))
    connection.commit()
    connection.close()
    return scheduled


def kept(database: Path) -> int:
    connection = sqlite3.connect(database)
    (count,) = connection.execute("SELECT count(*) FROM events WHERE state >= 2").fetchone()
    connection.close()
    return count


class Heart(threading.Thread):
    """Restarts the scheduled event all the time, and notes how long each restart took."""

    def __init__(self, afterword: Afterword, delay_id: bytes):
        super().__init__()
        text = base64.urlsafe_b64encode(delay_id).decode().rstrip("=")
        self._afterword = afterword
        self._path = f"{U}/delayed_events/{text}/restart"
        self._stop_beating = threading.Event()
        self.took_ms: list[float] = []

    def run(self) -> None:
        while not self._stop_beating.is_set():
            started = time.perf_counter()
            self._afterword.request("POST", self._path).ok()
            self.took_ms.append((time.perf_counter() - started) * 1000)

    def stop(self) -> None:
        self._stop_beating.set()
        self.join()


def beat(afterword: Afterword, delay_id: bytes, ended) -> str:
    heart = Heart(afterword, delay_id)
    started = time.monotonic()
    heart.start()
    while not ended(time.monotonic() - started):
        time.sleep(0.5)
    heart.stop()
    took = sorted(heart.took_ms)
    p50, p99 = (took[int(len(took) * part)] for part in (0.5, 0.99))
    seconds = time.monotonic() - started
    return f"{seconds:6.1f} s, {len(took):6} heartbeats one after the other: p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {took[-1]:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    arguments = parser.parse_args()
    per_user = arguments.events // arguments.users

    with tempfile.TemporaryDirectory(prefix="afterword-retention-") as directory:
        settings = {"rate_limits.enabled": "false", "retention.max_per_user": "none", "retention.max_age": "none"}
        afterword = Afterword(Path(directory), settings=settings)
        database = Path(directory, "afterword.db")
        try:
            afterword.set_up("home.test", "http://127.0.0.1:1")
            afterword.start()  # makes the database
            afterword.stop()
            print(f"filling: {arguments.events:,} finalised events of {arguments.users:,} users …", flush=True)
            delay_id = fill(database, arguments.events, arguments.users)

            afterword.start()
            print("nothing to prune:", beat(afterword, delay_id, lambda seconds: seconds > 10), flush=True)
            afterword.restart({"retention.max_per_user": str(per_user // 2), "log.level": "debug"})

            def pruned(_: float) -> bool:
                return re.search(r"pruned", afterword.log.read_text()) is not None

            print("while pruning:   ", beat(afterword, delay_id, pruned), flush=True)
            afterword.stop()
            expected = per_user // 2 * arguments.users
            print(f"kept: {kept(database):,} of {arguments.events:,}; expected {expected:,}")
        finally:
            afterword.stop()


if __name__ == "__main__":
    main()
