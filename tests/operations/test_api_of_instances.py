"""The operator's API of instances that share a PostgreSQL: any of them knows, and cancels, what another serves."""

from system.gateway import Afterword
from system.matrix import User, eventually
from system.postgres import Postgres

from .operations import Operations
from .test_api import _name
from .test_metrics_of_instances import instances, postgres  # noqa: F401

HOUR = 3_600_000
ROOM = "!room:example.org"
TYPE = "org.example.later"


def test_one_lists_and_cancels_what_the_other_serves(instances: tuple[Afterword, Afterword], postgres: Postgres):  # noqa: F811
    first, second = instances
    alice = User(first, "@alice:example.org", "alices-token", "ALICES_PHONE")
    here, there = Operations(first), Operations(second)
    dropped, ended, sent = (alice.delayed(ROOM, TYPE, {}, delay) for delay in (HOUR, HOUR, HOUR + 1))

    def states(operations: Operations) -> dict[str, str]:
        listed = operations.api("GET", "events/of_user", query={"user_id": alice.user_id}).ok()["events"]
        return {event["event"]: event["state"] for event in listed}

    assert states(there) == states(here) == {_name(event): "scheduled" for event in (dropped, ended, sent)}
    in_room = there.api("GET", "events/of_room", query={"room_id": ROOM}).ok()["events"]
    assert len(in_room) == 3
    # What timers know is the instance's own, and the document says so.
    assert len(eventually(lambda: here.api("GET", "events/due").ok()["events"])) == 3
    assert there.api("GET", "events/due").ok()["events"] == []

    shown = there.api("POST", "look_up", body={"delay_id": dropped}).ok()
    # A handle is the instance's own, too.
    assert here.api("POST", "cancel", body={"handle": shown["handle"]}).status == 404
    there.api("POST", "cancel", body={"handle": shown["handle"]}).ok()
    assert alice.look_up(dropped).ok()["finalised"].keys() == {"finalised_ts"}
    assert states(here)[_name(dropped)] == "cancelled"

    alice.manage(sent, "send").ok()
    assert there.api("POST", "cancel_all", body={"user_id": alice.user_id}).ok()["cancelled"] == 1
    for operations in (here, there):
        assert states(operations) == {_name(dropped): "cancelled", _name(ended): "cancelled", _name(sent): "sent"}
    eventually(lambda: here.api("GET", "events/due").ok()["events"] == [])
