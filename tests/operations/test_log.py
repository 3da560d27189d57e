"""One event and one request can be followed through the log, which names nobody's secrets."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.homeserver import CLOSE, SERVER_NAME, answer, as_token_of
from system.gateway import Afterword
from system.matrix import C, User, eventually

from .conftest import ManyUsers

TYPE = "org.example.leave"
SECRET = "a word that is nobody else's"
ROOM = f"!room:{SERVER_NAME}"


@pytest.fixture(params=["text", "json"])
def talkative(request: pytest.FixtureRequest, homeserver: ManyUsers, tmp_path: Path) -> Iterator[Afterword]:
    afterword = Afterword(tmp_path, settings={"log.level": "debug", "log.format": request.param})
    afterword.set_up(SERVER_NAME, homeserver.url)
    before, homeserver.as_token = homeserver.as_token, as_token_of(afterword.registration)
    afterword.start()
    yield afterword
    afterword.stop()
    homeserver.as_token = before


def _lines(afterword: Afterword) -> list[dict[str, object]]:
    """Of either format."""
    found = []
    for line in afterword.log.read_text().splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
        else:
            words, fields = re.fullmatch(r"\S+ \w+ (.*?)((?: \w+=(?:\"(?:[^\"\\\\]|\\\\.)*\"|[^\" ]+))*)", line).groups()
            pairs = re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|[^" ]+)', fields)
            found.append({"message": words, **{name: value.strip('"') for name, value in pairs}})
    return found


def _user(afterword: Afterword) -> User:
    return User(afterword, f"@alice:{SERVER_NAME}", "user-alice", "PHONE")


def test_the_life_of_an_event(talkative: Afterword, homeserver: ManyUsers):
    user = _user(talkative)
    homeserver.script = lambda request: (
        [answer(403, {"errcode": "M_FORBIDDEN", "error": SECRET})] if request.is_send else homeserver.honest(request)
    )
    delay_id = user.delayed(ROOM, TYPE, {"body": SECRET}, 1000)
    assert user.manage(delay_id, "restart").status == 200
    assert "error" in user.outcome(delay_id)

    name = hashlib.sha256(delay_id.encode()).hexdigest()[:8]
    life = [line for line in _lines(talkative) if line.get("event") == name]
    assert [line["message"] for line in life] == [
        "a delayed event is scheduled",
        "a delayed event is restarted",
        "a delayed event failed",
    ]
    failed = life[-1]
    assert (failed["room"], failed["type"], str(failed["status"]), failed["errcode"]) == (ROOM, TYPE, "403", "M_FORBIDDEN")
    log = talkative.log.read_text()
    for secret in (delay_id, user.token, homeserver.as_token, SECRET):
        assert secret not in log


def test_a_request_has_one_name_everywhere(talkative: Afterword, homeserver: ManyUsers):
    user = _user(talkative)
    user.request("GET", f"{C}/v3/profile/x", headers={"X-Request-Id": "from-the-proxy"})
    assert homeserver.arrived[-1].all_of("X-Request-Id") == ["from-the-proxy"]
    user.request("GET", f"{C}/v3/profile/x")
    given = homeserver.arrived[-1].all_of("X-Request-Id")
    assert len(given) == 1
    assert {"from-the-proxy", *given} <= {line.get("request_id") for line in _lines(talkative)}

    homeserver.script = lambda request: [CLOSE]
    assert user.request("GET", f"{C}/v3/profile/x", headers={"X-Request-Id": "unlucky"}).status == 502
    said = eventually(lambda: [line for line in _lines(talkative) if line.get("request_id") == "unlucky"])
    assert said[0]["message"] == "the homeserver gave no answer to a request"
    assert said[0]["reason"]
