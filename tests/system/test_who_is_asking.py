"""Who a request comes from, while the homeserver is slow or gone, and after a session has ended past Afterword."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import in_front_of
from .gate import Gate
from .gateway import Afterword
from .homeservers import Synapse
from .matrix import (
    BODY_UNSTABLE,
    PATH_STABLE,
    PATH_UNSTABLE,
    STABLE,
    UNSTABLE,
    LEGACY,
    C,
    Puppet,
    Server,
    User,
    eventually,
    new_txn_id,
    quote,
)

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
HOUR = 3_600_000


@dataclass
class Slow:
    synapse: Synapse
    gate: Gate
    afterword: Afterword  # talks to Synapse through the gate

    def user(self, name: str) -> User:
        return self.synapse.register(name).at(self.afterword)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Synapse takes connections and says nothing."""
        os.kill(self.synapse.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.synapse.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def slow(directory: Path) -> Iterator[Slow]:
    synapse = Synapse(directory / "slow")
    with in_front_of(synapse, directory / "before-slow") as (plain, _, _):
        gate = Gate(synapse)
        settings = {"homeserver.url": gate.base_url, "rate_limits.enabled": "false"}
        afterword = plain.beside(directory / "behind-slow", settings)
        try:
            afterword.start()
            yield Slow(synapse, gate, afterword)
        finally:
            afterword.stop()
            gate.close()


def in_time(restart, *arguments, **options):
    started = time.monotonic()
    answer = restart(*arguments, **options)
    assert time.monotonic() - started < 2
    return answer


def test_a_restart_is_answered_in_two_seconds_while_the_homeserver_hangs(slow: Slow):
    alice = slow.user("alice-in-time")
    bob = slow.user("bob-in-time")  # whose token Afterword has not seen
    room = alice.create_room()
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    with slow.hanging():
        for form in [PATH_STABLE, PATH_UNSTABLE, BODY_UNSTABLE]:
            assert in_time(alice.manage, delay_id, "restart", form).status == 200
            other = in_time(bob.manage, delay_id, "restart", form)
            if form == PATH_STABLE:
                assert other.status == 503
                assert int(other.headers["Retry-After"]) >= 1
            else:
                assert other.status == 200
        for action in ["send", "cancel"]:
            assert bob.manage(delay_id, action, PATH_UNSTABLE, timeout=30).status == 503
        assert bob.look_up(delay_id, UNSTABLE).status == 503
    assert eventually(lambda: bob.manage(delay_id, "restart", PATH_UNSTABLE).status == 404)
    assert alice.look_up(delay_id).ok().get("finalised") is None


def test_an_event_whose_owner_is_not_known_yet_is_kept_up_while_the_homeserver_hangs(slow: Slow):
    alice = slow.user("alice-kept-up")
    room = alice.create_room()
    delay_id = alice.delayed(room, TEXT, MESSAGE, 4000)
    slow.afterword.restart()  # it has forgotten whose token it is
    with slow.hanging():
        until = time.monotonic() + 8
        while time.monotonic() < until:
            assert in_time(alice.manage, delay_id, "restart", PATH_UNSTABLE).status == 200
            time.sleep(0.5)
    alice.manage(delay_id, "cancel", timeout=30).ok()
    assert alice.events(room, TEXT) == []


def test_made_up_tokens_delay_nobody(slow: Slow):
    alice = slow.user("alice-undelayed")
    bob = slow.user("bob-undelayed")
    room = alice.create_room()
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    bob.join(room)
    slow.gate.whoami_time = 8
    try:
        due = bob.delayed(room, TEXT, MESSAGE, 8_000, timeout=30)  # takes 8 s itself: his token is new
        refused = []

        def make_up(number: int) -> None:
            token = f"made_up_{number}_{new_txn_id()}"
            refused.append(slow.afterword.request("GET", f"{C}/v1/delayed_events", token=token, timeout=60))

        with ThreadPoolExecutor(300) as flood:
            for number in range(300):
                flood.submit(make_up, number)
            time.sleep(1)
            for _ in range(20):
                started = time.monotonic()
                assert alice.manage(delay_id, "restart").status == 200
                assert time.monotonic() - started < 1
                time.sleep(0.05)
            assert len(refused) > 200
        statuses = {answer.status for answer in refused}
        assert statuses == {401, 429}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused if answer.status == 429)
    finally:
        slow.gate.whoami_time = 0
    event = alice.event(room, bob.outcome(due)["event_id"])
    assert event["sender"] == bob.user_id


# Sessions that end past Afterword


@pytest.fixture
def admin(synapse: Synapse) -> User:
    return synapse.register(f"admin-{new_txn_id()}".lower(), admin=True)


def refused(user: User, delay_id: str, room: str) -> set[tuple[int, str | None]]:
    answers = [user.manage(delay_id, action) for action in ["restart", "send", "cancel"]]
    answers += [user.look_up(delay_id), user.schedule(room, TEXT, MESSAGE, HOUR)]
    return {(answer.status, answer.errcode) for answer in answers}


def test_a_401_that_passes_through_ends_the_token_at_once(synapse: Synapse, alice: User, room: str):
    phone = alice.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, HOUR)
    phone.at(synapse).request("POST", f"{C}/v3/logout", body={}).ok()
    assert phone.manage(delay_id, "restart").status == 200  # not heard of yet
    assert phone.request("GET", f"{C}/v3/sync").status == 401
    assert refused(phone, delay_id, room) == {(401, "M_UNKNOWN_TOKEN")}
    assert alice.manage(delay_id, "cancel").status == 200


