"""A database that is put back from a copy, as docs/backup.md says: what is lost by it, and what is not."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.documents import commands

from .gateway import Afterword
from .matrix import User, eventually
from .postgres import PROGRAMS, Postgres

TEXT = "m.room.message"
HOURS = 5 * 3_600_000
MINUTE = 60_000


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def bodies(user: User, room: str) -> list[str]:
    return [event["content"]["body"] for event in user.events(room, TEXT)]


def live_on_and_go_back(alice: User, room: str, copy: Callable[[], None], put_back: Callable[[], None]) -> None:
    """Everything that may have happened to an event since the copy was made."""
    sent, cancelled, kept, restarted = (
        alice.delayed(room, TEXT, message(body), HOURS) for body in ("sent", "cancelled", "kept", "restarted")
    )
    due = alice.delayed(room, TEXT, message("due meanwhile"), 12_000)
    copy()
    alice.manage(sent, "send").ok()
    alice.manage(cancelled, "cancel").ok()
    alice.manage(restarted, "restart").ok()
    late = alice.delayed(room, TEXT, message("scheduled after the copy"), HOURS)
    eventually(lambda: "finalised" in alice.look_up(due).ok(), timeout=30)
    put_back()

    # What came due is sent again with the same transaction id, which the homeserver knows.
    eventually(lambda: "finalised" in alice.look_up(due).ok(), timeout=30)
    alice.manage(sent, "send").ok()
    assert bodies(alice, room) == ["sent", "due meanwhile"]
    assert alice.look_up(late).status == 404
    assert {event["delay_id"] for event in alice.scheduled()} == {cancelled, kept, restarted}
    for delay_id in (kept, restarted):
        alice.manage(delay_id, "restart").ok()
        alice.manage(delay_id, "send").ok()
    assert bodies(alice, room) == ["sent", "due meanwhile", "kept", "restarted"]


def test_a_file_that_was_copied_while_afterword_was_stopped(
    alice: User, room: str, start_another: Callable[..., Afterword], tmp_path: Path
):
    database = tmp_path / "afterword.db"
    kept = tmp_path / "backup.db"
    afterword = start_another({"database": f"sqlite:{database}"})

    (written,) = commands("docs/backup.md", "test_a_file_that_was_copied_while_afterword_was_stopped")
    stop, command, start = written.splitlines()
    assert stop.startswith("systemctl stop afterword") and start.startswith("systemctl start afterword")

    def copy() -> None:
        afterword.stop()
        assert [path.name for path in tmp_path.glob("afterword.db*")] == ["afterword.db"]
        here = command.replace("/var/lib/afterword/afterword.db", str(database)).replace("/backup/", str(kept))
        subprocess.run(here, shell=True, check=True)
        afterword.start()

    def put_back() -> None:
        afterword.kill()
        for path in tmp_path.glob("afterword.db*"):
            path.unlink()
        shutil.copy(kept, database)
        afterword.start()

    live_on_and_go_back(alice.at(afterword), room, copy, put_back)


def test_a_snapshot_of_the_file_and_its_log_while_it_is_written(
    alice: User, room: str, start_another: Callable[..., Afterword], tmp_path: Path
):
    """As a snapshot of the file system has them: both at one moment."""
    database = tmp_path / "afterword.db"
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    afterword = start_another({"database": f"sqlite:{database}"})

    def copy() -> None:
        afterword.pause()
        for path in tmp_path.glob("afterword.db*"):
            shutil.copy(path, snapshot)
        afterword.wake()

    def put_back() -> None:
        afterword.kill()
        for path in tmp_path.glob("afterword.db*"):
            path.unlink()
        for path in snapshot.iterdir():
            shutil.copy(path, tmp_path)
        afterword.start()

    live_on_and_go_back(alice.at(afterword), room, copy, put_back)


def test_a_dump_of_postgresql(
    alice: User, room: str, start_another: Callable[..., Afterword], postgres: Postgres, tmp_path: Path
):
    url = postgres.make_database()
    afterword = start_another({"database": url})
    dump = tmp_path / "afterword.dump"

    def copy() -> None:
        (written,) = commands("docs/backup.md", "test_a_dump_of_postgresql")
        here = written.replace("/backup/afterword.dump", str(dump)).replace("postgresql://afterword@HOST/afterword", url)
        subprocess.run(here, shell=True, env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}, check=True)

    def put_back() -> None:
        afterword.stop()
        new = postgres.make_database()
        subprocess.run([str(PROGRAMS / "pg_restore"), "-d", new, str(dump)], check=True)
        afterword.restart({"database": new})

    live_on_and_go_back(alice.at(afterword), room, copy, put_back)
