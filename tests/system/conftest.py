"""One real Synapse and one Afterword for the whole run; fresh users and rooms for each test."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .gateway import Afterword
from .homeservers import Synapse
from .matrix import User
from .processes import tail

# Tests ask faster than people.
_SETTINGS = {"rate_limits.enabled": "false"}

_names = itertools.count(1)
_afterwords: list[Afterword] = []


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("system")


@pytest.fixture(scope="session")
def _pair(directory: Path) -> Iterator[tuple[Synapse, Afterword]]:
    synapse = Synapse(directory / "synapse")
    afterword = Afterword(directory / "afterword", settings=_SETTINGS)
    afterword.set_up(synapse.server_name, synapse.base_url)
    _afterwords.append(afterword)
    try:
        synapse.start([afterword.registration])
        afterword.start()
        yield synapse, afterword
    finally:
        afterword.stop()
        synapse.stop()


@pytest.fixture(scope="session")
def synapse(_pair: tuple[Synapse, Afterword]) -> Synapse:
    return _pair[0]


@pytest.fixture(scope="session")
def afterword(_pair: tuple[Synapse, Afterword]) -> Afterword:
    return _pair[1]


@pytest.fixture
def start_another(afterword: Afterword, tmp_path: Path) -> Iterator[Callable[..., Afterword]]:
    """Starts an Afterword of the test's own, with other settings or to be killed: start_another({"key": "value"})."""
    started: list[Afterword] = []

    def start(settings: dict[str, str] | None = None) -> Afterword:
        other = afterword.beside(tmp_path / f"afterword-{len(started)}", {**_SETTINGS, **(settings or {})})
        started.append(other)
        _afterwords.append(other)
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
