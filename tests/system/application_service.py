"""An application service other than Afterword: a bridge, whose users are @bridge-…, and who pushes nothing."""

import json
import secrets
from pathlib import Path
from typing import Any

from .matrix import C, Puppet, Server, User


class Bridge:
    def __init__(self, directory: Path):
        self.registration = directory / "bridge-registration.yaml"
        self.token = secrets.token_hex(16)

    def set_up(self, server_name: str) -> None:
        registration: dict[str, Any] = {
            "id": "bridge",
            "url": None,
            "as_token": self.token,
            "hs_token": secrets.token_hex(16),
            "sender_localpart": "bridge",
            "rate_limited": False,
            "namespaces": {
                "users": [{"regex": f"@bridge-.*:{server_name}", "exclusive": True}],
                "aliases": [],
                "rooms": [],
            },
        }
        self.registration.parent.mkdir(parents=True, exist_ok=True)
        self.registration.write_text(json.dumps(registration))  # JSON is YAML

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
