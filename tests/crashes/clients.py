"""The load: clients as in calls, each on a thread of its own.

Each keeps a call alive by heartbeats until it hangs up, cancels or vanishes, and meanwhile schedules messages and state,
some of which it cancels or sends early. What is not answered it asks again, with the same transaction id; now and then
it gives up instead, and then nobody knows.
"""

import heapq
import http.client
import itertools
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from system.matrix import LEGACY, PATH_STABLE, PATH_UNSTABLE, STABLE, Response, User

from .record import CANCEL, RESTART, SCHEDULE, SEND, Delayed, Try

MESSAGE = "m.room.message"
STATE = "org.example.crashes"  # anybody may set it, with any key
NUMBER = "org.example.number"  # in the content

_FINAL = {200, 400, 401, 403, 404, 409}  # other answers say: ask again
_GIVES_UP = 0.03  # the share of unanswered requests after which nobody asks again
_PATIENCE = 8.0  # seconds after the end: an attempt that is in doubt may leave a cancel without answer for minutes
_HEARTBEAT = 0.4
_SHORTEST_DELAY = 0.2


@dataclass(frozen=True)
class Dialect:
    """How the server that is tested wants to be asked."""

    schedule_form: str
    manage_form: str
    tokenless: bool  # manages without a token too, as call services do


AFTERWORD = Dialect(STABLE, PATH_STABLE, True)
SYNAPSE = Dialect(LEGACY, PATH_UNSTABLE, False)


@dataclass
class Load:
    """What all clients of a block share."""

    dialect: Dialect
    numbers: "itertools.count[int]"
    answer_limit: float = 10.0  # seconds
    ended: threading.Event = field(default_factory=threading.Event)
    patience_ends: float = math.inf
    events: list[Delayed] = field(default_factory=list)
    _burst_at: float = 0.0

    def burst(self, when: float) -> None:
        """What is scheduled until shortly before is due at that moment, in monotonic seconds, all at once."""
        self._burst_at = when

    def delay(self, usual: float) -> float:
        left = self._burst_at - time.monotonic()
        return left if left > _SHORTEST_DELAY else usual

    def end(self) -> None:
        self.ended.set()
        self.patience_ends = time.monotonic() + _PATIENCE

    def next_due(self, after: float) -> float | None:
        """When the next event is due after this moment, as far as the clients know."""
        dues = [event.earliest_due for event in self.events[-400:]]
        return min((due for due in dues if due is not None and due > after), default=None)


class Client:
    def __init__(self, user: User, rooms: list[str], load: Load, seed: str, pace: float):
        """`pace`: seconds between the events that it schedules, on average."""
        self._user = user
        self._rooms = rooms
        self._load = load
        self._random = random.Random(seed)
        self._pace = pace
        self._plan: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            self._at(self._random.uniform(0, _HEARTBEAT), self._begin_call)
            self._at(self._random.uniform(0, self._pace), self._schedule_something)
            while self._plan:
                when, _, act = heapq.heappop(self._plan)
                time.sleep(max(0.0, when - time.monotonic()))
                act()
        except BaseException as failure:  # shown by join()
            self.failure = failure

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._plan, (time.monotonic() + seconds, next(self._order), act))

    @property
    def _is_over(self) -> bool:
        return self._load.ended.is_set()

    # What it does

    def _schedule_something(self) -> None:
        if self._is_over:
            return
        event = self._new_event(self._load.delay(self._random.uniform(_SHORTEST_DELAY, 1.5)), self._random.random() < 0.3)
        fate = self._random.random()
        when = event.delay * self._random.uniform(0.1, 1.1)  # now and then too late, or just then
        if fate < 0.2:
            self._schedule(event, lambda: self._at(when, lambda: self._ask(event, CANCEL)))
        elif fate < 0.35:
            self._schedule(event, lambda: self._at(when, lambda: self._ask(event, SEND)))
        else:
            self._schedule(event)
        self._at(self._random.expovariate(1 / self._pace), self._schedule_something)

    def _begin_call(self) -> None:
        if self._is_over:
            return
        event = self._new_event(self._random.uniform(1.0, 2.0), True)
        self._schedule(event, lambda: self._at(_HEARTBEAT, lambda: self._heartbeat(event)))

    def _heartbeat(self, event: Delayed) -> None:
        fate = self._random.random()
        if self._is_over or fate < 0.06:
            pass  # it has vanished: the event leaves for it
        elif fate < 0.08:
            self._ask(event, SEND)
        elif fate < 0.1:
            self._ask(event, CANCEL)
        else:
            pause = self._random.uniform(0.5, 1.2) * _HEARTBEAT
            self._ask(event, RESTART, lambda: self._at(pause, lambda: self._heartbeat(event)), self._begin_call)
            return
        self._at(self._random.uniform(0.2, 1), self._begin_call)

    def _new_event(self, delay: float, is_state: bool) -> Delayed:
        number = next(self._load.numbers)
        room = self._random.choice(self._rooms)
        event_type = STATE if is_state else MESSAGE
        # Keys come back, so state replaces state.
        state_key = f"{self._user.localpart}-{self._random.randrange(3)}" if is_state else None
        delay = int(delay * 1000) / 1000
        event = Delayed(number, room, self._user.user_id, event_type, state_key, delay, f"crash-{number}")
        self._load.events.append(event)
        return event

    # Asking

    def _schedule(self, event: Delayed, then: Callable[[], None] | None = None) -> None:
        answer = self._try(event, SCHEDULE)
        if answer and answer.status == 200:
            event.delay_id = answer.json["delay_id"]
            if then:
                then()
        elif not answer and self._random.random() < _GIVES_UP:
            return
        elif answer and answer.status in _FINAL:
            raise RuntimeError(f"scheduling was refused: {answer.status} {answer.body!r}")
        else:
            self._again(lambda: self._schedule(event, then))

    def _ask(
        self,
        event: Delayed,
        action: str,
        then: Callable[[], None] | None = None,
        too_late: Callable[[], None] | None = None,
    ) -> None:
        answer = self._try(event, action)
        if answer and answer.status == 200:
            if then:
                then()
        elif answer and answer.status in _FINAL:
            if too_late:
                too_late()
        elif not answer and (self._random.random() < _GIVES_UP or time.monotonic() > self._load.patience_ends):
            if too_late:
                too_late()
        else:
            self._again(lambda: self._ask(event, action, then, too_late))

    def _again(self, act: Callable[[], None]) -> None:
        self._at(self._random.uniform(0.02, 0.08), act)

    def _try(self, event: Delayed, action: str) -> Response | None:
        began = time.monotonic()
        try:
            answer = self._request(event, action)
        except (OSError, http.client.HTTPException):
            answer = None
        event.tries.append(Try(action, began, time.monotonic(), answer.status if answer else None))
        return answer

    def _request(self, event: Delayed, action: str) -> Response:
        dialect = self._load.dialect
        if action == SCHEDULE:
            content = {NUMBER: event.number, "msgtype": "m.text", "body": f"number {event.number}"}
            return self._user.schedule(
                event.room,
                event.event_type,
                content,
                round(event.delay * 1000),
                state_key=event.state_key,
                form=dialect.schedule_form,
                txn_id=event.txn_id,
                timeout=self._load.answer_limit,
            )
        assert event.delay_id
        if dialect.tokenless and self._random.random() < 0.5:
            return self._user.manage(event.delay_id, action, PATH_UNSTABLE, token=None, timeout=self._load.answer_limit)
        return self._user.manage(event.delay_id, action, dialect.manage_form, timeout=self._load.answer_limit)
