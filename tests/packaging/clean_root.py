"""A Debian 12 with nothing in it but what every Debian has, in a folder: packages are installed, run and purged there."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from system.processes import Process

_TOP = Path(__file__).resolve().parents[2]
_BASE = _TOP / ".cache/debian-12.tar"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
# Where package managers keep what they know and have done, and where programs leave what may go.
_NOT_COMPARED = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "run", "tmp", "package.deb")


class CleanRoot:
    """Its network is this machine's, loopback included. Mounts are seen by what runs in it alone, and end with that."""

    def __init__(self, path: Path):
        self.path = path
        self._init: int | None = None
        subprocess.run(["tar", "--extract", "--file", base(), "--directory", path], check=True)

    @contextlib.contextmanager
    def booted(self, log: Path) -> Iterator[None]:
        """With its own systemd, which must be installed."""
        command = ["systemd-nspawn", "--directory", str(self.path), "--machine", f"clean-root-{os.getpid()}"]
        # Neither the machine's own systemd nor its network has a part in it.
        command += ["--register=no", "--keep-unit", "--boot", "--console=pipe"]
        container = Process(command, log, self.path)
        try:
            container.wait_until(lambda: self._find_init(container.pid) is not None)
            self._init = self._find_init(container.pid)
            container.wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() == "running")
            yield
        finally:
            if self._init:
                os.kill(self._init, signal.SIGKILL)
                container.wait(30)
            self._init = None
            container.stop()

    @staticmethod
    def _find_init(container: int) -> int | None:
        for child in Path(f"/proc/{container}/task/{container}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
        return None

    def inside(self, command: Sequence[str], user: str = "root") -> list[str]:
        """The command line that runs it in there; the process is the command's own."""
        enter = 'mount -t proc proc "$0/proc" && root=$0 && user=$1 && shift && exec chroot --userspec="$user" "$root" "$@"'
        return ["unshare", "--mount", "sh", "-c", enter, str(self.path), f"{user}:{user}", *command]

    def run(self, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        line = self.inside(command, user) if self._init is None else ["nsenter", "--all", f"--target={self._init}", *command]
        return subprocess.run(line, capture_output=True, text=True, env=_ENVIRONMENT, timeout=300)

    def succeeds(self, *command: str, user: str = "root") -> str:
        done = self.run(*command, user=user)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def apt(self, *arguments: str) -> str:
        return self.succeeds("apt-get", "-q", "-y", "--no-install-recommends", *arguments)

    def install(self, package: Path) -> str:
        """As a person does; what it needs comes along."""
        shutil.copy(package, self.path / "package.deb")
        return self.apt("install", "/package.deb")

    def files(self) -> set[str]:
        """All there is, but for what package managers write down, and the backups of the lists of users."""
        found = set()
        for folder, folders, files in os.walk(self.path):
            at = os.path.relpath(folder, self.path)
            folders[:] = [name for name in folders if os.path.normpath(f"{at}/{name}") not in _NOT_COMPARED]
            found |= {os.path.normpath(f"{at}/{name}") for name in (*folders, *files)}
        return {name for name in found if name not in _NOT_COMPARED and not (name.startswith("etc/") and name[-1] == "-")}


def base() -> Path:
    """As an archive; fetched once."""
    if not _BASE.exists():
        _BASE.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as made:
            subprocess.run(
                ["debootstrap", "--variant=minbase", "bookworm", f"{made}/root"], check=True, stdout=subprocess.DEVNULL
            )
            subprocess.run(["tar", "--create", "--file", f"{made}/tar", "--directory", f"{made}/root", "."], check=True)
            shutil.copy(f"{made}/tar", f"{_BASE}.{os.getpid()}")
        os.replace(f"{_BASE}.{os.getpid()}", _BASE)
    return _BASE
