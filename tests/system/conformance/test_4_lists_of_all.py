"""4. Lists: all delayed events (MSC4486)."""

import pytest

from ..matrix import C, Response, U, User
from .examples import HOUR, MESSAGE, STATE, TEXT

MSC4486 = f"{C}/unstable/org.matrix.msc4486/delayed_events"
STABLE_LIST = f"{C}/v1/delayed_events"
paths = pytest.mark.parametrize("path", [MSC4486, STABLE_LIST], ids=["msc4486", "v1"])


def page(user: User, path: str, **query: str | int) -> Response:
    return user.request("GET", path, query={name.rstrip("_"): value for name, value in query.items()})


def ids_of(answer: Response) -> list[str]:
    return [event["delay_id"] for event in answer.ok()["delayed_events"]]


def all_pages(user: User, path: str, **query: str | int) -> list[str]:
    """The delay_ids of all pages, one after the other."""
    answer = page(user, path, **query)
    delay_ids = ids_of(answer)
    while next_batch := answer.json.get("next_batch"):
        answer = page(user, path, **query, from_=next_batch)
        delay_ids += ids_of(answer)
    return delay_ids


@pytest.fixture
def alice(alice: User) -> User:
    """Alice, who has had no delayed events before: these lists show what is finalised too."""
    if not alice.password:
        pytest.skip("needs a new user: --registration-shared-secret")
    return alice


@paths
def test_all_of_them(path: str, alice: User, bob: User, room: str):
    """MSC4486 lists all of the caller's, finalised or not, by their scheduled send time"""
    third = alice.delayed(room, TEXT, MESSAGE, 3 * HOUR)
    first = alice.delayed(room, TEXT, MESSAGE, HOUR)
    second = alice.delayed(room, TEXT, MESSAGE, 2 * HOUR)
    alice.manage(second, "cancel").ok()
    answer = page(alice, path)
    assert ids_of(answer) == [first, second, third]
    assert answer.json["delayed_events"] == [alice.look_up(delay_id).ok() for delay_id in [first, second, third]]
    assert "next_batch" not in answer.json
    assert page(bob, path).ok() == {"delayed_events": []}


@paths
def test_direction(path: str, alice: User, room: str):
    """`dir=f` goes forwards in time, which is the default, and `dir=b` backwards"""
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, (number + 1) * HOUR) for number in range(3)]
    assert ids_of(page(alice, path, dir="f")) == delay_ids
    assert ids_of(page(alice, path, dir="b")) == delay_ids[::-1]


@paths
def test_from_ts_and_to_ts(path: str, alice: User, room: str):
    """`from_ts` and `to_ts` bound the scheduled send time, both included"""
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, (number + 1) * HOUR) for number in range(4)]
    events = [alice.look_up(delay_id).ok() for delay_id in delay_ids]
    due = [event["delayed_since_ts"] + event["delay_ms"] for event in events]
    assert ids_of(page(alice, path, from_ts=due[1])) == delay_ids[1:]
    assert ids_of(page(alice, path, from_ts=due[1] + 1)) == delay_ids[2:]
    assert ids_of(page(alice, path, to_ts=due[2])) == delay_ids[:3]
    assert ids_of(page(alice, path, to_ts=due[2] - 1)) == delay_ids[:2]
    assert ids_of(page(alice, path, from_ts=due[1], to_ts=due[2], dir="b")) == [delay_ids[2], delay_ids[1]]
    assert ids_of(page(alice, path, from_ts=due[2], to_ts=due[1])) == []


@paths
def test_room_and_type(path: str, alice: User, room: str):
    """`room_id` and `type` choose among them"""
    other_room = alice.create_room()
    here = alice.delayed(room, TEXT, MESSAGE, HOUR)
    there = alice.delayed(other_room, TEXT, MESSAGE, 2 * HOUR)
    state = alice.delayed(room, STATE, {}, 3 * HOUR, state_key="")
    assert ids_of(page(alice, path, room_id=room)) == [here, state]
    assert ids_of(page(alice, path, room_id=other_room)) == [there]
    assert ids_of(page(alice, path, type=TEXT)) == [here, there]
    assert ids_of(page(alice, path, room_id=room, type=STATE)) == [state]
    assert ids_of(page(alice, path, room_id="!unknown:example.org")) == []


