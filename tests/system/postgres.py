"""A real PostgreSQL server on loopback, in a temporary directory of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .matrix import eventually
from .processes import Process, ProcessFailed, free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

# PostgreSQL refuses to run as root.
_UNPRIVILEGED = "nobody"


def unprivileged(command: list[str], at_our_end: str = "QUIT") -> list[str]:
    """The command as a user that PostgreSQL accepts, told by that signal when we end."""
    death = ["--pdeathsig", at_our_end]
    if os.geteuid() != 0:
        return ["setpriv", *death, "--", *command]
    user = pwd.getpwnam(_UNPRIVILEGED)
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, *death, "--", *command]


def unprivileged_directory() -> Path:
    """A new temporary one that belongs to that user. (Nobody else can enter pytest's.)"""
    directory = Path(tempfile.mkdtemp(prefix="afterword-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(directory, _UNPRIVILEGED)
    return directory


def _folder_of(process: Path) -> str | None:
    try:
        return os.readlink(process / "cwd")
    except OSError:  # it has ended meanwhile
        return None


class Postgres:
    """It trusts everybody on loopback. close() it in the end."""

    def __init__(self, settings: dict[str, str] | None = None):
        self.directory = unprivileged_directory()
        self.port = free_port()
        self.log = self.directory / "postgres.log"
        self._settings = settings or {}
        self._process: Process | None = None
        self._databases = 0

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Until it answers. Made anew the first time; later with what it had."""
        data = self.directory / "data"
        if not data.exists():
            command = [str(PROGRAMS / "initdb"), "-D", str(data), "-A", "trust", "-U", "afterword"]
            command += ["-E", "UTF8", "--locale=C", "--no-sync"]
            done = subprocess.run(unprivileged(command), cwd="/", capture_output=True, text=True)
            if done.returncode != 0:
                raise ProcessFailed(f"initdb ended with status {done.returncode}:\n{done.stderr}")
        command = [str(PROGRAMS / "postgres"), "-D", str(data), "-c", "listen_addresses=127.0.0.1"]
        command += ["-c", f"port={self.port}", "-c", f"unix_socket_directories={self.directory}"]
        for key, value in {"max_connections": "200", "shared_buffers": "128MB", **self._settings}.items():
            command += ["-c", f"{key}={value}"]
        self._process = Process(unprivileged(command), self.log, Path("/"))
        self._process.name = "PostgreSQL"
        self._process.wait_until(self.is_ready)

    def make_standby(self) -> "Postgres":
        """One that follows this one. Not started yet."""
        standby = Postgres(self._settings)
        command = [str(PROGRAMS / "pg_basebackup"), "-d", self.url(), "-D", str(standby.directory / "data")]
        command += ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        done = subprocess.run(unprivileged(command), cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            raise ProcessFailed(f"pg_basebackup ended with status {done.returncode}:\n{done.stderr}")
        return standby

    def is_ready(self) -> bool:
        command = [str(PROGRAMS / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command).returncode == 0

    def make_database(self) -> str:
        """The URL of a new one."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """`port`: of something that stands in between."""
        return f"postgresql://afterword@127.0.0.1:{port or self.port}/{database}"

    def query(self, sql: str, database: str | None = None) -> list[list[str]]:
        """The rows, as text. `database`: its URL."""
        command = [str(PROGRAMS / "psql"), database or self.url(), "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run([*command, "-c", sql], capture_output=True, text=True)
        if done.returncode != 0:
            raise ProcessFailed(f"psql ended with status {done.returncode}:\n{done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: its fast shutdown, SIGQUIT: the immediate one."""
        if self._process and self._process.is_running:
            os.kill(self._process.pid, how)
            self._process.wait(30)

    def kill(self) -> None:
        """kill -9 of its main process. Until the others have noticed and ended: it does not start again before."""
        assert self._process
        self._process.kill()
        data = str(self.directory / "data")
        eventually(lambda: not any(_folder_of(process) == data for process in Path("/proc").glob("[0-9]*")))

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory)
