"""Application services other than Afterword. They push nothing."""

import json
import secrets
from pathlib import Path
from typing import Any

from .matrix import C, Puppet, Server, User


class ApplicationService:
    """Of this name; it may speak for the users whose names begin with `prefix`."""

    def __init__(self, directory: Path, name: str, prefix: str, *, exclusive: bool):
        self.registration = directory / f"{name}-registration.yaml"
        self.token = secrets.token_hex(16)
        self._name = name
        self._users = f"@{prefix}.*"
        self._exclusive = exclusive

    def set_up(self, server_name: str) -> None:
        registration: dict[str, Any] = {
            "id": self._name,
            "url": None,
            "as_token": self.token,
            "hs_token": secrets.token_hex(16),
            "sender_localpart": self._name,
            "rate_limited": False,
            "namespaces": {
                "users": [{"regex": f"{self._users}:{server_name}", "exclusive": self._exclusive}],
                "aliases": [],
                "rooms": [],
            },
        }
        self.registration.parent.mkdir(parents=True, exist_ok=True)
        self.registration.write_text(json.dumps(registration))  # JSON is YAML

    def on_behalf_of(self, user: User) -> Puppet:
        """A user who is there already."""
        return Puppet(user.server, user.user_id, self.token, None)


class Bridge(ApplicationService):
    """Its users are its own, @bridge-…"""

    def __init__(self, directory: Path):
        super().__init__(directory, "bridge", "bridge-", exclusive=True)

    def puppet(self, server: Server, localpart: str) -> Puppet:
        """A new user of the bridge, without a device."""
        body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
        user_id = server.request("POST", f"{C}/v3/register", token=self.token, body=body).ok()["user_id"]
        return Puppet(server, user_id, self.token, None)

    def device_of(self, puppet: User) -> str:
        """A new device of a puppet."""
        identifier = {"type": "m.id.user", "user": puppet.localpart}
        body = {"type": "m.login.application_service", "identifier": identifier}
        return puppet.server.request("POST", f"{C}/v3/login", token=self.token, body=body).ok()["device_id"]


class CallService(ApplicationService):
    """Acts for users who have sessions of their own, as lk-jwt-service does from 0.6 on: for those named @alice…"""

    def __init__(self, directory: Path):
        super().__init__(directory, "calls", "alice", exclusive=False)
