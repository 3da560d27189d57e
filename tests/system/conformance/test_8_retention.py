"""8. Retention."""

import time
from collections.abc import Callable

from ..gateway import Afterword
from ..matrix import User
from .examples import FORMS, HOUR, MESSAGE, TEXT


def cancelled(user: User, room: str, count: int) -> list[str]:
    delay_ids = [user.delayed(room, TEXT, MESSAGE, HOUR) for _ in range(count)]
    for delay_id in delay_ids:
        user.manage(delay_id, "cancel").ok()
        time.sleep(0.002)  # each finalised in a millisecond of its own
    return delay_ids


def found(user: User, delay_ids: list[str]) -> list[str]:
    return [delay_id for delay_id in delay_ids if user.look_up(delay_id).status == 200]


def test_by_age(alice: User, room: str, start_another: Callable[..., Afterword]):
    """A finalised event can be looked up until it has reached its age; from then on it is not found: 404"""
    afterword = start_another()
    alice = alice.at(afterword)
    waiting = alice.delayed(room, TEXT, MESSAGE, HOUR)
    old = cancelled(alice, room, 3)
    assert found(alice, old) == old
    time.sleep(1.2)
    young = cancelled(alice, room, 2)

    afterword.restart({"retention.max_age": "1s"})
    assert found(alice, old) == []
    for action in ["cancel", "send", "restart"]:
        answer = alice.manage(old[0], action)
        assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")
    assert set(found(alice, young)) <= set(young)
    assert found(alice, [waiting]) == [waiting]


def test_young_ones_stay(alice: User, room: str, start_another: Callable[..., Afterword]):
    """Within the age, and among the latest, nothing is forgotten"""
    afterword = start_another({"retention.max_age": "1h", "retention.max_per_user": "5"})
    alice = alice.at(afterword)
    delay_ids = cancelled(alice, room, 5)
    afterword.restart()
    assert found(alice, delay_ids) == delay_ids


def test_by_count(alice: User, bob: User, room: str, start_another: Callable[..., Afterword]):
    """Of each user's finalised events the latest are kept, as many as is set; scheduled ones do not count"""
    afterword = start_another()
    alice, bob = alice.at(afterword), bob.at(afterword)
    waiting = [alice.delayed(room, TEXT, MESSAGE, HOUR) for _ in range(3)]
    of_alice = cancelled(alice, room, 5)
    of_bob = cancelled(bob, room, 2)

    afterword.restart({"retention.max_per_user": "2"})
    assert found(alice, of_alice) == of_alice[-2:]
    assert found(bob, of_bob) == of_bob
    assert found(alice, waiting) == waiting


def test_transactions(alice: User, room: str, start_another: Callable[..., Afterword]):
    """A `txnId` is remembered as long as its event"""
    afterword = start_another()
    alice = alice.at(afterword)
    first = {form: alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one") for form in FORMS}
    for delay_id in first.values():
        alice.manage(delay_id, "cancel").ok()
    afterword.restart({"retention.max_age": "1h"})
    assert {form: alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one") for form in FORMS} == first


def test_no_limit(alice: User, room: str, start_another: Callable[..., Afterword]):
    """Without a limit everything is kept"""
    afterword = start_another({"retention.max_age": "none", "retention.max_per_user": "none"})
    alice = alice.at(afterword)
    delay_ids = cancelled(alice, room, 10)
    afterword.restart()
    assert found(alice, delay_ids) == delay_ids
