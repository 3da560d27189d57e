"""Many events that are due within a second, before a real Synapse: beside as many plain messages, all at once and at the
times at which the events are due, and Synapse's own delayed events.

When each was there, Synapse's own database says.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from system.homeservers import Synapse
from system.matrix import LEGACY, STABLE, User

from .plan import Plan
from .process_figures import processor_seconds
from .rows import Goal, Row
from .servers import before_synapse
from .wrk import MESSAGE

ROWS = ["burst", "burst-last"]

CONCURRENCIES = [1, 4, 8, 16, 32]
OWN = "Synapse's own"

Places = list[tuple[User, str]]  # a user, and the room of that user


def places(synapse: Synapse, count: int) -> Places:
    users = [synapse.register(f"user-{number}") for number in range(count)]
    return [(user, user.create_room()) for user in users]


def received(synapse: Synapse, event_type: str, count: int) -> list[float]:
    """When each event of this type was there, in ms, once there are so many."""
    until = time.monotonic() + 120
    uri = f"file:{synapse.directory}/homeserver.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
        while True:
            rows = database.execute("SELECT received_ts FROM events WHERE type = ?", (event_type,)).fetchall()
            if len(rows) >= count:
                return sorted(at for (at,) in rows)
            if time.monotonic() > until:
                raise RuntimeError(f"only {len(rows)} of {count} events arrived")
            time.sleep(0.5)


def due_after_ms(number: int, count: int) -> float:
    """When each is due, from the beginning of the second in which all are."""
    return 1000 * number / count


def plain(
    at: Places, per_room: int, synapse: Synapse, event_type: str, concurrency: int, *, as_due: bool = False
) -> list[float]:
    """As fast as they are answered, one after the other in a room; or each as soon as a delayed event would be due.
    Milliseconds from the first to each.

    Of those that begin at once Synapse takes each step for all of them together, and goes on so until the last: that
    costs it a sixth less than what comes one by one, as due events do."""
    count = len(at) * per_room
    began = time.time() * 1000
    connections = [user.server.connect() for user, _ in at]
    turns = [Lock() for _ in at]

    def send(number: int) -> None:
        place = number % len(at)
        user, room = at[place]
        if as_due:
            time.sleep(max(0, (began + due_after_ms(number, count)) / 1000 - time.time()))
        with turns[place]:
            user.send(room, event_type, MESSAGE, kept=connections[place]).ok()

    with ThreadPoolExecutor(concurrency) as threads:
        list(threads.map(send, range(count)))
    for connection in connections:
        connection.close()
    return [each - began for each in received(synapse, event_type, count)]


def delayed(at: Places, per_room: int, synapse: Synapse, event_type: str, form: str, before_ms: int) -> list[float]:
    """All are due within a second. Milliseconds from the beginning of it to each."""
    due = time.time() * 1000 + before_ms
    count = len(at) * per_room

    def schedule(number: int) -> None:
        user, room = at[number % len(at)]
        delay_ms = round(due + due_after_ms(number, count) - time.time() * 1000)
        if delay_ms < 100:
            raise RuntimeError(f"{count} events could not be scheduled within {before_ms} ms")
        user.delayed(room, event_type, MESSAGE, delay_ms, form=form)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(schedule, range(count)))
    return [each - due for each in received(synapse, event_type, count)]


def measure(plan: Plan) -> Iterator[Row]:
    behind, afterword, alone = before_synapse(plan)

    rooms, per_room = plan.choose((60, 10), (6, 3))
    count = rooms * per_room
    directly, own = places(behind, rooms), places(alone, rooms)
    through = [(user.at(afterword), room) for user, room in directly]
    rate = lambda took: (len(took) - 1) / (took[-1] - took[0]) * 1000
    concurrencies = plan.choose(CONCURRENCIES, [4])
    half = per_room // 2
    tries = {each: rate(plain(directly, half, behind, f"bench.try.{each}", each)) for each in concurrencies}
    best = max(tries, key=tries.get)
    sent = f"plain /send, {best} at once"
    sent_as_due = "plain /send, as they are due"

    title = f"{count} events due in one second in {rooms} rooms"
    row = Row("burst", title, "events a second", [sent, sent_as_due, OWN], [Goal("Afterword", at_least=0.95, divided_by=sent)])
    last = Row("burst-last", f"{title}: the last is late", "s", [OWN])
    before = plan.choose(6_000, 4_000)
    pids = {"Synapse": behind.pid, "Afterword": afterword.pid, OWN: alone.pid}

    def add(name: str, send: Callable[[], list[float]]) -> list[float]:
        spent = {process: processor_seconds(pid) for process, pid in pids.items()}
        took = send()
        each = {process: (processor_seconds(pid) - spent[process]) * 1e6 / count for process, pid in pids.items()}
        took_part = {OWN} if name == OWN else {"Synapse"} if name in (sent, sent_as_due) else {"Synapse", "Afterword"}
        row.add(name, rate(took), **{f"{process} µs": us for process, us in each.items() if process in took_part})
        return took

    for number in range(plan.rounds):
        add(sent, lambda: plain(directly, per_room, behind, f"bench.plain.{number}", best))
        add(sent_as_due, lambda: plain(directly, per_room, behind, f"bench.due.{number}", best, as_due=True))
        event_type = f"bench.delayed.{number}"
        ways = {
            "Afterword": lambda: delayed(through, per_room, behind, event_type, STABLE, before),
            OWN: lambda: delayed(own, per_room, alone, event_type, LEGACY, before + 3_000),
        }
        for name, send in ways.items():
            took = add(name, send)
            last.add(name, (took[-1] - 1000) / 1000)
            if took[0] < -1:
                row.problems.append(f"{name}: an event was {-took[0]:.0f} ms early")
    yield row
    yield last
