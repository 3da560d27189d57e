"""The requests of published clients, as fixtures/*.yaml has them, and what each client needs in the answers.

A fixture is a list of conversations, each played by a new user in a room of their own:

    ask            method and path; {room}, {user}, … are put in as that client encodes them
    token          false: without one; call_service: that of an application service that acts for the user
    body, headers  what it sends
    answer         the status
    answer_headers, reads
                   what the client looks at, a part of the whole; <string> and its like stand for any
    because        what the client does with it
    room_shows     the events that the room gets to hold, in order
    settings       Afterword's, for this conversation
    wait           seconds
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from ..application_service import CallService
from ..gateway import Afterword
from ..matrix import Response, User, eventually, new_txn_id

CLIENTS = [yaml.safe_load(path.read_text()) for path in sorted(Path(__file__).with_name("fixtures").glob("*.yaml"))]
CONVERSATIONS = [
    pytest.param(client, steps, id=f"{client['client']}: {name}")
    for client in CLIENTS
    for name, steps in client["conversations"].items()
]

_ANY = {
    "<string>": lambda value: isinstance(value, str) and value != "",
    "<integer>": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "<digits>": lambda value: isinstance(value, str) and value.isascii() and value.isdigit(),
}
_ABSENT = object()


def matches(pattern: Any, seen: Any) -> bool:
    """Whether `seen` holds what `pattern` names. Keys beyond that are nobody's business."""
    if pattern == "<absent>":
        return seen is _ABSENT
    if isinstance(pattern, dict):
        return isinstance(seen, dict) and all(matches(value, seen.get(key, _ABSENT)) for key, value in pattern.items())
    if isinstance(pattern, list):
        return isinstance(seen, list) and len(pattern) == len(seen) and all(map(matches, pattern, seen))
    if isinstance(pattern, str) and pattern in _ANY:
        return _ANY[pattern](seen)
    if isinstance(pattern, str) and (word := re.fullmatch("<has (.*)>", pattern)):
        return isinstance(seen, str) and word[1].lower() in re.split(r"[,\s]+", seen.lower())
    return type(pattern) is type(seen) and pattern == seen


def fill_in(pattern: Any, values: dict[str, str]) -> Any:
    if isinstance(pattern, dict):
        return {key: fill_in(value, values) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [fill_in(value, values) for value in pattern]
    if isinstance(pattern, str):
        return re.sub(r"\{(\w+)\}", lambda name: values[name[1]], pattern)
    return pattern


class Conversation:
    def __init__(
        self, client: dict[str, Any], call_service: CallService, user: User, room: str, values: dict[str, str]
    ):
        self._client = client
        self._call_service = call_service
        self._user = user
        self._room = room
        self._values = values
        self._events_before = len(user.events(room))

    def play(self, step: dict[str, Any]) -> None:
        if "wait" in step:
            time.sleep(step["wait"])
        elif "room_shows" in step:
            expected = fill_in(step["room_shows"], self._values)
            eventually(lambda: len(self._new_events()) >= len(expected))
            seen = self._new_events()
            if not matches(expected, seen):
                pytest.fail(f"The room should show {expected}, and shows {seen}")
        elif "ask" in step:
            self._check(step, self._ask(step))

    def _new_events(self) -> list[dict[str, Any]]:
        return self._user.events(self._room)[self._events_before :]

    def _ask(self, step: dict[str, Any]) -> Response:
        method, target = step["ask"].split(" ")
        path, _, query = target.partition("?")
        unescaped = self._client["unescaped"]
        path = fill_in(path, {name: quote(value, safe=unescaped) for name, value in self._values.items()})
        arguments: dict[str, Any] = {"headers": {**self._client["headers"], **step.get("headers", {})}}
        token = step.get("token", True)
        if token is not True:
            arguments["token"] = self._call_service.token if token == "call_service" else None
        return self._user.request(
            method,
            path,
            query=fill_in(query, self._values),
            body=fill_in(step.get("body"), self._values),
            **arguments,
        )

    def _check(self, step: dict[str, Any], answer: Response) -> None:
        statuses = step["answer"] if isinstance(step["answer"], list) else [step["answer"]]
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        understood = answer.status in statuses and matches(step.get("answer_headers", {}), dict(answer.headers))
        if understood and "reads" in step:
            understood = is_json and matches(fill_in(step["reads"], self._values), answer.json)
        if not understood:
            wanted = {key: step[key] for key in ("answer", "answer_headers", "reads", "because") if key in step}
            pytest.fail(f"{step['ask']}\nneeds {wanted}\ngot {answer.status} {answer.body.decode()}\n{answer.headers}")
        if is_json and isinstance(answer.json.get("delay_id"), str):
            self._values["delay_id"] = answer.json["delay_id"]


@pytest.mark.parametrize(("client", "steps"), CONVERSATIONS)
def test_it_understands_the_client_and_is_understood(
    client: dict[str, Any],
    steps: list[dict[str, Any]],
    alice: User,
    room: str,
    new_user: Callable[[str], User],
    call_service: CallService,
    start_another: Callable[..., Afterword],
):
    for step in steps:
        if "settings" in step:
            alice = alice.at(start_another(step["settings"]))

    values = {
        "room": room,
        "user": alice.user_id,
        "encoded_user": quote(alice.user_id, safe=""),
        "device": alice.device_id,
        "member": f"_{alice.user_id}_{alice.device_id}_m.call",
        "txn": new_txn_id(),
        "another_txn": new_txn_id(),
    }
    if "{event}" in str(steps):
        values["event"] = alice.send(room, "m.room.message", {"msgtype": "m.text", "body": "now"}).ok()["event_id"]
    if "{foreign_room}" in str(steps):
        values["foreign_room"] = new_user("bob").create_room()
    conversation = Conversation(client, call_service, alice, room, values)
    for step in steps:
        conversation.play(step)


def test_every_client_is_there():
    assert [client["client"] for client in CLIENTS] == [
        "lk-jwt-service 0.6 as an application service",
        "lk-jwt-service 0.5.0",
        "matrix-js-sdk 43.0.0",
        "matrix-sdk 0.19.1 with ruma-client-api 0.25.2",
        "mautrix-go 0.30.0",
    ]
