"""Two homeservers that federate, one of them with Afterword in front of everything: what others ask it is signed, path
and all, so it must arrive as it was written."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .certificates import make_certificate
from .gateway import Afterword
from .homeservers import Synapse
from .load_balancers import nginx_command
from .matrix import C, User, eventually, quote
from .processes import Process, free_port

TEXT = "m.room.message"

# Certificates are our own, and everybody is on loopback.
_FEDERATING = {"federation_verify_certificates": False, "ip_range_blacklist": [], "trusted_key_servers": []}


class TlsFront:
    """An nginx that takes TLS off, at an address that is known before what stands behind is started."""

    def __init__(self, directory: Path):
        directory.mkdir(parents=True)
        self._directory = directory
        self.port = free_port()
        self._process: Process | None = None

    def start(self, behind: str) -> None:
        certificate = make_certificate(self._directory, "IP:127.0.0.1")
        inside = f"""
server {{
  listen 127.0.0.1:{self.port} ssl;
  ssl_certificate {certificate};
  ssl_certificate_key {certificate.with_suffix(".key")};
  location / {{
    proxy_pass {behind};
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto https;
  }}
}}
"""
        command = nginx_command(self._directory, inside)
        self._process = Process(command, self._directory / "log", self._directory)

    def stop(self) -> None:
        if self._process:
            self._process.stop()


@dataclass(frozen=True)
class Federation:
    home: Synapse  # with Afterword in front
    afterword: Afterword
    away: Synapse


@pytest.fixture(scope="module")
def federation(directory: Path) -> Iterator[Federation]:
    folder = directory / "federation"
    fronts = [TlsFront(folder / f"front-{name}") for name in ["home", "away"]]
    home, away = Synapse(folder / "home", settings=_FEDERATING), Synapse(folder / "away", settings=_FEDERATING)
    for homeserver, front in zip([home, away], fronts):
        homeserver.server_name = f"127.0.0.1:{front.port}"
    afterword = Afterword(folder / "afterword", as_installed=True)
    afterword.set_up(home.server_name, home.base_url)
    try:
        for server, front in zip([afterword, away], fronts):
            front.start(server.base_url)
        home.start([afterword.registration])
        afterword.start()
        away.start()
        yield Federation(home, afterword, away)
    finally:
        for server in [*fronts, afterword, home, away]:
            server.stop()


@pytest.fixture(scope="module")
def alice(federation: Federation) -> User:
    return federation.home.register("alice").at(federation.afterword)


@pytest.fixture(scope="module")
def bob(federation: Federation) -> User:
    return federation.away.register("bob")


@pytest.fixture(scope="module")
def room(alice: User, bob: User) -> str:
    """Alice's, which Bob has joined by its name, whose path has what is encoded."""
    room = alice.create_room(room_alias_name="röom/with?odd#name%2F+")
    alice.set_state(room, "org.example.state", {"key": "a/b"}, "a/b ä%?").ok()
    alice.send(room, TEXT, {"msgtype": "m.text", "body": "before"}).ok()
    alias = quote(f"#röom/with?odd#name%2F+:{alice.user_id.partition(':')[2]}")
    joined = bob.request("POST", f"{C}/v3/join/{alias}", body={}).ok()
    assert joined["room_id"] == room
    return room


def texts(user: User, room: str) -> list[str]:
    return [event["content"]["body"] for event in user.events(room, TEXT)]


def test_a_room_is_joined_with_its_state_and_its_past(alice: User, bob: User, room: str):
    assert bob.state(room, "org.example.state", "a/b ä%?").ok() == {"key": "a/b"}
    eventually(lambda: "before" in texts(bob, room))


def test_messages_go_both_ways(alice: User, bob: User, room: str):
    alice.send(room, TEXT, {"msgtype": "m.text", "body": "there"}).ok()
    eventually(lambda: "there" in texts(bob, room))
    bob.send(room, TEXT, {"msgtype": "m.text", "body": "and back ☃"}).ok()
    eventually(lambda: "and back ☃" in texts(alice, room))


def test_a_delayed_event_arrives_there(alice: User, bob: User, room: str):
    alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "later"}, 300)
    eventually(lambda: "later" in texts(bob, room))


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_media_are_fetched_from_there(size: int, alice: User, bob: User):
    picture = secrets.token_bytes(size)
    upload = alice.request(
        "POST", "/_matrix/media/v3/upload", raw=picture, headers={"Content-Type": "application/octet-stream"}
    )
    path = upload.ok()["content_uri"].removeprefix("mxc://")
    assert bob.request("GET", f"{C}/v1/media/download/{path}").body == picture


def test_profiles_and_keys_are_asked_for(alice: User, bob: User, room: str):
    alice.request("PUT", f"{C}/v3/profile/{alice.user_id}/displayname", body={"displayname": "Alice ☃"}).ok()
    eventually(lambda: bob.request("GET", f"{C}/v3/profile/{alice.user_id}").ok()["displayname"] == "Alice ☃")

    keys = {"user_id": alice.user_id, "device_id": alice.device_id, "algorithms": [], "keys": {}, "signatures": {}}
    one_time = {"signed_curve25519:AAAA": {"key": "a key", "signatures": {}}}
    alice.request("POST", f"{C}/v3/keys/upload", body={"device_keys": keys, "one_time_keys": one_time}).ok()
    wanted = {"device_keys": {alice.user_id: []}}
    eventually(
        lambda: bob.request("POST", f"{C}/v3/keys/query", body=wanted).ok()["device_keys"].get(alice.user_id)
    )
    claim = {"one_time_keys": {alice.user_id: {alice.device_id: "signed_curve25519"}}}
    claimed = bob.request("POST", f"{C}/v3/keys/claim", body=claim).ok()
    assert claimed["one_time_keys"][alice.user_id][alice.device_id] == one_time


def test_a_path_that_is_not_served_is_not_there(federation: Federation, tmp_path: Path):
    """Who wants federation elsewhere leaves it out."""
    client_only = federation.afterword.beside(tmp_path / "client-only", {"served_paths": "/_matrix/client"})
    try:
        client_only.start()
        for path in ["/_matrix/federation/v1/version", "/_matrix/key/v2/server", "/_synapse/admin/v1/server_version"]:
            assert federation.afterword.request("GET", path).status in [200, 401]
            answer = client_only.request("GET", path)
            assert (answer.status, answer.errcode) == (404, "M_UNRECOGNIZED")
        assert client_only.request("GET", f"{C}/v3/login").status == 200
    finally:
        client_only.stop()
