"""The servers that are measured, and those that stand around them."""

import sys
from pathlib import Path

from system.gateway import Afterword
from system.homeservers import Synapse
from system.load_balancers import nginx_command
from system.matrix import Server, U
from system.processes import Process, free_port

from .plan import Plan

SERVER_NAME = "example.org"
UNLIMITED = {"rate_limits.enabled": "false", "limits.max_scheduled_per_user": "none"}
# Whose the token of this name is, says the stand-in for a homeserver: @u0:example.org, and so on.
TOKENS = [f"u{number}" for number in range(64)]
ROOM = f"!room:{SERVER_NAME}"


class StandIn(Server):
    """bench/homeserver.py: a homeserver that answers as briefly as it can."""

    def __init__(self, plan: Plan, *options: str):
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        directory = plan.directory / f"stand-in-{self.port}"
        directory.mkdir()
        command = [sys.executable, str(Path(__file__).with_name("homeserver.py")), str(self.port), *options]
        process = Process(command, directory / "log", directory)
        plan.stack.callback(process.stop)
        process.wait_until(self.is_ready)
        self.pid = process.pid


def afterword(plan: Plan, name: str, homeserver: Server, settings: dict[str, str] | None = None) -> Afterword:
    """One that runs before it, without limits. It knows the tokens, where the stand-in can tell it whose they are."""
    made = Afterword(plan.directory / name, settings={**UNLIMITED, **(settings or {})})
    made.set_up(SERVER_NAME, homeserver.base_url)
    plan.stack.callback(made.stop)
    made.start()
    if isinstance(homeserver, StandIn):
        know_tokens(made)
    return made


def before_synapse(plan: Plan) -> tuple[Synapse, Afterword, Synapse]:
    """A real one, an Afterword before it, and another Synapse with delayed events of its own."""
    behind = Synapse(plan.directory / "behind")
    alone = Synapse(plan.directory / "alone", own_delayed_events=True)
    made = Afterword(plan.directory / "afterword", settings=UNLIMITED)
    made.set_up(behind.server_name, behind.base_url)
    for server in (behind, alone, made):
        plan.stack.callback(server.stop)
    behind.start([made.registration])
    alone.start()
    made.start()
    return behind, made, alone


def know_tokens(server: Afterword) -> None:
    """Whose they are it asks the homeserver once; that is not what is measured."""
    for token in TOKENS:
        server.request("GET", f"{U}/delayed_events", token=token).ok()


def nginx(plan: Plan, name: str, inside_server: str, *, workers: int = 2, inside_http: str = "") -> tuple[Server, int]:
    """It and its pid."""
    port = free_port()
    directory = plan.directory / name
    directory.mkdir()
    server = f"server {{ listen 127.0.0.1:{port} backlog=4096; client_max_body_size 0; {inside_server} }}"
    inside_http = f"keepalive_requests 1000000000; sendfile on; {inside_http} {server}"
    command = nginx_command(directory, inside_http, workers=workers, connections=25_000)
    process = Process(command, directory / "log", directory)
    plan.stack.callback(process.stop)
    made = Server(f"http://127.0.0.1:{port}")
    process.wait_until(lambda: answers(made))
    return made, process.pid


def answering_nginx(plan: Plan, name: str, body: bytes = b"{}") -> tuple[Server, int]:
    """It answers everything with this body."""
    if len(body) < 2_000 and b"$" not in body and b"'" not in body:
        answer = f"return 200 '{body.decode()}';"
    else:  # too long for its configuration
        (plan.directory / f"{name}.json").write_bytes(body)
        plan.directory.chmod(0o755)
        answer = f"root {plan.directory}; open_file_cache max=10; try_files /{name}.json =404;"
    return nginx(plan, name, f"location / {{ default_type application/json; {answer} }}")


def answers(server: Server) -> bool:
    try:
        return server.request("GET", "/", timeout=5).status > 0
    except OSError:
        return False
