"""Measures Afterword's two frequent requests, beside Synapse's own delayed events and an nginx that does nothing: it
answers the very same requests with {}.

The contestants take turns, so that a machine which slows down slows all of them; medians of the rounds are compared.
Everything runs on loopback and on the same processors, wrk included: compare ratios, not machines.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from system.gateway import Afterword
from system.homeservers import Synapse
from system.load_balancers import nginx_command
from system.matrix import DELAY_QUERY, LEGACY, STABLE, C, Server, U, User, quote
from system.processes import Process, free_port

DAY = 24 * 3_600_000
TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
CONNECTIONS = 64


@dataclass(frozen=True)
class Load:
    """What wrk sends to one contestant."""

    contestant: str
    server: Server
    arguments: list[str]
    pid: int | None = None  # of whom the processor time is measured, with its children


@dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    refused: int  # answers other than 2xx and 3xx
    broken: int  # connections that failed
    p50_ms: float
    p99_ms: float
    processor_us: float | None = None  # of a request

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def run_wrk(load: Load, seconds: int, connections: int = CONNECTIONS) -> Result:
    script = ROOT / "bench/requests.lua"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    command += [load.server.base_url, "--", *load.arguments]
    before = processor_seconds(load.pid) if load.pid else 0
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [line] = [line for line in output.splitlines() if line.startswith("RESULT ")]
    result = Result(**json.loads(line.removeprefix("RESULT ")))
    if load.pid is None or result.requests == 0:
        return result
    return replace(result, processor_us=(processor_seconds(load.pid) - before) * 1e6 / result.requests)


def processor_seconds(process: int) -> float:
    """Of its children too."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # one that has just ended: its parent has what it spent
    spent = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return spent + sum(processor_seconds(int(child)) for child in children)


def nginx(directory: Path) -> tuple[Server, Process]:
    """It answers everything with {}."""
    port = free_port()
    directory.mkdir()
    command = nginx_command(
        directory,
        f"""
keepalive_requests 1000000000;
server {{
  listen 127.0.0.1:{port};
  location / {{ default_type application/json; return 200 '{{}}'; }}
}}
""",
    )
    process = Process(command, directory / "nginx.log", directory)
    server = Server(f"http://127.0.0.1:{port}")
    process.wait_until(lambda: is_up(server))
    return server, process


def is_up(server: Server) -> bool:
    try:
        return server.request("GET", "/", timeout=5).status == 200
    except OSError:
        return False


def schedule_many(user: User, room: str, form: str, count: int) -> list[tuple[str, str]]:
    """(delay_id, token) of each."""
    with ThreadPoolExecutor(8) as threads:
        delay_ids = list(threads.map(lambda _: user.delayed(room, TEXT, MESSAGE, DAY, form=form), range(count)))
    return [(delay_id, user.token) for delay_id in delay_ids]


def restarts(contestant: str, server: Server, events: list[tuple[str, str]], path: str, directory: Path) -> Load:
    """`events`: (delay_id, token), which are restarted in turn; without a token if it is empty."""
    has_token = any(token for _, token in events)
    paths = directory / f"restarts-{contestant}-{has_token}"
    paths.write_text("".join(f"{path.format(delay_id)} {token}\n" for delay_id, token in events))
    return Load(contestant, server, ["restart", str(paths)])


def schedules(contestant: str, server: Server, users: list[User], room: str, form: str, label: str) -> Load:
    """By each of the users in turn. `label`: no other load for these users has it."""
    if form == STABLE:
        verb, query, body = "delayed_event", "", {"delay_ms": DAY, "content": MESSAGE}
    else:
        verb, query, body = "send", f"?{DELAY_QUERY}={DAY}", MESSAGE
    prefix = f"{C}/v3/rooms/{quote(room)}/{verb}/{TEXT}/{label}-"  # requests.lua adds a number: the txn id
    tokens = ",".join(user.token for user in users)
    return Load(contestant, server, ["schedule", tokens, prefix, query, json.dumps(body)])


def compare(title: str, rounds: list[list[Load]], seconds: int) -> dict[str, list[Result]]:
    """Each round runs its loads one after the other; prints the medians."""
    results: dict[str, list[Result]] = {}
    for loads in rounds:
        for load in loads:
            results.setdefault(load.contestant, []).append(run_wrk(load, seconds))

    medians = {name: statistics.median(r.per_second for r in of_one) for name, of_one in results.items()}
    print(f"\n{title}")
    print(f"  {'':12}{'a second':>12}{'÷ nginx':>10}{'÷ Synapse':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}")
    for name, median in medians.items():
        spent = statistics.median(result.processor_us or 0 for result in results[name])
        p50 = statistics.median(result.p50_ms for result in results[name])
        p99 = statistics.median(result.p99_ms for result in results[name])
        ratios = f"{median / medians['nginx']:>10.4f}{median / medians['Synapse']:>11.2f}"
        print(f"  {name:12}{median:>12,.0f}{ratios}{p50:>9.2f}{p99:>9.2f}{spent:>9.1f}")
    for name, of_one in results.items():
        if failures := sum(result.refused + result.broken for result in of_one):
            print(f"  {name}: {failures} requests FAILED, so its figure does not count")
    sys.stdout.flush()
    return results


