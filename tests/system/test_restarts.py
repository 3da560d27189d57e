"""What was acknowledged survives kill -9, and what became due meanwhile is sent, once and in order."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .gateway import Afterword
from .matrix import User, eventually, now_ms
from .postgres import Postgres

TEXT = "m.room.message"
HOUR = 3_600_000


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


def test_nothing_acknowledged_is_lost(alice: User, room: str, start_another: Callable[..., Afterword]):
    afterword = start_another()
    alice = alice.at(afterword)
    kept = alice.delayed(room, TEXT, message("kept"), HOUR, txn_id="one")
    restarted = alice.delayed(room, TEXT, message("restarted"), HOUR)
    cancelled = alice.delayed(room, TEXT, message("cancelled"), HOUR)
    sent = alice.delayed(room, TEXT, message("sent"), HOUR)
    alice.manage(cancelled, "cancel").ok()
    alice.manage(sent, "send").ok()
    time.sleep(0.01)
    alice.manage(restarted, "restart").ok()
    all_of_them = [kept, restarted, cancelled, sent]
    before = [alice.look_up(delay_id).ok() for delay_id in all_of_them]

    afterword.kill()
    afterword.start()

    assert [alice.look_up(delay_id).ok() for delay_id in all_of_them] == before
    assert alice.delayed(room, TEXT, message("kept"), HOUR, txn_id="one") == kept
    assert len(alice.events(room, TEXT)) == 1


def test_overdue_events_leave_in_order_after_a_crash(alice: User, room: str, start_another: Callable[..., Afterword]):
    afterword = start_another()
    alice = alice.at(afterword)
    delays = [900, 500, 800, 600, 700]
    for delay in delays:
        alice.delayed(room, TEXT, message(str(delay)), delay + 1000)
    due = [event["delayed_since_ts"] + event["delay_ms"] for event in alice.scheduled()]

    afterword.kill()
    time.sleep(2.2)
    afterword.start()

    events = eventually(lambda: [seen for seen in [alice.events(room, TEXT)] if len(seen) == len(delays)])[0]
    assert [event["origin_server_ts"] for event in events] == due
    assert alice.scheduled() == []


def outcome_of_gone_while_the_other_stays(alice: User, stays: str, gone: str) -> dict[str, Any]:
    """Changes and look-ups find out by themselves, each on a connection of its own, that the database is back."""

    def restart_until_it_has_gone() -> dict[str, Any] | None:
        if alice.manage(stays, "restart").status == 503:
            return None
        looked_up = alice.look_up(gone)
        return None if looked_up.status == 503 else looked_up.ok().get("finalised")

    return eventually(restart_until_it_has_gone)


def test_who_restarts_in_time_after_a_start_stays(alice: User, room: str, start_another: Callable[..., Afterword]):
    """What came due while we were down waits for the grace, so that an upgrade empties no call."""
    afterword = start_another({"delivery.start_grace": "4s"})
    alice = alice.at(afterword)
    stays = alice.delayed(room, TEXT, message("stays"), 4000)
    gone = alice.delayed(room, TEXT, message("gone"), 4000)

    afterword.kill()
    time.sleep(4.5)
    started = now_ms()
    afterword.start()

    assert outcome_of_gone_while_the_other_stays(alice, stays, gone)["finalised_ts"] >= started + 4000
    alice.manage(stays, "cancel").ok()
    assert [event["content"] for event in alice.events_arriving(room, TEXT, 1)] == [message("gone")]


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    made = Postgres()
    made.start()
    yield made
    made.close()


def test_who_restarts_in_time_after_an_outage_of_the_database_stays(
    alice: User, room: str, own_postgres: Postgres, start_another: Callable[..., Afterword]
):
    """So that a failover empties no call."""
    alice = alice.at(start_another({"database": own_postgres.make_database(), "delivery.start_grace": "4s"}))
    stays = alice.delayed(room, TEXT, message("stays"), 4000)
    gone = alice.delayed(room, TEXT, message("gone"), 4000)

    own_postgres.stop()
    time.sleep(4.5)
    assert alice.manage(stays, "restart").status == 503
    back = now_ms()
    own_postgres.start()

    assert outcome_of_gone_while_the_other_stays(alice, stays, gone)["finalised_ts"] >= back + 4000
    alice.manage(stays, "cancel").ok()
    assert [event["content"] for event in alice.events_arriving(room, TEXT, 1)] == [message("gone")]


def test_an_event_is_sent_once_whenever_the_crash_comes(
    alice: User, room: str, start_another: Callable[..., Afterword]
):
    afterword = start_another()
    alice = alice.at(afterword)
    pauses = [0.0, 0.01, 0.02, 0.04, 0.06, 0.1]
    for number, pause in enumerate(pauses):
        delay_id = alice.delayed(room, TEXT, message(str(number)), 300)
        time.sleep(0.3 + pause)
        afterword.kill()
        afterword.start()
        alice.outcome(delay_id)
    assert [event["content"]["body"] for event in alice.events(room, TEXT)] == [str(n) for n in range(len(pauses))]


def test_a_stop_loses_nothing(alice: User, room: str, start_another: Callable[..., Afterword]):
    afterword = start_another()
    alice = alice.at(afterword)
    delay_id = alice.delayed(room, TEXT, message("later"), 1000)
    assert afterword.stop() == 0
    afterword.start()
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["content"] == message("later")
