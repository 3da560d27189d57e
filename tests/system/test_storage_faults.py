"""What a full, read-only, damaged or locked database costs: never what was acknowledged, and never the whole service."""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .gateway import Afterword
from .matrix import C, User, eventually
from .processes import ProcessFailed, tail

TEXT = "m.room.message"
HOUR = 3_600_000
NO_ROOM = 503


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def big(number: int) -> dict[str, str]:
    return {"msgtype": "m.text", "body": f"{number} " + "x" * 20_000}


class TmpfsDisk:
    """A small file system of its own, which is really full."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._ballast = directory / "ballast"
        directory.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory], check=True, capture_output=True)

    def fill(self, afterword: Afterword) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass

    def free(self, afterword: Afterword) -> None:
        self._ballast.unlink()

    def set_read_only(self, read_only: bool) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if read_only else 'rw'}", self.directory], check=True)

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", self.directory], check=True)


class LimitedDisk:
    """Without the right to mount: no file of the process can grow."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir()

    def fill(self, afterword: Afterword) -> None:
        if not afterword.is_running:
            return  # a limit comes and goes with the process
        size = max(path.stat().st_size for path in self.directory.iterdir())
        resource.prlimit(afterword.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self, afterword: Afterword) -> None:
        if not afterword.is_running:
            return
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(afterword.pid, resource.RLIMIT_FSIZE, unlimited)

    def set_read_only(self, read_only: bool) -> None:
        if os.geteuid() == 0:
            pytest.skip("not run: nothing here is read-only to root, who may not mount")
        for path in self.directory.iterdir():
            path.chmod(0o400 if read_only else 0o600)
        self.directory.chmod(0o500 if read_only else 0o700)

    def remove(self) -> None:
        self.directory.chmod(0o700)


Disk = TmpfsDisk | LimitedDisk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        disk: Disk = TmpfsDisk(tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):
        disk = LimitedDisk(tmp_path / "limited-disk")
    yield disk
    disk.remove()


@pytest.fixture
def afterword(disk: Disk, start_another: Callable[..., Afterword]) -> Afterword:
    """One whose database is on that disk."""
    return start_another({"database": f"sqlite:{disk.directory}/afterword.db", "delivery.start_grace": "0s"})


@pytest.fixture
def alice(new_user: Callable[[str], User], afterword: Afterword) -> User:
    return new_user("alice").at(afterword)


def refusal(answer) -> tuple[int, str | None]:
    return answer.status, answer.errcode


def refused_start(afterword: Afterword) -> str:
    """What Afterword says on its way out."""
    with pytest.raises(ProcessFailed):
        afterword.start()
    return tail(afterword.log, 1)


def bytes_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith("-shm")}


