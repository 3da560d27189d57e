"""A call in a room: each is in it with Element Call in a browser of their own."""

import contextlib
import http.client
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from system.matrix import MatrixError, Server, User, eventually
from system.tcp_gate import TcpGate

from .browser import CallBrowser
from .livekit import LiveKit
from .membership import leaves, make_room, members
from .web import Web

_JOIN_LIMIT = 90  # seconds; a browser has to start for it


class Person:
    """Somebody at a browser. What it asks of the homeserver and of LiveKit passes gates of their own."""

    def __init__(self, user: User, server: Server, web: Web, livekit: LiveKit, room: str, directory: Path):
        """`server`: where the client points."""
        self.user = user
        address = urllib.parse.urlsplit(server.base_url)
        assert address.port
        self._gates = [TcpGate(address.port), TcpGate(livekit.port)]
        self.browser = CallBrowser(directory, self.name)
        homeserver = f"{address.scheme}://127.0.0.1:{self._gates[0].port}"
        self.browser.open(web.link(user, room, homeserver, self._gates[1].port))

    @property
    def name(self) -> str:
        return self.user.localpart

    def lose_network(self) -> None:
        """Nothing gets through, and nothing says so."""
        for gate in self._gates:
            gate.stall()
        self.browser.lose_packets(True)

    def find_network(self) -> None:
        self.browser.lose_packets(False)
        for gate in self._gates:
            gate.heal()

    def heard(self, seconds: float = 2.0) -> int:
        """The bytes of the others' media that arrive within so many seconds."""
        before = self.browser.received()
        time.sleep(seconds)
        return self.browser.received() - before

    def close(self) -> None:
        self.browser.close()
        for gate in self._gates:
            gate.close()


class Call:
    """One room; people join() it. Everything of it is stopped by close()."""

    def __init__(self, host: User, server: Server, web: Web, livekit: LiveKit, directory: Path):
        """`host` makes the room, and looks at it; `server`: where the others' clients point."""
        self._host = host
        self._server = server
        self._web = web
        self._livekit = livekit
        self._directory = directory
        self.people: list[Person] = []
        self.room = make_room(host)

    def join(self, user: User) -> Person:
        """A browser opens, in which that user joins. wait_for() tells when they are in the call."""
        user.join(self.room)
        person = Person(user, self._server, self._web, self._livekit, self.room, self._directory)
        self.people.append(person)
        return person

    def forget(self, person: Person) -> None:
        self.people.remove(person)
        person.close()

    def close(self) -> None:
        for person in list(self.people):
            self.forget(person)

    def wait_for(self, people: list[Person], timeout: float = _JOIN_LIMIT) -> None:
        """Until those, and nobody else, are in the call."""
        eventually(lambda: self._members_if_known() == {person.name for person in people}, timeout)

    def see_go(self, people: list[Person], timeout: float) -> dict[str, float]:
        """When each of them was seen to be gone from the call, by time.monotonic(). Who is not, is not in it."""
        gone: dict[str, float] = {}

        def all_gone() -> bool:
            inside = self._members_if_known()
            if inside is not None:
                gone.update({person.name: time.monotonic() for person in people if person.name not in inside | gone.keys()})
            return len(gone) == len(people)

        with contextlib.suppress(TimeoutError):
            eventually(all_gone, timeout)
        return gone

    def _members_if_known(self) -> set[str] | None:
        try:
            return members(self._host, self.room, self._web.membership)
        except (OSError, http.client.HTTPException, MatrixError):  # the homeserver may be away
            return None

    def leaves(self) -> list[tuple[str, str]]:
        """(event_id, who) of each leave that the room has seen lately."""
        return leaves(self._host, self.room, self._web.membership)

    def all_hear(self, people: list[Person]) -> bool:
        """Whether media of the others reaches each of them."""
        with ThreadPoolExecutor() as pool:
            return all(count > 0 for count in pool.map(Person.heard, people))
