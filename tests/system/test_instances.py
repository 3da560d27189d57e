"""Two Afterwords of one registration on one PostgreSQL: any serves any request, and either may be lost at any time."""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .gate import Gate, Lose
from .gateway import Afterword
from .homeservers import Synapse
from .matrix import BODY_UNSTABLE, PATH_STABLE, PATH_UNSTABLE, User, eventually, new_txn_id, now_ms
from .postgres import Postgres

TEXT = "m.room.message"
HOUR = 3_600_000
# Milliseconds: each measures for itself how far the wall clock is from server time, and how far that is from the
# database's.
CLOCKS = 200
LONGEST_LATE = 30  # seconds: what MSC4140 allows; a lease, its adoption and a quiet time are less


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


@pytest.fixture
def database(postgres: Postgres) -> str:
    return postgres.make_database()


@pytest.fixture
def pair(database: str, start_another: Callable[..., Afterword]) -> tuple[Afterword, Afterword]:
    return start_another({"database": database}), start_another({"database": database})


@pytest.fixture
def gates(synapse: Synapse) -> Iterator[tuple[Gate, Gate]]:
    gates = Gate(synapse), Gate(synapse)
    yield gates
    for gate in gates:
        gate.close()


@pytest.fixture
def gated_pair(
    gates: tuple[Gate, Gate], database: str, start_another: Callable[..., Afterword]
) -> tuple[Afterword, Afterword]:
    """Each reaches the homeserver through a gate of its own."""
    first, second = (start_another({"database": database, "homeserver.url": gate.base_url}) for gate in gates)
    return first, second


def bodies(user: User, room: str) -> list[str]:
    return [event["content"]["body"] for event in user.events(room, TEXT)]


def test_any_serves_any_request(alice: User, room: str, pair: tuple[Afterword, Afterword]):
    first, second = (alice.at(instance) for instance in pair)
    kept = first.delayed(room, TEXT, message("kept"), 1500)
    cancelled = first.delayed(room, TEXT, message("cancelled"), 1500)
    early = first.delayed(room, TEXT, message("early"), HOUR)
    time.sleep(1)
    before_restart = now_ms()
    second.manage(kept, "restart").ok()
    second.manage(cancelled, "cancel").ok()
    second.manage(early, "send").ok()

    assert bodies(alice, room) == ["early"]
    for delay_id in (kept, cancelled, early):
        one, other = (user.look_up(delay_id).ok() for user in (first, second))
        assert abs(one.pop("delayed_since_ts") - other.pop("delayed_since_ts")) <= CLOCKS
        for event in (one, other):
            event.get("finalised", {}).pop("finalised_ts", None)
        assert one == other
    assert [event["delay_id"] for event in second.scheduled()] == [kept]
    # The first has the timers: they do nothing any more.
    event_id = second.outcome(kept)["event_id"]
    assert bodies(alice, room) == ["early", "kept"]
    assert alice.event(room, event_id)["origin_server_ts"] >= before_restart + 1500 - CLOCKS
    # What one has sent, the other knows.
    for reader in (first, second):
        shown = {event["event_id"]: event["unsigned"].get("delay_id") for event in reader.events(room, TEXT)}
        assert shown[event_id] == kept
        assert reader.sync()["rooms"]["join"][room]["timeline"]["events"][-1]["unsigned"]["delay_id"] == kept
        assert first.manage(cancelled, "restart").status == reader.manage(cancelled, "restart").status == 409


