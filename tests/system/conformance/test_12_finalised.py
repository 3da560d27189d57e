"""12. What has become of them, in a sync (MSC4309)."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ..matrix import C, User
from .examples import HOUR, MESSAGE, STATE, TEXT
from .marks import impossible

KEY = "org.matrix.msc4140.finalised_delayed_events"


class Sync:
    """A client's /sync. `token` is that of the next question."""

    def __init__(self, user: User, token: str | None = None):
        self.user, self.token = user, token

    def ask(self, asks: bool = True, timeout_ms: int = 0) -> dict[str, Any]:
        query = {"timeout": timeout_ms, **({"since": self.token} if self.token else {})}
        if asks:
            query["filter"] = json.dumps({KEY: True})
        return self.user.request_patiently("GET", f"{C}/v3/sync", query=query).ok()

    def told(self, **arguments: Any) -> list[dict[str, Any]]:
        """What the answer tells; its token is taken."""
        answer = self.ask(**arguments)
        self.token = answer["next_batch"]
        return answer.get(KEY, [])


class SlidingSync(Sync):
    """A client's simplified sliding sync."""

    def ask(self, asks: bool = True, timeout_ms: int = 0) -> dict[str, Any]:
        query = {"timeout": timeout_ms, **({"pos": self.token} if self.token else {})}
        lists = {"all": {"ranges": [[0, 9]], "timeline_limit": 1, "required_state": []}}
        extensions = {"account_data": {"enabled": True}, **({KEY: {"enabled": True}} if asks else {})}
        path = f"{C}/unstable/org.matrix.simplified_msc3575/sync"
        return self.user.request("POST", path, query=query, body={"lists": lists, "extensions": extensions}).ok()

    def told(self, **arguments: Any) -> list[dict[str, Any]]:
        answer = self.ask(**arguments)
        self.token = answer["pos"]
        return answer["extensions"].get(KEY, {}).get("delayed_events", [])


FORMS = [Sync, pytest.param(SlidingSync, marks=impossible(dendrite="it has no simplified sliding sync"))]
Form = Callable[..., Sync]


def sent(user: User, room: str) -> str:
    delay_id = user.delayed(room, TEXT, MESSAGE, HOUR)
    user.manage(delay_id, "send").ok()
    return delay_id


def refused(user: User, room: str) -> str:
    """One that fails at its time, when its sender has left the room."""
    delay_id = user.delayed(room, STATE, {}, 3000, state_key="")  # longer than leaving takes
    user.leave(room)
    assert "error" in user.outcome(delay_id)
    return delay_id


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["delay_id"] for event in events]


@pytest.mark.parametrize("form", FORMS)
def test_outcomes_in_a_sync(form: Form, alice: User, room: str):
    """Who asks for it is told once of each of their events that was sent or has failed, as looking it up shows it"""
    client = form(alice)
    assert client.told() == []
    was_sent = sent(alice, room)
    alice.manage(alice.delayed(room, TEXT, MESSAGE, HOUR), "cancel").ok()
    alice.delayed(room, TEXT, MESSAGE, HOUR)
    has_failed = refused(alice, room)
    told = client.told()
    assert ids(told) == [was_sent, has_failed]
    for event in told:
        looked_up = alice.look_up(event["delay_id"]).ok()
        assert {key: event[key] for key in looked_up} == looked_up
    assert client.told() == []


@pytest.mark.parametrize("form", FORMS)
def test_outcomes_are_told_again(form: Form, alice: User, room: str):
    """The same token again is told the same, for the answer may have been lost; a client without one is told of all"""
    client = form(alice)
    client.told()
    before = client.token
    delay_id = sent(alice, room)
    assert ids(client.told()) == [delay_id]
    assert ids(form(alice, before).told()) == [delay_id]
    assert client.told() == []
    assert ids(form(alice).told()) == [delay_id]


@pytest.mark.parametrize("form", FORMS)
def test_outcomes_only_for_who_asks(form: Form, alice: User, bob: User, room: str):
    """Who does not ask for it is told nothing, and nobody is told of another's"""
    bob.join(room)
    client, others = form(alice), form(bob)
    sent(alice, room)
    assert client.told(asks=False) == []
    assert KEY not in json.dumps(client.ask(asks=False))
    assert others.told() == []


@pytest.mark.parametrize("form", FORMS)
def test_outcomes_wake(form: Form, alice: User, bob: User, room: str):
    """A failure, of which the homeserver knows nothing, ends a long poll of its owner's"""
    bob.join(room)
    client = form(bob)
    client.told()
    delay_id = bob.delayed(room, STATE, {}, 2000, state_key="")  # only moderators may send it
    began = time.monotonic()
    while not (told := client.told(timeout_ms=30_000)):  # something else has happened
        assert time.monotonic() - began < 20
    assert ids(told) == [delay_id]
    assert told[0]["error"]["errcode"] == "M_FORBIDDEN"
    assert time.monotonic() - began < 20
    assert client.told(timeout_ms=1000) == []


def test_outcomes_after_a_restart(afterword, alice: User, room: str):
    """After a restart of the server nothing is missed, and what was told may be told again"""
    client = Sync(alice)
    client.told()
    delay_id = sent(alice, room)
    afterword.stop()
    afterword.start()
    assert ids(client.told()) == [delay_id]
    assert client.told() == []
