"""Scripted sessions of real clients, and what they wrote down.

A session is a program that is given the address of a server, a word that is its own (its users are alice-WORD and
bob-WORD), and a folder. It writes a line of JSON for each answer that its client got, as the client's own HTTP saw it,
and for what the client made of it where that is not plain:

  {"asked": "PUT /_matrix/client/…", "status": 200, "headers": [["Content-Type", "…"], …], "text": "…"}
  {"step": "a secret", "saw": …}

What it asks while it only waits for something, it does not write down. Two sessions on one homeserver, one of them
through Afterword, must have written the same, but for what is theirs: normalised() leaves that out.
"""

import difflib
import itertools
import json
import re
import subprocess
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_TIMEOUT = 120

_SERVER = "home.test"

# The name by which users reach the homeserver.
PUBLIC_NAME = f"matrix.{_SERVER}"

# Of each connection, or of the moment. A length follows from what is compared.
_PASSING_HEADERS = {"connection", "date", "keep-alive", "transfer-encoding", "content-length"}

# Members whose values are of this session and this moment alone.
_OF_THE_MOMENT = {
    "access_token",
    "age",
    "batch",
    "bump_stamp",
    "end",
    "etag",
    "expires_in",
    "filter_id",
    "last_seen_ip",
    "mac",
    "next_batch",
    "notification_count",
    "total_room_count_estimate",
    "pos",
    "prev_batch",
    "rank",
    "session",
    "start",
    "state_group",
    "ts",
    "version",
}
_ENDINGS_OF_THE_MOMENT = ("_ts", "_at", "_in_ms")
_PATH_OF_THE_MOMENT = re.compile(r"(\b(?:since|from|pos|version)=|/room_keys/version/)[^&]*")

# What stands for the same thing wherever it is named: rooms, events, devices, media.
_NAMES = re.compile(
    rf"(?P<room>(?:!|%21)(?:[\w-]{{43}}|\w{{16,18}}(?::|%3A){_SERVER}))"
    rf"|(?P<event>(?:\$|%24)[\w-]{{43}})"
    rf"|(?P<media>(?<={_SERVER}/)\w{{24,64}})"
    r"|(?P<transaction>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|mautrix-go_\d+_\d+|\bm\d{13}\.\d+)"
    rf"|(?P<key>(?<=25519:)[\w+/-]{{5,}})"
    # Keys and what is encrypted; a path of this length has no capitals.
    r"|(?P<opaque>(?=[\w+/-]*[A-Z])[\w+/-]{40,}=*)"
)
_WITHOUT_IDENTITY = {"key", "opaque"}

# Homeservers give these in any order.
_UNORDERED = {"state", "invite_state", "required_state", "account_data", "chunk of state"}

# What Afterword says of itself with its defaults.
_LIMITS = {"max_delay_ms": 24 * 3_600_000, "max_scheduled": 100}
_MORE_LIMITS = {"max_message_delay_ms": 30 * 24 * 3_600_000, "max_scheduled_for_calls": 120}
_ANNOUNCED = {
    "unstable_features": dict.fromkeys(["org.matrix.msc4140", "org.matrix.msc4140.stable", "org.matrix.msc4486"], True),
    "capabilities": dict.fromkeys(["m.delayed_events", "org.matrix.msc4140.delayed_events"], _LIMITS)
    | {"afterword.delayed_events": {"send_answers_event_id": True, "restart_answers_send_ts": True, "retry": True, **_MORE_LIMITS}},
}

_words = (f"w{number:04}x" for number in itertools.count(1))


def new_word() -> str:
    """Nobody else's, and as long as any other."""
    return next(_words)


class SessionFailed(Exception):
    """Says what it wrote last."""


