"""A metric that cannot be shown to move does not ship: each has a function here that moves it, or names the test that
does. Their names, types and labels are held by metrics.golden, for they stand in other people's dashboards."""

import contextlib
import itertools
import re
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostile.homeserver import CLOSE, HANG, SERVER_NAME, Request, Steps, answer
from system.gateway import BINARY, Afterword
from system.matrix import BODY_UNSTABLE, C, PATH_UNSTABLE, U, User, eventually
from system.processes import free_port

from .conftest import DESCRIPTORS, ManyUsers
from .operations import Operations
from .test_metrics_of_instances import MOVES as OF_INSTANCES

TOP = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("metrics.golden")
HOUR = 3_600_000
ROOM = f"!room:{SERVER_NAME}"
TEXT = "m.room.message"

_numbers = itertools.count()


@dataclass
class World:
    afterword: Afterword
    homeserver: ManyUsers
    operations: Operations

    def user(self) -> User:
        """A new one."""
        name = f"u{next(_numbers)}x{time.time_ns()}"
        return User(self.afterword, f"@{name}:{SERVER_NAME}", f"user-{name}", "PHONE")

    def schedule(self, delay_ms: int = HOUR) -> tuple[User, str]:
        user = self.user()
        return user, user.delayed(ROOM, TEXT, {"body": "x"}, delay_ms)

    def sent(self) -> tuple[User, str]:
        """With its event_id."""
        user, delay_id = self.schedule(1)
        return user, self.outcome(user, delay_id)["event_id"]

    def outcome(self, user: User, delay_id: str) -> dict[str, object]:
        """Within the limits."""
        path = f"{C}/v1/delayed_events/{delay_id}"
        return eventually(lambda: user.request_patiently("GET", path).ok().get("finalised"), 30)

    def answer_to(self, is_meant: Callable[[Request], bool], steps: Steps) -> None:
        honest = self.homeserver.honest
        self.homeserver.script = lambda request: steps if is_meant(request) else honest(request)

    def hang(self, is_meant: Callable[[Request], bool]) -> None:
        self.answer_to(is_meant, [HANG])

    def is_honest_again(self) -> None:
        self.homeserver.script = self.homeserver.honest
        self.homeserver.cut_all()

    @contextlib.contextmanager
    def in_background(self, act: Callable[[], object]) -> Iterator[None]:
        def perform() -> None:
            with contextlib.suppress(Exception):
                act()

        thread = threading.Thread(target=perform)
        thread.start()
        try:
            yield
        finally:
            self.is_honest_again()
            thread.join(30)

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        host, port = self.afterword.listen.rsplit(":", 1)
        return socket.create_connection((host, int(port)), source_address=(source, 0))


@pytest.fixture
def world(afterword: Afterword, homeserver: ManyUsers, operations: Operations) -> World:
    return World(afterword, homeserver, operations)


def _is_send(request: Request) -> bool:
    return request.is_send


def _is_whoami(request: Request) -> bool:
    return request.path.endswith("/account/whoami")


# --- What moves counters and histograms: afterwards they are higher ---


def _schedule(world: World) -> None:
    world.schedule()


def _send(world: World) -> None:
    world.sent()


def _fail(world: World) -> None:
    world.answer_to(_is_send, [answer(403, {"errcode": "M_FORBIDDEN", "error": "No"})])
    user, delay_id = world.schedule(1)
    assert "error" in world.outcome(user, delay_id)


def _fail_oddly(world: World) -> None:
    world.answer_to(_is_send, [answer(400, {"errcode": "ORG.EXAMPLE.ODD", "error": "No"})])
    user, delay_id = world.schedule(1)
    assert "error" in world.outcome(user, delay_id)


def _lose_an_answer(world: World) -> None:
    world.answer_to(_is_send, [CLOSE])
    world.schedule(1)
    world.operations.reaches(lambda now: now > 0, "afterword_deliveries_in_doubt")
    world.is_honest_again()


