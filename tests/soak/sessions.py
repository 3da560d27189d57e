"""Ten users at work: each syncs, talks, looks back, exchanges media and logs in and out, one thing after the other.

What is not answered it asks again, or lets be; but whatever is answered must be right.
"""

import contextlib
import http.client
import random
import secrets
import threading
import time
from collections import Counter
from typing import Any

from system.matrix import C, Response, User, eventually, quote

TEXT = "m.room.message"

# While something is being killed.
_AWAY = {502, 503, 504}
_LARGEST = 3_000_000


class Session:
    def __init__(self, user: User, others: User, seed: str):
        """`user` is at Afterword, and talks with `others` in a room of their own."""
        self._user = user
        self._random = random.Random(seed)
        self.room = user.create_room()
        others.join(self.room)
        self._since: str | None = None
        self._said: dict[str, bool] = {}  # text to whether it was acknowledged
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._works = threading.Event()
        self._rests = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def work(self) -> None:
        self._rests.clear()
        self._works.set()

    def rest(self) -> None:
        """Asks nothing any more from now on."""
        self._works.clear()
        if not self._rests.wait(90):
            raise TimeoutError(f"{self._user.user_id} does not come to rest")

    def end(self) -> None:
        self._ended.set()
        self._works.set()
        self._thread.join()

    def unheard(self) -> list[str]:
        """What was said and is not in the room as often as it should be: once if it was acknowledged."""
        heard = Counter(event["content"]["body"] for event in self._all_events() if event["type"] == TEXT)
        return [
            f"{text!r} is there {heard[text]} times"
            for text, acknowledged in self._said.items()
            if heard[text] > 1 or (acknowledged and not heard[text])
        ]

    def _all_events(self) -> list[dict[str, Any]]:
        path, query = f"{C}/v3/rooms/{quote(self.room)}/messages", {"dir": "b", "limit": 500}
        events: list[dict[str, Any]] = []
        while True:
            page = eventually(lambda: self._answered(self._user.request("GET", path, query=query)), 30).json
            events += page["chunk"]
            if not page.get("end"):
                return events
            query["from"] = page["end"]

    def _run(self) -> None:
        acts = [self._sync, self._sync, self._say, self._say, self._look_back, self._exchange_media, self._log_in_and_out]
        while not self._ended.is_set():
            if not self._works.is_set():
                self._rests.set()
                self._works.wait()
                continue
            try:
                self._random.choice(acts)()
            except (OSError, http.client.HTTPException):  # cut or refused, as by something that was killed
                self.answers["none"] += 1
                time.sleep(0.2)
            except Exception as wrong:
                self.wrong.append(repr(wrong))
            time.sleep(self._random.uniform(0, 0.4))
        self._rests.set()

    def _answered(self, answer: Response) -> Response | None:
        """Nothing if the homeserver, or its SQLite, was away."""
        self.answers[str(answer.status)] += 1
        if answer.status in _AWAY:
            time.sleep(0.1)
            return None
        if answer.status not in (200, 206):
            self.wrong.append(f"{answer.status} {answer.body[:200]!r}")
            return None
        return answer

    def _ask(self, method: str, path: str, **arguments: Any) -> Response | None:
        return self._answered(self._user.request(method, path, **arguments))

    def _sync(self) -> None:
        query = {"timeout": 3000, **({"since": self._since} if self._since else {})}
        if answer := self._ask("GET", f"{C}/v3/sync", query=query):
            self._since = answer.json["next_batch"]

    def _say(self) -> None:
        text = f"{self._user.localpart} {len(self._said)}"
        self._said[text] = False
        path = f"{C}/v3/rooms/{quote(self.room)}/send/{TEXT}/{quote(text)}"
        for _ in range(5):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._ask("PUT", path, body={"msgtype": "m.text", "body": text}):
                    self._said[text] = True
                    return
            time.sleep(0.3)

    def _look_back(self) -> None:
        self._ask("GET", f"{C}/v3/rooms/{quote(self.room)}/messages", query={"dir": "b", "limit": 50})
        self._ask("GET", f"{C}/v3/rooms/{quote(self.room)}/state")

    def _exchange_media(self) -> None:
        picture = secrets.token_bytes(self._random.choice([1, 1000, 200_000, _LARGEST]))
        octets = {"Content-Type": "application/octet-stream"}
        upload = self._ask("POST", "/_matrix/media/v3/upload", raw=picture, headers=octets)
        if not upload:
            return
        path = f"{C}/v1/media/download/{upload.json['content_uri'].removeprefix('mxc://')}"
        if (whole := self._ask("GET", path)) and whole.body != picture:
            self.wrong.append(f"a download of {len(whole.body)} bytes is not the {len(picture)} bytes that were uploaded")
        half = len(picture) // 2
        if part := self._ask("GET", path, headers={"Range": f"bytes={half}-"}):
            # A homeserver may give more than it was asked for, as Synapse does.
            if part.body != (picture[half:] if part.status == 206 else picture):
                self.wrong.append(f"the second half of {len(picture)} bytes is another")

    def _log_in_and_out(self) -> None:
        identifier = {"type": "m.id.user", "user": self._user.localpart}
        body = {"type": "m.login.password", "identifier": identifier, "password": self._user.password}
        answer = self._answered(self._user.server.request("POST", f"{C}/v3/login", body=body))
        if answer:
            self._answered(self._user.server.request("POST", f"{C}/v3/logout", body={}, token=answer.json["access_token"]))
