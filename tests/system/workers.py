"""Synapse with two workers behind nginx: one takes what is sent, the other answers what is read."""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .homeservers import Synapse
from .load_balancers import nginx_command
from .matrix import Server
from .postgres import Postgres
from .processes import Process, free_port
from .tcp_gate import TcpGate

_OF_ROOMS = r"^/_matrix/client/(v1|v3)/rooms/[^/]+/(send|state|redact|messages|context|event|timestamp_to_event)(/|$)"


class SynapseWithWorkers(Synapse):
    """`base_url` is the main process's own; `proxy` is where Afterword goes. Replication reaches the reader through
    `way_of_reader`."""

    def __init__(self, directory: Path, postgres: Postgres, *, shows_server: bool):
        super().__init__(directory, database=postgres.make_database())
        self._redis_port = free_port()
        self._replication_port = free_port()
        self._ports = {"sender": free_port(), "reader": free_port()}
        self.proxy = Server(f"http://127.0.0.1:{free_port()}")
        self._shows_server = shows_server
        self._beside: list[Process] = []
        self.way_of_reader: TcpGate | None = None

    def launch(self) -> None:
        redis = ["redis-server", "--port", str(self._redis_port), "--bind", "127.0.0.1"]
        redis += ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        self._beside.append(Process(redis, self.directory / "redis.log", self.directory))
        self.way_of_reader = TcpGate(self._redis_port)
        super().launch()

    def wait_until_ready(self) -> None:
        super().wait_until_ready()
        assert self.way_of_reader
        for name, port in self._ports.items():
            redis_port = self.way_of_reader.port if name == "reader" else self._redis_port
            worker: dict[str, Any] = {
                "worker_app": "synapse.app.generic_worker",
                "worker_name": name,
                "worker_listeners": [self._listener(port, ["client"])],
                "listeners": [],
                "pid_file": str(self.directory / f"{name}.pid"),
                "redis": self._redis(redis_port),
            }
            (self.directory / f"{name}.yaml").write_text(json.dumps(worker))
            command = [sys.executable, "-m", "synapse.app.generic_worker", "-c", "homeserver.yaml", "-c", f"{name}.yaml"]
            process = Process(command, self.directory / f"{name}.log", self.directory)
            self._beside.append(process)
            process.wait_until(Server(f"http://127.0.0.1:{port}").is_ready)
        nginx = self.directory / "nginx"
        nginx.mkdir(exist_ok=True)
        process = Process(nginx_command(nginx, self._nginx()), self.directory / "nginx.log", nginx)
        self._beside.append(process)
        process.wait_until(self.proxy.is_ready)

    def stop(self) -> None:
        for process in reversed(self._beside):
            process.stop()
        super().stop()
        if self.way_of_reader:
            self.way_of_reader.close()

    def _configuration(self, registrations: list[Path]) -> dict[str, Any]:
        return {
            **super()._configuration(registrations),
            "listeners": [
                self._listener(self.port, ["client", "federation"]),
                self._listener(self._replication_port, ["replication"]),
            ],
            "instance_map": {"main": {"host": "127.0.0.1", "port": self._replication_port}},
            "worker_replication_secret": secrets.token_hex(16),
            "redis": self._redis(self._redis_port),
        }

    @staticmethod
    def _listener(port: int, names: list[str]) -> dict[str, Any]:
        return {"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "resources": [{"names": names}]}

    @staticmethod
    def _redis(port: int) -> dict[str, Any]:
        return {"enabled": True, "host": "127.0.0.1", "port": port}

    def _nginx(self) -> str:
        return f"""
map $request_method $worker {{ default 127.0.0.1:{self._ports["sender"]}; GET 127.0.0.1:{self._ports["reader"]}; }}
server {{
  listen {self.proxy.base_url.removeprefix("http://")};
  {"proxy_pass_header Server;" if self._shows_server else ""}
  client_max_body_size 50m;
  location ~ {_OF_ROOMS} {{ proxy_pass http://$worker; }}
  location / {{ proxy_pass http://127.0.0.1:{self.port}; }}
}}
"""


@contextmanager
def running(homeserver: SynapseWithWorkers, registrations: list[Path]) -> Iterator[SynapseWithWorkers]:
    try:
        homeserver.start(registrations)
        yield homeserver
    finally:
        homeserver.stop()
