"""One Afterword for the whole run, before a homeserver that records and lies."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.gateway import Afterword
from system.processes import tail

from .homeserver import SERVER_NAME, Homeserver

# Tests ask faster than people.
_SETTINGS = {"rate_limits.enabled": "false"}


@pytest.fixture(scope="session")
def _homeserver() -> Iterator[Homeserver]:
    homeserver = Homeserver()
    homeserver.start()
    yield homeserver
    homeserver.stop()


@pytest.fixture(scope="session")
def _afterword(_homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afterword]:
    afterword = Afterword(tmp_path_factory.mktemp("hostile") / "afterword", settings=_SETTINGS)
    afterword.set_up(SERVER_NAME, _homeserver.url)
    _homeserver.as_token = re.search(r"as_token: *\"?([^\s\"]+)", afterword.registration.read_text())[1]
    afterword.start()
    yield afterword
    status = afterword.stop()
    assert status == 0, f"it ended with status {status}:\n{tail(afterword.log)}"


@pytest.fixture
def homeserver(_homeserver: Homeserver) -> Iterator[Homeserver]:
    """It has forgotten the tests before."""
    _homeserver.forget()
    yield _homeserver
    assert not _homeserver.surprises, "what no request of Afterword's is has arrived"


@pytest.fixture
def afterword(_afterword: Afterword, homeserver: Homeserver) -> Iterator[Afterword]:
    """It is still running when the test is over."""
    yield _afterword
    assert _afterword.is_running, f"Afterword ended:\n{tail(_afterword.log)}"


@pytest.fixture
def port(afterword: Afterword) -> int:
    return int(afterword.listen.rsplit(":", 1)[1])
