"""The verdict notices each breach, and takes no offence at what is allowed."""

import pytest

from .record import CANCEL, RESTART, SCHEDULE, SEND, Delayed, Times, Try, longest_gap
from .verdict import CANCELLED, EARLY, LOST, NOT_SHOWN, OUT_OF_ORDER, SET_ASIDE, TWICE, UNTRUE, Outcome, Seen, judge

ROOM = "!room:home.test"
TIMES = Times()
T = 1000.0  # when the first request began


def delayed(*tries: Try, number: int = 1) -> Delayed:
    return Delayed(number, ROOM, "@alice:home.test", "m.room.message", None, 0.5, "txn", "id", list(tries))


def tried(action: str, at: float, status: int | None = 200) -> Try:
    return Try(action, at, at + 0.01, status)


def seen(at: float, number: int = 1, event_id: str = "$1", arrived: float | None = None) -> Seen:
    return Seen(number, event_id, int(TIMES.wall_ms(at)) + 1, arrived)


def breaches(events: list[Delayed], order: list[Seen], outcomes: dict[int, Outcome | None] | None = None) -> list[str]:
    return [finding.breach for finding in judge(events, {ROOM: order}, outcomes or {}, TIMES)]


SCHEDULED = tried(SCHEDULE, T)


def test_what_was_accepted_must_be_there_once():
    event = delayed(SCHEDULED)
    assert breaches([event], [seen(T + 0.5)]) == []
    assert breaches([event], []) == [LOST]
    assert breaches([event], [seen(T + 0.5), seen(T + 0.5, event_id="$2")]) == [TWICE]


def test_what_was_not_acknowledged_may_be_there_or_not_but_not_twice():
    event = delayed(tried(SCHEDULE, T, None))
    assert breaches([event], []) == []
    assert breaches([event], [seen(T + 0.5)]) == []
    assert breaches([event], [seen(T + 0.5), seen(T + 0.5, event_id="$2")]) == [TWICE]


def test_what_was_cancelled_must_not_be_there():
    cancelled = delayed(SCHEDULED, tried(CANCEL, T + 0.2))
    assert breaches([cancelled], []) == []
    assert breaches([cancelled], [seen(T + 0.5)]) == [CANCELLED]
    unknown = delayed(SCHEDULED, tried(CANCEL, T + 0.2, None))
    assert breaches([unknown], []) == []
    assert breaches([unknown], [seen(T + 0.5)]) == []
    too_late = delayed(SCHEDULED, tried(CANCEL, T + 0.2, None), tried(CANCEL, T + 0.7, 409))
    assert breaches([too_late], []) == [LOST]


def test_an_acknowledged_restart_counts_from_when_it_was_asked():
    restarted = delayed(SCHEDULED, tried(RESTART, T + 0.4))
    assert breaches([restarted], [seen(T + 0.9)]) == []
    assert breaches([restarted], [seen(T + 0.5)]) == [EARLY]
    lost_answer = delayed(SCHEDULED, tried(RESTART, T + 0.4, None))
    assert breaches([lost_answer], [seen(T + 0.5)]) == []
    assert breaches([lost_answer], [seen(T + 0.9)]) == []


def test_a_repeated_schedule_counts_from_its_first_try():
    assert breaches([delayed(tried(SCHEDULE, T, None), tried(SCHEDULE, T + 1))], [seen(T + 0.5)]) == []


def test_a_date_does_not_hide_that_it_came_early():
    assert breaches([delayed(SCHEDULED)], [seen(T + 0.5, arrived=T + 0.4)]) == [EARLY]
    assert breaches([delayed(SCHEDULED)], [seen(T + 0.5, arrived=T + 7)]) == []


def test_a_send_is_before_its_time_and_order():
    first, second = delayed(SCHEDULED), delayed(SCHEDULED, tried(SEND, T + 0.1), number=2)
    assert breaches([first, second], [seen(T + 0.5), seen(T + 0.1, 2, "$2")]) == []
    assert breaches([second], []) == [LOST]


def test_a_room_goes_by_scheduled_time():
    events = [delayed(SCHEDULED, number=number) for number in [1, 2, 3]]
    order = [seen(T + 0.6, 1), seen(T + 0.7, 2, "$2"), seen(T + 0.8, 3, "$3")]
    assert breaches(events, order) == []
    assert breaches(events, [order[0], order[2], order[1]]) == [OUT_OF_ORDER]


