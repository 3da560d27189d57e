"""A rate limit of the owner's own fails the owner's event; one of what stands before the homeserver fails none."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import in_front_of
from .gate import Answer, Gate
from .gateway import Afterword
from .homeservers import Synapse
from .matrix import User

TEXT = "m.room.message"
CONTENT = {"msgtype": "m.text", "body": "hello"}
OWNERS = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many", "retry_after_ms": 700}


@pytest.fixture
def gate(synapse: Synapse) -> Iterator[Gate]:
    gate = Gate(synapse)
    yield gate
    gate.close()


def test_a_proxys_limit_is_waited_out(
    gate: Gate, alice: User, room: str, start_another: Callable[..., Afterword]
):
    alice = alice.at(start_another({"homeserver.url": gate.base_url}))
    gate.fault_next(Answer(429, b"<html>Too Many Requests</html>", {"Retry-After": "2"}))
    delay_id = alice.delayed(room, TEXT, CONTENT, 200)
    other = alice.delayed(room, TEXT, CONTENT, 300)
    first, second = alice.outcome(delay_id), alice.outcome(other)
    assert [event["event_id"] for event in alice.events(room, TEXT)] == [first["event_id"], second["event_id"]]
    assert first["finalised_ts"] - alice.event(room, first["event_id"])["origin_server_ts"] >= 2000
    assert len(gate.sends) == 3  # nothing else was tried meanwhile


def test_the_owners_limit_is_the_owners(gate: Gate, alice: User, room: str, start_another: Callable[..., Afterword]):
    alice = alice.at(start_another({"homeserver.url": gate.base_url}))
    gate.fault_next(Answer(429, json.dumps(OWNERS).encode(), {"Content-Type": "application/json"}))
    limited = alice.outcome(alice.delayed(room, TEXT, CONTENT, 200))
    assert limited["error"] == OWNERS
    assert alice.outcome(alice.delayed(room, TEXT, CONTENT, 200))["event_id"]


def test_synapses_own_limit_holds_at_the_moment_of_sending(directory: Path):
    """With its default rc_message (0.2 a second, 10 at once), as it holds for what the owner sends."""
    synapse = Synapse(directory / "limiting-synapse", default_rate_limits=True)
    with in_front_of(synapse, directory / "before-limiting-synapse") as (afterword, *_):
        alice, bob = (synapse.register(name).at(afterword) for name in ("alice", "bob"))
        room, bobs_room = alice.create_room(), bob.create_room()
        ids = [alice.delayed(room, TEXT, {**CONTENT, "n": n}, 3000) for n in range(30)]
        bobs = bob.delayed(bobs_room, TEXT, CONTENT, 3000)
        outcomes = [alice.outcome(delay_id, 30) for delay_id in ids]
        sent = [outcome for outcome in outcomes if "event_id" in outcome]
        assert 8 <= len(sent) <= 14
        assert all(outcome["error"]["errcode"] == "M_LIMIT_EXCEEDED" for outcome in outcomes if outcome not in sent)
        assert bob.outcome(bobs)["event_id"]  # the limit is each user's
        assert len(alice.events(room, TEXT)) == len(sent)
