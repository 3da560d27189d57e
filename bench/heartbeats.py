"""The requests of delayed events, beside an nginx that answers the very same ones with as many bytes, and Synapse's own."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from system.homeservers import Synapse
from system.matrix import LEGACY, C, U, User

from .plan import Plan
from .rows import Goal, Row
from .servers import ROOM, TOKENS, StandIn, afterword, answering_nginx
from .wrk import DAY, MESSAGE, TEXT, Load, managing, processor_row, rates, schedule_many, schedules

ROWS = ["restart", "restart-processor", "restart-without-token", "schedule", "look-up", "page"]

RESTART = f"{C}/v1/delayed_events/{{}}/restart"
RESTART_UNSTABLE = f"{U}/delayed_events/{{}}/restart"
LOOK_UP = f"{C}/v1/delayed_events/{{}}"
PAGE = f"{C}/v1/delayed_events?dir=f"

BOTH = ["nginx", "Synapse"]

Events = list[tuple[str, str]]


def schedule_at_synapse(user: User, room: str, count: int) -> Events:
    with ThreadPoolExecutor(8) as threads:
        delay_ids = list(threads.map(lambda _: user.delayed(room, TEXT, MESSAGE, DAY, form=LEGACY), range(count)))
    return [(delay_id, user.token) for delay_id in delay_ids]


def against(synapse: float | None, nginx: float) -> list[Goal]:
    goals = [Goal("Afterword", at_least=nginx, divided_by="nginx")]
    return goals + ([Goal("Afterword", at_least=synapse, divided_by="Synapse")] if synapse else [])


def measure(plan: Plan) -> Iterator[Row]:
    ours = afterword(plan, "afterword", StandIn(plan))
    count = plan.choose(1_000, 200)
    events = schedule_many(ours, TOKENS[:1], [ROOM], count, plan.directory)
    scheduled: dict[str, Any] = ours.request("GET", LOOK_UP.format(events[0][0]), token=events[0][1]).ok()
    page = ours.request("GET", PAGE, token=events[0][1]).ok()
    nginxes = {
        "restart": answering_nginx(plan, "nginx"),
        "schedule": answering_nginx(plan, "nginx-schedule", json.dumps({"delay_id": events[0][0]}).encode()),
        "look-up": answering_nginx(plan, "nginx-look-up", json.dumps(scheduled).encode()),
        "page": answering_nginx(plan, "nginx-page", json.dumps(page).encode()),
    }
    of_us = lambda load: replace(load, pids={"Afterword": ours.pid})
    of_nginx = lambda load, which: replace(load, server=nginxes[which][0], pids={"nginx": nginxes[which][1]})

    synapse = their_events = their_room = their_user = None
    if plan.wants("restart", "restart-processor", "restart-without-token", "schedule"):
        synapse = Synapse(plan.directory / "synapse", own_delayed_events=True)
        plan.stack.callback(synapse.stop)
        synapse.start()
        their_user = synapse.register("alice")
        their_room = their_user.create_room()
        their_events = schedule_at_synapse(their_user, their_room, count)
    of_synapse = lambda load: replace(load, pids={"Synapse": synapse.pid})

    def asking(path: str, events: Events, which: str, method: str, their_path: str | None = None) -> list[Load]:
        load = managing("Afterword", ours, events, path, plan.directory, method)
        loads = [of_nginx(replace(load, contestant="nginx"), which), of_us(load)]
        if their_path:
            theirs = [(delay_id, token if events[0][1] else "") for delay_id, token in their_events]
            loads.append(of_synapse(managing("Synapse", synapse, theirs, their_path, plan.directory, method)))
        return loads

    if plan.wants("restart", "restart-processor"):
        row = Row("restart", f"Restarts, each with its token, among {count:,}", "a second", BOTH, against(100, 0.7))
        loads = asking(RESTART, events, "restart", "POST", RESTART_UNSTABLE)
        yield rates(plan, row, lambda _, loads=loads: loads)
        title = "Processor time of a restart, both threads together"
        yield processor_row("restart-processor", title, row, "Afterword", [Goal("Afterword", at_most=14)])
    if plan.wants("restart-without-token"):
        row = Row("restart-without-token", "Restarts without a token", "a second", BOTH, against(100, 0.7))
        without = [(delay_id, "") for delay_id, _ in events]
        loads = asking(RESTART_UNSTABLE, without, "restart", "POST", RESTART_UNSTABLE)
        yield rates(plan, row, lambda _, loads=loads: loads)
    if plan.wants("schedule"):
        row = Row("schedule", "Schedules, each with a transaction id of its own", "a second", BOTH, against(90, 0.35))

        def scheduling(number: int) -> list[Load]:
            load = schedules("Afterword", ours, TOKENS[1:2], [ROOM], f"round-{number}")
            theirs = schedules("Synapse", synapse, [their_user.token], [their_room], f"round-{number}", form=LEGACY)
            return [of_nginx(replace(load, contestant="nginx"), "schedule"), of_us(load), of_synapse(theirs)]

        yield rates(plan, row, scheduling)
    if plan.wants("look-up"):
        row = Row("look-up", "Look-ups of one event", "a second", ["nginx"], against(None, 0.5))
        yield rates(plan, row, lambda _: asking(LOOK_UP, events, "look-up", "GET"))
    if plan.wants("page"):
        length = len(page["delayed_events"])
        row = Row("page", f"Pages of a list, {length} events each", "a second", ["nginx"], against(None, 0.5))
        yield rates(plan, row, lambda _: asking(PAGE, events, "page", "GET"))
