"""The unit under a systemd of its own, booted in a clean root."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.homeserver import SERVER_NAME, Homeserver, as_token_of
from system.matrix import Server, User, eventually
from system.processes import free_port

from .clean_root import CleanRoot

ROOM = "!room:example.org"
TYPE = "org.example.later"


@pytest.fixture
def booted(root: CleanRoot, older_package: Path, tmp_path: Path) -> Iterator[CleanRoot]:
    root.apt("update")
    root.apt("install", "systemd", "systemd-sysv", "dbus")
    with root.booted(tmp_path / "boot.log"):
        root.install(older_package)
        yield root


@pytest.fixture
def alice(booted: CleanRoot, homeserver: Homeserver) -> User:
    """Of an Afterword that was started as deploy/README.md says."""
    port = free_port()
    steps = ["init", "--server-name", SERVER_NAME, "--homeserver", homeserver.url, "--dir", "/etc/afterword"]
    steps += ["--listen", f"127.0.0.1:{port}", "--database", "sqlite:/var/lib/afterword/afterword.db"]
    booted.succeeds("afterword", *steps, "--set", "delivery.start_grace=0s")
    homeserver.as_token = as_token_of(booted.path / "etc/afterword/afterword-registration.yaml")
    booted.succeeds("systemctl", "enable", "--now", "afterword")
    return User(Server(f"http://127.0.0.1:{port}"), "@alice:example.org", "alices-token", "ALICES_PHONE")


def shown(root: CleanRoot, key: str) -> str:
    return root.succeeds("systemctl", "show", "afterword", "--property", key, "--value").strip()


def log(root: CleanRoot) -> str:
    return root.succeeds("journalctl", "--unit", "afterword", "--output", "cat")


def test_it_serves_confined_and_an_upgrade_restarts_it(booted: CleanRoot, alice: User, package: Path):
    lines = booted.succeeds("cat", f"/proc/{shown(booted, 'MainPID')}/status").splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert shown(booted, "MemoryMax") == str(2 * 1024**3)
    assert shown(booted, "LimitCORE") == "0"

    booted.succeeds("sed", "-i", "s/level: info/level: debug/", "/etc/afterword/afterword.yaml")
    booted.succeeds("systemctl", "reload", "afterword")
    eventually(lambda: "the level of the log is debug" in log(booted))

    assert alice.outcome(alice.delayed(ROOM, TYPE, {}, 200))["event_id"]
    later = alice.delayed(ROOM, TYPE, {}, 3_600_000)
    before = shown(booted, "MainPID")
    booted.install(package)
    assert shown(booted, "ActiveState") == "active"
    assert shown(booted, "MainPID") != before
    assert [event["delay_id"] for event in alice.scheduled()] == [later]
    assert "finalised" not in alice.look_up(later).ok()

    booted.apt("purge", "afterword")
    assert not alice.server.is_ready()
    assert booted.run("find", "/etc", "/var/lib/afterword", "-name", "*afterword*").stdout == ""


def test_one_that_hangs_is_ended_and_started_anew(booted: CleanRoot, alice: User):
    booted.succeeds("mkdir", "/run/systemd/system/afterword.service.d")
    # Soon enough for a test; and a little patience for a machine that is busy.
    booted.succeeds("sh", "-c", "printf '[Service]\\nWatchdogSec=5s\\n' >/run/systemd/system/afterword.service.d/soon.conf")
    booted.succeeds("systemctl", "daemon-reload")
    booted.succeeds("systemctl", "restart", "afterword")
    later = alice.delayed(ROOM, TYPE, {}, 3_600_000)
    time.sleep(8)
    assert shown(booted, "NRestarts") == "0"

    booted.succeeds("sh", "-c", f"kill -STOP {shown(booted, 'MainPID')}")
    eventually(lambda: shown(booted, "NRestarts") == "1", 30)
    assert "Watchdog timeout (limit 5s)!" in log(booted)
    eventually(lambda: alice.server.is_ready(), 30)
    assert [event["delay_id"] for event in alice.scheduled()] == [later]
