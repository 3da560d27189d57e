"""What is no client's: Synapse's admin API, and what other servers and operators ask. It is as it is without us, too."""

import json
from typing import Any

import pytest

from ..gateway import Afterword
from ..homeservers import Dendrite, Synapse
from ..matrix import Server, User, quote
from . import sessions

ADMIN = "/_synapse/admin"


class Recorder:
    """Asks, and writes down what is answered, as sessions.py explains."""

    def __init__(self, who: User):
        self._who = who
        self._lines: list[str] = []

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        answer = self._who.request(method, path, body=body, **({} if token is None else {"token": token or None}))
        text = answer.body.decode()
        line = {"asked": f"{method} {path}", "status": answer.status, "headers": answer.headers.items(), "text": text}
        self._lines.append(json.dumps(line))
        return json.loads(text) if answer.status == 200 and text.startswith("{") else {}

    def transcript(self, word: str) -> list[dict[str, Any]]:
        return sessions.normalised("\n".join(self._lines), self._who.server.base_url, word)


@pytest.fixture
def synapse(behind: tuple[Synapse | Dendrite, Afterword]) -> Synapse:
    if not isinstance(behind[0], Synapse):
        pytest.skip("only Synapse has this API")
    return behind[0]


def administer(admin: User, word: str) -> list[dict[str, Any]]:
    recorder = Recorder(admin)
    ask = recorder.ask
    carol = f"{ADMIN}/v2/users/@carol-{word}:home.test"
    ask("GET", f"{ADMIN}/v1/server_version")
    ask("GET", f"{ADMIN}/v1/username_available?username=carol-{word}")
    ask("PUT", carol, {"password": "correct horse", "displayname": f"Carol ☃ {word}"})
    ask("PUT", carol, {"threepids": [{"medium": "email", "address": f"carol-{word}@home.test"}]})
    ask("GET", carol)
    ask("GET", quote(carol).replace("%2F", "/"))
    ask("GET", f"{ADMIN}/v2/users?name={word}&order_by=name")
    token = ask("POST", f"{ADMIN}/v1/users/@carol-{word}:home.test/login", {})["access_token"]
    ask("GET", "/_matrix/client/v3/account/whoami", token=token)
    ask("GET", f"{carol}/devices")
    ask("GET", f"{ADMIN}/v1/whois/@carol-{word}:home.test")
    ask("GET", "/_matrix/client/v3/admin/whois/@carol-{word}:home.test")
    ask("POST", f"{ADMIN}/v1/users/@carol-{word}:home.test/override_ratelimit", {"messages_per_second": 0})
    ask("PUT", f"{ADMIN}/v1/suspend/@carol-{word}:home.test", {"suspend": True})
    ask("PUT", f"{ADMIN}/v1/suspend/@carol-{word}:home.test", {"suspend": False})

    room = ask("POST", "/_matrix/client/v3/createRoom", {"name": f"Room {word}", "preset": "public_chat"})["room_id"]
    ask("POST", f"{ADMIN}/v1/join/{quote(room)}", {"user_id": f"@carol-{word}:home.test"})
    ask("GET", f"{ADMIN}/v1/rooms?search_term={word}")
    for part in ["", "/members", "/state", "/messages?dir=b&limit=3", "/forward_extremities"]:
        ask("GET", f"{ADMIN}/v1/rooms/{quote(room)}{part}")
    ask("GET", f"{ADMIN}/v1/users/@carol-{word}:home.test/joined_rooms")
    ask("POST", f"{ADMIN}/v1/rooms/{quote(room)}/make_room_admin", {"user_id": f"@carol-{word}:home.test"})
    ask("GET", f"{ADMIN}/v1/statistics/users/media?search_term={word}")
    ask("POST", f"{ADMIN}/v1/registration_tokens/new", {"token": word, "uses_allowed": 1})
    ask("DELETE", f"{ADMIN}/v1/registration_tokens/{word}")
    ask("GET", f"{ADMIN}/v1/federation/destinations")
    ask("GET", f"{ADMIN}/v1/background_updates/enabled")
    ask("DELETE", f"{ADMIN}/v1/rooms/{quote(room)}", {"block": True})
    ask("POST", f"{ADMIN}/v1/reset_password/@carol-{word}:home.test", {"new_password": "x", "logout_devices": True})
    ask("GET", "/_matrix/client/v3/account/whoami", token=token)
    ask("POST", f"{ADMIN}/v1/deactivate/@carol-{word}:home.test", {"erase": True})
    ask("GET", carol)
    ask("GET", f"{ADMIN}/v1/no/such/thing")
    ask("GET", carol, token="")
    return recorder.transcript(word)


def test_administration(synapse: Synapse, behind: tuple[Synapse, Afterword]):
    def as_seen_at(server: Server) -> list[dict[str, Any]]:
        word = sessions.new_word()
        return administer(synapse.register(f"admin-{word}", admin=True).at(server), word)

    assert not (told := sessions.differences(as_seen_at(synapse), as_seen_at(behind[1]))), told


def test_what_other_servers_and_operators_ask(behind: tuple[Synapse | Dendrite, Afterword]):
    """Without a signature: test_federation.py has the real ones."""
    event = "$" + "a" * 43

    def as_seen_at(server: Server) -> list[dict[str, Any]]:
        recorder = Recorder(User(server, "@nobody:home.test", "", None))
        for path in [
            "/.well-known/matrix/client",
            "/.well-known/matrix/server",
            "/_matrix/federation/v1/version",
            "/_matrix/federation/v1/query/profile?user_id=%40alice%3Ahome.test&field=displayname",
            "/_matrix/federation/v1/query/directory?room_alias=%23a%2Fb%3Ahome.test",
            f"/_matrix/federation/v1/event/{event}",
            "/_matrix/federation/v1/make_join/!a:home.test/@b:c.test?ver=11&ver=12",
            "/_matrix/federation/v9/nothing",
            "/_matrix/key/v2/server",
            "/_matrix/static/",
            "/_synapse/client/pick_idp",
            "/_synapse/metrics",
            "/_dendrite/monitor/health",
            "/health",
            "/",
        ]:
            recorder.ask("GET", path, token="")
        recorder.ask("PUT", "/_matrix/federation/v1/send/1", {"origin": "c.test", "pdus": []}, token="")
        recorder.ask("POST", "/_matrix/key/v2/query", {"server_keys": {}}, token="")
        return recorder.transcript("nobody's word")

    homeserver, afterword = behind
    assert not (told := sessions.differences(as_seen_at(homeserver), as_seen_at(afterword))), told
