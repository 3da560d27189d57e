"""Afterword on PostgreSQL as operators set it up: rights, passwords, TLS, sockets; and what is said if one is wrong."""

import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .certificates import make_certificate
from .gateway import BINARY, Afterword
from .homeservers import Synapse
from .matrix import User
from .postgres import Postgres, unprivileged, unprivileged_directory
from .processes import ProcessFailed, free_port, tail

TEXT = "m.room.message"
SECRET = "p@ss/w:rd#%"  # all that means something in a URL


class GuardedPostgres:
    """Asks for passwords on TCP, has TLS, and knows users with less and more rights. `of(user, …)` makes URLs."""

    def __init__(self) -> None:
        self._files = unprivileged_directory()
        self.certificate = make_certificate(self._files, "DNS:localhost", unprivileged)
        rules = self._files / "pg_hba.conf"
        rules.write_text("local all all trust\nhostnossl plain all 127.0.0.1/32 scram-sha-256\n"
                         "hostssl all all 127.0.0.1/32 scram-sha-256\n")  # fmt: skip
        rules.chmod(0o644)
        files = {"ssl_cert_file": self.certificate, "ssl_key_file": self._files / "server.key", "hba_file": rules}
        settings = {"ssl": "on", **{key: str(path) for key, path in files.items()}}
        self._server = Postgres(settings)
        self._server.is_ready = self._is_ready  # type: ignore[method-assign]
        self._server.start()
        for statement in [
            f"CREATE USER owner PASSWORD '{SECRET}'",
            f"CREATE USER crowd PASSWORD '{SECRET}' CONNECTION LIMIT 0",
            f"CREATE USER guest PASSWORD '{SECRET}'",
            "CREATE DATABASE plain OWNER owner",
            "CREATE DATABASE other OWNER owner",
            "CREATE DATABASE newer OWNER owner",
            "CREATE DATABASE standby OWNER owner",
            "CREATE DATABASE prepared",
            "ALTER DATABASE standby SET default_transaction_read_only = on",
            "ALTER DATABASE other SET synchronous_commit = off",
        ]:
            self.query(statement)
        self.query("CREATE SCHEMA afterword AUTHORIZATION guest", "prepared")
        self.query("CREATE SCHEMA afterword AUTHORIZATION owner", "newer")
        self.query("SET ROLE owner; CREATE TABLE afterword.schema_version AS SELECT 99 AS version", "newer")

    def _is_ready(self) -> bool:
        return Postgres.is_ready(self._server)

    def query(self, sql: str, database: str = "postgres") -> list[list[str]]:
        return self._server.query(sql, self.by_socket("afterword", database))

    def by_socket(self, user: str, database: str) -> str:
        directory = urllib.parse.quote(str(self._server.directory), safe="")
        return f"postgresql://{user}@{directory}:{self._server.port}/{database}"

    def of(self, user: str, database: str, *, password: str = SECRET, host: str = "127.0.0.1", query: str = "") -> str:
        quoted = urllib.parse.quote(password, safe="")
        return f"postgresql://{user}:{quoted}@{host}:{self._server.port}/{database}?{query}"

    def close(self) -> None:
        self._server.close()
        for path in self._files.iterdir():
            path.unlink()
        self._files.rmdir()


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedPostgres]:
    server = GuardedPostgres()
    yield server
    server.close()


def works(alice: User, room: str, afterword: Afterword) -> None:
    alice = alice.at(afterword)
    delay_id = alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "later"}, 300)
    event_id = alice.outcome(delay_id)["event_id"]
    assert alice.event(room, event_id)["unsigned"]["delay_id"] == delay_id


