"""What the documents say to type, as it is written there, at the addresses and in the folders of the test."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.documents import commands, only_block

from .gateway import BINARY, Afterword
from .homeservers import Synapse
from .load_balancers import nginx_command
from .matrix import Server, User
from .postgres import PROGRAMS, Postgres
from .processes import Process, free_port

_PLACES = f"{BINARY.parent}:{PROGRAMS}:{os.environ['PATH']}"


def _here(text: str, places: dict[str, str]) -> str:
    for there, here in places.items():
        assert there in text, there
        text = text.replace(there, here)
    return text


def _does(text: str, **options: object) -> str:
    environment = {**os.environ, "PATH": _PLACES}
    done = subprocess.run(["sh", "-e", "-c", text], env=environment, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def _known_to_the_homeserver(folder: Path, afterword: Afterword) -> None:
    """It knows one registration of ours, that of the Afterword that runs."""
    (folder / "afterword-registration.yaml").write_bytes(afterword.registration.read_bytes())


def test_by_hand_as_the_readme_says(synapse: Synapse, afterword: Afterword, alice: User, room: str, tmp_path: Path):
    by_hand, through = commands("README.md", "test_by_hand_as_the_readme_says")
    init, check, serve = by_hand.splitlines()
    ours, public = free_port(), free_port()
    there, folder = "/etc/afterword", str(tmp_path / "etc")
    _does(_here(init, {"init": f"init --dir {folder} --listen 127.0.0.1:{ours}", "http://127.0.0.1:8008": synapse.base_url}))
    _known_to_the_homeserver(Path(folder), afterword)
    _does(_here(check, {there: folder}))

    served = Process(["env", f"PATH={_PLACES}", *_here(serve, {there: folder}).split()], tmp_path / "log", tmp_path)
    lines = _here(only_block("docs/getting-started.md", "nginx"), {"127.0.0.1:8009": f"127.0.0.1:{ours}"})
    server = f"server {{\n  listen 127.0.0.1:{public};\n{lines}}}\n"
    nginx = Process(nginx_command(tmp_path, server), tmp_path / "nginx.log", tmp_path)
    try:
        served.wait_until(Server(f"http://127.0.0.1:{public}").is_ready)
        _does(_here(through, {there: folder, "https://matrix.example.org": f"http://127.0.0.1:{public}"}))
        alice = alice.at(Server(f"http://127.0.0.1:{public}"))
        assert alice.outcome(alice.delayed(room, "m.room.message", {"msgtype": "m.text", "body": "later"}, 200))["event_id"]
    finally:
        nginx.stop()
        assert served.stop() == 0


def test_it_is_set_up_as_the_document_says(synapse: Synapse, afterword: Afterword, postgres: Postgres, tmp_path: Path):
    (written,) = commands("docs/postgresql.md", "test_it_is_set_up_as_the_document_says")
    places = {
        # A user of that name there is already.
        "createuser --pwprompt afterword": "createuser --pwprompt documented",
        "createdb --owner afterword afterword": "createdb --owner documented documented",
        "afterword:PASSWORD@db.example.org/afterword": f"documented:a-password@127.0.0.1:{postgres.port}/documented",
        "--server-name example.org": f"--server-name {synapse.server_name} --listen 127.0.0.1:{free_port()}",
        "http://127.0.0.1:8008": synapse.base_url,
        "/etc/afterword": str(tmp_path),
    }
    first, check, nothing = _here(written, places).rpartition("afterword check")
    server = f"export PGHOST=127.0.0.1 PGPORT={postgres.port} PGUSER=afterword\n"
    # Without a terminal, the password is read from where input comes from.
    _does(server + first, input="a-password\na-password\n", start_new_session=True)
    _known_to_the_homeserver(tmp_path, afterword)
    said = _does(check + nothing)
    assert "database" in said


def test_what_the_document_asks_of_the_database(
    postgres: Postgres, start_another: Callable[..., Afterword], alice: User, room: str
):
    (written,) = commands("docs/postgresql.md", "test_what_the_document_asks_of_the_database")
    url = postgres.make_database()
    alice = alice.at(start_another({"database": url}))
    alice.delayed(room, "m.room.message", {"msgtype": "m.text", "body": "later"}, 3_600_000)
    answers = _does('exec psql "$0" -X -A -t -v ON_ERROR_STOP=1'.replace("$0", url), input=written).splitlines()
    by_instance = {line.split("|")[0]: line.split("|")[1:] for line in answers[:2]}
    ended, lease, events = by_instance["1"]
    assert (ended, events) == ("f", "1") and "00:00:00" < lease < "00:00:20"
    assert by_instance["0"][1:] == ["", "0"], "nobody has a lease, or events"
    assert any(answer.startswith("afterword") for answer in answers), "its connections"