def run(command: Sequence[str | Path], base_url: str, word: str, folder: Path) -> list[dict[str, Any]]:
    """What a session has written down, normalised."""
    folder.mkdir(parents=True)
    done = subprocess.run([*command, base_url, word, folder], capture_output=True, text=True, timeout=_TIMEOUT)
    (folder / "written-down").write_text(done.stdout)
    if done.returncode != 0:
        raise SessionFailed(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return normalised(done.stdout, base_url, word)


def normalised(written: str, base_url: str, word: str) -> list[dict[str, Any]]:
    # Of any form, but always told by this name.
    devices = dict.fromkeys(re.findall(r'\\"device_id\\": ?\\"([^"\\]+)', written))
    names = _Names(base_url, word, list(devices))
    return [names.replaced_in_line(json.loads(line)) for line in written.splitlines()]


class _Names:
    """Names in the order of their first appearance."""

    def __init__(self, base_url: str, word: str, devices: list[str]):
        self._base_urls = [base_url, urllib.parse.quote(base_url, safe="")]
        self._word = word
        self._devices = devices
        self._numbers: dict[tuple[str, str], int] = {}

    def replaced_in_line(self, line: dict[str, Any]) -> dict[str, Any]:
        if "asked" not in line:
            return self._replaced(line)
        headers = [[name.lower(), self._in_text(value)] for name, value in line["headers"]]
        return {
            "asked": self._in_text(_PATH_OF_THE_MOMENT.sub(r"\1…", line["asked"])),
            "status": line["status"],
            "headers": sorted((header for header in headers if header[0] not in _PASSING_HEADERS), key=lambda h: h[0]),
            "body": self._replaced(_parsed(line["text"])),
        }

    def _replaced(self, value: Any, within: str = "") -> Any:
        if isinstance(value, dict):
            return {
                self._in_text(key): (
                    f"<{key}>" if _is_of_the_moment(key, member) else self._replaced(member, _inner(within, key))
                )
                for key, member in value.items()
            }
        if isinstance(value, list):
            return [self._replaced(item, within) for item in _in_order(value, within)]
        return self._in_text(value) if isinstance(value, str) else value

    def _in_text(self, text: str) -> str:
        for base_url in self._base_urls:
            text = text.replace(base_url, "<base>")
        for number, device in enumerate(self._devices, 1):
            text = text.replace(device, f"<device {number}>")
        return _NAMES.sub(self._name, text).replace(self._word, "WORD")

    def _name(self, found: re.Match[str]) -> str:
        kind = found.lastgroup
        if kind in _WITHOUT_IDENTITY:
            return f"<{kind}>"
        plain = urllib.parse.unquote(found.group())
        return f"<{kind} {self._numbers.setdefault((kind, plain), len(self._numbers) + 1)}>"


def _is_of_the_moment(key: str, member: Any) -> bool:
    return not isinstance(member, bool) and (key in _OF_THE_MOMENT or key.endswith(_ENDINGS_OF_THE_MOMENT))


def _inner(within: str, key: str) -> str:
    """Where a member's value stands: lists of events stand one level below what they are."""
    return within if key == "events" else key


def _in_order(items: list[Any], within: str) -> list[Any]:
    def has_order(item: Any) -> bool:
        return not (isinstance(item, dict) and "type" in item)

    if within in _UNORDERED or (not within and all(isinstance(item, dict) and "state_key" in item for item in items)):
        if not any(has_order(item) for item in items):
            return sorted(items, key=lambda item: (item["type"], item.get("state_key", "")))
    if within in {"changed", "left", "joined_rooms"}:
        return sorted(items)
    return items


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def without_what_is_announced(transcript: list[dict[str, Any]], *, by_us: bool) -> list[dict[str, Any]]:
    """Without what docs/protocol.md section 5 has Afterword add or replace; if `by_us`, it must be there. It asks for
    these answers uncompressed."""
    for line in transcript:
        path = line.get("asked", "").partition("?")[0]
        if not path.endswith(("client/versions", "/capabilities")):
            continue
        line["headers"] = [header for header in line["headers"] if header[0] != "content-encoding"]
        if line["status"] != 200:
            continue
        for names, announced in _ANNOUNCED.items():
            of_these = line["body"].get(names, {})
            said = {name: of_these.pop(name, None) for name in announced}
            if by_us and names in line["body"]:
                assert said == announced
    return transcript


def differences(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> str:
    """Line by line, for whoever reads it; empty if there are none."""

    def laid_out(line: dict[str, Any]) -> list[str]:
        return json.dumps(line, indent=1, sort_keys=True, ensure_ascii=False).splitlines()

    told = [f"{len(theirs)} lines directly, {len(ours)} through"] if len(theirs) != len(ours) else []
    for number, (their_line, our_line) in enumerate(zip(theirs, ours), 1):
        if their_line != our_line:
            told.append(f"line {number}: {their_line.get('asked', their_line)}")
            told += difflib.unified_diff(laid_out(their_line), laid_out(our_line), "directly", "through", n=2, lineterm="")
    return "\n".join(told)