def test_clocks_that_are_apart_may_date_one_moment_in_the_other_order():
    events = [delayed(SCHEDULED, number=number) for number in [1, 2, 3]]
    order = [seen(T + 0.602, 1), seen(T + 0.6, 2, "$2"), seen(T + 0.599, 3, "$3")]
    findings = judge(events, {ROOM: order}, {}, TIMES, clocks_apart_ms=2)
    assert [(finding.breach, finding.number) for finding in findings] == [(OUT_OF_ORDER, 3)]


@pytest.mark.parametrize(("late", "expected"), [(100, OUT_OF_ORDER), (121, SET_ASIDE)])
def test_a_room_goes_on_without_what_is_in_doubt_for_too_long(late: float, expected: str):
    events = [delayed(SCHEDULED, number=number) for number in [1, 2]]
    order = [seen(T + 0.7, 2, "$2", T + 0.7 + late), seen(T + 0.6, 1, arrived=T + 0.6 + 300)]
    assert breaches(events, order) == [expected]


def test_a_room_does_not_go_on_before_it_has_waited():
    events = [delayed(SCHEDULED, number=number) for number in [1, 2]]
    order = [seen(T + 0.7, 2, "$2", T + 0.8), seen(T + 0.6, 1, arrived=T + 0.6 + 300)]
    assert breaches(events, order) == [OUT_OF_ORDER]


def test_a_room_does_not_wait_for_what_nobody_has_acknowledged():
    events = [delayed(tried(SCHEDULE, T, None), tried(SCHEDULE, T + 5)), delayed(SCHEDULED, number=2)]
    assert breaches(events, [seen(T + 0.7, 2, "$2", T + 0.8), seen(T + 0.6, 1, arrived=T + 5.1)]) == []
    order = [seen(T + 0.7, 2, "$2", T + 5.2), seen(T + 0.6, 1, arrived=T + 5.3)]
    assert breaches(events, order) == [OUT_OF_ORDER]


@pytest.mark.parametrize(("first_hold", "expected"), [(30, OUT_OF_ORDER), (80, SET_ASIDE)])
def test_a_room_waits_for_all_its_events_together(first_hold: float, expected: str):
    """Number 1 has held it up before; number 2 for less than two minutes until number 3 left."""
    events = [delayed(SCHEDULED, number=number) for number in [1, 2, 3]]
    order = [
        seen(T + 0.6, 1, arrived=T + 0.6 + first_hold),
        seen(T + 100.7, 3, "$3", T + 160),
        seen(T + 100.6, 2, "$2", T + 250),
    ]
    assert breaches(events, order) == [expected]


@pytest.mark.parametrize(
    ("outcome", "there", "expected"),
    [
        (Outcome("$1"), True, []),
        (Outcome("$2"), True, [UNTRUE]),
        (Outcome(), True, [UNTRUE]),
        (Outcome(error="M_FORBIDDEN"), True, [UNTRUE]),
        (None, True, [UNTRUE]),
        (Outcome(), False, [LOST]),
        (None, False, [UNTRUE, LOST]),
        (Outcome("$1"), False, [NOT_SHOWN]),
    ],
)
def test_the_look_up_says_what_the_room_holds(outcome: Outcome | None, there: bool, expected: list[str]):
    order = [seen(T + 0.5)] if there else []
    assert sorted(breaches([delayed(SCHEDULED)], order, {1: outcome})) == sorted(expected)


def test_another_events_id_is_no_excuse():
    events = [delayed(SCHEDULED), delayed(SCHEDULED, number=2)]
    assert breaches(events, [seen(T + 0.5, 2, "$2")], {1: Outcome("$2")}) == [LOST, UNTRUE]


def test_a_gap_is_between_acknowledged_answers_or_until_the_end():
    events = [delayed(SCHEDULED, tried(RESTART, T + 1)), delayed(tried(SCHEDULED, T + 3), tried(RESTART, T + 5, 503))]
    assert longest_gap(events, T + 4) == pytest.approx(2)
    assert longest_gap(events, T + 8) == pytest.approx(4.99)
    assert longest_gap([], T) == 0
