"""Before a Synapse with workers, an event whose answer was lost is sent once, although the worker that is asked for it
is seconds behind the one that took it."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .application_service import Bridge
from .gate import Gate, Lose
from .gateway import Afterword
from .matrix import User, eventually
from .postgres import Postgres
from .workers import SynapseWithWorkers, running

TEXT = "m.room.message"
MEMBER = "org.matrix.msc3401.call.member"
BEHIND = 10  # seconds
LATER = 60

_names = itertools.count(1)


@dataclass
class Setting:
    homeserver: SynapseWithWorkers
    gate: Gate
    afterword: Afterword
    bridge: Bridge

    def hold_the_reader_up(self) -> None:
        """What is made from now on the reader hears of in 10 s."""
        way = self.homeserver.way_of_reader
        assert way
        way.stall()
        threading.Timer(BEHIND, way.heal).start()


@pytest.fixture(scope="module", params=["names itself", "named by nobody"])
def setting(request: pytest.FixtureRequest, directory: Path, postgres: Postgres) -> Iterator[Setting]:
    name = request.param.replace(" ", "-")
    homeserver = SynapseWithWorkers(directory / name, postgres, shows_server=request.param == "names itself")
    gate = Gate(homeserver.proxy)
    afterword = Afterword(directory / f"before-{name}", settings={"rate_limits.enabled": "false"})
    afterword.set_up(homeserver.server_name, gate.base_url)
    bridge = Bridge(directory / f"bridge-{name}")
    bridge.set_up(homeserver.server_name)
    try:
        with running(homeserver, [afterword.registration, bridge.registration]):
            afterword.start()
            yield Setting(homeserver, gate, afterword, bridge)
    finally:
        afterword.stop()
        gate.close()


@pytest.fixture
def alice(setting: Setting) -> User:
    """Her client points at Afterword."""
    return setting.homeserver.register(f"alice-{next(_names)}").at(setting.afterword)


@pytest.fixture
def witness(setting: Setting, alice: User) -> User:
    """Alice, as the main process knows her room."""
    return alice.at(setting.homeserver)


@pytest.fixture
def room(witness: User) -> str:
    return witness.create_room()


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def bodies(user: User, room: str) -> list[str]:
    return [event["content"].get("body") for event in user.events(room, TEXT)]


def warm_up(alice: User, room: str) -> None:
    """Whatever is asked for once has been."""
    assert alice.outcome(alice.delayed(room, TEXT, message("first"), 100))["event_id"]


def test_a_message(setting: Setting, alice: User, witness: User, room: str):
    warm_up(alice, room)
    setting.gate.fault_next(Lose.ANSWER)
    setting.hold_the_reader_up()
    delay_id = alice.delayed(room, TEXT, message("once"), 300)
    assert alice.outcome(delay_id, LATER)["event_id"]
    assert bodies(witness, room) == ["first", "once"]
    assert setting.gate.sends_of(delay_id) == 1


def test_a_message_without_a_device(setting: Setting, alice: User, witness: User, room: str):
    """Whose transaction Synapse forgets."""
    puppet = setting.bridge.puppet(setting.homeserver, f"bridge-{next(_names)}")
    puppet.join(room)
    puppet = puppet.at(setting.afterword)
    setting.gate.fault_next(Lose.ANSWER)
    setting.hold_the_reader_up()
    delay_id = puppet.delayed(room, TEXT, message("once"), 300)
    assert puppet.outcome(delay_id, LATER)["event_id"]
    assert bodies(witness, room) == ["once"]


def test_a_state_event_that_was_replaced_meanwhile(setting: Setting, alice: User, witness: User, room: str):
    """The leave of somebody who has come back since is not repeated."""
    witness.set_state(room, MEMBER, {"joined": 1}, alice.user_id)
    warm_up(alice, room)
    eventually(lambda: alice.state(room, MEMBER, alice.user_id).json == {"joined": 1})  # the reader remembers that
    setting.gate.fault_next(Lose.ANSWER)
    setting.hold_the_reader_up()
    delay_id = alice.delayed(room, MEMBER, {}, 300, state_key=alice.user_id)
    eventually(lambda: witness.state(room, MEMBER, alice.user_id).json == {})
    witness.set_state(room, MEMBER, {"joined": 2}, alice.user_id)
    assert alice.outcome(delay_id, LATER)["event_id"]
    assert witness.state(room, MEMBER, alice.user_id).json == {"joined": 2}
    assert [event["content"] for event in witness.events(room, MEMBER)] == [{"joined": 1}, {}, {"joined": 2}]


def test_a_request_that_was_lost_is_sent_again(setting: Setting, alice: User, witness: User, room: str):
    setting.gate.fault_next(Lose.REQUEST)
    delay_id = alice.delayed(room, TEXT, message("once"), 300)
    assert alice.outcome(delay_id, LATER)["event_id"]
    assert bodies(witness, room) == ["once"]
