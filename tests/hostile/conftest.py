"""One Afterword for the whole run, before a homeserver that records and lies."""

import re
from collections.abc import Iterator

import pytest

from system.gateway import Afterword
from system.processes import tail

from .homeserver import SERVER_NAME, USERS, Homeserver, as_token_of

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
    _homeserver.as_token = as_token_of(afterword.registration)
    afterword.start()
    yield afterword
    status = afterword.stop()
    assert status == 0, f"it ended with status {status}:\n{tail(afterword.log)}"
    _check_log(afterword, _homeserver)


def _check_log(afterword: Afterword, homeserver: Homeserver) -> None:
    """Nobody writes lines of his own into it, and nobody's token stands there."""
    for line in afterword.log.read_bytes().splitlines():
        assert re.fullmatch(rb"\d{4}-\d\d-\d\dT[\d:.]+Z (info|warning|error) [\x20-\x7e]+", line), line
        for token in [homeserver.as_token, *USERS]:
            assert token.encode() not in line


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
