"""What a homeserver is told of a client, and what a client is told in a homeserver's name."""

import re

import pytest
from system.gateway import Afterword

from .cases import PATH, get, request
from .homeserver import RESET, Homeserver, Request, answer
from .wire import Answer, Wire

VERSIONS = "/_matrix/client/versions"
ETAG = ("ETag", '"theirs"')


def ask(port: int, data: bytes, *, to_head: bool = False) -> Answer:
    with Wire(port) as wire:
        wire.send(data)
        given = wire.read_answer(to_head=to_head)
    assert given is not None
    return given


def told(homeserver: Homeserver, name: str) -> list[str]:
    return homeserver.arrived[-1].all_of(name)


def test_a_client_cannot_hide_or_name_hop_by_hop_where_it_comes_from(port: int, homeserver: Homeserver):
    # The tests come from a trusted proxy's address.
    ask(port, get(PATH, b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-For: 198.51.100.1", b"X-Forwarded-Proto: https"))
    assert told(homeserver, "X-Forwarded-For") == ["203.0.113.9, 198.51.100.1, 127.0.0.1"]
    assert told(homeserver, "X-Forwarded-Proto") == ["https"]
    ask(port, get(PATH, b"Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host"))
    assert told(homeserver, "X-Forwarded-For") == ["127.0.0.1"]
    assert told(homeserver, "X-Forwarded-Proto") == ["http"]
    assert told(homeserver, "X-Forwarded-Host") == ["x"]


def _with_etag(each: Request) -> list[object]:
    if each.all_of("If-None-Match"):
        return [b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\n\r\n" % ETAG[1].encode()]
    body = {"versions": ["v1.11"]} if each.path == VERSIONS else {"capabilities": {}}
    return [answer(200, body, ETAG)]


@pytest.mark.parametrize("path", [VERSIONS, "/_matrix/client/v3/capabilities"])
def test_what_we_write_into_an_answer_is_never_kept_from_a_client(path: str, port: int, homeserver: Homeserver):
    homeserver.script = _with_etag
    given = ask(port, get(path, b'If-None-Match: "theirs"'))
    assert given.status == 200
    assert b"org.matrix.msc4140" in given.body
    assert given.all_of("ETag") == []
    # The answer to a HEAD is the head of the same answer.
    head = ask(port, request(b"HEAD", path), to_head=True)
    assert (head.status, head.all_of("Content-Length")) == (200, [str(len(given.body))])


def test_what_passes_through_keeps_its_validators(port: int, homeserver: Homeserver):
    homeserver.script = _with_etag
    assert ask(port, get(PATH)).all_of("ETag") == [ETAG[1]]
    assert ask(port, get(PATH, b'If-None-Match: "theirs"')).status == 304


def test_options_of_the_server_as_a_whole(port: int, homeserver: Homeserver):
    assert ask(port, request(b"OPTIONS", "*")).status == 200
    assert homeserver.arrived == []


def test_an_outage_is_a_few_lines_in_the_log(port: int, afterword: Afterword, homeserver: Homeserver):
    def lines() -> list[str]:
        return re.findall("the homeserver (?:gave no answer|answers again).*", afterword.log.read_text())

    before = len(lines())
    homeserver.script = lambda _: [RESET]
    for _ in range(50):
        assert ask(port, request(b"POST", PATH, b"Content-Length: 0")).status == 502
    homeserver.script = homeserver.honest
    assert ask(port, get(PATH)).status == 200
    assert len(lines()) - before <= 2
