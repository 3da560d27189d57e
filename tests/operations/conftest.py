"""An Afterword with its operations listener, before a homeserver that does what a test says."""

import re
from collections.abc import Iterator

import pytest

from hostile.homeserver import SERVER_NAME, Homeserver, Request, Steps, answer, as_token_of
from system.gateway import Afterword
from system.processes import free_port, tail

from .operations import Operations
from .pages import read_axe

# Small limits, so that each can be hit.
_SETTINGS = {
    "limits.max_scheduled_per_user": "4",
    "rate_limits.schedule": "0.5/s burst 6",
    "rate_limits.manage": "0.5/s burst 4",
    "rate_limits.look_up": "0.5/s burst 4",
    "rate_limits.delay_id": "0.5/s burst 3",
    "rate_limits.guess": "0.5/s burst 3",
    "rate_limits.send": "0.5/s burst 3",
    "trusted_proxies": "none",
    "user_page": "true",
    "ops.token": "the-token-of-an-operator",
}
DESCRIPTORS = 256


class ManyUsers(Homeserver):
    """It knows everybody whose token is user-NAME."""

    def honest(self, request: Request) -> Steps:
        name = re.fullmatch(r"user-(\w+)", request.token or "")
        if request.path.endswith("/account/whoami") and name:
            return [answer(200, {"user_id": f"@{name[1]}:{SERVER_NAME}", "device_id": "PHONE"})]
        return super().honest(request)


@pytest.fixture(scope="module")
def _homeserver() -> Iterator[ManyUsers]:
    homeserver = ManyUsers()
    homeserver.start()
    yield homeserver
    homeserver.stop()


@pytest.fixture(scope="module")
def _afterword(_homeserver: ManyUsers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afterword]:
    listen = f"127.0.0.1:{free_port()}"
    afterword = Afterword(
        tmp_path_factory.mktemp("operations") / "afterword", settings={**_SETTINGS, "ops.listen": listen}
    )
    afterword.set_up(SERVER_NAME, _homeserver.url)
    _homeserver.as_token = as_token_of(afterword.registration)
    afterword.limit_descriptors(DESCRIPTORS)
    afterword.start()
    yield afterword
    assert afterword.stop() == 0, tail(afterword.log)


@pytest.fixture
def homeserver(_homeserver: ManyUsers) -> ManyUsers:
    """It has forgotten the tests before."""
    _homeserver.forget()
    return _homeserver


@pytest.fixture
def afterword(_afterword: Afterword, homeserver: ManyUsers) -> Iterator[Afterword]:
    yield _afterword
    assert _afterword.is_running, f"Afterword ended:\n{tail(_afterword.log)}"


@pytest.fixture
def operations(afterword: Afterword) -> Operations:
    return Operations(afterword)


@pytest.fixture(scope="session")
def axe() -> str:
    return read_axe()
