"""Who may ask what where, and what the answer is."""

import contextlib
import http.client
import threading

from hostile.homeserver import HANG
from system.gateway import Afterword
from system.matrix import C, eventually

from .conftest import ManyUsers
from .operations import Operations


def test_neither_listener_answers_for_the_other(afterword: Afterword, operations: Operations, homeserver: ManyUsers):
    for path in ("/metrics", "/health/live", "/health/ready"):
        assert operations.request("GET", path).status == 200
        # To the homeserver, as whatever is none of ours.
        assert afterword.request("GET", path).json["target"] == path
    before = len(homeserver.arrived)
    for path in (f"{C}/versions", f"{C}/v3/sync", f"{C}/v1/delayed_events", "/_matrix"):
        assert operations.request("GET", path).status == 404
    assert operations.request("POST", f"{C}/v1/delayed_events/x/restart", body={}).status in (405, 413)
    assert len(homeserver.arrived) == before


def test_it_is_ready_without_the_homeserver(operations: Operations, homeserver: ManyUsers):
    homeserver.script = lambda request: [HANG]
    homeserver.cut_all()
    assert operations.ready().status == 200


def test_health_tells_by_its_status(afterword: Afterword, operations: Operations):
    listen = ["--set", "ops.listen=" + operations.base_url.removeprefix("http://")]
    ready = afterword.command("health", *listen)
    assert (ready.returncode, ready.stdout, ready.stderr) == (0, "ready\n", "")

    nowhere = afterword.command("health", "--set", "ops.listen=127.0.0.1:1")
    assert nowhere.returncode == 1
    assert nowhere.stdout.startswith("no answer at 127.0.0.1:1: ")

    none = afterword.command("health")
    assert (none.returncode, none.stdout) == (2, "")
    assert "afterword.yaml" in none.stderr
    assert "ops.listen: is none" in none.stderr


def test_it_is_live_but_not_ready_while_it_stops(
    afterword: Afterword, operations: Operations, homeserver: ManyUsers
):
    homeserver.script = lambda request: [HANG]

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            afterword.request("POST", f"{C}/v3/something", body={})

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: homeserver.arrived)
    stopping = threading.Thread(target=afterword.stop)
    stopping.start()
    try:
        eventually(lambda: operations.ready().body == b"not ready: it is stopping\n")
        assert operations.request("GET", "/health/live").status == 200
    finally:
        homeserver.cut_all()
        stopping.join()
        asking.join()
        homeserver.forget()
        afterword.start()
    assert operations.ready().status == 200
