"""Taking over from Synapse's own delayed events, as an admin does who puts Afterword in front of it."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .gateway import Afterword
from .homeservers import Synapse
from .matrix import LEGACY, PATH_UNSTABLE, User, eventually
from .postgres import Postgres

TEXT = "m.room.message"
LEAVE = "org.matrix.msc3401.call.member"
# The import and the server each ask PostgreSQL for the time, and may be off by the way of an answer: one that took 50 ms
# is asked for again. In SQLite the scale is written down, and exact.
CLOCKS_APART_MS = 100


class Switch:
    """A Synapse with delayed events of its own, and an Afterword that is to take them over.

    `postgres`: where Synapse keeps them, or else in SQLite; `database`: where Afterword is to keep them.
    """

    def __init__(self, directory: Path, postgres: Postgres | None = None, database: str | None = None):
        self._postgres = postgres
        self._file = directory / "synapse" / "homeserver.db"
        own = postgres.make_database() if postgres else None
        self.url = own or f"sqlite:{self._file}"
        self.synapse = Synapse(directory / "synapse", database=own, own_delayed_events=True)
        settings = {"rate_limits.enabled": "false"}
        if database:
            settings["database"] = database
        self.clocks_apart_ms = CLOCKS_APART_MS if database else 0
        self._settings = [argument for setting in settings.items() for argument in ("--set", "=".join(setting))]
        self.afterword = Afterword(directory / "afterword", settings=settings)
        self.afterword.set_up(self.synapse.server_name, self.synapse.base_url)

    def import_synapse(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.afterword.command("import-synapse", "--synapse-database", self.url, *self._settings, *arguments)

    def query(self, sql: str) -> list[list[str]]:
        """In Synapse's database."""
        if self._postgres:
            return self._postgres.query(sql, self.url)
        with closing(sqlite3.connect(self._file)) as database, database:
            return [list(row) for row in database.execute(sql)]

    def pending(self) -> list[str]:
        return [delay_id for (delay_id,) in self.query("SELECT delay_id FROM delayed_events ORDER BY delay_id")]

    def save(self, name: str) -> None:
        self.query(f"CREATE TABLE {name} AS SELECT * FROM delayed_events")

    def put_back(self, name: str, *, being_sent: bool = False) -> None:
        """What was saved, into a Synapse that is stopped."""
        self.query(f"UPDATE {name} SET is_processed = {being_sent}")
        self.query(f"INSERT INTO delayed_events SELECT * FROM {name}")

    def go(self) -> None:
        self.synapse.resume()
        self.afterword.start()


# Synapse's database and Afterword's.
@pytest.fixture(params=["sqlite to sqlite", "postgresql to sqlite", "postgresql to postgresql"])
def switch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Switch]:
    synapses, ours = request.param.split(" to ")
    postgres = request.getfixturevalue("postgres") if synapses == "postgresql" else None
    made = Switch(tmp_path, postgres, postgres.make_database() if ours == "postgresql" else None)
    try:
        made.synapse.start([made.afterword.registration])
        yield made
    finally:
        made.afterword.stop()
        made.synapse.stop()


def schedule(user: User, room: str, body: str, delay_ms: int, **arguments: str) -> str:
    return user.delayed(room, TEXT, {"msgtype": "m.text", "body": body}, delay_ms, form=LEGACY, **arguments)


def bodies(user: User, room: str) -> list[str]:
    return [event["content"]["body"] for event in user.events(room, TEXT)]


def test_a_call_keeps_its_leave_events(switch: Switch):
    alice = switch.synapse.register("alice")
    room = alice.create_room()
    alice.set_state(room, LEAVE, {"in": True}, state_key="alice").ok()
    leave = alice.delayed(room, LEAVE, {}, 600_000, state_key="alice", form=LEGACY)
    to_cancel = schedule(alice, room, "never", 600_000)
    due = schedule(alice, room, "due", 3_000)
    assert leave.startswith("syd_")
    before = {event["delay_id"]: event for event in alice.scheduled()}

    refused = switch.import_synapse()
    assert refused.returncode == 1
    assert "is running" in refused.stderr
    assert len(switch.pending()) == 3

    switch.synapse.stop()
    done = switch.import_synapse()
    assert done.returncode == 0, done.stderr
    assert "3 delayed events taken over" in done.stdout
    assert switch.pending() == []
    assert "0 delayed events taken over" in switch.import_synapse().stdout
    switch.go()

    alice = alice.at(switch.afterword)
    assert "event_id" in alice.outcome(due)
    known = alice.look_up(leave).ok()
    for member in ("room_id", "type", "state_key", "delay_ms", "content"):
        assert known[member] == before[leave][member], member
    assert abs(known["delayed_since_ts"] - before[leave]["delayed_since_ts"]) <= switch.clocks_apart_ms
    alice.manage(leave, "restart").ok()
    # As a call service does.
    assert alice.manage(to_cancel, "cancel", PATH_UNSTABLE, token=None).status == 200
    alice.manage(leave, "send").ok()
    assert alice.state(room, LEAVE, "alice").ok() == {}
    assert bodies(alice, room) == ["due"]


def test_what_was_broken_off_is_finished(switch: Switch):
    alice = switch.synapse.register("alice")
    room = alice.create_room()
    sent = schedule(alice, room, "sent", 600_000)
    switch.save("saved_sent")
    alice.manage(sent, "send", PATH_UNSTABLE).ok()
    eventually(lambda: bodies(alice, room) == ["sent"])
    cut_off = schedule(alice, room, "cut off", 2_000)
    pending = schedule(alice, room, "pending", 600_000)
    switch.synapse.stop()
    switch.save("saved_pending")
    assert switch.pending() == sorted([cut_off, pending])

    # Synapse was stopped after it had sent one, and just before it sent another.
    switch.put_back("saved_sent", being_sent=True)
    switch.query(f"UPDATE delayed_events SET is_processed = TRUE WHERE delay_id = '{cut_off}'")
    first = switch.import_synapse()
    assert first.returncode == 0, first.stderr
    assert "2 delayed events taken over" in first.stdout
    assert "1 Synapse had sent already" in first.stdout

    # The import was killed before it could take them out of Synapse's table.
    switch.put_back("saved_pending")
    second = switch.import_synapse()
    assert "0 delayed events taken over" in second.stdout
    assert "2 were Afterword's already" in second.stdout
    assert switch.pending() == []
    switch.go()

    alice = alice.at(switch.afterword)
    assert "event_id" in alice.outcome(cut_off)
    alice.manage(pending, "send").ok()
    assert bodies(alice, room) == ["sent", "cut off", "pending"]
    assert alice.look_up(sent).status == 404


def test_another_database_is_refused(switch: Switch, tmp_path: Path):
    switch.synapse.register("alice")
    switch.synapse.stop()
    missing = switch.afterword.command("import-synapse", "--synapse-database", "sqlite:nowhere.db")
    assert missing.returncode == 1
    assert "there is no such file" in missing.stderr

    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE TABLE users (name TEXT)")
    not_synapses = switch.afterword.command("import-synapse", "--synapse-database", f"sqlite:{other}")
    assert not_synapses.returncode == 1
    assert "is it Synapse's database" in not_synapses.stderr

    mixed_up = switch.import_synapse("--set", "homeserver.server_name=other.test")
    assert mixed_up.returncode == 1
    assert "@alice:home.test" in mixed_up.stderr
