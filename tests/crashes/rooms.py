"""What the rooms hold, as an ordinary user of the homeserver sees it."""

import contextlib
import http.client
import json
import threading
import time
from typing import Any

from system.matrix import C, MatrixError, User, eventually, quote

from .clients import MESSAGE, NUMBER, STATE
from .verdict import Seen

_HOMESERVER_AWAY = (OSError, http.client.HTTPException, MatrixError, json.JSONDecodeError)


def _number(event: dict[str, Any]) -> int | None:
    number = event["content"].get(NUMBER) if event["type"] in (MESSAGE, STATE) else None
    return number if isinstance(number, int) else None


class Watcher:
    """A member of all rooms who syncs at the homeserver itself, and so knows by when an event was there."""

    def __init__(self, user: User):
        self.user = user
        self.arrived: dict[str, float] = {}  # by event id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        timeline = {"room": {"timeline": {"limit": 200}, "state": {"lazy_load_members": True}}}
        query: dict[str, Any] = {"timeout": 1000, "filter": json.dumps(timeline)}
        while not self._stop.is_set():
            try:
                answer = self.user.request("GET", f"{C}/v3/sync", query=query, timeout=10).ok()
            except _HOMESERVER_AWAY:
                time.sleep(0.1)
                continue
            now = time.monotonic()
            query["since"] = answer["next_batch"]
            for room in answer.get("rooms", {}).get("join", {}).values():
                for event in room["timeline"]["events"]:
                    self.arrived.setdefault(event["event_id"], now)


def read_room(reader: User, room: str, arrived: dict[str, float]) -> list[Seen]:
    """All of ours, oldest first."""
    newest_first: list[Seen] = []
    query: dict[str, Any] = {"dir": "b", "limit": 500}
    while True:
        answer = eventually(lambda: _messages(reader, room, query), 30)
        for event in answer["chunk"]:
            number = _number(event)
            if number is not None:
                event_id = event["event_id"]
                newest_first.append(Seen(number, event_id, event["origin_server_ts"], arrived.get(event_id)))
        if not answer["chunk"] or not answer.get("end") or answer["end"] == query.get("from"):
            return newest_first[::-1]
        query["from"] = answer["end"]


def _messages(reader: User, room: str, query: dict[str, Any]) -> dict[str, Any] | None:
    with contextlib.suppress(*_HOMESERVER_AWAY):
        return reader.request("GET", f"{C}/v3/rooms/{quote(room)}/messages", query=query, timeout=30).ok()
    return None