def first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def describe_afterword(settings: str) -> None:
    """And the machine."""
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in processors if line.startswith("model name")]
    commit = first_line("git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "describe", "--always", "--dirty")
    print(f"machine    {os.cpu_count()} × {models[0] if models else platform.machine()}, Linux {platform.release()}")
    print(f"afterword  {commit}; {settings}")


def describe_machine() -> None:
    describe_afterword("rate_limits.enabled=false, limits.max_scheduled_per_user=none")
    print(f"nginx      {first_line('/usr/sbin/nginx', '-v').removeprefix('nginx version: ')}, 2 workers, return 200")


def describe(arguments: argparse.Namespace) -> None:
    describe_machine()
    print("database   SQLite")
    print("synapse    1.163.2, SQLite, one process; its rate limits lifted, max_event_delay_duration: 24h")
    print(f"command    wrk -t1 -c{CONNECTIONS} -d{arguments.seconds}s -s bench/requests.lua")
    print(f"rounds     {arguments.rounds}, interleaved; medians of them")


def measure(arguments: argparse.Namespace, directory: Path, running: list) -> dict[str, dict[str, list[Result]]]:
    settings = {"rate_limits.enabled": "false", "limits.max_scheduled_per_user": "none"}
    behind = Synapse(directory / "behind")
    alone = Synapse(directory / "alone", own_delayed_events=True)
    afterword = Afterword(directory / "afterword", settings=settings)
    afterword.set_up(behind.server_name, behind.base_url)
    running += [afterword, behind, alone]
    behind.start([afterword.registration])
    alone.start()
    afterword.start()
    nothing, process = nginx(directory / "nginx")
    running.append(process)
    describe(arguments)

    ours = behind.register("alice").at(afterword)
    theirs = alone.register("alice")
    our_room, their_room = ours.create_room(), theirs.create_room()
    pids = {"Afterword": afterword.pid, "Synapse": alone.pid, "nginx": process.pid}
    of = lambda load: replace(load, pid=pids[load.contestant])

    our_events = schedule_many(ours, our_room, STABLE, arguments.scheduled)
    their_events = schedule_many(theirs, their_room, LEGACY, arguments.scheduled)
    results = {}
    for name, has_token in {"each with its token": True, "without a token": False}.items():
        events_of = lambda events: [(delay_id, token if has_token else "") for delay_id, token in events]
        # Without a token only on the unstable routes, as clients do it.
        path = f"{C}/v1/delayed_events/{{}}/restart" if has_token else f"{U}/delayed_events/{{}}/restart"
        heartbeats = [
            of(restarts("nginx", nothing, events_of(our_events), path, directory)),
            of(restarts("Afterword", afterword, events_of(our_events), path, directory)),
            of(restarts("Synapse", alone, events_of(their_events), f"{U}/delayed_events/{{}}/restart", directory)),
        ]
        title = f"Restarts (heartbeats) among {arguments.scheduled:,} scheduled events, {name}"
        results[title] = compare(title, [heartbeats] * arguments.rounds, arguments.seconds)
    rounds = []
    for number in range(arguments.rounds):
        loads = [
            schedules("nginx", nothing, [ours], our_room, STABLE, str(number)),
            schedules("Afterword", afterword, [ours], our_room, STABLE, str(number)),
            schedules("Synapse", alone, [theirs], their_room, LEGACY, str(number)),
        ]
        rounds.append([of(load) for load in loads])
    title = "Schedules, each with a transaction id of its own"
    results[title] = compare(title, rounds, arguments.seconds)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each contestant in a round")
    parser.add_argument("--scheduled", type=int, default=1000, help="events that are restarted in turn")
    parser.add_argument("--json", type=Path, help="write every round's results there")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    running: list = []
    with tempfile.TemporaryDirectory(prefix="afterword-bench-") as directory:
        try:
            results = measure(arguments, Path(directory), running)
        finally:
            for server in running:
                server.stop()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2, default=asdict) + "\n")
    failed = any(r.refused + r.broken for each in results.values() for of_one in each.values() for r in of_one)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
