"""LiveKit's own server on loopback: the media of the calls go through it."""

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any

from system.matrix import Server
from system.processes import Process, ProcessFailed, free_port

_ROOT = Path(__file__).resolve().parents[2]
_NOT_HAD = 3  # the status of scripts/livekit where it cannot be built


class LiveKitNotBuilt(Exception):
    """Says what is missing on this machine."""


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


class LiveKit(Server):
    """One, from start() to stop()."""

    def __init__(self, directory: Path):
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.log = directory / "livekit.log"
        self._directory = directory
        self._key = "key"
        self._secret = secrets.token_hex(32)
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def build(self) -> None:
        """Finds it or builds it, on the first use; LiveKitNotBuilt where that is impossible."""
        script = _ROOT / "scripts/livekit"
        done = subprocess.run([script], capture_output=True, text=True)
        if done.returncode == _NOT_HAD:
            raise LiveKitNotBuilt(done.stderr.strip())
        if done.returncode != 0:
            raise ProcessFailed(f"{script.name} ended with status {done.returncode}:\n{done.stderr}")
        self._program = done.stdout.strip()

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        media = {
            "udp_port": free_port(),
            "tcp_port": free_port(),
            "node_ip": "127.0.0.1",
            "use_external_ip": False,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo"]},
            "use_ice_lite": True,  # it answers where it is asked, and asks no address itself
            # Without one of ours it would name public ones to the browsers. Nothing has to answer there.
            "stun_servers": [f"127.0.0.1:{free_port()}"],
        }
        configuration = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": media,
            "keys": {self._key: self._secret},
            "room": {"auto_create": True},
            "logging": {"level": "info"},
        }
        file = self._directory / "livekit.yaml"
        file.write_text(json.dumps(configuration))  # JSON is YAML
        file.chmod(0o600)
        self._process = Process([self._program, "--config", str(file)], self.log, self._directory)
        self._process.name = "LiveKit"
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        """kill -9: asked to end, it waits until all have left."""
        if self._process:
            self._process.kill()

    def token(self, room: str, identity: str = "", *, admin: bool = False) -> str:
        """What lets somebody into a room: a JSON Web Token, signed with HS256."""
        now = int(time.time())
        video: dict[str, Any] = {"room": room, "roomJoin": True, "canPublish": True, "canSubscribe": True}
        if admin:
            video = {"room": room, "roomAdmin": True, "roomList": True}
        claims = {"iss": self._key, "sub": identity, "nbf": now - 10, "exp": now + 3600, "video": video}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        proof = hmac.new(self._secret.encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_encoded(proof)}"

    def participants(self, room: str) -> dict[str, int]:
        """Who is connected, and how many tracks each publishes."""
        path = "/twirp/livekit.RoomService/ListParticipants"
        answer = self.request("POST", path, token=self.token(room, admin=True), body={"room": room})
        if answer.status == 404:
            return {}
        return {one["identity"]: len(one.get("tracks", [])) for one in answer.ok().get("participants", [])}

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/", timeout=5).status == 200
        except (OSError, http.client.HTTPException):
            return False
