"""9. Rate limits of the server's own."""

import time
from collections.abc import Callable

import pytest

from ..gateway import Afterword
from ..matrix import PATH_STABLE, PATH_UNSTABLE, C, Response, U, User
from .examples import HOUR, MESSAGE, TEXT

SETTINGS = {
    "rate_limits.enabled": "true",
    "rate_limits.schedule": "2/s burst 5",
    "rate_limits.manage": "2/s burst 5",
    "rate_limits.look_up": "2/s burst 5",
    "rate_limits.delay_id": "2/s burst 5",
    "rate_limits.guess": "2/s burst 5",
}


@pytest.fixture
def alice_limited(alice: User, start_another: Callable[..., Afterword]) -> User:
    return alice.at(start_another(SETTINGS))


def until_refused(ask: Callable[[], Response]) -> tuple[int, Response]:
    """How often it was not refused, and the refusal."""
    for number in range(50):
        if (answer := ask()).status == 429:
            return number, answer
    raise AssertionError("never refused")


def says_when_to_come_back(refusal: Response) -> bool:
    retry_after_ms = refusal.json["retry_after_ms"]
    return (
        refusal.errcode == "M_LIMIT_EXCEEDED"
        and 0 < retry_after_ms <= 1000
        and int(refusal.headers["Retry-After"]) == -(-retry_after_ms // 1000)
        and refusal.headers["Access-Control-Allow-Origin"] == "*"
        and "Retry-After" in refusal.headers["Access-Control-Expose-Headers"]
    )


def test_scheduling(alice_limited: User, room: str):
    """Who schedules too fast is told when to come back: 429, `retry_after_ms` and `Retry-After`; then it is fine"""
    alice = alice_limited
    taken, refusal = until_refused(lambda: alice.schedule(room, TEXT, MESSAGE, HOUR))
    assert taken >= 5
    assert says_when_to_come_back(refusal)
    time.sleep(refusal.json["retry_after_ms"] / 1000)
    assert alice.schedule(room, TEXT, MESSAGE, HOUR).status == 200


@pytest.mark.parametrize("form", [PATH_STABLE, PATH_UNSTABLE])
def test_managing(form: str, alice_limited: User, bob: User, room: str):
    """Who manages too fast likewise; nobody else is held back by that"""
    alice = alice_limited
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    taken, refusal = until_refused(lambda: alice.manage(delay_id, "restart", form))
    assert taken >= 5
    assert says_when_to_come_back(refusal)
    bob = bob.at(alice.server)
    assert bob.manage(bob.delayed(room, TEXT, MESSAGE, HOUR), "restart", form).status == 200
    time.sleep(refusal.json["retry_after_ms"] / 1000)
    assert alice.manage(delay_id, "restart", form).status == 200


def test_looking_up(alice_limited: User, room: str):
    """Who looks up or lists too fast likewise, and may restart all the same"""
    alice = alice_limited
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for ask in [
        lambda: alice.look_up(delay_id),
        lambda: alice.request("GET", f"{U}/delayed_events"),
        lambda: alice.request("GET", f"{C}/v1/delayed_events"),
    ]:
        _, refusal = until_refused(ask)
        assert says_when_to_come_back(refusal)
    assert alice.manage(delay_id, "restart").status == 200


def test_without_a_token(alice_limited: User, room: str):
    """Without a token each known `delay_id` has a limit of its own, so a call service may heartbeat for thousands"""
    alice = alice_limited
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, HOUR) for _ in range(5)]
    for delay_id in delay_ids:
        for _ in range(4):
            assert alice.manage(delay_id, "restart", PATH_UNSTABLE, token=None).status == 200
    _, refusal = until_refused(lambda: alice.manage(delay_ids[0], "restart", PATH_UNSTABLE, token=None))
    assert says_when_to_come_back(refusal)
    assert alice.manage(delay_ids[1], "restart", PATH_UNSTABLE, token=None).status == 200


def test_guessing(alice_limited: User, room: str):
    """Who guesses without a token is stopped, while known ones from the same address go on"""
    alice = alice_limited
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    unknown = "A" * len(delay_id)
    taken, refusal = until_refused(lambda: alice.manage(unknown, "cancel", PATH_UNSTABLE, token=None))
    assert taken >= 5
    assert says_when_to_come_back(refusal)
    assert alice.manage(delay_id, "restart", PATH_UNSTABLE, token=None).status == 200
    assert alice.manage(delay_id, "restart").status == 200
    assert alice.schedule(room, TEXT, MESSAGE, HOUR).status == 200
