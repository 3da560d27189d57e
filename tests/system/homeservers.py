"""Real homeservers on loopback, each in a directory of its own."""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from .matrix import Server, User
from .processes import Process, ProcessFailed, free_port

_NO_GO = 3  # the status of scripts/dendrite on a machine that cannot build it

# More than any test asks for. Synapse's own limits would measure us in requests a minute.
_UNLIMITED = {"per_second": 1_000_000, "burst_count": 1_000_000}
_RATE_LIMITS = {
    "rc_message": _UNLIMITED,
    "rc_registration": _UNLIMITED,
    "rc_login": {"address": _UNLIMITED, "account": _UNLIMITED, "failed_attempts": _UNLIMITED},
    "rc_joins": {"local": _UNLIMITED, "remote": _UNLIMITED},
    "rc_joins_per_room": _UNLIMITED,
    "rc_invites": {"per_room": _UNLIMITED, "per_user": _UNLIMITED, "per_issuer": _UNLIMITED},
    "rc_room_creation": _UNLIMITED,
    "rc_admin_redaction": _UNLIMITED,
    "rc_delayed_event_mgmt": _UNLIMITED,
}


def register(server: Server, shared_secret: str, localpart: str, password: str, *, admin: bool = False) -> User:
    """A new user, logged in, by Synapse's admin API, which Dendrite has too."""
    path = "/_synapse/admin/v1/register"
    nonce = server.request("GET", path).ok()["nonce"]
    proof = "\0".join([nonce, localpart, password, "admin" if admin else "notadmin"]).encode()
    mac = hmac.new(shared_secret.encode(), proof, hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin, "mac": mac}
    answer = server.request("POST", path, body=body).ok()
    return User(Server(server.base_url), answer["user_id"], answer["access_token"], answer["device_id"], password)


