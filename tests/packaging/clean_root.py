"""A Debian 12 with nothing in it but what every Debian has, in a folder: packages are installed, run and purged there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_TOP = Path(__file__).resolve().parents[2]
_BASE = _TOP / ".cache/debian-12.tar"
# Where package managers keep what they know and have done, and where programs leave what may go.
_NOT_COMPARED = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "run", "tmp", "package.deb")


class CleanRoot:
    """Its network is this machine's, loopback included. Mounts are seen by what runs in it alone, and end with that."""

    def __init__(self, path: Path):
        self.path = path
        subprocess.run(["tar", "--extract", "--file", _base(), "--directory", path], check=True)
        # Debian's way to say that installing starts nothing.
        (path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (path / "usr/sbin/policy-rc.d").chmod(0o755)

    def inside(self, command: Sequence[str], user: str = "root") -> list[str]:
        """The command line that runs it in there; the process is the command's own."""
        enter = 'mount -t proc proc "$0/proc" && root=$0 && user=$1 && shift && exec chroot --userspec="$user" "$root" "$@"'
        return ["unshare", "--mount", "sh", "-c", enter, str(self.path), f"{user}:{user}", *command]

    def run(self, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(self.inside(command, user), capture_output=True, text=True, env=environment, timeout=300)

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


def _base() -> Path:
    """Fetched once."""
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