@paths
def test_status(path: str, alice: User, bob: User, room: str):
    """`status` chooses the scheduled, sent, cancelled or failed ones"""
    bob.join(room)
    delay_ids = {status: bob.delayed(room, TEXT, MESSAGE, HOUR) for status in ["scheduled", "sent", "cancelled"]}
    delay_ids["failed"] = bob.delayed(room, TEXT, MESSAGE, 1000)
    bob.manage(delay_ids["sent"], "send").ok()
    bob.manage(delay_ids["cancelled"], "cancel").ok()
    bob.leave(room)
    bob.outcome(delay_ids["failed"])
    for status, delay_id in delay_ids.items():
        assert ids_of(page(bob, path, status=status)) == [delay_id]


@pytest.mark.parametrize("path", [MSC4486, STABLE_LIST, f"{U}/delayed_events"], ids=["msc4486", "v1", "msc4140"])
def test_prefixed_parameters(path: str, alice: User, room: str):
    """The parameters may have the prefix `org.matrix.msc4486.`, also on the unstable list of scheduled ones"""
    first, second, third = [alice.delayed(room, TEXT, MESSAGE, (number + 1) * HOUR) for number in range(3)]
    alice.manage(second, "cancel").ok()
    due = alice.look_up(second).ok()["delayed_since_ts"] + 2 * HOUR

    def prefixed(**query: str | int) -> list[str]:
        return ids_of(page(alice, path, **{f"org.matrix.msc4486.{name}": value for name, value in query.items()}))

    assert prefixed(dir="f") == [first, second, third]
    assert prefixed(dir="b", room_id=room, type=TEXT) == [third, second, first]
    assert prefixed(status="cancelled") == [second]
    assert prefixed(from_ts=due, to_ts=due) == [second]
    refused = alice.request("GET", path, query="org.matrix.msc4486.dir=up")
    assert (refused.status, refused.errcode) == (400, "M_INVALID_PARAM")


BAD_QUERIES = [
    "from_ts=", "from_ts=soon", "from_ts=-1", "from_ts=1.5", "from_ts=9007199254740992", "to_ts=soon", "to_ts=1e3",
    "dir=", "dir=up", "dir=F", "status=", "status=finalised", "status=Sent", "from=", "from=here", "from=0_nonsense",
]  # fmt: skip


@paths
@pytest.mark.parametrize("query", BAD_QUERIES)
def test_bad_values(query: str, path: str, somebody: User):
    """A bad value is refused: 400 M_INVALID_PARAM"""
    answer = somebody.request("GET", path, query=query)
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")


# More than a page: a hundred scheduled ones, which is what a user may have, and cancelled ones before.


@pytest.fixture
def many(alice: User, room: str) -> list[str]:
    """160 events, by send time; 60 of them cancelled."""
    cancelled = [alice.delayed(room, TEXT, MESSAGE, HOUR + number) for number in range(60)]
    for delay_id in cancelled:
        alice.manage(delay_id, "cancel").ok()
    return cancelled + [alice.delayed(room, TEXT, MESSAGE, 2 * HOUR + number) for number in range(100)]


def test_pages(alice: User, many: list[str]):
    """Pages follow each other by `next_batch` and `from` without gap or repetition; the last has no `next_batch`"""
    assert all_pages(alice, MSC4486) == many
    assert all_pages(alice, MSC4486, dir="b") == many[::-1]
    assert all_pages(alice, MSC4486, status="cancelled") == many[:60]
    first = page(alice, MSC4486)
    assert first.ok()["next_batch"] == first.json["org.matrix.msc4486.next_batch"]
    following = page(alice, MSC4486, **{"org.matrix.msc4486.from": first.json["next_batch"]})
    assert ids_of(first) + ids_of(following) == many


def test_pages_while_events_come_and_go(alice: User, room: str, many: list[str]):
    """Pages stay stable while events come and go: what is there all the time is listed once"""
    first = page(alice, MSC4486)
    seen = ids_of(first)
    rest = [delay_id for delay_id in many if delay_id not in seen]

    # Events leave the part already listed and the part still to come, and others come into both.
    gone = [delay_id for delay_id in seen if delay_id not in many[:60]][:3] + rest[:3]
    for delay_id in gone:
        alice.manage(delay_id, "send").ok()
    early = alice.delayed(room, TEXT, MESSAGE, HOUR // 2)
    late = alice.delayed(room, TEXT, MESSAGE, 3 * HOUR)

    following = all_pages(alice, MSC4486, from_=first.json["next_batch"])
    assert following == rest + [late]
    assert early not in following
