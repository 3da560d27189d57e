"""The limits that the operator sets, told in the form that each client understands."""

from collections.abc import Callable

import pytest

from .gateway import Afterword
from .matrix import LEGACY, STABLE, UNSTABLE, User

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
DAY = 24 * 3_600_000


@pytest.mark.parametrize(
    ("form", "errcode", "second_errcode"),
    [
        (STABLE, "M_DELAY_TOO_LARGE", None),
        (UNSTABLE, "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE", None),
        (LEGACY, "M_UNKNOWN", "M_MAX_DELAY_EXCEEDED"),
    ],
)
def test_a_delay_beyond_the_limit_is_refused(form: str, errcode: str, second_errcode: str, alice: User, room: str):
    answer = alice.schedule(room, TEXT, MESSAGE, DAY + 1, form=form)
    assert (answer.status, answer.errcode) == (400, errcode)
    assert answer.json["org.matrix.msc4140.max_delay"] == DAY
    assert answer.json.get("org.matrix.msc4140.errcode") == second_errcode
    assert alice.schedule(room, TEXT, MESSAGE, DAY, form=form).status == 200


@pytest.mark.parametrize("form", [STABLE, UNSTABLE, LEGACY])
def test_beyond_the_number_of_scheduled_events_the_user_is_told_when_to_come_back(
    form: str, alice: User, bob: User, room: str, start_another: Callable[..., Afterword]
):
    limited = start_another({"limits.max_scheduled_per_user": "2"})
    alice = alice.at(limited)
    bob.join(room)
    first = alice.delayed(room, TEXT, MESSAGE, 60_000)
    alice.delayed(room, TEXT, MESSAGE, DAY)

    refused = alice.schedule(room, TEXT, MESSAGE, 1000, form=form)
    assert (refused.status, refused.errcode) == (429, "M_LIMIT_EXCEEDED")
    retry_after_ms = refused.json["retry_after_ms"]
    assert 50_000 < retry_after_ms <= 60_000
    assert int(refused.headers["Retry-After"]) == -(-retry_after_ms // 1000)

    # One user's events are not another's, and a finalised one does not count.
    bob.at(limited).delayed(room, TEXT, MESSAGE, 60_000)
    alice.manage(first, "cancel").ok()
    assert alice.schedule(room, TEXT, MESSAGE, 60_000, form=form).status == 200


def test_a_limit_of_nothing_forbids(alice: User, room: str, start_another: Callable[..., Afterword]):
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "0"}))
    answer = alice.schedule(room, TEXT, MESSAGE, 1000)
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")


def test_no_limit_is_enforced_when_there_is_none(alice: User, room: str, start_another: Callable[..., Afterword]):
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "none", "limits.max_delay": "none"}))
    for _ in range(101):
        alice.delayed(room, TEXT, MESSAGE, 30 * DAY)
    assert len(alice.scheduled()) == 101
