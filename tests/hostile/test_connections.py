"""What one connection carries: pipelines, its end, Expect, Upgrade, and other protocols than HTTP/1.1."""

import pytest

from .cases import PATH, Arrival, Case, check, get, passes, refused, request, table, waits
from .homeserver import Homeserver
from .wire import Wire

_HERE = Arrival("GET", PATH)
_POST = request(b"POST", PATH, b"Content-Length: 5", body=b"12345")


@table(
    passes("three at once", get() * 3, _HERE, _HERE, _HERE),
    passes("one with a body before", _POST + get(), Arrival("POST", PATH, b"12345"), _HERE),
    passes("a hundred at once", get() * 100, *[_HERE] * 100),
    Case("a bad one behind a good one", get() + get(PATH, b"X : y"), (200, 400), "closed", (_HERE,)),
    Case("a good one behind a bad one", get(PATH, b"X : y") + get(), (400,), "closed"),
    Case("a good one behind the last", get(PATH, b"Connection: close") + get(), (200,), "closed", (_HERE,)),
)
def test_pipelines(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def test_answers_of_a_pipeline_come_in_order(port: int, homeserver: Homeserver):
    slow = "/_matrix/client/v3/slow"
    honest = homeserver.honest
    homeserver.script = lambda request: [0.2, *honest(request)] if request.target == slow else honest(request)
    with Wire(port) as wire:
        wire.send(get(slow) + get(PATH))
        assert [wire.read_answer().json["target"] for _ in range(2)] == [slow, PATH]


@table(
    passes("close", get(PATH, b"Connection: close"), end="closed"),
    passes("close in capitals", get(PATH, b"Connection: CLOSE"), end="closed"),
    passes("close in a list", get(PATH, b"Connection: x, close"), end="closed"),
    passes("close in a second line", get(PATH, b"Connection: x", b"Connection: close"), end="closed"),
    passes("keep-alive", get(PATH, b"Connection: keep-alive")),
    passes("HTTP 1.0", get(version=b"HTTP/1.0"), end="closed"),
    passes("HTTP 1.0 kept", get(PATH, b"Connection: keep-alive", version=b"HTTP/1.0")),
)
def test_how_it_ends(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@pytest.mark.parametrize("cut", range(1, len(_POST), 7))
def test_a_request_cut_off_has_no_effect(cut: int, port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        wire.send(_POST[:cut])
        wire.end()
        answer = wire.read_answer()
        assert answer is None or answer.status == 400
    assert not homeserver.arrived


def test_a_request_may_come_byte_by_byte(port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        for i in range(len(_POST)):
            wire.send(_POST[i : i + 1])
        assert wire.read_answer().status == 200
    assert [(each.target, each.body) for each in homeserver.arrived] == [(PATH, b"12345")]


@table(
    waits("continue", request(b"POST", PATH, b"Content-Length: 5", b"Expect: 100-continue")),
    passes(
        "continue with the body at once",
        request(b"POST", PATH, b"Content-Length: 5", b"Expect: 100-continue", body=b"12345"),
        Arrival("POST", PATH, b"12345"),
    ),
    passes("continue without a body", get(PATH, b"Expect: 100-continue")),
    passes("upgrade to a web socket", get(PATH, b"Upgrade: websocket", b"Connection: Upgrade")),
    passes(
        "upgrade to HTTP 2", get(PATH, b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: A")
    ),
    passes("upgrade that Connection does not name", get(PATH, b"Upgrade: websocket")),
    passes("a proxy's connection", get(PATH, b"Proxy-Connection: keep-alive", b"Proxy-Authorization: x")),
)
def test_what_is_said_to_the_next_hop_alone(case: Case, port: int, homeserver: Homeserver):
    """It ends here: a homeserver that it reached would wait for what we do not send, or change the protocol."""
    check(case, port, homeserver)
    for each in homeserver.arrived:
        for name in ["Expect", "Upgrade", "Connection", "HTTP2-Settings", "Proxy-Connection", "Proxy-Authorization"]:
            assert not each.all_of(name), name


def test_the_body_is_asked_for_when_the_client_waits(port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        wire.send(request(b"POST", PATH, b"Content-Length: 5", b"Expect: 100-continue"))
        assert wire.read_line().startswith(b"HTTP/1.1 100 ")
        wire.send(b"12345")
        assert wire.read_answer().status == 200


@table(
    refused("HTTP 2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"),
    refused("a hello of TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(0x9A)),
    refused("PROXY protocol", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + get()),
    refused("PROXY protocol, version 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + get()),
    refused("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    refused("SMTP", b"EHLO example.org\r\n"),
    refused("Redis", b"*1\r\n$4\r\nPING\r\n"),
    refused("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    refused("CONNECT, and a request in the tunnel", request(b"CONNECT", b"x:80") + get()),
)
def test_other_protocols(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)