def damage(path: Path, keep: int = 4096) -> None:
    """All but the header's page."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(keep)
        file.write(b"\xa5" * (size - keep))


def test_a_full_disk_loses_nothing_and_passes(disk: Disk, afterword: Afterword, alice: User, room: str):
    delay_ids = [alice.delayed(room, TEXT, big(number), HOUR) for number in range(5)]
    due_meanwhile = alice.delayed(room, TEXT, message("due meanwhile"), 1500)

    disk.fill(afterword)
    # SQLite may still find room in the files that it has.
    acknowledged, refused = [], None
    for number in range(300):
        answer = alice.schedule(room, TEXT, big(number), HOUR, txn_id=f"full-{number}")
        if answer.status != 200:
            refused = refused or answer
            break
        acknowledged.append(answer.json["delay_id"])
    assert refused is not None and refusal(refused) == (NO_ROOM, "M_UNKNOWN")
    restarts = {alice.manage(delay_ids[0], "restart").status for _ in range(300)}
    assert NO_ROOM in restarts and restarts <= {200, NO_ROOM}
    # What needs no room goes on.
    assert alice.look_up(delay_ids[0]).status == 200
    assert alice.request("GET", f"{C}/v3/account/whoami").status == 200
    assert len(alice.scheduled()) >= 5 + len(acknowledged)
    assert "finalised" not in alice.look_up(due_meanwhile).json

    disk.free(afterword)
    # By itself, with the same transaction as before.
    eventually(lambda: alice.schedule(room, TEXT, big(0), HOUR, txn_id="after").status == 200)
    event_id = alice.outcome(due_meanwhile)["event_id"]
    alice.manage(delay_ids[0], "restart").ok()
    before = [alice.look_up(delay_id).ok() for delay_id in delay_ids + acknowledged]

    afterword.kill()
    afterword.start()
    assert [alice.look_up(delay_id).ok() for delay_id in delay_ids + acknowledged] == before
    assert [event["event_id"] for event in alice.events(room, TEXT)] == [event_id]
    log = afterword.log.read_text()
    assert log.count("the database does not take changes") == 1
    assert log.count("the database takes changes again") == 1


def test_it_starts_on_a_full_disk(disk: Disk, afterword: Afterword, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, big(0), HOUR)
    before = alice.look_up(delay_id).ok()
    afterword.kill()
    disk.fill(afterword)
    afterword.start()
    assert alice.look_up(delay_id).ok() == before
    disk.free(afterword)
    eventually(lambda: alice.manage(delay_id, "cancel").status == 200)


def test_a_read_only_disk_is_named(disk: Disk, afterword: Afterword, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, message("kept"), HOUR)
    afterword.stop()
    disk.set_read_only(True)
    said = refused_start(afterword)
    disk.set_read_only(False)
    assert str(disk.directory / "afterword.db") in said
    assert "ead-only" in said or "ermission denied" in said
    afterword.start()
    assert alice.look_up(delay_id).status == 200


def test_a_damaged_database_is_named_and_left_alone(disk: Disk, afterword: Afterword, alice: User, room: str):
    for number in range(5):
        alice.delayed(room, TEXT, big(number), HOUR)
    afterword.stop()
    database = disk.directory / "afterword.db"
    damage(database)
    before = bytes_of(disk.directory)
    for _ in range(2):
        said = refused_start(afterword)
        assert str(database) in said and "corrupted" in said and "backup" in said
        assert bytes_of(disk.directory)["afterword.db"] == before["afterword.db"]


def test_damage_while_running_is_met_with_503(disk: Disk, afterword: Afterword, alice: User, room: str):
    """Nothing is acknowledged any more that the file might not keep."""
    delay_ids = [alice.delayed(room, TEXT, big(number), HOUR) for number in range(50)]
    afterword.restart()  # so that all is in the database, and nothing of it in memory
    database = disk.directory / "afterword.db"
    damage(database)

    assert refusal(alice.look_up(delay_ids[0])) == (NO_ROOM, "M_UNKNOWN")
    answers = [alice.look_up(delay_id) for delay_id in delay_ids]
    answers += [alice.schedule(room, TEXT, message("new"), HOUR) for _ in range(3)]
    answers += [alice.manage(delay_ids[1], action) for action in ("restart", "cancel", "send")]
    assert {refusal(answer) for answer in answers} == {(NO_ROOM, "M_UNKNOWN")}
    assert alice.request("GET", f"{C}/v3/account/whoami").status == 200
    log = afterword.log.read_text()
    [line] = [line for line in log.splitlines() if "corrupted" in line]
    assert str(database) in line and "backup" in line

    before = database.read_bytes()
    assert afterword.stop() == 0
    assert database.read_bytes() == before


def test_a_locked_database_is_named(disk: Disk, afterword: Afterword, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, message("kept"), HOUR)
    afterword.stop()
    other = sqlite3.connect(disk.directory / "afterword.db")
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    said = refused_start(afterword)
    other.close()
    assert str(disk.directory / "afterword.db") in said and "in use by another process" in said
    afterword.start()
    assert alice.look_up(delay_id).status == 200


@pytest.mark.parametrize("tail_bytes", [1, 24, 4096, 50_000])
def test_a_torn_end_of_the_log_costs_nothing(
    disk: Disk, afterword: Afterword, alice: User, room: str, tail_bytes: int
):
    """A crash of the machine can leave anything behind what was synced."""
    delay_ids = [alice.delayed(room, TEXT, message(str(number)), HOUR) for number in range(20)]
    for delay_id in delay_ids[::2]:
        alice.manage(delay_id, "restart").ok()
    before = [alice.look_up(delay_id).ok() for delay_id in delay_ids]
    afterword.kill()
    with (disk.directory / "afterword.db-wal").open("ab") as log:
        log.write(os.urandom(tail_bytes))
    afterword.start()
    assert [alice.look_up(delay_id).ok() for delay_id in delay_ids] == before
