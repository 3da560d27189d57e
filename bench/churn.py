"""Calls that people join and leave: each schedules its leave, keeps putting it off, and cancels it when it leaves.

Before a real Synapse, beside Synapse's own delayed events. The memberships themselves are the same for both, and left out.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from system.matrix import DELAY_QUERY, C, Server, U, User, quote

from .plan import Plan
from .process_figures import processor_seconds
from .rows import Row
from .servers import before_synapse

SIZES = [5, 20, 100, 1_000]
ROWS = [f"churn-{size}" for size in SIZES]

BEAT_SECONDS = 4.0  # as Element Call does it
LEAVE_MS = 30_000
MEMBER = "org.matrix.msc3401.call.member"
USERS = 20  # who take part from several devices
OWN = "Synapse's own"


@dataclass
class Experience:
    """How long each request took, in ms."""

    took: dict[str, list[float]] = field(default_factory=lambda: {"schedule": [], "restart": [], "cancel": []})
    failed: int = 0


class Participant:
    """Of a call, over a connection of its own."""

    def __init__(self, server: Server, user: User, room: str, number: int, experience: Experience):
        self._port = int(server.base_url.rsplit(":", 1)[1])
        self._token = user.token
        state_key = quote(f"_{user.user_id}_DEVICE{number}")
        query = f"?{DELAY_QUERY}={LEAVE_MS}"
        self._schedule = f"{C}/v3/rooms/{quote(room)}/state/{MEMBER}/{state_key}{query}"
        self._experience = experience

    async def take_part(self, joins: float, leaves: float) -> None:
        """In seconds from now."""
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.sleep(joins)
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            delay_id = (await self._ask("schedule", "PUT", self._schedule, "{}"))["delay_id"]
            manage = f"{U}/delayed_events/{quote(delay_id)}"
            next_beat = asyncio.get_running_loop().time() - began
            while (next_beat := next_beat + BEAT_SECONDS) < leaves:
                await asyncio.sleep(began + next_beat - asyncio.get_running_loop().time())
                await self._ask("restart", "POST", f"{manage}/restart", "{}")
            await asyncio.sleep(began + leaves - asyncio.get_running_loop().time())
            await self._ask("cancel", "POST", f"{manage}/cancel", "{}")
            self._writer.close()
        except (OSError, EOFError, ValueError, KeyError, asyncio.IncompleteReadError):
            self._experience.failed += 1

    async def _ask(self, what: str, method: str, path: str, body: str) -> dict:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        began = time.perf_counter()
        self._writer.write((head + body).encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", answer)
        text = await (self._reader.readexactly(int(length[1])) if length else self._read_chunks())
        self._experience.took[what].append((time.perf_counter() - began) * 1000)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(answer)
        return json.loads(text)

    async def _read_chunks(self) -> bytes:
        text = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            text += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return text


async def call(server: Server, users: list[User], room: str, size: int, seconds: float) -> Experience:
    """All join in the first third of it, and leave in the last."""
    experience, chance = Experience(), random.Random(size)
    people = [Participant(server, users[n % len(users)], room, n, experience) for n in range(size)]
    times = [(chance.uniform(0, seconds / 3), chance.uniform(seconds * 2 / 3, seconds)) for _ in people]
    await asyncio.gather(*(each.take_part(*when) for each, when in zip(people, times)))
    return experience


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else float("nan")


def measure(plan: Plan) -> Iterator[Row]:
    behind, afterword, alone = before_synapse(plan)
    contestants = {}
    for name, homeserver, server in [("Afterword", behind, afterword), (OWN, alone, alone)]:
        users = [homeserver.register(f"user-{n}").at(server) for n in range(USERS)]
        room = users[0].at(homeserver).create_room()
        for user in users[1:]:
            user.at(homeserver).join(room)
        contestants[name] = (server, users, room, {name: server.pid, "Synapse behind it": behind.pid})
    del contestants[OWN][3]["Synapse behind it"]

    for size in SIZES:
        name = f"churn-{size}"
        if not plan.wants(name) or (plan.quick and size > 20):
            continue
        row = Row(name, f"Calls of {size:,} who join, beat and leave: p99 of a heartbeat", "ms", [OWN])
        for _ in range(plan.rounds):
            for contestant, (server, users, room, pids) in contestants.items():
                before = {which: processor_seconds(pid) for which, pid in pids.items()}
                seen = asyncio.run(call(server, users, room, size, plan.choose(10, 6)))
                spent = {which: processor_seconds(pid) - before[which] for which, pid in pids.items()}
                took = seen.took
                row.add(
                    contestant,
                    percentile(took["restart"], 0.99),
                    **{
                        "p50 ms": percentile(took["restart"], 0.5),
                        "p99 ms of a join": percentile(took["schedule"], 0.99),
                    },
                    **{"p99 ms of a leave": percentile(took["cancel"], 0.99)},
                    **{"processor ms each": sum(spent.values()) * 1000 / size},
                )
                if seen.failed:
                    row.problems.append(f"{contestant}: {seen.failed} of {size} were thrown out")
        yield row
