"""1. Scheduling: limits."""

from collections.abc import Callable

import pytest

from ..gateway import Afterword
from ..matrix import LEGACY, STABLE, UNSTABLE, User
from .examples import DAY, FORMS, HOUR, MESSAGE, STATE, TEXT


@pytest.mark.parametrize(
    ("form", "errcode", "second_errcode"),
    [
        (STABLE, "M_DELAY_TOO_LARGE", None),
        (UNSTABLE, "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE", None),
        (LEGACY, "M_UNKNOWN", "M_MAX_DELAY_EXCEEDED"),  # the only form that matrix-js-sdk adapts its delay to
    ],
)
def test_a_delay_beyond_the_limit(form: str, errcode: str, second_errcode: str, alice: User, room: str):
    """A delay above the limit is refused with the limit, in the form that each client understands"""
    answer = alice.schedule(room, STATE, {}, DAY + 1, state_key="", form=form)
    assert (answer.status, answer.errcode) == (400, errcode)
    assert answer.json["org.matrix.msc4140.max_delay"] == answer.json["max_delay"] == DAY
    assert answer.json.get("org.matrix.msc4140.errcode") == second_errcode
    assert alice.schedule(room, STATE, {}, DAY, state_key="", form=form).status == 200


def test_too_many_scheduled(alice: User, bob: User, room: str, start_another: Callable[..., Afterword]):
    """Too many scheduled: 429 with `retry_after_ms` and `Retry-After`, until the user's next scheduled send"""
    limited = start_another({"limits.max_scheduled_per_user": "2"})
    alice = alice.at(limited)
    bob.join(room)
    first = alice.delayed(room, TEXT, MESSAGE, 60_000)
    alice.delayed(room, TEXT, MESSAGE, DAY)

    for form in FORMS:
        refused = alice.schedule(room, TEXT, MESSAGE, 1000, form=form)
        assert (refused.status, refused.errcode) == (429, "M_LIMIT_EXCEEDED")
        retry_after_ms = refused.json["retry_after_ms"]
        assert 50_000 < retry_after_ms <= 60_000
        assert int(refused.headers["Retry-After"]) == -(-retry_after_ms // 1000)

    # One user's events are not another's, and a finalised one does not count.
    bob.at(limited).delayed(room, TEXT, MESSAGE, 60_000)
    alice.manage(first, "cancel").ok()
    alice.delayed(room, TEXT, MESSAGE, 60_000)


def test_the_usual_number(alice: User, room: str):
    """100 events may be scheduled, and not one more"""
    for _ in range(100):
        alice.delayed(room, TEXT, MESSAGE, HOUR)
    assert alice.schedule(room, TEXT, MESSAGE, HOUR).status == 429
    assert len(alice.scheduled()) == 100


def test_a_limit_of_nothing(alice: User, room: str, start_another: Callable[..., Afterword]):
    """A limit of 0 forbids scheduling: 403"""
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "0"}))
    answer = alice.schedule(room, TEXT, MESSAGE, 1000)
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")


def test_no_limit(alice: User, room: str, start_another: Callable[..., Afterword]):
    """A limit that is none is not enforced"""
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "none", "limits.max_delay": "none"}))
    for _ in range(101):
        alice.delayed(room, TEXT, MESSAGE, 30 * DAY)
    assert len(alice.scheduled()) == 101
