"""What the client of a delayed event knows about it: what it asked, when, and what it was answered."""

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

SCHEDULE = "schedule"
RESTART = "restart"
CANCEL = "cancel"
SEND = "send"


@dataclass
class Try:
    """One request. Times are monotonic seconds."""

    action: str
    began: float
    ended: float
    status: int | None  # None: no answer came

    @property
    def acknowledged(self) -> bool:
        return self.status == 200


@dataclass
class Delayed:
    """A delayed event. Its content carries its number, so the room tells which one it is."""

    number: int
    room: str
    sender: str
    event_type: str
    state_key: str | None
    delay: float  # in seconds
    txn_id: str
    delay_id: str | None = None
    tries: list[Try] = field(default_factory=list)

    def _acknowledged(self, action: str) -> bool:
        return any(tried.action == action and tried.acknowledged for tried in self.tries)

    @property
    def promised(self) -> float | None:
        """When it was first acknowledged. Before that it may not have been known to anybody who sends."""
        return min((tried.ended for tried in self.tries if tried.action == SCHEDULE and tried.acknowledged), default=None)

    def asked(self, action: str) -> bool:
        return any(tried.action == action for tried in self.tries)

    @property
    def must_be_sent(self) -> bool:
        """Accepted, and not cancelled as far as anybody can know."""
        return self._acknowledged(SCHEDULE) and (not self._maybe_cancelled or self._acknowledged(SEND))

    @property
    def must_not_be_sent(self) -> bool:
        return self._acknowledged(CANCEL)

    @property
    def _maybe_cancelled(self) -> bool:
        """Cancelled, or nobody knows. An answer that it was too late for that settles what earlier tries left open."""
        cancels = [tried for tried in self.tries if tried.action == CANCEL]
        return bool(cancels) and not any(tried.status in (404, 409) for tried in cancels)

    @property
    def earliest_due(self) -> float | None:
        """It may not be sent before, unless on request: of what was acknowledged, the latest, each counted from the
        moment at which it was asked for. A repeated schedule counts from its first try, which may have been taken."""
        starts = [tried.began for tried in self.tries if tried.action == SCHEDULE][:1]
        starts += [tried.began for tried in self.tries if tried.action == RESTART and tried.acknowledged]
        return max(starts) + self.delay if starts else None


def longest_gap(events: Iterable[Delayed], until: float) -> float:
    """The longest time, in seconds, during which nothing was acknowledged to anybody, from the first answer to `until`."""
    answers = sorted(one.ended for event in events for one in event.tries if one.acknowledged and one.ended < until)
    return max((later - earlier for earlier, later in itertools.pairwise([*answers, until])), default=0.0)


class Times:
    """Monotonic seconds as the wall clock shows them, for what the room dates. Nobody sets the clock meanwhile."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def wall_ms(self, monotonic: float) -> float:
        return (monotonic + self._offset) * 1000

    def monotonic(self, wall_ms: float) -> float:
        return wall_ms / 1000 - self._offset