def test_all_the_way_with_tls_and_a_password(
    guarded: GuardedPostgres, synapse: Synapse, afterword: Afterword, alice: User, room: str, tmp_path: Path
):
    url = guarded.of("owner", "plain", host="localhost", query=f"sslmode=verify-full&sslrootcert={guarded.certificate}")
    listen = f"127.0.0.1:{free_port()}"
    command = [str(BINARY), "init", "--server-name", synapse.server_name, "--homeserver", synapse.base_url]
    command += ["--listen", listen, "--database", url, "--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "afterword.yaml").stat().st_mode & 0o777 == 0o600

    # The homeserver knows one registration of ours, that of the other Afterword.
    (tmp_path / "afterword-registration.yaml").write_bytes(afterword.registration.read_bytes())
    mine = Afterword(tmp_path, int(listen.split(":")[1]))
    checked = mine.check()
    assert checked.returncode == 0, checked.stdout
    mine.start()
    works(alice, room, mine)
    assert mine.stop() == 0
    assert guarded.query("SELECT count(*) FROM afterword.events WHERE state = 2", "plain") == [["1"]]

    shown = done.stdout + done.stderr + checked.stdout + checked.stderr + mine.log.read_text()
    assert SECRET not in shown and urllib.parse.quote(SECRET, safe="") not in shown


def test_by_a_socket_and_in_a_schema_made_for_it(
    guarded: GuardedPostgres, alice: User, room: str, start_another: Callable[..., Afterword]
):
    """The user may make no schemas, but has one."""
    works(alice, room, start_another({"database": guarded.by_socket("guest", "prepared")}))


def test_warns_when_a_commit_is_not_waited_for(guarded: GuardedPostgres, start_another: Callable[..., Afterword]):
    afterword = start_another({"database": guarded.of("owner", "other", query="sslmode=require")})
    assert "synchronous_commit is off" in afterword.log.read_text()


URLS: dict[str, tuple[Callable[[GuardedPostgres], str], str]] = {
    "wrong password": (
        lambda g: g.of("owner", "plain", password="hunter2"),
        "password authentication failed for user \"owner\"; correct the user or the password in the URL",
    ),
    "no password": (
        lambda g: g.of("owner", "plain").replace(":" + urllib.parse.quote(SECRET, safe=""), ""),
        "no password supplied; put the password into the URL, or into a password file of libpq's",
    ),
    "no such database": (
        lambda g: g.of("owner", "nowhere"),
        "database \"nowhere\" does not exist; make it: createdb --owner USER DATABASE",
    ),
    "not allowed without TLS": (
        lambda g: g.of("owner", "other", query="sslmode=disable"),
        "allow it in the server's pg_hba.conf",
    ),
    "no rights": (
        lambda g: g.of("guest", "other", query="sslmode=require"),
        "permission denied for schema afterword; let the URL's user own the database",
    ),
    "no right to make a schema": (
        lambda g: g.of("guest", "standby", query="sslmode=require&options=-cdefault_transaction_read_only%3Doff"),
        "permission denied for database standby; let the URL's user own the database",
    ),
    "a newer version": (
        lambda g: g.of("owner", "newer"),
        "written by a newer version of Afterword (schema 99, this one knows 3); run that version",
    ),
    "a standby": (
        lambda g: g.of("owner", "standby"),
        "session is read-only; name the primary, not a standby",
    ),
    "too many connections": (
        lambda g: g.of("crowd", "plain"),
        "too many connections for role \"crowd\"; raise the server's max_connections",
    ),
    "another's certificate": (
        lambda g: g.of("owner", "plain", query=f"sslmode=verify-full&sslrootcert={g.certificate}"),
        "server certificate for \"localhost\" (and 1 other name) does not match host name \"127.0.0.1\"",
    ),
    "an unknown certificate": (
        lambda g: g.of("owner", "plain", query="sslmode=verify-ca&sslrootcert=/etc/hostname"),
        "/etc/hostname",
    ),
    "nothing there": (
        lambda g: f"postgresql://owner:hunter2@127.0.0.1:{free_port()}/plain",
        "Connection refused",
    ),
    "a password as it is": (
        lambda g: f"postgresql://owner:{SECRET}@127.0.0.1/plain",
        "the URL cannot be read; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", URLS)
def test_says_in_a_line_what_is_wrong(
    case: str, guarded: GuardedPostgres, afterword: Afterword, tmp_path: Path
):
    make_url, expected = URLS[case]
    url = make_url(guarded)
    mine = afterword.beside(tmp_path, {"database": url})
    with pytest.raises(ProcessFailed):
        mine.start()
    said = mine.log.read_text().splitlines()
    assert len(said) == 1 and expected in said[0], said

    checked = afterword.command("check", "--set", f"database={url}")
    assert checked.returncode == 1
    assert expected in next(line for line in checked.stdout.splitlines() if line.startswith("FAILED"))
    for secret in ("hunter2", SECRET, urllib.parse.quote(SECRET, safe="")):
        assert secret not in tail(mine.log) + checked.stdout + checked.stderr
