"""Sessions of real clients, run directly and through Afterword: they must see the same."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..gateway import Afterword
from ..homeservers import Dendrite, DendriteNotBuilt, Synapse
from . import js_sdk, sessions

_HERE = Path(__file__).parent
_SCRIPTS = _HERE.parents[2] / "scripts"
_NO_TOOLCHAIN = 3  # the status of the scripts that build a client, on a machine that cannot
_words = (f"w{number:04}x" for number in itertools.count(1))

# As operators have it, and all that a session asks for.
_SYNAPSE = {
    "enable_registration": True,
    "enable_registration_without_verification": True,
    "public_baseurl": f"http://{sessions.PUBLIC_NAME}",
    "cas_config": {"enabled": True, "server_url": "https://cas.invalid"},
    "user_directory": {"search_all_users": True},
    "room_list_publication_rules": [{"action": "allow"}],
}


@pytest.fixture(scope="module", params=["synapse", "dendrite"])
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
    afterword.set_up(homeserver.server_name, homeserver.base_url)
    try:
        homeserver.start([afterword.registration])
        afterword.start()
        yield homeserver, afterword
    finally:
        afterword.stop()
        homeserver.stop()


def built_by(script: str) -> Path:
    """What it prints, and builds on first use."""
    done = subprocess.run([_SCRIPTS / script], capture_output=True, text=True)
    if done.returncode == _NO_TOOLCHAIN:
        pytest.skip(f"not run: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def matrix_nio() -> list[str | Path]:
    return [sys.executable, _HERE / "nio/session.py"]


def mautrix_go() -> list[str | Path]:
    return [built_by("go-client")]


def matrix_js_sdk() -> list[str | Path]:
    if not js_sdk.is_installed():
        pytest.skip("the real matrix-js-sdk is not installed: scripts/js-clients")
    return js_sdk.command("session.mjs")


def not_yet(transcript: list) -> list:
    """Without what is not yet as it is without us: redirects that depend on Host, and compression."""
    for line in transcript:
        line["headers"] = [header for header in line.get("headers", []) if header[0] != "content-encoding"]
    return [line for line in transcript if "/login/sso/redirect" not in line.get("asked", "")]


@pytest.mark.parametrize("client", [matrix_nio, mautrix_go, matrix_js_sdk])
def test_a_session_is_as_it_is_without_us(client, behind: tuple[Synapse | Dendrite, Afterword], tmp_path: Path):
    command = client()
    homeserver, afterword = behind

    def session(server: Synapse | Dendrite | Afterword, name: str) -> list:
        return sessions.run(command, server.base_url, next(_words), tmp_path / name)

    with ThreadPoolExecutor(2) as both:
        directly = both.submit(session, homeserver, "directly")
        through = both.submit(session, afterword, "through")
    theirs = not_yet(sessions.without_what_is_announced(directly.result(), by_us=False))
    ours = not_yet(sessions.without_what_is_announced(through.result(), by_us=True))
    assert not (told := sessions.differences(theirs, ours)), told
