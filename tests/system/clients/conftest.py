"""A homeserver for sessions of clients, and Afterword in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..gateway import Afterword, in_front_of
from ..homeservers import Dendrite, DendriteNotBuilt, Synapse
from . import sessions

# As operators have it, and all that a session asks for.
_SYNAPSE = {
    "enable_registration": True,
    "enable_registration_without_verification": True,
    "public_baseurl": f"http://{sessions.PUBLIC_NAME}",
    "cas_config": {"enabled": True, "server_url": "https://cas.invalid"},
    "user_directory": {"search_all_users": True},
    "room_list_publication_rules": [{"action": "allow"}],
}


@pytest.fixture(scope="session", params=["synapse", "dendrite"])
def behind(request: pytest.FixtureRequest, directory: Path) -> Iterator[tuple[Synapse | Dendrite, Afterword]]:
    """A homeserver, and an Afterword in front of it with its defaults."""
    folder = directory / f"clients-{request.param}"
    if request.param == "synapse":
        homeserver = Synapse(folder / "homeserver", settings=_SYNAPSE)
    else:
        homeserver = Dendrite(folder / "homeserver", default_rate_limits=False)
        try:
            homeserver.build()
        except DendriteNotBuilt as reason:
            pytest.skip(f"not run: {reason}")
    afterword = Afterword(folder / "afterword", as_installed=True)
    with in_front_of(homeserver, afterword):
        yield homeserver, afterword
