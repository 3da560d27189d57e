"""A bounded share of scripts/calls: a call with the real Element Call, LiveKit and Chromium, before a real Synapse."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.matrix import eventually

from .call_run import CallRun
from .cases import TO_ONE, to_servers
from .grounds import BehindSynapse
from .livekit import LiveKit

# Sooner than Element Call comes with (18 s, every 4 s): the tests wait for it.
_LEAVE_AFTER_MS = 8_000
_HEARTBEAT_MS = 2_000


@pytest.fixture(scope="module")
def run(livekit: LiveKit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallRun]:
    """A call of two, behind an Afterword."""
    directory = tmp_path_factory.mktemp("calls") / "synapse"
    with BehindSynapse(directory, livekit, _LEAVE_AFTER_MS, _HEARTBEAT_MS) as ground, CallRun(ground, 2, print) as run:
        yield run


def test_each_has_one_leave_ticking_that_heartbeats_postpone(run: CallRun):
    run.fill()
    for person in run.people:
        [leave] = person.user.scheduled()
        assert (leave["content"], leave["delay_ms"]) == ({}, _LEAVE_AFTER_MS)

        def postponed(person=person, leave=leave) -> bool:
            [now] = person.user.scheduled()
            assert now["delay_id"] == leave["delay_id"]
            return now["delayed_since_ts"] > leave["delayed_since_ts"]

        eventually(postponed)


def test_browsers_talk_to_nothing_but_loopback(run: CallRun):
    for person in run.people:
        ends = person.browser.talks_to()
        assert ends
        assert all(ipaddress.ip_address(end.removeprefix("::ffff:")).is_loopback for end in ends), ends


def test_nobody_notices_that_afterword_is_killed_and_who_is_killed_later_leaves(run: CallRun):
    case = next(case for case in to_servers(run.ground, lambda: run.people) if case.name.startswith("Afterword is killed"))
    row = run.strike_server(case)
    assert (row.left, row.wrong) == ({}, [])
    assert row.then_left


def test_who_sleeps_leaves_and_comes_back_and_the_other_stays(run: CallRun):
    case = next(case for case in TO_ONE if case.undo and "sleeps" in case.name)
    row = run.strike_one(case)
    assert (len(row.left), len(row.stayed), row.wrong) == (1, 1, [])
    assert row.back
