"""A small Matrix client: what an ordinary user does, and the delayed-event calls in each of their wire forms."""

import http.client
import itertools
import json
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

C = "/_matrix/client"
U = f"{C}/unstable/org.matrix.msc4140"

# The three wire forms in which an event can be scheduled.
STABLE = "stable"  # PUT C/v3/rooms/…/delayed_event/…
UNSTABLE = "unstable"  # PUT U/rooms/…/delayed_event/…
LEGACY = "legacy"  # PUT C/v3/rooms/…/send|state|redact/…?org.matrix.msc4140.delay=…

# The three in which it can be managed.
PATH_STABLE = "stable path"  # POST C/v1/delayed_events/{id}/{action}
PATH_UNSTABLE = "unstable path"  # POST U/delayed_events/{id}/{action}
BODY_UNSTABLE = "unstable body"  # POST U/delayed_events/{id} {"action"}

DELAY_QUERY = "org.matrix.msc4140.delay"
STICKY_QUERY = "org.matrix.msc4354.sticky_duration_ms"

T = TypeVar("T")


class MatrixError(Exception):
    """An answer that was not the expected success."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def errcode(self) -> str | None:
        return self.json.get("errcode")

    def ok(self) -> Any:
        """The JSON of a 200; anything else is an error."""
        if self.status != 200:
            raise MatrixError(f"{self.status} {self.body.decode(errors='replace')}")
        return self.json


def quote(segment: str) -> str:
    return urllib.parse.quote(segment, safe="")


class Server:
    """An address that speaks the client-server API: a homeserver's, or Afterword's."""

    def __init__(self, base_url: str):
        self.base_url = base_url

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: dict[str, Any] | str | None = None,
        body: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
        kept: http.client.HTTPConnection | None = None,
    ) -> Response:
        """`body` is sent as JSON, `raw` as it is. A connection of its own each time, or `kept`, made by connect()."""
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            raw = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if query:
            path += "?" + (query if isinstance(query, str) else urllib.parse.urlencode(query))
        connection = kept or self.connect(timeout)
        try:
            connection.request(method, path, body=raw, headers=headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            if not kept:
                connection.close()

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        """It is made when it is first used."""
        return http.client.HTTPConnection(urllib.parse.urlsplit(self.base_url).netloc, timeout=timeout)

    def is_ready(self) -> bool:
        try:
            return self.request("GET", f"{C}/versions", timeout=5).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def log_in(self, localpart: str, password: str) -> "User":
        identifier = {"type": "m.id.user", "user": localpart}
        body = {"type": "m.login.password", "identifier": identifier, "password": password}
        answer = self.request("POST", f"{C}/v3/login", body=body).ok()
        return User(self, answer["user_id"], answer["access_token"], answer["device_id"], password)


_transactions = itertools.count()


def new_txn_id() -> str:
    return f"txn-{uuid.uuid4().hex[:8]}-{next(_transactions)}"


@dataclass(frozen=True)
class User:
    """A user's session on one device, at the address where its client points."""

    server: Server
    user_id: str
    token: str = field(repr=False)
    device_id: str | None
    password: str | None = field(default=None, repr=False)

    @property
    def localpart(self) -> str:
        return self.user_id[1:].split(":")[0]

    def at(self, server: Server) -> "User":
        """The same session, its client pointed elsewhere."""
        return replace(self, server=server)

    def request(self, method: str, path: str, **arguments: Any) -> Response:
        return self.server.request(method, path, **{"token": self.token, **arguments})

    def request_patiently(self, method: str, path: str, **arguments: Any) -> Response:
        """The same, with the homeserver's rate limits waited out."""
        while (answer := self.request(method, path, **arguments)).status == 429:
            time.sleep(answer.json["retry_after_ms"] / 1000)
        return answer

    def on_new_device(self) -> "User":
        return self.server.log_in(self.localpart, self.password)

    # Rooms

    def create_room(self, **options: Any) -> str:
        body = {"preset": "public_chat", **options}
        return self.request_patiently("POST", f"{C}/v3/createRoom", body=body).ok()["room_id"]

    def join(self, room: str) -> None:
        self.request_patiently("POST", f"{C}/v3/join/{quote(room)}", body={}).ok()

    def leave(self, room: str) -> None:
        self.request_patiently("POST", f"{C}/v3/rooms/{quote(room)}/leave", body={}).ok()

    def send(self, room: str, event_type: str, content: Any, **arguments: Any) -> Response:
        path = f"{C}/v3/rooms/{quote(room)}/send/{quote(event_type)}/{new_txn_id()}"
        return self.request("PUT", path, body=content, **arguments)

    def set_state(self, room: str, event_type: str, content: Any, state_key: str = "") -> Response:
        path = f"{C}/v3/rooms/{quote(room)}/state/{quote(event_type)}/{quote(state_key)}"
        return self.request_patiently("PUT", path, body=content)

    def state(self, room: str, event_type: str, state_key: str = "") -> Response:
        return self.request_patiently("GET", f"{C}/v3/rooms/{quote(room)}/state/{quote(event_type)}/{quote(state_key)}")

    def event(self, room: str, event_id: str) -> dict[str, Any]:
        """Waits until it can be read: Dendrite needs a moment after it has taken an event."""
        path = f"{C}/v3/rooms/{quote(room)}/event/{quote(event_id)}"

        def look() -> dict[str, Any] | None:
            answer = self.request_patiently("GET", path)
            return answer.json if answer.status == 200 else None

        return eventually(look)

    def events(self, room: str, event_type: str | None = None) -> list[dict[str, Any]]:
        """The room's latest events, oldest first."""
        query = {"dir": "b", "limit": 100}
        chunk = self.request_patiently("GET", f"{C}/v3/rooms/{quote(room)}/messages", query=query).ok()["chunk"]
        return [event for event in reversed(chunk) if event_type in (None, event["type"])]

    def events_arriving(self, room: str, event_type: str, count: int) -> list[dict[str, Any]]:
        """The same, once there are `count` of them; perhaps there are more."""
        return eventually(lambda: seen if len(seen := self.events(room, event_type)) >= count else None)

    def sync(self, since: str | None = None, timeout_ms: int = 0) -> dict[str, Any]:
        query = {"timeout": timeout_ms, **({"since": since} if since else {})}
        return self.request_patiently("GET", f"{C}/v3/sync", query=query).ok()

    # Delayed events

    def schedule(
        self,
        room: str,
        event_type: str,
        content: Any,
        delay_ms: Any,
        *,
        state_key: str | None = None,
        form: str = STABLE,
        txn_id: str | None = None,
        query: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Response:
        txn_id = txn_id or new_txn_id()
        if form == LEGACY:
            query = {**(query or {}), DELAY_QUERY: delay_ms}
            path = f"{C}/v3/rooms/{quote(room)}/send/{quote(event_type)}/{txn_id}"
            if state_key is not None:
                path = f"{C}/v3/rooms/{quote(room)}/state/{quote(event_type)}/{quote(state_key)}"
            return self.request("PUT", path, body=content, query=query, **arguments)
        prefix = f"{C}/v3" if form == STABLE else U
        path = f"{prefix}/rooms/{quote(room)}/delayed_event/{quote(event_type)}/{txn_id}"
        body = {"delay_ms": delay_ms, "content": content}
        if state_key is not None:
            body["state_key"] = state_key
        return self.request("PUT", path, body=body, query=query, **arguments)

    def delayed(self, room: str, event_type: str, content: Any, delay_ms: int, **arguments: Any) -> str:
        """Schedules, and hands back the delay_id."""
        return self.schedule(room, event_type, content, delay_ms, **arguments).ok()["delay_id"]

    def manage(self, delay_id: str, action: str, form: str = PATH_STABLE, **arguments: Any) -> Response:
        if form == PATH_STABLE:
            return self.request("POST", f"{C}/v1/delayed_events/{delay_id}/{action}", **arguments)
        if form == PATH_UNSTABLE:
            return self.request("POST", f"{U}/delayed_events/{delay_id}/{action}", **arguments)
        return self.request("POST", f"{U}/delayed_events/{delay_id}", body={"action": action}, **arguments)

    def look_up(self, delay_id: str, form: str = STABLE, **arguments: Any) -> Response:
        prefix = f"{C}/v1" if form == STABLE else U
        return self.request("GET", f"{prefix}/delayed_events/{delay_id}", **arguments)

    def scheduled(self) -> list[dict[str, Any]]:
        return self.request("GET", f"{U}/delayed_events").ok()["delayed_events"]

    def outcome(self, delay_id: str, timeout: float = 15) -> dict[str, Any]:
        """Waits until the event is finalised: {"finalised_ts", "event_id"?, "error"?}."""
        return eventually(lambda: self.look_up(delay_id).ok().get("finalised"), timeout)


@dataclass(frozen=True)
class Puppet(User):
    """A user whom an application service speaks for, by its own token."""

    def request(self, method: str, path: str, **arguments: Any) -> Response:
        query = {"user_id": self.user_id, **(arguments.pop("query", None) or {})}
        if self.device_id:
            query["device_id"] = self.device_id
        return super().request(method, path, query=query, **arguments)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def eventually(look: Callable[[], T | None], timeout: float = 15) -> T:
    """What `look` sees, once it sees something."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still nothing after {timeout} s")
        time.sleep(0.05)
    return seen