def _manage(action: str, form: str) -> Callable[[World], None]:
    def move(world: World) -> None:
        user, delay_id = world.schedule()
        assert user.manage(delay_id, action, form).status == 200

    return move


def _request(method: str, path: str, status: int, **arguments: object) -> Callable[[World], None]:
    def move(world: World) -> None:
        assert world.user().request(method, path, **arguments).status == status

    return move


def _show_a_delay_id(world: World) -> None:
    user, event_id = world.sent()
    event = {"event_id": event_id, "sender": user.user_id, "type": TEXT, "content": {"body": "x"}}
    world.answer_to(lambda request: request.path.endswith("/messages"), [answer(200, {"chunk": [event]})])
    shown = user.request("GET", f"{C}/v3/rooms/{ROOM}/messages").ok()["chunk"][0]
    assert "delay_id" in str(shown)


def _connect_beyond_the_share(world: World) -> None:
    """All of them busy, for one that is idle would give way."""
    world.hang(lambda request: request.path.endswith("/busy"))
    with contextlib.ExitStack() as stack:
        for _ in range(DESCRIPTORS // 4):
            connection = stack.enter_context(world.connect("127.0.0.9"))
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n")
        world.operations.reaches(lambda now: now > 0, "afterword_http_connections_closed_total", reason="beyond_share")


def _connect_until_some_give_way(world: World) -> None:
    with contextlib.ExitStack() as stack:
        for address in range(20, 30):
            for _ in range(20):
                stack.enter_context(world.connect(f"127.0.0.{address}"))
        world.operations.reaches(lambda now: now > 0, "afterword_http_connections_closed_total", reason="gave_way")


def _say_nonsense(world: World) -> None:
    with world.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert b" 400 " in connection.recv(1024)


def _hit_schedule(world: World) -> None:
    user = world.user()
    answers = [user.schedule(ROOM, TEXT, {}, -1).status for _ in range(8)]
    assert answers[-1] == 429


def _hit_max_scheduled(world: World) -> None:
    user = world.user()
    assert [user.schedule(ROOM, TEXT, {}, HOUR).status for _ in range(5)][-1] in (400, 403, 429)


def _hit_manage(world: World) -> None:
    user, delay_id = world.schedule()
    assert [user.manage(delay_id, "restart").status for _ in range(6)][-1] == 429


def _hit_look_up(world: World) -> None:
    user, delay_id = world.schedule()
    assert [user.look_up(delay_id).status for _ in range(6)][-1] == 429


def _hit_delay_id(world: World) -> None:
    _, delay_id = world.schedule()
    path = f"{U}/delayed_events/{delay_id}/restart"
    assert [world.afterword.request("POST", path).status for _ in range(5)][-1] == 429


def _hit_guess(world: World) -> None:
    path = f"{U}/delayed_events/00000000-0000-4000-8000-000000000000/restart"
    statuses = [world.afterword.request("POST", path).status for _ in range(6)]
    assert statuses[-1] == 429


def _hit_send(world: World) -> None:
    user = world.user()
    for _ in range(4):
        user.delayed(ROOM, TEXT, {}, 1)
    world.operations.reaches(lambda now: now > 0, "afterword_limits_hit_total", limit="send")


def _restart_the_server(world: World) -> None:
    world.schedule()
    world.afterword.restart()


def _outage(world: World) -> None:
    user = world.user()
    user.delayed(ROOM, TEXT, {}, 500)
    world.answer_to(lambda request: True, [CLOSE])
    world.operations.reaches(lambda now: now == 1, "afterword_homeserver_outage")
    world.is_honest_again()
    world.operations.reaches(lambda now: now == 0, "afterword_homeserver_outage", timeout=60)


def _ask_after_a_cut(world: World) -> None:
    world.homeserver.cut_all()
    time.sleep(0.5)  # until it has been noticed
    world.schedule()


def _use_a_made_up_token(world: World) -> None:
    for _ in range(2):
        assert world.afterword.request("GET", f"{C}/v1/delayed_events", token="made-up").status == 401


def _use_too_many_made_up_tokens(world: World) -> None:
    world.hang(_is_whoami)

    def ask(number: int) -> None:
        with contextlib.suppress(OSError):
            world.afterword.request("GET", f"{C}/v1/delayed_events", token=f"made-up-{number}", timeout=3)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    world.operations.reaches(lambda now: now > 0, "afterword_token_lookups_total", answer="busy")
    world.is_honest_again()
    for thread in threads:
        thread.join()


def _look_up_twice(world: World) -> None:
    user, delay_id = world.schedule()
    for _ in range(2):
        assert user.look_up(delay_id).status == 200


def _fill_the_disk(world: World) -> None:
    pid = world.afterword.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        user = world.user()
        assert user.schedule(ROOM, TEXT, {"body": "x" * 20_000}, HOUR).status == 503
        refused = world.operations.ready()
        assert refused.status == 503 and b"the database takes no changes" in refused.body
        assert world.operations.request("GET", "/health/live").status == 200
        assert world.afterword.command("health", *_settings_of(world.afterword)).returncode == 1
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    eventually(lambda: world.operations.ready().status == 200)


def _settings_of(afterword: Afterword) -> list[str]:
    return ["--set", f"ops.listen={afterword._settings['ops.listen']}"]


def _work(world: World) -> None:
    before = world.operations.value("process_cpu_seconds_total")
    while world.operations.value("process_cpu_seconds_total") <= before:
        pass


# By metric: which samples, and what makes them rise.
RISES: dict[str, list[tuple[dict[str, str], Callable[[World], None]]]] = {
    "afterword_http_requests_total": [
        ({"route": "schedule", "outcome": "2xx"}, _schedule),
        ({"route": "restart", "outcome": "2xx"}, _manage("restart", BODY_UNSTABLE)),
        ({"route": "cancel", "outcome": "2xx"}, _manage("cancel", PATH_UNSTABLE)),
        ({"route": "send", "outcome": "2xx"}, _manage("send", PATH_UNSTABLE)),
        ({"route": "manage", "outcome": "4xx"}, _request("POST", f"{U}/delayed_events/x", 400, body={"action": "?"})),
        ({"route": "retry", "outcome": "4xx"}, _request("POST", f"{C}/v1/delayed_events/x/afterword.retry", 404)),
        ({"route": "look_up", "outcome": "2xx"}, _look_up_twice),
        ({"route": "list_scheduled", "outcome": "2xx"}, _request("GET", f"{U}/delayed_events", 200)),
        ({"route": "list", "outcome": "2xx"}, _request("GET", f"{C}/v1/delayed_events", 200)),
        ({"route": "versions", "outcome": "2xx"}, _request("GET", f"{C}/versions", 200)),
        ({"route": "capabilities", "outcome": "2xx"}, _request("GET", f"{C}/v3/capabilities", 200)),
        ({"route": "user_page", "outcome": "2xx"}, _request("GET", "/_afterword/", 200)),
        ({"route": "preflight", "outcome": "2xx"}, _request("OPTIONS", f"{C}/v1/delayed_events", 200)),
        ({"route": "unrecognized", "outcome": "4xx"}, _request("GET", f"{C}/v1/delayed_events/x/y/z", 404)),
        ({"route": "method_not_allowed", "outcome": "4xx"}, _request("DELETE", f"{C}/v1/delayed_events", 405)),
        ({"route": "long_poll", "outcome": "2xx"}, _request("GET", f"{C}/v3/sync?timeout=1000", 200)),
        ({"route": "pass_through", "outcome": "2xx"}, _request("GET", f"{C}/v3/profile/x", 200)),
    ],
    "afterword_http_request_duration_seconds": [({"route": "schedule"}, _schedule)],
    "afterword_answers_looked_into_total": [({}, _show_a_delay_id)],
    "afterword_http_connections_accepted_total": [({}, _schedule)],
    "afterword_http_connections_closed_total": [
        ({"reason": "beyond_share"}, _connect_beyond_the_share),
        ({"reason": "gave_way"}, _connect_until_some_give_way),
    ],
    "afterword_http_requests_refused_total": [({}, _say_nonsense)],
    "afterword_limits_hit_total": [
        ({"limit": "schedule"}, _hit_schedule),
        ({"limit": "manage"}, _hit_manage),
        ({"limit": "look_up"}, _hit_look_up),
        ({"limit": "delay_id"}, _hit_delay_id),
        ({"limit": "guess"}, _hit_guess),
        ({"limit": "send"}, _hit_send),
        ({"limit": "max_scheduled_per_user"}, _hit_max_scheduled),
    ],
    "afterword_deliveries_total": [({"outcome": "sent"}, _send), ({"outcome": "failed"}, _fail)],
    "afterword_delivery_failures_total": [({"errcode": "M_FORBIDDEN"}, _fail), ({"errcode": "other"}, _fail_oddly)],
    "afterword_delivery_lateness_seconds": [({}, _send)],
    "afterword_delivery_retries_total": [({}, _lose_an_answer)],
    "afterword_homeserver_outages_total": [({}, _outage)],
    "afterword_homeserver_questions_total": [
        ({"verb": "send", "outcome": "answered"}, _send),
        ({"verb": "send", "outcome": "unanswered"}, _lose_an_answer),
        ({"verb": "whoami", "outcome": "answered"}, _schedule),
        ({"verb": "prepare", "outcome": "answered"}, _send),
        ({"verb": "ask_way", "outcome": "unanswered"}, _outage),
    ],
    "afterword_homeserver_question_duration_seconds": [({"verb": "send"}, _send)],
    "afterword_homeserver_connections_opened_total": [({"pool": "questions"}, _ask_after_a_cut)],
    "afterword_token_lookups_total": [
        ({"answer": "known"}, _look_up_twice),
        ({"answer": "refused"}, _use_a_made_up_token),
        ({"answer": "asked"}, _schedule),
        ({"answer": "busy"}, _use_too_many_made_up_tokens),
    ],
    "afterword_store_commit_operations": [({}, _schedule)],
    "afterword_store_commit_duration_seconds": [({}, _schedule)],
    "afterword_store_commits_failed_total": [({}, _fill_the_disk)],
    "process_cpu_seconds_total": [({}, _work)],
}


def _rises() -> list[object]:
    return [
        pytest.param(name, labels, move, id="-".join([name, *labels.values()]))
        for name, moves in RISES.items()
        for labels, move in moves
    ]


@pytest.mark.parametrize(("name", "labels", "move"), _rises())
def test_it_rises(name: str, labels: dict[str, str], move: Callable[[World], None], world: World):
    before = world.operations.scrape()
    sample = name + "_count" if before.types[name] == "histogram" else name
    start = before.value(sample, **labels)
    move(world)
    world.operations.reaches(lambda now: now > start, sample, **labels)


# --- What moves gauges ---


def test_requests_under_way(world: World):
    world.hang(lambda request: request.path.endswith("/sync"))
    gauge = ("afterword_http_requests_under_way", "long_poll")
    with world.in_background(lambda: world.user().request("GET", f"{C}/v3/sync?timeout=30000")):
        world.operations.reaches(lambda now: now == 1, gauge[0], route=gauge[1])
    world.operations.reaches(lambda now: now == 0, gauge[0], route=gauge[1])


def test_connections(world: World):
    before = world.operations.value("afterword_http_connections")
    with world.connect(), world.connect():
        world.operations.reaches(lambda now: now >= before + 2, "afterword_http_connections")


def test_body_memory(world: World):
    with world.connect() as connection:
        head = f"PUT {C}/v3/rooms/{ROOM}/delayed_event/{TEXT}/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 50_000)
        world.operations.reaches(lambda now: now > 40_000, "afterword_body_memory_bytes")
    world.operations.reaches(lambda now: now == 0, "afterword_body_memory_bytes")


def test_deliveries(world: World):
    """Under way while it is sent, in doubt when its answer is lost, waiting in an outage."""
    world.hang(_is_send)
    user, delay_id = world.schedule(1)
    world.operations.reaches(lambda now: now == 1, "afterword_deliveries_under_way")
    world.operations.reaches(lambda now: now == 1, "afterword_events", state="sending")
    world.answer_to(lambda request: not (_is_whoami(request) and request.token.startswith("user-")), [CLOSE])
    world.homeserver.cut_all()
    world.operations.reaches(lambda now: now == 1, "afterword_deliveries_in_doubt")
    world.operations.reaches(lambda now: now == 1, "afterword_homeserver_outage")
    world.schedule(1)
    world.operations.reaches(lambda now: now >= 1, "afterword_deliveries_waiting")
    world.is_honest_again()
    for gauge in ("homeserver_outage", "deliveries_waiting", "deliveries_in_doubt", "deliveries_under_way"):
        world.operations.reaches(lambda now: now == 0, f"afterword_{gauge}", timeout=90)


def test_events_and_their_timers(world: World):
    before = world.operations.scrape()
    user, delay_id = world.schedule()
    for name, labels in (("afterword_events", {"state": "scheduled"}), ("afterword_timers", {})):
        start = before.value(name, **labels)
        world.operations.reaches(lambda now, start=start: now == start + 1, name, **labels)
    entries = world.operations.value("afterword_store_journal_entries")
    assert user.manage(delay_id, "restart").status == 200
    world.operations.reaches(lambda now: now == entries + 1, "afterword_store_journal_entries")
    assert user.manage(delay_id, "cancel").status == 200
    scheduled = before.value("afterword_events", state="scheduled")
    world.operations.reaches(lambda now: now == scheduled, "afterword_events", state="scheduled")


def test_tokens(world: World):
    before = world.operations.value("afterword_tokens_known")
    world.schedule()
    assert world.operations.value("afterword_tokens_known") == before + 1
    world.hang(_is_whoami)
    with world.in_background(lambda: world.user().request("GET", f"{C}/v1/delayed_events")):
        world.operations.reaches(lambda now: now == 1, "afterword_whoami_under_way")
    world.operations.reaches(lambda now: now == 0, "afterword_whoami_under_way")


def test_connections_to_the_homeserver(world: World):
    pool = {"pool": "long_polls"}
    world.hang(lambda request: request.path.endswith("/sync"))
    name = "afterword_homeserver_connections"
    with world.in_background(lambda: world.user().request("GET", f"{C}/v3/sync?timeout=30000")):
        world.operations.reaches(lambda now: now == 1, name, state="in_use", **pool)
    world.operations.reaches(lambda now: now == 0, name, state="in_use", **pool)
    assert world.user().request("GET", f"{C}/v3/sync?timeout=1").status == 200
    world.operations.reaches(lambda now: now >= 1, name, state="idle", **pool)


def test_what_follows_from_the_machine(world: World, tmp_path: Path):
    other = world.afterword.beside(tmp_path, {"ops.listen": f"127.0.0.1:{free_port()}"})
    other.limit_descriptors(2 * DESCRIPTORS)
    other.start()
    try:
        limits = [Operations(afterword).scrape() for afterword in (world.afterword, other)]
        for name, labels in (("http_connections_limit", {}), ("homeserver_connections_limit", {"pool": "deliveries"})):
            few, twice = (scrape.value(f"afterword_{name}", **labels) for scrape in limits)
            assert twice == 2 * few > 0
    finally:
        other.stop()


def test_what_is_there_from_the_start(world: World):
    world.schedule()
    world.afterword.restart()
    scrape = world.operations.scrape()
    assert scrape.value("afterword_events_adopted_total") >= 1
    assert scrape.value("process_resident_memory_bytes") > 1_000_000
    version = dict(next(labels for name, labels in scrape.samples if name == "afterword_build_info"))["version"]
    shown = subprocess.run([BINARY, "--version"], capture_output=True, text=True).stdout
    assert shown.startswith(f"afterword {version}\n")


GAUGES = {
    "afterword_http_requests_under_way": test_requests_under_way,
    "afterword_http_connections": test_connections,
    "afterword_body_memory_bytes": test_body_memory,
    "afterword_deliveries_under_way": test_deliveries,
    "afterword_deliveries_in_doubt": test_deliveries,
    "afterword_deliveries_waiting": test_deliveries,
    "afterword_homeserver_outage": test_deliveries,
    "afterword_events": test_events_and_their_timers,
    "afterword_timers": test_events_and_their_timers,
    "afterword_store_journal_entries": test_events_and_their_timers,
    "afterword_tokens_known": test_tokens,
    "afterword_whoami_under_way": test_tokens,
    "afterword_homeserver_connections": test_connections_to_the_homeserver,
    "afterword_events_adopted_total": test_what_is_there_from_the_start,
    "process_resident_memory_bytes": test_what_is_there_from_the_start,
    "afterword_build_info": test_what_is_there_from_the_start,
    "afterword_http_connections_limit": test_what_follows_from_the_machine,
    "afterword_homeserver_connections_limit": test_what_follows_from_the_machine,
}

# What takes minutes, a day, much memory or a token service is moved by a unit test, in time that it holds, and shown by the same line of exposition.cc
# as the others.
UNIT_TESTS = {
    "afterword_body_memory_refusals_total": "ByteBudget.CountsHowOftenThereWasNoRoom",
    "afterword_deliveries_aside": "DeliveryTest.CountsWhatIsSetAsideAndGivenUp",
    "afterword_deliveries_given_up_total": "DeliveryTest.CountsWhatIsSetAsideAndGivenUp",
    "afterword_token_lookups_stale_total": "TokenCacheTest.CountsHowItAnswers",
    "afterword_token_service_requests_total": "SidecarTest.CountsHowItIsAnswered",
    "afterword_token_service_requests_under_way": "SidecarTest.GivesAUserAnEighthOfItsConnections",
}




def test_every_metric_is_moved_by_a_test():
    moved = {*RISES, *GAUGES, *UNIT_TESTS, *OF_INSTANCES}
    assert {line.split()[0] for line in GOLDEN.read_text().splitlines()} == moved
    sources = "".join(path.read_text() for path in (TOP / "src").rglob("*_test.cc"))
    for test in UNIT_TESTS.values():
        suite, name = test.split(".")
        assert re.search(rf"TEST(_F)?\({suite}, {name}\)", sources), f"there is no {test}"


def test_the_names_are_those_of_before(operations: Operations):
    """If you mean to change one, change metrics.golden with it, and tell in CHANGELOG.md."""
    of_instances = set(OF_INSTANCES)
    golden = [line for line in GOLDEN.read_text().splitlines() if line.split()[0] not in of_instances]
    assert operations.scrape().names() == golden


def test_every_metric_is_explained():
    document = (TOP / "docs/operations.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in document.splitlines() if line.startswith("| `")]
    explained = {name: set(re.findall(r"\w+", row[2])) for row in rows for name in re.findall(r"`([a-z]+_\w+)`", row[1])}
    for line in GOLDEN.read_text().splitlines():
        name, _, *labels = line.split()
        assert explained.pop(name, None) == set(labels), name
    assert not explained


def test_no_metric_names_anybody(world: World):
    user, _ = world.sent()
    text = world.operations.request("GET", "/metrics").body.decode()
    for secret in (user.localpart, ROOM, user.token, world.homeserver.as_token, SERVER_NAME):
        assert secret not in text
