"""Sessions of real clients, run directly and through Afterword: they must see the same."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..gateway import Afterword
from ..homeservers import Dendrite, Synapse
from . import js_sdk, sessions

_HERE = Path(__file__).parent
_SCRIPTS = _HERE.parents[2] / "scripts"
_NO_TOOLCHAIN = 3  # the status of the scripts that build a client, on a machine that cannot


def built_by(script: str, *options: str) -> Path:
    """What it prints, and builds on first use."""
    done = subprocess.run([_SCRIPTS / script, *options], capture_output=True, text=True)
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


def matrix_sdk() -> list[str | Path]:
    return [built_by("rust-client", "--if-built")]


@pytest.mark.parametrize("client", [matrix_nio, mautrix_go, matrix_js_sdk, matrix_sdk])
def test_a_session_is_as_it_is_without_us(client, behind: tuple[Synapse | Dendrite, Afterword], tmp_path: Path):
    command = client()
    homeserver, afterword = behind

    def session(server: Synapse | Dendrite | Afterword, name: str) -> list:
        return sessions.run(command, server.base_url, sessions.new_word(), tmp_path / name)

    with ThreadPoolExecutor(2) as both:
        directly = both.submit(session, homeserver, "directly")
        through = both.submit(session, afterword, "through")
    theirs = sessions.without_what_is_announced(directly.result(), by_us=False)
    ours = sessions.without_what_is_announced(through.result(), by_us=True)
    assert not (told := sessions.differences(theirs, ours)), told
