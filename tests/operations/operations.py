"""What the operations listener says, read as Prometheus reads it."""

import re
from collections.abc import Callable
from typing import Any

from system.gateway import Afterword
from system.matrix import Response, Server, eventually

_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Sample = tuple[str, frozenset[tuple[str, str]]]


class Metrics:
    """One scrape."""

    def __init__(self, text: str):
        self.samples: dict[Sample, float] = {}
        self.types: dict[str, str] = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, value = _SAMPLE.fullmatch(line).groups()
                self.samples[name, frozenset(_LABEL.findall(labels or ""))] = float(value)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels, and perhaps others."""
        found = [v for (n, l), v in self.samples.items() if n == name and l >= frozenset(labels.items())]
        assert found, f"there is no {name} with {labels}"
        return sum(found)

    def names(self) -> list[str]:
        """Of each metric a line: its name, its type, and its labels."""
        lines = []
        for name, kind in self.types.items():
            own = re.compile(re.escape(name) + ("_(count|sum|bucket)" if kind == "histogram" else ""))
            labels = {key for (n, l), _ in self.samples.items() if own.fullmatch(n) for key, _ in l} - {"le"}
            lines.append(" ".join([name, kind, *sorted(labels)]))
        return sorted(lines)


class Operations(Server):
    def __init__(self, afterword: Afterword):
        super().__init__("http://" + afterword._settings["ops.listen"])
        self.token = afterword._settings.get("ops.token")

    def api(self, method: str, path: str, **arguments: Any) -> Response:
        """Of an operator, who has the token."""
        return self.request(method, f"/api/v1/{path}", token=self.token, **arguments)

    def scrape(self) -> Metrics:
        given = self.request("GET", "/metrics")
        assert given.status == 200
        return Metrics(given.body.decode())

    def value(self, name: str, **labels: str) -> float:
        return self.scrape().value(name, **labels)

    def reaches(self, is_enough: Callable[[float], bool], name: str, timeout: float = 15, **labels: str) -> None:
        """Waits until it does."""
        eventually(lambda: is_enough(self.value(name, **labels)), timeout)

    def ready(self) -> Response:
        return self.request("GET", "/health/ready")
