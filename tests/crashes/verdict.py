"""Compares what clients were told with what the rooms hold. Pure: it knows nothing of crashes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .record import SEND, Delayed, Times

LOST = "lost"  # accepted, not cancelled, not in its room
TWICE = "twice"  # more than once in its room
EARLY = "early"  # before its time, counted from what was acknowledged last
OUT_OF_ORDER = "out of order"  # behind one of its room whose time was later
CANCELLED = "sent though cancelled"  # the cancel was acknowledged
UNTRUE = "looked up wrong"  # the look-up says something else than the room
BREACHES = [LOST, TWICE, EARLY, OUT_OF_ORDER, CANCELLED, UNTRUE]
# No breach of ours: the homeserver has named the event that it made, and shows it to nobody. Dendrite does that for some
# minutes with what it was busy with when it was killed.
NOT_SHOWN = "not shown by the homeserver"
# Nor is that its room went on without it, as it may once it has waited for two minutes in all.
SET_ASIDE = "set aside"
NO_BREACHES = [NOT_SHOWN, SET_ASIDE]

_LONGEST_HOLD_MS = 120_000

# The room's dates are whole milliseconds, rounded down, of a clock that may be slewed meanwhile.
_ROUNDING_MS = 2.0


@dataclass(frozen=True)
class Seen:
    """An event in its room."""

    number: int
    event_id: str
    origin_server_ts: int
    arrived: float | None = None  # by when it was there at the latest, in monotonic seconds


@dataclass(frozen=True)
class Outcome:
    """What the look-up says: neither of the two is a cancelled event."""

    event_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Finding:
    breach: str
    number: int
    text: str


def judge(
    events: Iterable[Delayed],
    rooms: dict[str, list[Seen]],
    outcomes: dict[int, Outcome | None],
    times: Times,
    clocks_apart_ms: float = 0,
) -> list[Finding]:
    """`rooms`: each in its own order, oldest first. `outcomes`: for those that were looked up; None: it has none.
    `clocks_apart_ms`: of those that date events. What is due at one moment they may date in the other order."""
    by_number = {event.number: event for event in events}
    findings = []
    for number, event in by_number.items():
        order = rooms.get(event.room, [])
        seen = [one for one in order if one.number == number]
        outcome = outcomes.get(number)
        if not seen and outcome and outcome.event_id and outcome.event_id not in [one.event_id for one in order]:
            findings.append(Finding(NOT_SHOWN, number, f"is {outcome.event_id}, which is not in its room"))
            continue
        findings += _judge_one(event, seen, times)
        if number in outcomes:
            findings += _judge_look_up(number, outcome, seen)
    for order in rooms.values():
        findings += _judge_order([one for one in order if one.number in by_number], by_number, times, clocks_apart_ms)
    return findings


def _judge_one(event: Delayed, seen: list[Seen], times: Times) -> Iterable[Finding]:
    if event.must_be_sent and not seen:
        yield Finding(LOST, event.number, "is not in its room")
    if len(seen) > 1:
        yield Finding(TWICE, event.number, f"is in its room as {', '.join(one.event_id for one in seen)}")
    if event.must_not_be_sent and seen:
        yield Finding(CANCELLED, event.number, f"is in its room as {seen[0].event_id}")
    due = event.earliest_due
    if not seen or due is None or event.asked(SEND):
        return
    first = seen[0]
    before_ms = times.wall_ms(due) - first.origin_server_ts
    if before_ms > _ROUNDING_MS:
        yield Finding(EARLY, event.number, f"is dated {before_ms:.0f} ms before its time")
    elif first.arrived is not None and first.arrived < due - _ROUNDING_MS / 1000:
        yield Finding(EARLY, event.number, f"was there {(due - first.arrived) * 1000:.0f} ms before its time")


def _judge_look_up(number: int, outcome: Outcome | None, seen: list[Seen]) -> Iterable[Finding]:
    ids = [one.event_id for one in seen]
    if outcome is None:
        yield Finding(UNTRUE, number, "has no outcome")
    elif outcome.error is not None:
        yield Finding(UNTRUE, number, f"failed, though nothing stood against it: {outcome.error}")
    elif outcome.event_id is not None and outcome.event_id not in ids:
        yield Finding(UNTRUE, number, f"is said to be {outcome.event_id}, and is in its room as {ids or 'nothing'}")
    elif outcome.event_id is None and ids:
        yield Finding(UNTRUE, number, f"is said to be cancelled, and is in its room as {ids}")


def _judge_order(
    order: list[Seen], by_number: dict[int, Delayed], times: Times, clocks_apart_ms: float
) -> Iterable[Finding]:
    """By scheduled time. What somebody asked to be sent early has no place in it, and what is there twice is another
    breach: its first counts."""
    latest: Seen | None = None
    met: set[int] = set()
    for one in order:
        if one.number in met or by_number[one.number].asked(SEND):
            continue
        met.add(one.number)
        promised = by_number[one.number].promised
        if latest and latest.arrived and promised and promised > latest.arrived:
            continue  # it came to be known when the room had gone on
        if latest and one.origin_server_ts < latest.origin_server_ts - clocks_apart_ms:
            text = f"of {one.origin_server_ts} comes after number {latest.number} of {latest.origin_server_ts}"
            went_on = latest.arrived or one.arrived
            held_ms = _longest_held_ms(order, times, times.wall_ms(went_on)) if went_on else 0
            yield Finding(SET_ASIDE if held_ms > _LONGEST_HOLD_MS else OUT_OF_ORDER, one.number, text)
        elif not latest or one.origin_server_ts > latest.origin_server_ts:
            latest = one


def _longest_held_ms(order: list[Seen], times: Times, until_ms: float) -> float:
    """For how long in all, at most, events without an outcome have held up a room by then: as long as anything there was
    overdue."""
    held_ms = 0.0
    counted = 0.0
    for due, arrived in sorted((one.origin_server_ts, times.wall_ms(one.arrived)) for one in order if one.arrived):
        begin, end = max(due, counted), min(arrived, until_ms)
        if end > begin:
            held_ms += end - begin
            counted = end
    return held_ms


def count(findings: Iterable[Finding]) -> Counter[str]:
    return Counter(finding.breach for finding in findings)
