"""Somebody sets the wall clock by hours, while Afterword runs and while it does not: nothing is early, late or lost."""

import sqlite3
import time
from collections.abc import Callable

import pytest

from .gateway import Afterword
from .matrix import User, eventually, now_ms

TEXT = "m.room.message"
DELAY = 2500
HOURS = 5 * 3600
# Less is no step; and reading two clocks takes a moment.
TOLERANCE_MS = 100


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def leaves_after(alice: User, delay_id: str, delay_ms: int, since: float) -> dict:
    """Its outcome, which must not be there before, by a clock that nobody sets."""

    def look() -> dict | None:
        finalised = alice.look_up(delay_id).ok().get("finalised")
        assert not finalised or time.monotonic() - since >= delay_ms / 1000, "it has left early"
        return finalised

    return eventually(look)


@pytest.fixture
def afterword_with_clock(start_another: Callable[..., Afterword]) -> Afterword:
    return start_another(own_clock=True)


@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
def test_while_it_runs(alice: User, room: str, afterword_with_clock: Afterword, ahead: int):
    alice = alice.at(afterword_with_clock)
    began = time.monotonic()
    untouched = alice.delayed(room, TEXT, message("untouched"), DELAY)
    restarted = alice.delayed(room, TEXT, message("restarted"), DELAY)
    cancelled = alice.delayed(room, TEXT, message("cancelled"), DELAY)
    time.sleep(0.5)
    afterword_with_clock.set_clock(ahead)

    began_again, asked = time.monotonic(), now_ms()
    alice.manage(restarted, "restart").ok()
    answered = now_ms()
    shown = alice.look_up(restarted).ok()["delayed_since_ts"] - ahead * 1000
    assert asked - TOLERANCE_MS <= shown <= answered + TOLERANCE_MS
    alice.manage(cancelled, "cancel").ok()

    leaves_after(alice, untouched, DELAY, began)
    outcome = leaves_after(alice, restarted, DELAY, began_again)
    events = alice.events(room, TEXT)
    assert [event["content"]["body"] for event in events] == ["untouched", "restarted"]
    for event, delay_id in zip(events, [untouched, restarted], strict=True):
        assert event["origin_server_ts"] == alice.look_up(delay_id).ok()["delayed_since_ts"] + DELAY
    assert outcome["finalised_ts"] >= events[1]["origin_server_ts"]


@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
@pytest.mark.parametrize("boot", [False, True])
def test_while_it_is_away(alice: User, room: str, afterword_with_clock: Afterword, ahead: int, boot: bool):
    afterword = afterword_with_clock
    alice = alice.at(afterword)
    if boot:
        # After a boot only the wall clock tells how long it took, so it is set before, and noticed within a second.
        afterword.set_clock(ahead)
        time.sleep(1.5)
    began = time.monotonic()
    overdue = alice.delayed(room, TEXT, message("overdue"), 300)
    coming = alice.delayed(room, TEXT, message("coming"), DELAY)
    shown = alice.look_up(coming).ok()["delayed_since_ts"]
    afterword.kill()
    if boot:
        with sqlite3.connect(afterword.directory / "afterword.db") as database:
            assert database.execute("UPDATE server_time SET boot_id = 'another'").rowcount == 1
        database.close()
    else:
        afterword.set_clock(ahead)
    time.sleep(0.5)
    afterword.start()

    leaves_after(alice, overdue, 300, began)
    leaves_after(alice, coming, DELAY, began)
    assert [event["content"]["body"] for event in alice.events(room, TEXT)] == ["overdue", "coming"]
    step = 0 if boot else ahead * 1000
    assert abs(alice.look_up(coming).ok()["delayed_since_ts"] - shown - step) <= TOLERANCE_MS
