"""What a call needs besides servers, or the reason why there is none."""

from collections.abc import Iterator

import pytest

from support import browser

from .livekit import LiveKit, LiveKitNotBuilt
from .web import ElementCallNotInstalled, install


@pytest.fixture(scope="session")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKit]:
    if not browser.is_installed():
        pytest.skip("not run: there is no Chromium: scripts/bootstrap calls")
    server = LiveKit(tmp_path_factory.mktemp("livekit"))
    try:
        install()
        server.build()
    except (ElementCallNotInstalled, LiveKitNotBuilt) as reason:
        pytest.skip(f"not run: {reason}")
    server.start()
    yield server
    server.stop()
