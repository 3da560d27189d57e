"""A load balancer, as clients see it."""

import http.client
import itertools
import threading
import time
from typing import Any

from system.matrix import Response, Server

_OUT_OF_TURN = 2.0  # seconds for which one that failed is asked only if all have


class Balancer(Server):
    """Hands requests to the instances in turn. One that refuses the connection has not heard of the request, so it goes to
    the next at once. Anything else that goes wrong is the client's to know; the instance gets no requests for a while."""

    def __init__(self, instances: list[Server]):
        super().__init__(instances[0].base_url)
        self._instances = instances
        self._turn = itertools.count()
        self._lock = threading.Lock()
        self._failed_at = dict.fromkeys(range(len(instances)), 0.0)

    def request(self, method: str, path: str, **arguments: Any) -> Response:
        refused: OSError | None = None
        for number in self._order():
            try:
                answer = self._instances[number].request(method, path, **arguments)
            except ConnectionRefusedError as error:
                self._note_failure(number)
                refused = error
                continue
            except (OSError, http.client.HTTPException):
                self._note_failure(number)
                raise
            if answer.status >= 500:
                self._note_failure(number)
            return answer
        assert refused
        raise refused

    def _order(self) -> list[int]:
        with self._lock:
            first = next(self._turn)
            now = time.monotonic()
            in_turn = [(first + n) % len(self._instances) for n in range(len(self._instances))]
            return sorted(in_turn, key=lambda number: now - self._failed_at[number] < _OUT_OF_TURN)

    def _note_failure(self, number: int) -> None:
        with self._lock:
            self._failed_at[number] = time.monotonic()
