"""What homeservers read requests with, each as a process that writes down what it has read."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from system.processes import Process

_HERE = Path(__file__).resolve().parent
_CACHE = _HERE.parents[2] / ".cache"


@dataclass(frozen=True)
class Read:
    """A request, as a reader understands it; bytes as letters of Latin-1."""

    method: str
    target: str
    path: tuple[str, ...]  # decoded, each segment by itself
    names: frozenset[str]  # of the parameters, from the query and from a form
    body: bytes


class Reader:
    def __init__(self, command: list[str], directory: Path):
        directory.mkdir()
        self._log = directory / "read.jsonl"
        self._log.touch()
        self._seen = 0
        output = directory / "output"
        self._process = Process([*command, str(self._log)], output, directory)
        self._process.wait_until(lambda: output.read_text().endswith("\n"))
        self.port = int(output.read_text().split()[0])

    def take(self) -> list[Read]:
        """What it has read since the last time."""
        with self._log.open("rb") as log:
            log.seek(self._seen)
            lines = log.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        self._seen += len(lines)
        return [
            Read(
                each["method"],
                each["target"],
                tuple(each["path"]),
                frozenset(each["names"]),
                bytes.fromhex(each["body"]),
            )
            for each in map(json.loads, lines.splitlines())
        ]

    def stop(self) -> None:
        self._process.stop()


def twisted(directory: Path) -> Reader:
    return Reader([sys.executable, str(_HERE / "twisted_site.py")], directory)


def go(directory: Path) -> Reader | None:
    """Nothing where there is no Go to build it with."""
    compiler = shutil.which("go") or shutil.which("go", path=str(_CACHE / "go/bin"))
    if not compiler:
        return None
    program = _CACHE / "hostile/go-reader"
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run(
        [compiler, "build", "-trimpath", "-o", str(program), "."], cwd=_HERE / "go", env=environment, check=True
    )
    return Reader([str(program)], directory)
