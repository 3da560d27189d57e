"""One real Synapse and one Afterword for the whole run; fresh users and rooms for each test."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .application_service import Bridge, CallService
from .gateway import Afterword
from .homeservers import Dendrite, Synapse
from .matrix import User
from .postgres import Postgres
from .processes import tail

# Tests ask faster than people.
_SETTINGS = {"rate_limits.enabled": "false"}

_names = itertools.count(1)
_afterwords: list[Afterword] = []


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("system")


@contextlib.contextmanager
def in_front_of(homeserver: Synapse | Dendrite, directory: Path) -> Iterator[tuple[Afterword, Bridge, CallService]]:
    """Starts the homeserver, with Afterword in front and two other application services beside."""
    afterword = Afterword(directory / "afterword", settings=_SETTINGS)
    afterword.set_up(homeserver.server_name, homeserver.base_url)
    bridge = Bridge(directory / "bridge")
    bridge.set_up(homeserver.server_name)
    call_service = CallService(directory / "calls")
    call_service.set_up(homeserver.server_name)
    _afterwords.append(afterword)
    try:
        homeserver.start([afterword.registration, bridge.registration, call_service.registration])
        afterword.start()
        yield afterword, bridge, call_service
    finally:
        afterword.stop()
        homeserver.stop()


@pytest.fixture(scope="session")
def _synapse_with_afterword(directory: Path) -> Iterator[tuple[Synapse, Afterword, Bridge, CallService]]:
    synapse = Synapse(directory / "synapse")
    with in_front_of(synapse, directory / "before-synapse") as (afterword, bridge, call_service):
        yield synapse, afterword, bridge, call_service


@pytest.fixture(scope="session")
def synapse(_synapse_with_afterword: tuple[Synapse, Afterword, Bridge, CallService]) -> Synapse:
    return _synapse_with_afterword[0]


@pytest.fixture(scope="session")
def afterword(_synapse_with_afterword: tuple[Synapse, Afterword, Bridge, CallService]) -> Afterword:
    return _synapse_with_afterword[1]


@pytest.fixture(scope="session")
def call_service(_synapse_with_afterword: tuple[Synapse, Afterword, Bridge, CallService]) -> CallService:
    """An application service that acts for Alice, but not for Bob."""
    return _synapse_with_afterword[3]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def start_another(afterword: Afterword, tmp_path: Path) -> Iterator[Callable[..., Afterword]]:
    """Starts an Afterword of the test's own, with other settings or to be killed: start_another({"key": "value"})."""
    started: list[Afterword] = []

    def start(
        settings: dict[str, str] | None = None, *, own_clock: bool = False, as_installed: bool = False
    ) -> Afterword:
        settings = {**({} if as_installed else _SETTINGS), **(settings or {})}
        other = afterword.beside(tmp_path / f"afterword-{len(started)}", settings, as_installed=as_installed)
        started.append(other)
        _afterwords.append(other)
        if own_clock:
            other.set_clock(0)
        other.start()
        return other

    yield start
    for other in started:
        other.stop()
        _afterwords.remove(other)


@pytest.fixture
def new_user(synapse: Synapse, afterword: Afterword) -> Callable[[str], User]:
    return lambda name: synapse.register(f"{name}-{next(_names)}").at(afterword)


@pytest.fixture
def alice(new_user: Callable[[str], User]) -> User:
    return new_user("alice")


@pytest.fixture
def bob(new_user: Callable[[str], User]) -> User:
    return new_user("bob")


@pytest.fixture
def room(alice: User) -> str:
    """A public room that Alice has made."""
    return alice.create_room()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed:
        for afterword in _afterwords:
            report.sections.append((f"Afterword at {afterword.listen}, its last words", tail(afterword.log)))
    return report
