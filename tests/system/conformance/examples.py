"""What the examples have in common."""

from ..matrix import LEGACY, STABLE, UNSTABLE

FORMS = [STABLE, UNSTABLE, LEGACY]

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
STATE = "org.example.state"

SECOND = 1000
HOUR = 3_600_000
DAY = 24 * HOUR

UNKNOWN = "no-such-delayed-event"


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}
