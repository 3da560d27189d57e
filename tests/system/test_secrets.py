"""No token and no password is in what Afterword writes, whatever happens and however much it is asked to write."""

import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .gate import Answer, Gate, Lose
from .gateway import Afterword
from .homeservers import Synapse
from .matrix import Server, User, quote

TEXT = "m.room.message"
PASSWORD = "s3cretpassw0rd"


def tokens_of(registration: Path) -> list[str]:
    return re.findall(r'^[ah]s_token: "(.+)"$', registration.read_text(), re.MULTILINE)


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def test_the_log_of_a_busy_life(
    synapse: Synapse, afterword: Afterword, alice: User, room: str, start_another: Callable[..., Afterword]
):
    administrator = synapse.register(f"administrator-{time.time_ns()}", admin=True)
    gate = Gate(synapse)
    settings = {"log.level": "trace", "homeserver.url": gate.base_url, "homeserver.admin_token": administrator.token}
    other = start_another(settings)
    client = alice.at(other)
    try:
        seen: list[str] = []
        for fault in [
            None,
            Lose.ANSWER,
            Lose.REQUEST,
            Answer(401, json.dumps({"errcode": "M_UNKNOWN_TOKEN"}).encode()),
            Answer(502, b"<html>"),
            Answer(200, b"garbage"),
        ]:
            if fault:
                gate.fault_next(fault)
            delay_id = client.delayed(room, TEXT, message("content-of-an-event"), 50)
            assert client.outcome(delay_id, 60)["event_id"]
            seen.append(delay_id)
        refused = client.delayed("!nowhere:home.test", TEXT, message("content-of-an-event"), 50)
        assert client.outcome(refused)["error"]
        kept = client.delayed(room, TEXT, message("content-of-an-event"), 3_600_000)
        for action in ["restart", "cancel", "send"]:
            client.manage(kept, action)
        Server(other.base_url).request("GET", "/_matrix/client/v1/delayed_events", token="unknown-token-of-a-client")
        path = f"/_matrix/client/v3/rooms/{quote(room)}/send/{TEXT}/txn?access_token={alice.token}"
        Server(other.base_url).request("PUT", path, body=message("content-of-an-event"))
    finally:
        gate.close()
    time.sleep(1)  # without a homeserver
    client.delayed(room, TEXT, message("content-of-an-event"), 50)
    time.sleep(2)
    other.stop()
    log = other.log.read_text()
    assert "debug" in log
    secrets = [*tokens_of(afterword.registration), administrator.token, alice.token, "unknown-token-of-a-client"]
    assert len(secrets) == 5
    for secret in [*secrets, "content-of-an-event", *seen, refused, kept]:
        assert secret not in log


def test_errors_about_the_database(afterword: Afterword):
    for url in [
        f"postgresql://afterword:{PASSWORD}@127.0.0.1:1/none",
        f"postgresql://afterword:{PASSWORD}@127.0.0.1:1/none?sslmode=nonsense",
        f"postgresql://afterword:{PASSWORD}/@127.0.0.1:1/none",
        f"postgresql://afterword:{PASSWORD}%zz@127.0.0.1:1/none",
        f"postgresql://127.0.0.1:1/none?password={PASSWORD}&nonsense=1",
        f"postgres://afterword:{PASSWORD}@127.0.0.1:1/none",
        f"host=127.0.0.1 port=1 password={PASSWORD}",
    ]:
        for command in ["serve", "check"]:
            done = afterword.command(command, "--set", f"database={url}", "--set", "listen=127.0.0.1:1")
            assert done.returncode != 0
            assert PASSWORD not in done.stdout + done.stderr, url


def test_errors_about_the_files(afterword: Afterword, tmp_path: Path):
    registration = tmp_path / "registration.yaml"
    for text in [
        f"as_token: {PASSWORD}\n",
        f"as_token: [{PASSWORD}\n",
        f"as_token: {{{PASSWORD}: {PASSWORD}}}\nhs_token: b\n",
        f"{PASSWORD}\n",
        f"as_token: '{PASSWORD}\n\tx",
    ]:
        registration.write_text(text)
        done = afterword.command("serve", "--set", f"registration={registration}")
        assert done.returncode != 0
        assert str(registration) in done.stderr
        assert PASSWORD not in done.stdout + done.stderr, text
    for setting in [f"homeserver.admin_token={PASSWORD} two", f"homeserver.url=http://a:{PASSWORD}@b"]:
        done = afterword.command("serve", "--set", setting)
        assert done.returncode != 0
        assert PASSWORD not in done.stdout + done.stderr, setting


def test_init_and_check(afterword: Afterword):
    done = afterword.check()
    for token in tokens_of(afterword.registration):
        assert token not in done.stdout + done.stderr


def test_a_registration_that_others_can_read_is_warned_of(afterword: Afterword):
    """Where others can get at it: pytest's folders are its own."""
    with tempfile.TemporaryDirectory(prefix="afterword-open-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        registration = folder / "registration.yaml"
        registration.write_text(afterword.registration.read_text())
        registration.chmod(0o644)
        done = afterword.command("check", "--set", f"registration={registration}")
        assert f"chmod o-rwx {registration}" in done.stdout
        registration.chmod(0o640)
        done = afterword.command("check", "--set", f"registration={registration}")
        assert "chmod" not in done.stdout
