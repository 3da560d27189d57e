"""Child processes that never outlive this one, and free ports for them."""

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """What a child does before it becomes a program."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ProcessFailed(Exception):
    """Says what ended, and what it wrote last."""


class Process:
    """A server in a session of its own, so that Ctrl-C reaches only us and we end it in our order.

    Both its outputs go to the end of `log`.
    """

    def __init__(self, command: Sequence[str], log: Path, directory: Path):
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def wait_until(self, ready: Callable[[], bool], timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.is_running:
                raise ProcessFailed(f"{self.name} ended with status {self._child.returncode}:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready within {timeout} s:\n{tail(self.log)}")
            time.sleep(0.02)

    def stop(self, timeout: float = 15) -> int:
        """Asks it to end, and insists after `timeout` seconds. Its exit status."""
        if self.is_running:
            self._child.terminate()
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._child.returncode

    def wait(self, timeout: float) -> int:
        """Until it has ended. Its exit status."""
        return self._child.wait(timeout)

    def kill(self) -> None:
        """kill -9."""
        self._child.kill()
        self._child.wait()


def tail(log: Path, lines: int = 30) -> str:
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
