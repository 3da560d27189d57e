"""Two Afterwords on one PostgreSQL, before one Synapse."""

from pathlib import Path

from crashes.clients import AFTERWORD
from crashes.targets import SETTINGS
from system.gateway import Afterword
from system.homeservers import Synapse

from .balancer import Balancer


class Pair:
    """A subject for crashes.trial."""

    dialect = AFTERWORD
    looks_up = True

    def __init__(self, name: str, directory: Path, databases: list[str]):
        """`databases`: the URL by which each reaches what they share."""
        self.name = name
        self.homeserver = Synapse(directory / "synapse")
        first, second = ({**SETTINGS, "database": url} for url in databases)
        one = Afterword(directory / "one", settings=first)
        one.set_up(self.homeserver.server_name, self.homeserver.base_url)
        self.instances = [one, one.beside(directory / "two", second)]
        self.server = Balancer(list(self.instances))

    def start(self) -> None:
        self.homeserver.start([self.instances[0].registration])
        for instance in self.instances:
            instance.start()

    def stop(self) -> None:
        for instance in self.instances:
            instance.stop()
        self.homeserver.stop()
