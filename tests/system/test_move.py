"""Moving from one database to another, as an operator does who wants a second instance, or one less."""

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .gateway import BINARY, Afterword
from .matrix import User, eventually
from .postgres import Postgres

TEXT = "m.room.message"
HOURS = 5 * 3600
TOLERANCE_MS = 2_000  # of the way to another clock, on a busy machine


def command(source: str, target: str) -> list[str]:
    return [str(BINARY), "move", "--from", source, "--to", target]


def move(source: str, target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(source, target), capture_output=True, text=True)


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def without_times(event: dict) -> dict:
    finalised = {key: value for key, value in event.get("finalised", {}).items() if key != "finalised_ts"}
    return {**event, "delayed_since_ts": None, "finalised": finalised}


def test_nobody_notices(
    alice: User, room: str, start_another: Callable[..., Afterword], postgres: Postgres, tmp_path: Path
):
    databases = [f"sqlite:{tmp_path}/first.db", postgres.make_database(), f"sqlite:{tmp_path}/last.db"]
    afterword = start_another({"database": databases[0]}, own_clock=True)
    alice = alice.at(afterword)
    # From now on server time is not wall time.
    afterword.set_clock(HOURS)
    time.sleep(1.5)
    sent, cancelled, kept = (alice.delayed(room, TEXT, message(body), 600_000) for body in ("sent", "never", "kept"))
    alice.manage(sent, "send").ok()
    alice.manage(cancelled, "cancel").ok()
    alice.manage(kept, "restart").ok()
    began = time.monotonic()
    due = alice.delayed(room, TEXT, message("due"), 15_000)
    before = {delay_id: alice.look_up(delay_id).ok() for delay_id in (sent, cancelled, kept)}
    refused = move(databases[0], databases[1])
    assert refused.returncode == 1
    assert "in use by another process" in refused.stderr

    for source, target in zip(databases, databases[1:], strict=False):
        afterword.stop()
        done = move(source, target)
        assert done.returncode == 0, done.stderr
        assert "All 4 delayed events of" in done.stdout
        afterword.restart({"database": target})
        for delay_id, known in before.items():
            found = alice.look_up(delay_id).ok()
            assert without_times(found) == without_times(known)
            assert abs(found["delayed_since_ts"] - known["delayed_since_ts"]) <= TOLERANCE_MS

    eventually(lambda: "finalised" in alice.look_up(due).ok(), timeout=30)
    assert time.monotonic() - began >= 15
    alice.manage(kept, "restart").ok()
    alice.manage(kept, "send").ok()
    assert [event["content"]["body"] for event in alice.events(room, TEXT)] == ["sent", "due", "kept"]


EVENTS = 60_000
COLUMNS = (
    "delay_id, user_id, room_id, kind, type, state_key, redacts, delayed_since_ts, delay_ms, state, finalised_ts,"
    " event_id, transaction_key, content"
)


def fill(database: Path) -> None:
    rows = [
        (os.urandom(16), f"@user-{n % 500}:home.test", n, 2 if n % 4 == 0 else 0, n if n % 4 == 0 else None,
         f"$event-{n}" if n % 4 == 0 else None, os.urandom(32))  # fmt: skip
        for n in range(EVENTS)
    ]
    insert = (
        f"INSERT INTO events ({COLUMNS})"
        " VALUES (?, ?, '!room:home.test', 0, 'm.room.message', '', '', ?, 3600000, ?, ?, ?, ?, '{}')"
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(insert, rows)


def rows_of(database: Path) -> list[tuple]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT {COLUMNS} FROM events ORDER BY delay_id").fetchall()


def move_with_kills(source: str, target: str) -> int:
    """How often it was killed before it could end."""
    patience = random.Random(source).uniform(0.05, 0.3)
    for kills in range(100):
        with subprocess.Popen(command(source, target), stdout=subprocess.DEVNULL) as process:
            try:
                assert process.wait(patience) == 0
                return kills
            except subprocess.TimeoutExpired:
                process.kill()
        patience *= 1.15
    pytest.fail("it does not end")


def test_it_is_killed_and_goes_on(postgres: Postgres, tmp_path: Path):
    afterword = Afterword(tmp_path / "afterword")
    afterword.set_up("home.test", "http://127.0.0.1:1")
    afterword.start()
    afterword.stop()
    first, last = tmp_path / "afterword/afterword.db", tmp_path / "last.db"
    fill(first)
    before = rows_of(first)

    there = postgres.make_database()
    assert move_with_kills(f"sqlite:{first}", there) > 0
    assert postgres.query("SELECT count(*) FROM afterword.events", there) == [[str(EVENTS)]]
    assert move_with_kills(there, f"sqlite:{last}") > 0
    assert rows_of(last) == before
    assert rows_of(first) == before
