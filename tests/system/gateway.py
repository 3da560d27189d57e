"""Afterword itself: set up, started, stopped and killed."""

import contextlib
import http.client
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .homeservers import Homeserver
from .matrix import Server
from .processes import Process, ProcessFailed, free_port

_ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("AFTERWORD", _ROOT / "build/release/src/main/afterword")).absolute()


def is_sanitized() -> bool:
    """Whether the program was built with a sanitizer, which takes memory of its own."""
    symbols = subprocess.run(["readelf", "--wide", "--dyn-syms", BINARY], capture_output=True, text=True, check=True).stdout
    return "__asan_init" in symbols or "__tsan_init" in symbols


# Restarts of a test lose no client, so there is nothing to wait for.
_FOR_TESTS = {"delivery.start_grace": "0s"}


class Afterword(Server):
    """Afterword in front of a homeserver; its configuration and data are in `directory`.

    `as_installed`: nothing is set but what `afterword init` writes and what `settings` says.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        settings: dict[str, str] | None = None,
        *,
        as_installed: bool = False,
    ):
        port = port or free_port()
        super().__init__(f"http://127.0.0.1:{port}")
        self.directory = directory
        self.listen = f"127.0.0.1:{port}"
        self.log = directory / "afterword.log"
        self._configuration = directory / "afterword.yaml"
        self._settings = {**({} if as_installed else _FOR_TESTS), **(settings or {})}
        self._process: Process | None = None
        self._environment: list[str] = []

    @property
    def registration(self) -> Path:
        return self.directory / "afterword-registration.yaml"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def set_up(self, server_name: str, homeserver_url: str) -> None:
        """afterword init."""
        if not BINARY.exists():
            raise ProcessFailed(f"{BINARY} is not built yet: scripts/build release")
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [str(BINARY), "init", "--server-name", server_name, "--homeserver", homeserver_url]
        command += ["--listen", self.listen, "--dir", str(self.directory)]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        if done.returncode != 0:
            raise ProcessFailed(f"afterword init ended with status {done.returncode}:\n{done.stdout}{done.stderr}")

    def beside(
        self, directory: Path, settings: dict[str, str] | None = None, *, as_installed: bool = False
    ) -> "Afterword":
        """Another one for the same homeserver, which takes both for one application service. Its data are its own."""
        directory.mkdir(parents=True, exist_ok=True)
        other = Afterword(directory, settings=settings, as_installed=as_installed)
        other._configuration = self._configuration
        other._settings = {"listen": other.listen, "database": f"sqlite:{directory}/afterword.db", **other._settings}
        return other

    def set_clock(self, ahead: int) -> None:
        """Its wall clock, and no other, is so many seconds ahead of the machine's. First before it is started."""
        file = self.directory / "clock"
        new = self.directory / "clock.new"
        new.write_text(f"{ahead:+d}\n")
        new.replace(file)
        if self._environment:
            return
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self._environment = [
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]

    def limit_descriptors(self, count: int) -> None:
        """What the system lets it have, from the next start on."""
        self.run_under("prlimit", f"--nofile={count}:{count}")

    def run_under(self, *command: str) -> None:
        """From the next start on, by a command that becomes what it is given, as `env` does."""
        self._environment = [*command, *self._environment]

    def start(self) -> None:
        """afterword serve, until it answers."""
        command = [*self._environment, str(BINARY), "serve", "--config", str(self._configuration)]
        for key, value in self._settings.items():
            command += ["--set", f"{key}={value}"]
        self._process = Process(command, self.log, self.directory)
        self._process.wait_until(self._serves)

    def check(self) -> subprocess.CompletedProcess[str]:
        """afterword check."""
        return self.command("check")

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """afterword NAME, to its end."""
        command = [str(BINARY), name, "--config", str(self._configuration), *arguments]
        return subprocess.run(command, cwd=self.directory, capture_output=True, text=True)

    def kill(self) -> None:
        """kill -9: what it has not made durable is gone."""
        assert self._process
        self._process.kill()

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay open."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> int | None:
        """SIGTERM. Its exit status."""
        return self._process.stop() if self._process else None

    def restart(self, settings: dict[str, str] | None = None) -> None:
        """Stops it and starts it again, with these settings changed."""
        self.stop()
        self._settings = {**self._settings, **(settings or {})}
        self.start()

    def _serves(self) -> bool:
        # An answer of any status is enough: the homeserver may be away.
        try:
            return self.request("GET", "/_matrix/client/versions", timeout=5).status > 0
        except (OSError, http.client.HTTPException):
            return False


@contextlib.contextmanager
def in_front_of(homeserver: Homeserver, afterword: Afterword) -> Iterator[None]:
    """Both are set up for each other and run; they are stopped at the end."""
    afterword.set_up(homeserver.server_name, homeserver.base_url)
    try:
        homeserver.start([afterword.registration])
        afterword.start()
        yield
    finally:
        afterword.stop()
        homeserver.stop()
