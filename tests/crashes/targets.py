"""What is killed: Afterword before a homeserver, or Synapse with its own delayed events, for comparison."""

from pathlib import Path
from typing import Protocol

from system.gateway import Afterword
from system.homeservers import Dendrite, Synapse
from system.matrix import Server

from .clients import AFTERWORD, SYNAPSE, Dialect

SETTINGS = {
    "rate_limits.enabled": "false",
    "limits.max_scheduled_per_user": "none",
    "retention.max_per_user": "none",
    # Overdue events leave at once after a start, so that the next crash meets them on their way.
    "delivery.start_grace": "0s",
}


class Target(Protocol):
    name: str
    title: str
    dialect: Dialect
    homeserver: Synapse | Dendrite
    server: Server  # where clients point
    looks_up: bool  # whether it tells what has become of an event
    recovery: float  # seconds after the last crash until all is settled that was in doubt since the homeserver ended

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def crash(self) -> None:
        """kill -9, and starts it again at once. An error if it had ended before."""

    def restart_homeserver(self, *, kill: bool) -> None:
        """Ends what stands behind, and starts it again while all else goes on."""


class BehindAfterword:
    looks_up = True
    dialect = AFTERWORD

    def __init__(self, name: str, directory: Path, settings: dict[str, str] = SETTINGS):
        self.name = name
        self.homeserver: Synapse | Dendrite
        self.recovery = 0.0
        if name == "synapse":
            self.homeserver = Synapse(directory / name)
        else:
            self.homeserver = Dendrite(directory / name, default_rate_limits=False)
            self.homeserver.build()
            # Its queue hands out again after 5 min 10 s what it was busy with; Afterword waits a little longer.
            self.recovery = 540.0
        self.title = f"Afterword before {name.capitalize()}"
        self._afterword = Afterword(directory / f"afterword-before-{name}", settings=settings)
        self.server: Server = self._afterword

    @property
    def pid(self) -> int:
        """Of Afterword, as it runs now."""
        return self._afterword.pid

    def start(self) -> None:
        self._afterword.set_up(self.homeserver.server_name, self.homeserver.base_url)
        self.homeserver.start([self._afterword.registration])
        self._afterword.start()

    def stop(self) -> None:
        self._afterword.stop()
        self.homeserver.stop()

    def crash(self) -> None:
        _expect_running(self._afterword.is_running, self._afterword.log)
        self._afterword.kill()
        self._afterword.start()

    def restart_homeserver(self, *, kill: bool) -> None:
        if kill:
            self.homeserver.kill()
        else:
            self.homeserver.stop()
        self.homeserver.launch()


class SynapseAlone:
    name = "synapse-alone"
    title = "Synapse's own"
    looks_up = False
    recovery = 0.0
    dialect = SYNAPSE

    def __init__(self, directory: Path):
        self.homeserver: Synapse = Synapse(directory / self.name, own_delayed_events=True)
        self.server: Server = self.homeserver

    def start(self) -> None:
        self.homeserver.start()

    def stop(self) -> None:
        self.homeserver.stop()

    def crash(self) -> None:
        self.homeserver.kill()
        self.homeserver.resume()

    def restart_homeserver(self, *, kill: bool) -> None:
        """It is the homeserver."""


class EndedByItself(Exception):
    """Something ended that nobody had killed."""


def _expect_running(running: bool, log: Path) -> None:
    if not running:
        raise EndedByItself(f"Afterword has ended by itself; its last words are in {log}")


def make(name: str, directory: Path) -> Target:
    if name == SynapseAlone.name:
        return SynapseAlone(directory)
    return BehindAfterword(name, directory)
