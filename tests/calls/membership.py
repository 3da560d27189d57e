"""Who is in the call of a room: by its state, or by sticky events, which MatrixRTC is moving to."""

from typing import Any

from system.matrix import C, User, quote

BY_STATE = "org.matrix.msc3401.call.member"
BY_STICKY_EVENTS = "org.matrix.msc4143.rtc.member"


def members(user: User, room: str, event_type: str = BY_STATE) -> set[str]:
    """By name, as that user sees it."""
    if event_type == BY_STATE:
        state = user.request_patiently("GET", f"{C}/v3/rooms/{quote(room)}/state").ok()
        latest = [event for event in state if event["type"] == BY_STATE]
    else:
        timeline = user.events(room, BY_STICKY_EVENTS)
        latest = list({(e["sender"], e["content"].get("msc4354_sticky_key")): e for e in timeline}.values())
    return {_name(event) for event in latest if _is_in(event)}


def leaves(user: User, room: str, event_type: str = BY_STATE) -> list[tuple[str, str]]:
    """(event_id, who) of each leave that the room has seen lately."""
    return [(event["event_id"], _name(event)) for event in user.events(room, event_type) if not _is_in(event)]


def make_room(host: User) -> str:
    """One in which everybody may be in a call."""
    return host.create_room(power_level_content_override={"events": {BY_STATE: 0}})


def _is_in(event: dict[str, Any]) -> bool:
    return "application" in event["content"]


def _name(event: dict[str, Any]) -> str:
    return event["sender"][1:].split(":")[0]
