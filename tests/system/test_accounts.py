"""What an account had scheduled before something was found against it, with and without `homeserver.admin_token`."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .gate import Gate
from .gateway import Afterword
from .homeservers import Synapse
from .matrix import User, eventually, quote

TEXT = "m.room.message"
MEMBER = "org.matrix.msc3401.call.member"
SOON = 1500  # ms: until then the administrator has acted

ADMIN = "/_synapse/admin"


class Administrator:
    def __init__(self, user: User):
        self.user = user

    def set(self, user: User, **members: bool) -> None:
        path = f"{ADMIN}/v2/users/{quote(user.user_id)}"
        self.user.request("PUT", path, body=members).ok()

    def shadow_ban(self, user: User) -> None:
        self.user.request("POST", f"{ADMIN}/v1/users/{quote(user.user_id)}/shadow_ban", body={}).ok()

    def suspend(self, user: User) -> None:
        self.user.request("PUT", f"{ADMIN}/v1/suspend/{quote(user.user_id)}", body={"suspend": True}).ok()


@pytest.fixture(scope="module")
def administrator(synapse: Synapse) -> Administrator:
    return Administrator(synapse.register("administrator", admin=True))


@pytest.fixture
def looking(start_another: Callable[..., Afterword], administrator: Administrator, tmp_path: Path) -> Afterword:
    """Asks about accounts before it delivers."""
    token = tmp_path / "token"
    token.write_text(administrator.user.token + "\n")
    token.chmod(0o600)
    return start_another({"homeserver.admin_token": f"file:{token}"})


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


@pytest.fixture
def carol(synapse: Synapse, alice: User, looking: Afterword, room: str) -> User:
    """A member of Alice's room, whose client points at the one that asks."""
    carol = synapse.register(f"carol-{time.time_ns()}").at(looking)
    carol.join(room)
    return carol


def bodies(user: User, room: str) -> list[str]:
    return [event["content"].get("body") for event in user.events(room, TEXT)]


def test_a_healthy_account(alice: User, carol: User, room: str):
    delay_id = carol.delayed(room, TEXT, message("hello"), 300)
    assert carol.outcome(delay_id)["event_id"]
    assert bodies(alice, room) == ["hello"]


def test_a_locked_account(alice: User, carol: User, room: str, administrator: Administrator):
    delay_id = carol.delayed(room, TEXT, message("no"), SOON)
    administrator.set(carol, locked=True)
    time.sleep(SOON / 1000 + 1)
    assert bodies(alice, room) == []
    administrator.set(carol, locked=False)
    error = carol.outcome(delay_id)["error"]
    assert error["errcode"] == "M_USER_LOCKED"
    assert error["soft_logout"] is True


def test_a_deactivated_account(alice: User, carol: User, room: str, administrator: Administrator):
    carol.delayed(room, TEXT, message("no"), SOON)
    administrator.set(carol, deactivated=True)
    time.sleep(SOON / 1000 + 1)
    assert bodies(alice, room) == []


def test_a_shadow_banned_account(alice: User, carol: User, room: str, administrator: Administrator):
    """Is told that all went well, and nothing is shown to anybody; its leave is, as Synapse shows it."""
    said = carol.delayed(room, TEXT, message("no"), SOON)
    state = carol.delayed(room, MEMBER, {"a": 1}, SOON, state_key=carol.user_id)
    left = carol.delayed(room, "m.room.member", {"membership": "leave"}, SOON + 500, state_key=carol.user_id)
    administrator.shadow_ban(carol)
    assert carol.outcome(said)["event_id"].startswith("$")
    assert carol.outcome(state)["event_id"].startswith("$")
    assert carol.outcome(left)["event_id"].startswith("$")
    assert bodies(alice, room) == []
    assert alice.state(room, MEMBER, carol.user_id).status == 404
    assert alice.state(room, "m.room.member", carol.user_id).json["membership"] == "leave"


def test_a_suspended_account(alice: User, carol: User, room: str, administrator: Administrator):
    """Which Synapse refuses itself."""
    delay_id = carol.delayed(room, TEXT, message("no"), SOON)
    administrator.suspend(carol)
    assert carol.outcome(delay_id)["error"]["errcode"] == "M_USER_SUSPENDED"
    assert bodies(alice, room) == []


def test_without_a_token_they_are_sent(
    synapse: Synapse, alice: User, afterword: Afterword, room: str, administrator: Administrator
):
    """The known limit: homeservers do not ask an application service."""
    dave = synapse.register(f"dave-{time.time_ns()}").at(afterword)
    dave.join(room)
    dave.delayed(room, TEXT, message("sent all the same"), SOON)
    administrator.set(dave, locked=True)
    eventually(lambda: bodies(alice, room) == ["sent all the same"])


@pytest.fixture
def stalled(synapse: Synapse) -> Iterator[Gate]:
    gate = Gate(synapse)
    gate.stall(ADMIN)
    yield gate
    gate.close()


def test_an_admin_api_that_never_answers_holds_nothing_back(
    synapse: Synapse, alice: User, start_another: Callable[..., Afterword], stalled: Gate, room: str
):
    behind = start_another({"homeserver.url": stalled.base_url, "homeserver.admin_token": "any"})
    erin = alice.at(behind)
    began = time.monotonic()
    delay_ids = [erin.delayed(room, TEXT, message(str(number)), 100 + 5 * number) for number in range(20)]
    for delay_id in delay_ids:
        assert erin.outcome(delay_id)["event_id"]
    assert time.monotonic() - began < 10  # a second once, and not one for each
    assert bodies(alice, room) == [str(number) for number in range(20)]


def test_a_token_that_is_no_administrators_holds_nothing_back(
    alice: User, start_another: Callable[..., Afterword], room: str
):
    behind = start_another({"homeserver.admin_token": alice.token})
    delay_id = alice.at(behind).delayed(room, TEXT, message("hello"), 100)
    assert alice.at(behind).outcome(delay_id)["event_id"]
    assert alice.token not in behind.log.read_text()


def test_check_says_what_it_means(afterword: Afterword, administrator: Administrator, alice: User):
    assert "not looked up, without homeserver.admin_token" in afterword.check().stdout
    found = afterword.command("check", "--set", f"homeserver.admin_token={administrator.user.token}").stdout
    assert "looked up before a delivery" in found
    found = afterword.command("check", "--set", f"homeserver.admin_token={alice.token}").stdout
    assert "admin API answers 403 (M_FORBIDDEN)" in found
    assert alice.token not in found
