"""What processes take of the machine, each with its children."""

import os
import re
from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(each for child in children for each in family(int(child)))]


def processor_seconds(pid: int) -> float:
    """What those that have ended spent is with their parent."""
    ticks = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """In MB of 1,000,000 bytes. VmHWM: the most since it was started, or since forget_most_memory()."""
    statuses = [Path(f"/proc/{each}/status").read_text() for each in family(pid)]
    return sum(int(re.search(rf"{what}:\s+(\d+)", status)[1]) for status in statuses) * 1024 / 1e6


def forget_most_memory(pid: int) -> None:
    for each in family(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def descriptors_of(pid: int) -> int:
    return sum(len(os.listdir(f"/proc/{each}/fd")) for each in family(pid))
