"""4. Lists: the scheduled events."""

import pytest

from ..matrix import C, U, User
from .examples import HOUR, MESSAGE, TEXT


def test_the_scheduled_ones(alice: User, bob: User, room: str):
    """GET U/delayed_events lists the scheduled ones of the caller, by send time"""
    later = alice.delayed(room, TEXT, MESSAGE, HOUR)
    sooner = alice.delayed(room, TEXT, MESSAGE, HOUR // 2)
    cancelled = alice.delayed(room, TEXT, MESSAGE, HOUR // 4)
    sent = alice.delayed(room, TEXT, MESSAGE, HOUR // 8)
    alice.manage(cancelled, "cancel").ok()
    alice.manage(sent, "send").ok()

    assert [event["delay_id"] for event in alice.scheduled()] == [sooner, later]
    assert bob.scheduled() == []
    alice.manage(sooner, "restart").ok()
    assert alice.scheduled()[0] == alice.request("GET", f"{U}/delayed_events/{sooner}").ok()


def test_its_one_key(alice: User, room: str):
    """Its answer has no key `scheduled` beside `delayed_events`: mautrix adds the two up"""
    assert alice.request("GET", f"{U}/delayed_events").ok() == {"delayed_events": []}
    alice.delayed(room, TEXT, MESSAGE, HOUR)
    assert set(alice.request("GET", f"{U}/delayed_events").ok()) == {"delayed_events"}


@pytest.mark.parametrize("query", ["status=what&from=here&dir=x", "status=finalised", "from_ts=soon", "%", "&&="])
def test_its_query_and_body(query: str, alice: User, room: str):
    """It ignores unknown query parameters, and a body"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    answer = alice.request("GET", f"{U}/delayed_events", query=query, raw=b"{not json")
    assert [event["delay_id"] for event in answer.ok()["delayed_events"]] == [delay_id]


def test_it_takes_a_token(alice: User):
    """Every list takes a token"""
    for path in ["unstable/org.matrix.msc4140", "unstable/org.matrix.msc4486", "v1"]:
        answer = alice.request("GET", f"{C}/{path}/delayed_events", token=None)
        assert (answer.status, answer.errcode) == (401, "M_MISSING_TOKEN")