def test_a_limit_is_one_and_a_transaction_is_done_once(
    alice: User, bob: User, room: str, database: str, start_another: Callable[..., Afterword]
):
    settings = {"database": database, "limits.max_scheduled_per_user": "12"}
    pair = start_another(settings), start_another(settings)
    transactions = [new_txn_id() for _ in range(6)]

    def schedule(number: int) -> int:
        return alice.at(pair[number % 2]).schedule(room, TEXT, message("limited"), HOUR).status

    def repeat(number: int) -> str:
        return bob.at(pair[number % 2]).delayed(room, TEXT, message("once"), HOUR, txn_id=transactions[number % 6])

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(schedule, range(40)))
        delay_ids = list(pool.map(repeat, [number // 2 for number in range(48)]))
    assert sorted(statuses) == [200] * 12 + [429] * 28
    assert len(set(delay_ids)) == 6
    assert len(alice.at(pair[0]).scheduled()) == 12
    assert {event["delay_id"] for event in bob.at(pair[1]).scheduled()} == set(delay_ids)


def test_events_of_a_room_leave_in_order_whoever_has_them(
    alice: User, room: str, pair: tuple[Afterword, Afterword]
):
    first, second = (alice.at(instance) for instance in pair)
    due: dict[str, int] = {}
    for number in range(16):
        sender = (first, second)[(number * 7 // 3) % 2]
        delay_id = sender.delayed(room, TEXT, message(str(number)), 3000 - 20 * number)
        event = first.look_up(delay_id).ok()
        due[str(number)] = event["delayed_since_ts"] + event["delay_ms"]
    events = alice.events_arriving(room, TEXT, len(due))
    times = [due.pop(event["content"]["body"]) for event in events]
    assert times == sorted(times)


def test_fifty_restart_one_event(alice: User, room: str, pair: tuple[Afterword, Afterword]):
    """Each is answered within the two seconds that a client gives it, and the event leaves once they have ended.
    For ten seconds, or for a minute with AFTERWORD_LONG set."""
    delay = 5000
    delay_id = alice.at(pair[0]).delayed(room, TEXT, message("once"), delay)
    until = time.monotonic() + (60 if "AFTERWORD_LONG" in os.environ else 10)
    # What a client may do: the stable form with its token, the unstable ones with and without.
    ways = [(PATH_STABLE, alice.token)]
    ways += [(form, token) for form in [PATH_UNSTABLE, BODY_UNSTABLE] for token in [alice.token, None]]

    def restart(number: int) -> list[tuple[int, int, int]]:
        """Again and again: (when it was asked, when it was answered, status)."""
        user = alice.at(pair[number % 2])
        form, token = ways[number // 2 % len(ways)]
        kept = user.server.connect()
        seen: list[tuple[int, int, int]] = []
        while time.monotonic() < until:
            asked = now_ms()
            status = user.manage(delay_id, "restart", form, token=token, kept=kept).status
            seen.append((asked, now_ms(), status))
        kept.close()
        return seen

    with ThreadPoolExecutor(50) as pool:
        restarts = list(itertools.chain.from_iterable(pool.map(restart, range(50))))
    outcomes = [alice.at(instance).outcome(delay_id, 60) for instance in pair]

    assert {status for _, _, status in restarts} == {200}
    assert max(answered - asked for asked, answered, _ in restarts) < 2000
    # All of them count, so the last does.
    first_due = max(asked for asked, _, _ in restarts) + delay
    last_due = max(answered for _, answered, _ in restarts) + delay
    event = alice.event(room, outcomes[0]["event_id"])
    assert first_due - CLOCKS <= event["origin_server_ts"] <= last_due + CLOCKS
    for outcome in outcomes:
        assert outcome["event_id"] == event["event_id"]
        assert first_due - CLOCKS <= outcome["finalised_ts"] <= last_due + 1000
    time.sleep(1)  # for the other one's timer
    assert bodies(alice, room) == ["once"]


def test_one_that_is_lost_is_replaced(alice: User, room: str, pair: tuple[Afterword, Afterword]):
    first, second = pair
    delay_ids = [alice.at(first).delayed(room, TEXT, message(str(number)), 1000 + number) for number in range(5)]
    cancelled = alice.at(first).delayed(room, TEXT, message("cancelled"), 1500)
    first.kill()
    # It is asked of the other meanwhile.
    alice.at(second).manage(cancelled, "cancel").ok()
    alice = alice.at(second)
    for delay_id in delay_ids:
        event = eventually(lambda: found if "finalised" in (found := alice.look_up(delay_id).ok()) else None, 60)
        late = event["finalised"]["finalised_ts"] - event["delayed_since_ts"] - event["delay_ms"]
        assert 0 <= late < LONGEST_LATE * 1000
    assert bodies(alice, room) == [str(number) for number in range(5)]


def test_one_that_was_paused_for_longer_than_its_lease_does_not_send(
    alice: User, room: str, gates: tuple[Gate, Gate], gated_pair: tuple[Afterword, Afterword]
):
    first, second = gated_pair
    gates[0].fault_next(Lose.REQUEST)
    delay_id = alice.at(first).delayed(room, TEXT, message("once"), 300)
    waiting = alice.at(first).delayed(room, TEXT, message("then"), 2500)
    eventually(lambda: gates[0].sends)
    first.pause()  # with a claim, and the event not there

    alice = alice.at(second)
    outcome = eventually(lambda: alice.look_up(delay_id).ok().get("finalised"), 60)
    eventually(lambda: alice.look_up(waiting).ok().get("finalised"), 60)
    first.wake()
    time.sleep(8)  # it would have tried again by now
    assert bodies(alice, room) == ["once", "then"]
    assert alice.events(room, TEXT)[0]["event_id"] == outcome["event_id"]
    assert len(gates[0].sends) == 1
    # It goes on as an instance like any other.
    again = alice.at(first).delayed(room, TEXT, message("again"), 300)
    alice.at(first).outcome(again)
    assert len(gates[0].sends) == 2
