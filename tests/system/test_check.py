"""`afterword check` before real homeservers that are really misconfigured: each line that it says, with its fix."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .gateway import BINARY, Afterword
from .homeservers import Dendrite, DendriteNotBuilt, Homeserver, Synapse
from .postgres import Postgres
from .processes import free_port

Finding = dict[str, str | None]


def check(afterword: Afterword, *arguments: str) -> dict[str, Finding]:
    """What it finds, by the check. Of several findings of one, the last."""
    done = afterword.command("check", "--json", *arguments)
    print(done.stdout, done.stderr)
    told = json.loads(done.stdout)
    verdicts = [finding["verdict"] for finding in told["findings"]]
    assert told["worst"] == max(verdicts, key=["ok", "warning", "failed"].index)
    assert done.returncode == (1 if told["worst"] == "failed" else 0)
    for finding in told["findings"]:
        assert set(finding) == {"check", "verdict", "detail", "fix"}
        # What comes from elsewhere has its fix in itself.
        says_it = "; " in finding["detail"] and finding["check"] in ("configuration", "database")
        assert (finding["fix"] is not None or says_it) == (finding["verdict"] != "ok"), finding
    return {finding["check"]: finding for finding in told["findings"]}


def is_found(finding: Finding, verdict: str, detail: str, fix: str) -> None:
    assert finding["verdict"] == verdict, finding
    assert detail in (finding["detail"] or ""), finding
    assert fix in (finding["fix"] or ""), finding


def change(registration: Path, pattern: str, replacement: str) -> None:
    text = registration.read_text()
    changed = re.sub(pattern, replacement, text)
    assert changed != text
    registration.write_text(changed)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Afterword]]:
    """Starts a homeserver that has loaded the registration of an Afterword, which is set up and does not run. `edit`
    changes the registration before."""
    started: list[Homeserver] = []

    def start(
        homeserver: Homeserver, *, loads: bool = True, edit: Callable[[Path], None] = lambda registration: None
    ) -> Afterword:
        afterword = Afterword(tmp_path / "afterword")
        afterword.set_up(homeserver.server_name, homeserver.base_url)
        edit(afterword.registration)
        started.append(homeserver)
        homeserver.start([afterword.registration] if loads else [])
        return afterword

    yield start
    for homeserver in started:
        homeserver.stop()


@pytest.fixture
def dendrite(tmp_path: Path) -> Dendrite:
    dendrite = Dendrite(tmp_path / "dendrite")
    try:
        dendrite.build()
    except DendriteNotBuilt as missing:
        pytest.skip(str(missing))
    return dendrite


def test_all_is_well(synapse: Synapse, afterword: Afterword):
    found = check(afterword)
    assert {name for name, finding in found.items() if finding["verdict"] == "failed"} == set()
    for name in ["homeserver", "registration", "namespace", "rate_limited", "delayed_events", "clock", "clients"]:
        assert found[name]["verdict"] == "ok"
    assert found["homeserver"]["detail"] == f"Synapse 1.163.2 at {synapse.base_url}"
    assert found["listen"]["detail"] == f"Afterword runs at {afterword.listen}"
    assert found["durability"]["detail"] == "journal_mode wal"  # as its file says, which the server has to itself
    assert found["sync"]["detail"].startswith("a sync takes ")
    assert "at once for each user" in found["clients"]["detail"]


def test_what_is_read_is_a_line_each(afterword: Afterword):
    done = afterword.check()
    assert done.returncode == 0, done.stdout
    for line in done.stdout.splitlines():
        assert re.match(r"(ok|warning) +\w+ +\S|  +-> \S", line), line


def test_a_registration_that_is_not_loaded(start: Callable[..., Afterword], tmp_path: Path):
    afterword = start(Synapse(tmp_path / "synapse"), loads=False)
    found = check(afterword)
    is_found(found["registration"], "failed", "does not know the as_token", f"list {afterword.registration}")
    assert "app_service_config_files" in found["registration"]["fix"]
    is_found(found["clients"], "warning", "do not learn the limits", "registration")


def test_another_token_than_the_homeserver_has(start: Callable[..., Afterword], tmp_path: Path):
    """The file has changed since the homeserver started."""
    afterword = start(Synapse(tmp_path / "synapse"))
    assert check(afterword)["registration"]["verdict"] == "ok"
    change(afterword.registration, 'as_token: ".*"', f'as_token: "{secrets.token_hex(16)}"')
    is_found(
        check(afterword)["registration"],
        "failed",
        "does not know the as_token",
        "if it is listed, and not a copy, the homeserver started before the file was made or changed: restart it",
    )


def test_a_namespace_that_covers_too_little(start: Callable[..., Afterword], tmp_path: Path):
    """In the file; and then in the homeserver alone, which has not read it since."""

    def narrow(registration: Path) -> None:
        change(registration, "regex: .*", "regex: '@bridge-.*:home\\.test'")

    afterword = start(Synapse(tmp_path / "synapse"), edit=narrow)
    found = check(afterword)
    assert found["registration"]["verdict"] == "ok"
    is_found(found["namespace"], "failed", "covers no user like @alice:home.test", r"regex: '@.*:home\.test'")

    change(afterword.registration, "regex: .*", r"regex: '@.*:home\\.test'")
    is_found(
        check(afterword)["namespace"],
        "failed",
        "does not let Afterword act for its users",
        "restart the homeserver",
    )


def test_rate_limited_and_exclusive(start: Callable[..., Afterword], tmp_path: Path):
    def edit(registration: Path) -> None:
        change(registration, "rate_limited: true", "rate_limited: false")
        change(registration, "exclusive: false", "exclusive: true")

    found = check(start(Synapse(tmp_path / "synapse"), edit=edit))
    is_found(found["rate_limited"], "warning", "rate_limited is false", "rate_limited: true")
    is_found(found["namespace"], "failed", "exclusive: true", "exclusive: false")


def test_delayed_events_of_the_homeservers_own(start: Callable[..., Afterword], tmp_path: Path):
    found = check(start(Synapse(tmp_path / "synapse", own_delayed_events=True)))
    is_found(found["delayed_events"], "warning", "own are on too", "max_event_delay_duration")


def test_a_url_that_leads_back(afterword: Afterword):
    found = check(afterword, "--set", f"homeserver.url={afterword.base_url}")
    is_found(found["homeserver"], "failed", "leads back to Afterword", "homeserver's own address")
    assert "registration" not in found


def test_something_else_where_afterword_is_to_listen(synapse: Synapse, afterword: Afterword):
    found = check(afterword, "--set", f"listen=127.0.0.1:{synapse.port}")
    is_found(found["listen"], "failed", "is not Afterword", "another address in listen")


def test_clocks_that_differ(afterword: Afterword, tmp_path: Path):
    clock = tmp_path / "clock"
    clock.write_text("+90\n")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    command = [str(BINARY), "check", "--json", "--config", str(afterword.directory / "afterword.yaml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    is_found(found["clock"], "warning", " s behind this machine's", "timedatectl")


def test_a_postgresql_that_does_not_sync(afterword: Afterword, postgres: Postgres):
    url = postgres.make_database()
    found = check(afterword, "--set", f"database={url}", "--set", f"listen=127.0.0.1:{free_port()}")
    assert found["database"]["verdict"] == "ok"
    assert found["sync"]["detail"].startswith("a commit takes ")
    found = check(afterword, "--set", f"database={url}?options=-csynchronous_commit%3Doff")
    is_found(found["durability"], "warning", "synchronous_commit is off", "synchronous_commit = on")


def test_dendrite(start: Callable[..., Afterword], dendrite: Dendrite):
    afterword = start(dendrite)
    found = check(afterword)
    assert found["homeserver"]["detail"] == f"Dendrite at {dendrite.base_url}"  # it has no federation, so no version
    assert found["whoami"]["detail"] == "limited to 5 in 500 ms for each device, which Afterword waits out"
    for name in ["registration", "namespace", "delayed_events", "clock", "clients"]:
        assert found[name]["verdict"] == "ok", found[name]

    change(afterword.registration, "regex: .*", "regex: '@bridge-.*'")
    is_found(check(afterword)["namespace"], "failed", "covers no user like", "namespaces.users")
    change(afterword.registration, 'as_token: ".*"', f'as_token: "{secrets.token_hex(16)}"')
    is_found(check(afterword)["registration"], "failed", "does not know the as_token", "app_service_api.config_files")


def test_dendrite_with_a_low_limit(start: Callable[..., Afterword], dendrite: Dendrite, monkeypatch: pytest.MonkeyPatch):
    usual = dendrite._configuration

    def low(registrations: list[Path]) -> dict:
        configuration = usual(registrations)
        configuration["client_api"]["rate_limiting"] = {"enabled": True, "threshold": 2, "cooloff_ms": 3000}
        return configuration

    monkeypatch.setattr(dendrite, "_configuration", low)
    is_found(check(start(dendrite))["whoami"], "warning", "limited to 2 in 3000 ms", "threshold: 5")
