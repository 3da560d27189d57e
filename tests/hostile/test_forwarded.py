"""What is said about a client's address: only those whom the operator trusts are believed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from system.gateway import Afterword

from .cases import PATH, get
from .homeserver import Homeserver, Request
from .wire import Wire


@pytest.fixture(scope="module")
def _distrustful(_afterword: Afterword, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afterword]:
    """Trusts nobody before it, not even us."""
    directory: Path = tmp_path_factory.mktemp("distrustful")
    other = _afterword.beside(directory, {"trusted_proxies": "none", "rate_limits.enabled": "false"})
    other.start()
    yield other
    assert other.stop() == 0


def _arrived(afterword: Afterword, homeserver: Homeserver, *headers: bytes) -> Request:
    homeserver.forget()
    with Wire(int(afterword.listen.rsplit(":", 1)[1])) as wire:
        wire.send(get(PATH, *headers))
        assert wire.read_answer().status == 200
    (request,) = homeserver.arrived
    return request


def _chain(request: Request) -> list[str]:
    return [each.strip() for value in request.all_of("X-Forwarded-For") for each in value.split(",")]


def test_a_trusted_proxy_is_believed(afterword: Afterword, homeserver: Homeserver):
    assert _chain(_arrived(afterword, homeserver)) == ["127.0.0.1"]
    assert _chain(_arrived(afterword, homeserver, b"X-Forwarded-For: 10.0.0.1")) == ["10.0.0.1", "127.0.0.1"]
    two_lines = _arrived(afterword, homeserver, b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-For: 10.0.0.2")
    assert _chain(two_lines) == ["10.0.0.1", "10.0.0.2", "127.0.0.1"]


def test_the_chain_is_one_line(afterword: Afterword, homeserver: Homeserver):
    """Homeservers read the first one, or the last one."""
    lines = [b"X-Forwarded-For: 10.0.0.1", b"x-forwarded-for: 10.0.0.2", b"X-FORWARDED-FOR: 10.0.0.3"]
    assert len(_arrived(afterword, homeserver, *lines).all_of("X-Forwarded-For")) == 1


@pytest.mark.parametrize(
    "name", [b"X-Forwarded-For", b"x-forwarded-for", b"close, X-Forwarded-For", b" X-Forwarded-For ,"]
)
def test_a_client_cannot_take_its_address_away(name: bytes, afterword: Afterword, homeserver: Homeserver):
    assert _chain(_arrived(afterword, homeserver, b"Connection: " + name)) == ["127.0.0.1"]


def test_a_stranger_is_not_believed(_distrustful: Afterword, homeserver: Homeserver):
    lines = [
        b"X-Forwarded-For: 10.0.0.1",
        b"X-Forwarded-For: 10.0.0.2",
        b"X-Forwarded-Proto: gopher",
        b"X-Forwarded-Host: evil.example",
        b"Forwarded: for=10.0.0.3;host=evil.example;proto=gopher",
        b"X-Real-IP: 10.0.0.4",
    ]
    request = _arrived(_distrustful, homeserver, *lines)
    assert _chain(request) == ["127.0.0.1"]
    assert not [value for _, value in request.headers if "evil.example" in value or "gopher" in value]
