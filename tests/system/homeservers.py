"""Real homeservers on loopback, each in a directory of its own."""

import base64
import hashlib
import hmac
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from .matrix import Server, User
from .processes import Process, free_port

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


class Synapse(Server):
    """Synapse with SQLite. Its address is known before it is started, for Afterword's set-up needs it."""

    def __init__(self, directory: Path, *, own_delayed_events: bool = False, default_rate_limits: bool = False):
        self.directory = directory
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.server_name = "home.test"
        self.log = directory / "synapse.log"
        self._shared_secret = secrets.token_hex(16)
        self._own_delayed_events = own_delayed_events
        self._default_rate_limits = default_rate_limits
        self._process: Process | None = None

    def start(self, registrations: list[Path] | None = None) -> None:
        """`registrations`: application services that it knows."""
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "homeserver.yaml"
        configuration.write_text(json.dumps(self._configuration(registrations or []), indent=2))  # JSON is YAML
        signing_key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        (self.directory / "signing.key").write_text(f"ed25519 a_test {signing_key}\n")
        self.resume()

    def resume(self) -> None:
        """Starts it again, with the configuration and data that it had."""
        command = [sys.executable, "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"]
        self._process = Process(command, self.log, self.directory)
        self._process.name = "Synapse"
        self._process.wait_until(self.is_ready)

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    def register(self, localpart: str, password: str = "correct horse") -> User:
        """A new user, logged in at the homeserver itself; see User.at()."""
        path = "/_synapse/admin/v1/register"
        nonce = self.request("GET", path).ok()["nonce"]
        proof = "\0".join([nonce, localpart, password, "notadmin"]).encode()
        mac = hmac.new(self._shared_secret.encode(), proof, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": localpart, "password": password, "admin": False, "mac": mac}
        answer = self.request("POST", path, body=body).ok()
        return User(Server(self.base_url), answer["user_id"], answer["access_token"], answer["device_id"], password)

    def _configuration(self, registrations: list[Path]) -> dict[str, Any]:
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "resources": [{"names": ["client", "media"]}],
        }
        configuration: dict[str, Any] = {
            "server_name": self.server_name,
            "public_baseurl": self.base_url,
            "listeners": [listener],
            "pid_file": str(self.directory / "synapse.pid"),
            "database": {"name": "sqlite3", "args": {"database": str(self.directory / "homeserver.db")}},
            "media_store_path": str(self.directory / "media"),
            "signing_key_path": str(self.directory / "signing.key"),
            "macaroon_secret_key": secrets.token_hex(16),
            "form_secret": secrets.token_hex(16),
            "registration_shared_secret": self._shared_secret,
            "bcrypt_rounds": 4,
            "trusted_key_servers": [],
            "report_stats": False,
            "presence": {"enabled": False},
            "experimental_features": {"msc4354_enabled": True},
            "app_service_config_files": [str(path) for path in registrations],
        }
        if not self._default_rate_limits:
            configuration.update(_RATE_LIMITS)
        if self._own_delayed_events:
            configuration["max_event_delay_duration"] = "24h"
            configuration["experimental_features"]["msc4140_max_delayed_events_per_user"] = 100_000_000
        return configuration