class Homeserver(Server):
    """One of a directory of its own, from start() to stop(). Its address is known before it is started, for Afterword's
    set-up needs it."""

    name: str

    def __init__(self, directory: Path):
        self.directory = directory
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.server_name = "home.test"
        self.log = directory / f"{self.name.lower()}.log"
        self._shared_secret = secrets.token_hex(16)
        self._process: Process | None = None

    def start(self, registrations: list[Path] | None = None) -> None:
        """`registrations`: application services that it knows."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_files(registrations or [])
        self.resume()

    def resume(self) -> None:
        """Starts it again, with the configuration and data that it had."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """The same, without waiting for it."""
        self._process = Process(self._command(), self.log, self.directory)
        self._process.name = self.name

    def wait_until_ready(self) -> None:
        assert self._process
        self._process.wait_until(self.is_ready)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        assert self._process
        self._process.kill()

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    def register(self, localpart: str, password: str = "correct horse", *, admin: bool = False) -> User:
        """A new user, logged in at the homeserver itself; see User.at()."""
        return register(self, self._shared_secret, localpart, password, admin=admin)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _write_files(self, registrations: list[Path]) -> None:
        """Its configuration and its keys."""
        raise NotImplementedError


class Synapse(Homeserver):
    """Synapse with SQLite, or with `database`, the URL of a PostgreSQL database that is new. `settings`: more of its own."""

    name = "Synapse"

    def __init__(
        self,
        directory: Path,
        *,
        database: str | None = None,
        own_delayed_events: bool = False,
        default_rate_limits: bool = False,
        settings: dict[str, Any] | None = None,
    ):
        super().__init__(directory)
        self._settings = settings or {}
        self._database = database
        self._own_delayed_events = own_delayed_events
        self._default_rate_limits = default_rate_limits

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"]

    def _write_files(self, registrations: list[Path]) -> None:
        configuration = self.directory / "homeserver.yaml"
        configuration.write_text(json.dumps(self._configuration(registrations), indent=2))  # JSON is YAML
        signing_key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        (self.directory / "signing.key").write_text(f"ed25519 a_test {signing_key}\n")

    def _configuration(self, registrations: list[Path]) -> dict[str, Any]:
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "resources": [{"names": ["client", "media", "federation"], "compress": True}],
            "x_forwarded": True,
        }
        configuration: dict[str, Any] = {
            "server_name": self.server_name,
            "public_baseurl": self.base_url,
            "listeners": [listener],
            "pid_file": str(self.directory / "synapse.pid"),
            "database": self._database_configuration(),
            "media_store_path": str(self.directory / "media"),
            "max_upload_size": "200M",
            "signing_key_path": str(self.directory / "signing.key"),
            "macaroon_secret_key": secrets.token_hex(16),
            "form_secret": secrets.token_hex(16),
            "registration_shared_secret": self._shared_secret,
            "allow_guest_access": True,
            "bcrypt_rounds": 4,
            "trusted_key_servers": [],
            "report_stats": False,
            "presence": {"enabled": False},
            "experimental_features": {"msc4354_enabled": True, "msc4222_enabled": True},
            "app_service_config_files": [str(path) for path in registrations],
        }
        if not self._default_rate_limits:
            configuration.update(_RATE_LIMITS)
        if self._own_delayed_events:
            configuration["max_event_delay_duration"] = "24h"
            configuration["experimental_features"]["msc4140_max_delayed_events_per_user"] = 100_000_000
        return {**configuration, **self._settings}

    def _database_configuration(self) -> dict[str, Any]:
        if self._database:
            return {"name": "psycopg2", "args": {"dsn": self._database, "cp_min": 1, "cp_max": 5}}
        return {"name": "sqlite3", "args": {"database": str(self.directory / "homeserver.db")}}


class DendriteNotBuilt(Exception):
    """Says what is missing on this machine."""


class Dendrite(Homeserver):
    """Dendrite with SQLite; its rate limits are those that it comes with, or none. Without federation, unless it has to
    answer to servers, for example whose an OpenID token is. build() comes before start()."""

    name = "Dendrite"

    def __init__(self, directory: Path, *, default_rate_limits: bool = True, federation: bool = False):
        super().__init__(directory)
        self._default_rate_limits = default_rate_limits
        self._federation = federation
        self._program: str | None = None

    def build(self) -> None:
        """Finds it or builds it, on the first use; DendriteNotBuilt where that is impossible."""
        script = Path(__file__).resolve().parents[2] / "scripts/dendrite"
        done = subprocess.run([script], capture_output=True, text=True)
        if done.returncode == _NO_GO:
            raise DendriteNotBuilt(done.stderr.strip())
        if done.returncode != 0:
            raise ProcessFailed(f"{script.name} ended with status {done.returncode}:\n{done.stderr}")
        self._program = done.stdout.strip()

    def _command(self) -> list[str]:
        assert self._program
        command = [self._program, "-config", "dendrite.yaml", "-http-bind-address", f"127.0.0.1:{self.port}"]
        return [*command, "-https-bind-address", "127.0.0.1:0", "-really-enable-open-registration"]

    def _write_files(self, registrations: list[Path]) -> None:
        configuration = self.directory / "dendrite.yaml"
        configuration.write_text(json.dumps(self._configuration(registrations), indent=2))  # JSON is YAML
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        label = "MATRIX PRIVATE KEY"
        pem = f"-----BEGIN {label}-----\nKey-ID: ed25519:a_test\n\n{key}\n-----END {label}-----\n"
        (self.directory / "matrix_key.pem").write_text(pem)

    def _configuration(self, registrations: list[Path]) -> dict[str, Any]:
        def database(name: str) -> dict[str, str]:
            return {"connection_string": f"file:{name}.db"}

        return {
            "version": 2,
            "global": {
                "server_name": self.server_name,
                "private_key": "matrix_key.pem",
                "disable_federation": not self._federation,
                "jetstream": {"storage_path": str(self.directory), "in_memory": False},
            },
            "app_service_api": {"config_files": [str(path) for path in registrations]},
            "client_api": {
                "registration_disabled": False,  # for guests; it needs -really-enable-open-registration
                "guests_disabled": False,
                "registration_shared_secret": self._shared_secret,
                **({} if self._default_rate_limits else {"rate_limiting": {"enabled": False}}),
            },
            "federation_api": {"database": database("federation_api")},
            "key_server": {"database": database("key_server")},
            "media_api": {"database": database("media_api"), "base_path": str(self.directory / "media")},
            "mscs": {"database": database("mscs")},
            "relay_api": {"database": database("relay_api")},
            "room_server": {"database": database("room_server")},
            "sync_api": {
                "database": database("sync_api"),
                "search": {"enabled": True, "index_path": str(self.directory / "search")},
            },
            "user_api": {"account_database": database("user_api"), "bcrypt_cost": 4},
            "logging": [{"type": "std", "level": "info"}],
        }
