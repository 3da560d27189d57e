"""The operator's API as its operator sees it, and what it never says."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.homeserver import CLOSE, SERVER_NAME, answer
from support.documents import commands
from system.gateway import Afterword
from system.matrix import C, eventually
from system.processes import free_port

from .conftest import ManyUsers
from .operations import Operations
from .test_metrics import HOUR, ROOM, TEXT, World, world  # noqa: F401

SECRET = "a word that is nobody else's"
API = "/api/v1"


def _name(delay_id: str) -> str:
    return hashlib.sha256(delay_id.encode()).hexdigest()[:8]


def _names(operations: Operations, path: str, **query: str) -> list[str]:
    return [event["event"] for event in operations.api("GET", path, query=query).ok()["events"]]


@pytest.fixture(autouse=True)
def _in_service(operations: Operations) -> Iterator[None]:
    yield
    operations.api("POST", "drain", body={"drain": False})
    operations.api("POST", "log_level", body={"level": "info"})


def test_it_is_for_whoever_has_the_token(afterword: Afterword, operations: Operations, homeserver: ManyUsers):
    assert operations.api("GET", "totals").status == 200
    for token in (None, "", "wrong", operations.token[:-1], operations.token + "x", operations.token.upper()):
        answered = operations.request("GET", f"{API}/totals", token=token)
        assert (answered.status, answered.json["errcode"][:2]) == (401, "M_")
    # The public listener has none of it: it is the homeserver's, as whatever is none of ours.
    passed = afterword.request("GET", f"{API}/totals", token=operations.token)
    assert passed.json["target"] == f"{API}/totals"


def test_a_page_of_others_gets_nothing(operations: Operations):
    assert operations.api("GET", "totals", headers={"Host": "rebound.example"}).status == 421
    assert operations.request("OPTIONS", f"{API}/cancel", headers={"Origin": "http://a.example"}).status in (401, 405)
    assert not [name for name, _ in operations.api("GET", "totals").headers.items() if name.lower().startswith("access-")]


def test_what_is_due_and_its_life(world: World):  # noqa: F811
    operations = world.operations
    user = world.user()
    delay_id = user.delayed(ROOM, TEXT, {"body": SECRET}, HOUR)
    found = eventually(
        lambda: [e for e in operations.api("GET", "events/due", query={"limit": "100"}).ok()["events"]
                 if e["event"] == _name(delay_id)]
    )
    assert (found[0]["user_id"], found[0]["room_id"], found[0]["type"]) == (user.user_id, ROOM, TEXT)
    assert _name(delay_id) in _names(operations, "events/of_user", user_id=user.user_id)
    assert operations.api("POST", "look_up", body={"handle": found[0]["handle"]}).ok() == found[0]
    assert operations.api("POST", "cancel", body={"handle": found[0]["handle"]}).status == 200
    assert operations.api("POST", "look_up", body={"delay_id": delay_id}).ok()["state"] == "cancelled"
    assert user.manage(delay_id, "restart").status == 409


def test_what_failed_in_the_homeservers_words(world: World):  # noqa: F811
    refusal = {"errcode": "M_FORBIDDEN", "error": "You <b>left</b> the room"}
    world.answer_to(lambda request: request.is_send, [answer(403, refusal)])
    user, delay_id = world.schedule(1)
    world.outcome(user, delay_id)
    failed = world.operations.api("GET", "events/failed", query={"limit": "1"}).ok()["events"][0]
    assert failed["event"] == _name(delay_id)
    assert failed["failure"] == {"status": 403, **refusal}
    assert world.operations.api("GET", "totals").ok()["failed"]["M_FORBIDDEN"] >= 1


def test_what_is_in_doubt_and_why(world: World):  # noqa: F811
    world.answer_to(lambda request: request.is_send, [CLOSE])
    _, delay_id = world.schedule(1)
    try:
        found = eventually(
            lambda: [e for e in world.operations.api("GET", "events/in_doubt").ok()["events"] if e["event"] == _name(delay_id)]
        )
        assert found[0]["reason"]
        assert _name(delay_id) in _names(world.operations, "events/late")
    finally:
        world.is_honest_again()


def test_totals_move(world: World):  # noqa: F811
    before = world.operations.api("GET", "totals").ok()
    user, delay_id = world.schedule()
    assert user.manage(delay_id, "restart").status == 200
    world.sent()
    after = eventually(
        lambda: (now := world.operations.api("GET", "totals").ok())["sent"] > before["sent"] and now
    )
    assert after["restarts"] == before["restarts"] + 1
    assert after["scheduled"] > before["scheduled"]
    assert after["lateness_seconds"]["count"] > before["lateness_seconds"]["count"]
    assert after["ready"] and not after["draining"] and not after["homeserver_outage"]


def test_all_of_a_user_are_cancelled(world: World):  # noqa: F811
    user, _ = world.schedule()
    user.delayed(ROOM, TEXT, {"body": "y"}, HOUR)
    others, kept = world.schedule()
    assert world.operations.api("POST", "cancel_all", body={"user_id": user.user_id}).ok() == {"cancelled": 2}
    states = {e["state"] for e in
              world.operations.api("GET", "events/of_user", query={"user_id": user.user_id}).ok()["events"]}
    assert states == {"cancelled"}
    assert others.manage(kept, "restart").status == 200


def test_a_call_is_ended(world: World):  # noqa: F811
    room, leave = "!call:example.org", "org.matrix.msc3401.call.member"
    callers = [world.user() for _ in range(3)]
    leaves = [(user, user.delayed(room, leave, {}, HOUR, state_key=user.user_id)) for user in callers]
    message = callers[0].delayed(room, TEXT, {"body": "y"}, HOUR)
    body = {"room_id": room, "leaves": "send"}
    assert world.operations.api("POST", "end_call", body=body).ok() == {"done": 3, "failed": 0, "more": False}
    for user, delay_id in leaves:
        assert "event_id" in user.look_up(delay_id).ok()["finalised"]
    assert callers[0].manage(message, "restart").status == 200


def test_what_the_document_asks_is_answered(world: World, tmp_path: Path):  # noqa: F811
    """docs/operations.md, by curl: line after line."""
    (written,) = commands("docs/operations.md", "test_what_the_document_asks_is_answered")
    user, delay_id = world.schedule()
    token = tmp_path / "token"
    token.write_text(world.operations.token)
    places = {
        "/etc/afterword/ops-token": str(token),
        "http://127.0.0.1:9009": world.operations.base_url,
        '"delay_id": "…"': f'"delay_id": "{delay_id}"',
        "%40alice%3Aexample.org": user.user_id.replace("@", "%40").replace(":", "%3A"),
        "@alice:example.org": user.user_id,
    }
    for there, here in places.items():
        assert there in written, there
        written = written.replace(there, here)
    define, *lines = written.splitlines()
    answers = {}
    for line in lines:
        line = line.replace("ev-…", answers.get("look_up", {}).get("handle", ""))
        done = subprocess.run(["bash", "-c", f"{define}\n{line}"], capture_output=True, text=True, timeout=60)
        answers[line.split()[1]] = answer = json.loads(done.stdout)
        assert "errcode" not in answer, (line, answer)
    assert answers["look_up"]["event"] == _name(delay_id)
    assert user.look_up(delay_id).ok()["finalised"]


def test_an_instance_is_taken_out_of_service(world: World):  # noqa: F811
    assert world.operations.api("POST", "drain", body={"drain": True}).ok() == {"draining": True}
    assert world.operations.ready().status == 503
    world.sent()  # nobody who comes nevertheless notices
    assert world.operations.api("POST", "drain", body={"drain": False}).ok() == {"draining": False}
    assert world.operations.ready().status == 200


def test_the_log_tells_what_operators_did_and_no_secret(world: World):  # noqa: F811
    operations = world.operations
    log: Path = world.afterword.log
    size = log.stat().st_size
    user = world.user()
    delay_id = user.delayed(ROOM, TEXT, {"body": SECRET}, HOUR)
    operations.api("POST", "log_level", body={"level": "debug"}).ok()
    operations.api("POST", "cancel", body={"delay_id": delay_id}).ok()
    operations.api("POST", "cancel_all", body={"user_id": user.user_id}).ok()
    operations.api("POST", "drain", body={"drain": True}).ok()
    for path in ("due", "late", "in_doubt", "aside", "failed"):
        operations.api("GET", f"events/{path}").ok()
    said = log.read_text()[size:]
    for words in (
        f"an operator cancelled a delayed event event={_name(delay_id)}",
        f"an operator cancelled what a user has scheduled user={user.user_id} events=0",
        "an operator took this instance out of service",
        "the level of the log is debug",
    ):
        assert words in said
    for secret in (operations.token, delay_id, SECRET):
        assert secret not in said


def test_no_content_and_no_delay_id_is_ever_answered(world: World):  # noqa: F811
    operations = world.operations
    user = world.user()
    delay_ids = [user.delayed(ROOM, TEXT, {"body": SECRET}, HOUR)]
    world.answer_to(lambda request: request.is_send, [answer(403, {"errcode": "M_FORBIDDEN", "error": "No"})])
    delay_ids.append(user.delayed(ROOM, TEXT, {"body": SECRET}, 1))
    world.outcome(user, delay_ids[1])
    said = "".join(
        operations.request("GET", f"{API}/{path}", token=operations.token).body.decode()
        for path in ("totals", "events/due?limit=100", "events/late", "events/failed", f"events/of_user?user_id={user.user_id}",
                     f"events/of_room?room_id={ROOM}&limit=100")
    )
    said += operations.request(
        "POST", f"{API}/look_up", token=operations.token, body={"delay_id": delay_ids[0]}
    ).body.decode()
    assert all(_name(delay_id) in said for delay_id in delay_ids)
    assert SECRET not in said
    assert not [delay_id for delay_id in delay_ids if delay_id in said]
    # A handle is no delay_id to the public listener.
    handle = re.search(r'"handle":"ev-([\w-]{22})"', said)[1]
    assert user.request_patiently("GET", f"{C}/v1/delayed_events/{handle}").status == 404


def test_it_is_off_by_default(afterword: Afterword, homeserver: ManyUsers, tmp_path: Path):
    listen = f"127.0.0.1:{free_port()}"
    plain = Afterword(tmp_path, settings={"ops.listen": listen})
    plain.set_up(SERVER_NAME, homeserver.url)
    plain.start()
    try:
        off = Operations(plain).request("GET", f"{API}/totals", token="x" * 32)
        assert off.status == 404
        assert "ops.token" in off.json["error"]
    finally:
        plain.stop()


def test_its_user_is_known_by_a_file(tmp_path: Path, homeserver: ManyUsers):
    (tmp_path / "afterword").mkdir()
    file = tmp_path / "token"
    file.write_text("the token of a file\n".replace(" ", "-"))
    file.chmod(0o600)
    listen = f"127.0.0.1:{free_port()}"
    afterword = Afterword(tmp_path / "afterword", settings={"ops.listen": listen, "ops.token": f"file:{file}"})
    afterword.set_up(SERVER_NAME, homeserver.url)
    afterword.start()
    try:
        assert Operations(afterword).request("GET", f"{API}/totals", token="the-token-of-a-file").status == 200
    finally:
        afterword.stop()
