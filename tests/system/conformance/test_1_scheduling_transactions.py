"""1. Scheduling: the same request again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..gateway import Afterword
from ..matrix import STABLE, UNSTABLE, C, U, User, quote
from .examples import FORMS, HOUR, MESSAGE, TEXT

forms = pytest.mark.parametrize("form", FORMS)


@forms
def test_the_same_txn_id(form: str, alice: User, room: str):
    """The same `txnId` again is the same request, and answered with the same `delay_id`"""
    first = alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one")
    assert alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one") == first
    assert alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="two") != first
    assert len(alice.scheduled()) == 2


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
@pytest.mark.parametrize("raw", [None, b"", b"{", b'{"delay_ms": -1}', b'{"delay_ms": 5, "content": {"other": 1}}'])
def test_the_body_does_not_count(form: str, raw: bytes | None, alice: User, room: str):
    """That is decided before the body is parsed: it may be another one, or none"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one")
    prefix = f"{C}/v3" if form == STABLE else U
    path = f"{prefix}/rooms/{quote(room)}/delayed_event/{TEXT}/one"
    assert alice.request("PUT", path, raw=raw).ok() == {"delay_id": delay_id}
    assert [event["content"] for event in alice.scheduled()] == [MESSAGE]


def test_each_user_has_their_own(alice: User, bob: User, room: str):
    """A `txnId` is its user's own"""
    bob.join(room)
    first = alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one")
    second = bob.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one")
    assert first != second
    assert [event["delay_id"] for event in bob.scheduled()] == [second]


def test_each_device_has_its_own(alice: User, room: str):
    """A `txnId` is its device's own"""
    if not alice.password:
        pytest.skip("needs a password to log in with: --registration-shared-secret")
    first = alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one")
    assert alice.on_new_device().delayed(room, TEXT, MESSAGE, HOUR, txn_id="one") != first


def test_each_path_has_its_own(alice: User, room: str):
    """A `txnId` is its path's own: its room's, its event type's and its form's"""
    other_room = alice.create_room()
    made = [alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one") for form in FORMS]
    made.append(alice.delayed(other_room, TEXT, MESSAGE, HOUR, txn_id="one"))
    made.append(alice.delayed(room, "org.example.other", MESSAGE, HOUR, txn_id="one"))
    assert len(set(made)) == 5


def test_a_finalised_event_is_not_made_anew(alice: User, room: str):
    """A `txnId` is remembered after its event has been sent or cancelled"""
    sent = alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one")
    cancelled = alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="two")
    alice.manage(sent, "send").ok()
    alice.manage(cancelled, "cancel").ok()
    assert alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one") == sent
    assert alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="two") == cancelled
    assert alice.scheduled() == []


@forms
def test_fifty_at_once(form: str, alice: User, room: str):
    """Fifty identical requests at the same moment make one event"""

    def ask(_: int) -> str:
        return alice.delayed(room, TEXT, MESSAGE, HOUR, form=form, txn_id="one")

    with ThreadPoolExecutor(50) as pool:
        assert len(set(pool.map(ask, range(50)))) == 1
    assert len(alice.scheduled()) == 1


def test_a_restart_forgets_no_txn_id(alice: User, room: str, start_another: Callable[..., Afterword]):
    """A `txnId` is remembered when the server has been restarted"""
    afterword = start_another()
    alice = alice.at(afterword)
    first = alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one")
    finalised = alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="two")
    alice.manage(finalised, "cancel").ok()
    afterword.restart()
    assert alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="one") == first
    assert alice.delayed(room, TEXT, MESSAGE, HOUR, txn_id="two") == finalised
