"""A table of requests: what is sent, and what must become of it."""

from dataclasses import dataclass
from itertools import zip_longest

import pytest

from .homeserver import Homeserver
from .wire import STILL_THERE, try_bytes

_ANY_REFUSAL = 0

PATH = "/_matrix/client/v3/here"  # no route of Afterword's: it passes through


@dataclass(frozen=True)
class Arrival:
    method: str
    target: str
    body: bytes = b""


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    statuses: tuple[int, ...]
    end: str | None  # nothing if either will do
    arrivals: tuple[Arrival, ...] = ()
    to_head: bool = False


def refused(name: str, data: bytes, status: int = 400) -> Case:
    """Answered with an error, the connection closed, and nothing of it let through."""
    return Case(name, data, (status,), "closed")


def turned_away(name: str, data: bytes) -> Case:
    """Not let through. With what status, and whether the connection goes on, is a matter of taste."""
    return Case(name, data, (_ANY_REFUSAL,), None)


def passes(name: str, data: bytes, *arrivals: Arrival, end: str = "kept", to_head: bool = False) -> Case:
    """Reaches the homeserver as this, and nothing else does."""
    arrivals = arrivals or (Arrival("GET", PATH),)
    return Case(name, data, (200,) * len(arrivals), end, arrivals, to_head)


def ours(name: str, data: bytes, *statuses: int, end: str = "kept") -> Case:
    """Answered by Afterword itself."""
    return Case(name, data, statuses, end)


def waits(name: str, data: bytes) -> Case:
    """It is not complete, and must not be taken for complete."""
    return Case(name, data, (), "waits")


def never_complete(name: str, data: bytes) -> Case:
    """Refused, or waited with until more comes: it must not be taken for a whole request."""
    return Case(name, data, (), "waits or closed")


all_cases: list[Case] = []  # of the tables that are imported


def table(*cases: Case):
    all_cases.extend(cases)
    assert len({case.name for case in cases}) == len(cases)
    return pytest.mark.parametrize("case", cases, ids=[case.name.replace(" ", "-") for case in cases])


def get(target: str | bytes = PATH, *headers: bytes, host: bytes = b"Host: x", version: bytes = b"HTTP/1.1") -> bytes:
    return request(b"GET", target, *headers, host=host, version=version)


def request(
    method: bytes,
    target: str | bytes,
    *headers: bytes,
    body: bytes = b"",
    host: bytes = b"Host: x",
    version: bytes = b"HTTP/1.1",
) -> bytes:
    """Bytes as they are given; the headers are lines without their ends."""
    target = target.encode() if isinstance(target, str) else target
    lines = [b" ".join([method, target, version]), *([host] if host else []), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


def check(case: Case, port: int, homeserver: Homeserver) -> None:
    expected = max(len(case.statuses), 1)
    may_wait = case.end is not None and case.end.startswith("waits")
    outcome = try_bytes(port, case.data, expected=expected, to_head=case.to_head, waits=may_wait)
    arrived = tuple(
        Arrival(each.method, each.target, each.body) for each in homeserver.arrived if each.target != STILL_THERE
    )
    if case.end == "waits or closed" and outcome.statuses == [400]:
        assert (outcome.end, arrived) == ("closed", ())
        return
    end = outcome.end if case.end is None else case.end.removesuffix(" or closed")
    statuses = [
        given if wanted == _ANY_REFUSAL and given >= 400 else wanted
        for given, wanted in zip_longest(outcome.statuses, case.statuses, fillvalue=-1)
    ]
    assert (outcome.statuses, outcome.end, arrived) == (statuses, end, case.arrivals)
