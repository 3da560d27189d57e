"""The conformance suite of delayed events: Matrix proposal MSC4140, with MSC4542 and MSC4486.

Each test shows one statement, which is its docstring, and can be read as an example: the request, the answer, and why.
The files go by the sections of the protocol. What is tested is

  - Afterword in front of real Synapse and of real Dendrite, started for the occasion:
        pytest tests/system/conformance [--homeserver synapse] [--homeserver dendrite]
  - or any server with delayed events, a homeserver or a gateway, at its address:
        pytest tests/system/conformance --base-url http://127.0.0.1:8008 --registration-shared-secret SECRET
        pytest tests/system/conformance --base-url https://example.org --token ALICES_TOKEN --token BOBS_TOKEN

    Users are made by Synapse's admin API for registration, for each test anew, or are the two whose tokens are given;
    theirs should have no other delayed events, for those are cancelled. A test that asks for more than the
    client-server API is left out there and says so: whoever wants the fixture `homeserver` looks behind the server,
    `start_another` starts one with other settings, `bridge` and `call_service` are application services. The limits should be the
    usual ones (24 hours, 100 events), and rate limits should be off or far away.

--table prints which statement holds where, --write-table FILE writes that as Markdown.

A statement that a homeserver makes impossible is marked so, with the reason: @impossible(dendrite="it has no …"). It
is tried all the same, and the day it holds, the mark is reported as wrong.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..application_service import Bridge, CallService
from ..conftest import in_front_of
from ..gateway import Afterword
from ..homeservers import Dendrite, DendriteNotBuilt, Synapse, register
from ..matrix import C, MatrixError, Server, User
from .table import Table

_HOMESERVERS = ["synapse", "dendrite"]
_ELSEWHERE = "elsewhere"

_names = itertools.count(1)


class _AliceAhead:
    """Makes the next test's Alice, and her room, while this one waits for its delays."""

    def __init__(self, new_user: Callable[[str], User]):
        self._new_user = new_user
        self._thread = ThreadPoolExecutor(1)
        self._next = self._thread.submit(self._make)

    def __call__(self) -> tuple[User, str]:
        try:
            alice = self._next.result()
        except (OSError, MatrixError):  # a test had stopped the homeserver just then
            alice = self._make()
        self._next = self._thread.submit(self._make)
        return alice

    def _make(self) -> tuple[User, str]:
        alice = self._new_user("alice")
        return alice, alice.create_room()