def test_a_lock_that_passes_through_ends_all_tokens_of_the_user(synapse: Synapse, admin: User, alice: User, room: str):
    phone = alice.on_new_device()
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    phone.manage(delay_id, "restart").ok()
    path = f"/_synapse/admin/v2/users/{quote(alice.user_id)}"
    admin.request("PUT", path, body={"locked": True}).ok()
    assert phone.request("GET", f"{C}/v3/rooms/{quote(room)}/state").status == 401
    for session in [phone, alice]:
        assert refused(session, delay_id, room) == {(401, "M_USER_LOCKED")}
    admin.request("PUT", path, body={"locked": False}).ok()
    assert alice.manage(delay_id, "cancel").status == 200


def test_scheduling_and_sending_ask_again_after_30_seconds(synapse: Synapse, alice: User, room: str):
    phone = alice.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, HOUR)
    phone.at(synapse).request("POST", f"{C}/v3/logout", body={}).ok()
    time.sleep(30.5)
    assert phone.manage(delay_id, "send").errcode == "M_UNKNOWN_TOKEN"
    assert refused(phone, delay_id, room) == {(401, "M_UNKNOWN_TOKEN")}
    assert alice.manage(delay_id, "cancel").status == 200


@pytest.mark.parametrize("route", ["deactivate", "users"])
def test_a_deactivation_by_an_admin_that_passes_through(
    route: str, afterword: Server, admin: User, alice: User, bob: User
):
    room = bob.create_room()
    alice.join(room)
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, delay) for delay in [3_000, HOUR]]
    admin = admin.at(afterword)
    if route == "deactivate":
        path = f"/_synapse/admin/v1/deactivate/{quote(alice.user_id)}"
        assert admin.request("POST", path, body={"erase": False}).status == 200
    else:
        path = f"/_synapse/admin/v2/users/{quote(alice.user_id)}"
        assert admin.request("PUT", path, body={"deactivated": True}).status == 200
    assert alice.manage(delay_ids[1], "restart").status == 401
    for delay_id in delay_ids:
        assert bob.manage(delay_id, "send", PATH_UNSTABLE, token=None).status == 404
    time.sleep(3)
    assert bob.events(room, TEXT) == []


# Only what speaks for others is an application service


@pytest.mark.parametrize("form", [STABLE, UNSTABLE, LEGACY])
def test_an_admin_who_is_logged_in_as_a_user_sets_no_time(
    form: str, synapse: Synapse, admin: User, alice: User, room: str
):
    path = f"/_synapse/admin/v1/users/{quote(alice.user_id)}/login"
    token = admin.request("POST", path, body={}).ok()["access_token"]
    as_alice = User(alice.server, alice.user_id, token, None)
    assert "device_id" not in as_alice.request("GET", f"{C}/v3/account/whoami").ok()
    for named in [None, alice.user_id, "@somebody:home.test"]:
        session = Puppet(alice.server, named, token, None) if named else as_alice
        delay_id = session.delayed(room, TEXT, MESSAGE, 500, form=form, query={"ts": 1_500_000_000_000})
        event = alice.event(room, alice.outcome(delay_id)["event_id"])
        assert event["sender"] == alice.user_id
        assert event["origin_server_ts"] > 1_700_000_000_000


def test_a_device_called_like_dendrites_own_makes_no_application_service(
    afterword: Server, alice: User, bob: User, room: str
):
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": alice.localpart},
        "password": alice.password,
        "device_id": "AS_Device",
    }
    token = afterword.request("POST", f"{C}/v3/login", body=body).ok()["access_token"]
    for named in [alice.user_id, bob.user_id]:
        session = Puppet(alice.server, named, token, None)
        delay_id = session.delayed(room, TEXT, MESSAGE, 500, query={"ts": 1_500_000_000_000})
        event = alice.event(room, alice.outcome(delay_id)["event_id"])
        assert event["sender"] == alice.user_id
        assert event["origin_server_ts"] > 1_700_000_000_000


# What passes through


@pytest.mark.parametrize(
    "query", ["x=1;org.matrix.msc4140.delay=60000", "org%2Ematrix.msc4140.delay=60000", ";org.matrix.msc4140.delay=60000"]
)
def test_a_delay_in_another_spelling_sends_nothing(query: str, alice: User, room: str):
    path = f"{C}/v3/rooms/{quote(room)}/send/{TEXT}/{new_txn_id()}"
    assert "delay_id" in alice.request("PUT", path, query=query, body=MESSAGE).ok()
    assert alice.events(room, TEXT) == []


def test_a_delay_in_a_form_sends_nothing(alice: User, room: str):
    path = f"{C}/v3/rooms/{quote(room)}/send/{TEXT}"
    raw = b'{"msgtype": "m.text", "body": "&org.matrix.msc4140.delay=60000&"}'
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert alice.request("POST", path, raw=raw, headers=headers).status == 404
    assert alice.events(room, TEXT) == []
    without = b'{"msgtype": "m.text", "body": "now"}'
    assert "event_id" in alice.request("POST", path, raw=without, headers=headers).ok()


def test_a_head_is_a_get_without_its_body(alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for path in [f"{C}/v1/delayed_events/{delay_id}", f"{C}/versions", f"{C}/v3/capabilities"]:
        got = alice.request("GET", path)
        head = alice.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
    alice.manage(delay_id, "cancel").ok()
