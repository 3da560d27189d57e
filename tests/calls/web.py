"""What browsers load: the host page, Element Call and its configuration; and, in the place of lk-jwt-service, who may enter
LiveKit. All from one address on loopback."""

import base64
import hashlib
import json
import mimetypes
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from system.matrix import Server, User, quote

from .livekit import LiveKit
from .membership import BY_STATE

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = Path(__file__).with_name("page")
_MODULES = (_ROOT / ".cache/element-call/node_modules").resolve()
_ELEMENT_CALL = _MODULES / "@element-hq/element-call-embedded/dist"
_WIDGET_API = _MODULES / "matrix-widget-api/dist/api.js"


class ElementCallNotInstalled(Exception):
    """Says what is missing on this machine."""


def install() -> None:
    """scripts/element-call; ElementCallNotInstalled where that is impossible."""
    done = subprocess.run([_ROOT / "scripts/element-call"], capture_output=True, text=True)
    if done.returncode != 0:
        raise ElementCallNotInstalled(done.stderr.strip())


class Web:
    """Serves from the moment it is made until close()."""

    def __init__(
        self, homeserver: Server, livekit: LiveKit, leave_after_ms: int, heartbeat_ms: int, membership: str = BY_STATE
    ):
        """`homeserver`: where it asks whose an OpenID token is. Element Call schedules leaves and restarts them so, and
        tells the room of itself so."""
        self._homeserver = homeserver
        self._livekit = livekit
        self._leave_after_ms = leave_after_ms
        self._heartbeat_ms = heartbeat_ms
        self.membership = membership
        self.refused: list[str] = []  # why somebody got no token
        self._pages: dict[str, str] = {}  # where a link leads
        self._livekit_ports: dict[str, int] = {}  # user_id -> by which their browser reaches it
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web._serve(self)

            def do_POST(self) -> None:
                web._let_in(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def link(self, user: User, room: str, homeserver: str, livekit_port: int) -> str:
        """Opens as that user's client, who joins the call in that room; it reaches the homeserver and LiveKit there."""
        self._livekit_ports[user.user_id] = livekit_port
        me = {
            "homeserver": homeserver,
            "user_id": user.user_id,
            "device_id": user.device_id,
            "token": user.token,
            "room_id": room,
            "name": user.localpart,
        }
        self._pages[f"/{user.localpart}"] = f"/host.html#{quote(json.dumps(me))}"
        return f"{self.base_url}/{user.localpart}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _configuration(self) -> dict[str, Any]:
        small = {"max_resolution": 180, "max_bitrate": 100_000, "max_framerate": 5, "simulcast_layers": []}
        return {
            "livekit": {"livekit_service_url": f"{self.base_url}/sfu-tokens"},
            "media_quality": {"video": small},
            "matrix_rtc_mode": "compatibility" if self.membership == BY_STATE else "matrix_2_0",
            "matrix_rtc_session": {
                "delayed_leave": {"delay_ms": self._leave_after_ms, "restart_ms": self._heartbeat_ms},
            },
        }

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.split("?")[0]
        if page := self._pages.get(path):
            return _write(handler, 302, b"", "text/plain", Location=page)
        if path == "/element-call/config.json":
            return _answer(handler, 200, self._configuration())
        if path == "/matrix-widget-api.js":
            file = _WIDGET_API
        elif path.startswith("/element-call/"):
            file = (_ELEMENT_CALL / path.removeprefix("/element-call/")).resolve()
        else:
            file = (_PAGE / path.removeprefix("/")).resolve()
        if not (file.is_file() and any(file.is_relative_to(root) for root in (_PAGE, _MODULES))):
            return _answer(handler, 404, {})
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        _write(handler, 200, file.read_bytes(), kind)

    def _let_in(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        # 404 for the rest says that it takes no leaves over.
        if handler.path not in ("/sfu-tokens/sfu/get", "/sfu-tokens/get_token"):
            return _answer(handler, 404, {"errcode": "M_UNRECOGNIZED", "error": "not here"})
        asked = json.loads(body)
        token = asked["openid_token"]["access_token"]
        path = "/_matrix/federation/v1/openid/userinfo"
        whose = self._homeserver.request("GET", path, query={"access_token": token})
        if whose.status != 200:
            self.refused.append(f"{whose.status} {whose.body.decode(errors='replace')}")
            return _answer(handler, 403, {"errcode": "M_FORBIDDEN", "error": "whose token is that?"})
        user_id = whose.json["sub"]
        if "member" in asked:
            room, identity = asked["room_id"], _hashed(user_id, asked["member"])
        else:
            room, identity = asked["room"], f"{user_id}:{asked['device_id']}"
        address = f"ws://127.0.0.1:{self._livekit_ports[user_id]}"
        _answer(handler, 200, {"url": address, "jwt": self._livekit.token(room, identity)})


def _hashed(user_id: str, member: dict[str, str]) -> str:
    """How somebody is named at LiveKit whose membership is a sticky event."""
    parts = json.dumps([user_id, member["claimed_device_id"], member["id"]], separators=(",", ":"))
    return base64.b64encode(hashlib.sha256(parts.encode()).digest()).rstrip(b"=").decode()


def _answer(handler: BaseHTTPRequestHandler, status: int, content: dict[str, Any]) -> None:
    _write(handler, status, json.dumps(content).encode(), "application/json")


def _write(handler: BaseHTTPRequestHandler, status: int, content: bytes, kind: str, **headers: str) -> None:
    handler.send_response_only(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