@dataclass(frozen=True)
class Target:
    """What is tested: a server with delayed events, and what stands behind it if that is ours."""

    server: Server
    new_user: Callable[[str], User]
    new_alice: Callable[[], tuple[User, str]]  # and her room
    homeserver: Synapse | Dendrite | None = None
    afterword: Afterword | None = None
    bridge: Bridge | None = None
    call_service: CallService | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--homeserver", action="append", choices=_HOMESERVERS, help="Afterword before this one only")
    group.addoption("--base-url", help="the address of another server with delayed events")
    group.addoption("--registration-shared-secret", help="with --base-url: makes users by Synapse's admin API")
    group.addoption("--token", action="append", help="with --base-url: Alice's access token; once more for Bob's")
    group.addoption("--table", action="store_true", help="prints which statement holds where")
    group.addoption("--write-table", type=Path, help="writes which statement holds where")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "impossible(HOMESERVER=REASON): what this homeserver makes impossible, and why")
    config.pluginmanager.register(Table(config), "conformance-table")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target_name" in metafunc.fixturenames:
        option = metafunc.config.getoption
        names = [_ELSEWHERE] if option("base_url", None) else option("homeserver", None) or _HOMESERVERS
        metafunc.parametrize("target_name", names, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("impossible"):
            reason = mark.kwargs.get(item.callspec.params["target_name"])
            if reason:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _elsewhere(config: pytest.Config) -> Target:
    server = Server(config.getoption("base_url").rstrip("/"))
    secret = config.getoption("registration_shared_secret")
    if secret:
        run = f"{int(time.time()):x}"

        def new_user(name: str) -> User:
            return register(server, secret, f"{name}-{run}-{next(_names)}", "correct horse")

        return Target(server, new_user, _AliceAhead(new_user))

    tokens = dict(zip(["alice", "bob"], config.getoption("token") or []))

    def given_user(name: str) -> User:
        if name not in tokens:
            pytest.skip(f"needs a user {name}: --registration-shared-secret, or two --token")
        who = server.request("GET", f"{C}/v3/account/whoami", token=tokens[name]).ok()
        user = User(server, who["user_id"], tokens[name], who["device_id"])
        for event in user.scheduled():
            user.manage(event["delay_id"], "cancel")
        return user

    def given_alice() -> tuple[User, str]:
        alice = given_user("alice")
        return alice, alice.create_room()

    return Target(server, given_user, given_alice)


@pytest.fixture(scope="session")
def target(target_name: str, request: pytest.FixtureRequest, directory: Path) -> Iterator[Target]:
    if target_name == _ELSEWHERE:
        yield _elsewhere(request.config)
        return

    def ours(
        homeserver: Synapse | Dendrite, afterword: Afterword, bridge: Bridge, call_service: CallService
    ) -> Target:
        def new_user(name: str) -> User:
            return homeserver.register(f"{name}-c{next(_names)}").at(afterword)

        return Target(afterword, new_user, _AliceAhead(new_user), homeserver, afterword, bridge, call_service)

    if target_name == "synapse":
        yield ours(*request.getfixturevalue("_synapse_with_afterword"))
        return
    dendrite = Dendrite(directory / "dendrite")
    try:
        dendrite.build()
    except DendriteNotBuilt as reason:
        pytest.skip(f"not run: {reason}")
    with in_front_of(dendrite, directory / "before-dendrite") as (afterword, bridge, call_service):
        yield ours(dendrite, afterword, bridge, call_service)


@pytest.fixture(scope="session")
def server(target: Target) -> Server:
    """The server that is tested."""
    return target.server


def _ours(part):
    if part is None:
        pytest.skip("looks behind the server, or starts another one")
    return part


@pytest.fixture(scope="session")
def homeserver(target: Target) -> Synapse | Dendrite:
    """The homeserver itself, behind the server that is tested."""
    return _ours(target.homeserver)


@pytest.fixture(scope="session")
def synapse(target: Target) -> Synapse:
    """The homeserver, for what only Synapse's admin API can do."""
    if not isinstance(_ours(target.homeserver), Synapse):
        pytest.skip("only Synapse has an admin API for it")
    return target.homeserver


@pytest.fixture(scope="session")
def afterword(target: Target) -> Afterword:
    return _ours(target.afterword)


@pytest.fixture(scope="session")
def bridge(target: Target) -> Bridge:
    """An application service that the homeserver knows beside Afterword."""
    return _ours(target.bridge)


@pytest.fixture(scope="session")
def call_service(target: Target) -> CallService:
    """An application service that acts for Alice, but not for Bob."""
    return _ours(target.call_service)


@pytest.fixture
def new_user(target: Target) -> Callable[[str], User]:
    return target.new_user


@pytest.fixture
def _alice_and_room(target: Target) -> tuple[User, str]:
    return target.new_alice()


@pytest.fixture
def alice(_alice_and_room: tuple[User, str]) -> User:
    return _alice_and_room[0]


@pytest.fixture
def room(_alice_and_room: tuple[User, str]) -> str:
    """A public room that Alice has made."""
    return _alice_and_room[1]


@pytest.fixture(scope="session")
def _somebody(target: Target) -> User:
    return target.new_user("alice")


@pytest.fixture
def somebody(_somebody: User) -> Iterator[User]:
    """A user whom many tests share, for requests that should change nothing."""
    yield _somebody
    for event in _somebody.scheduled():
        _somebody.manage(event["delay_id"], "cancel")


@pytest.fixture(scope="session")
def somewhere(_somebody: User) -> str:
    """Somebody's room."""
    return _somebody.create_room()
