"""PostgreSQL as many run it: a primary and a synchronous standby, which Patroni keeps and etcd decides about, all real and
on loopback."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from system.postgres import PROGRAMS, unprivileged, unprivileged_directory
from system.processes import Process, ProcessFailed, free_port

_PATRONI = Path("/usr/bin/patroni")
_ETCD = Path("/usr/bin/etcd")

# Shorter than what Patroni comes with (30, 10 and 10 s), for a run to be short. What becomes of a lost primary is the
# same, only sooner.
_TTL = 10  # seconds after which a primary that is not heard of has lost its lock
_LOOP_WAIT = 2
_RETRY_TIMEOUT = 3

_HBA = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]


class PatroniMissing(Exception):
    """Says what is to be installed."""


class Node:
    """One PostgreSQL and the Patroni that keeps it."""

    def __init__(self, name: str, directory: Path, etcd_port: int):
        self.name = name
        self.port = free_port()
        self.api_port = free_port()
        self.log = directory / f"{name}.log"
        self._data = directory / name
        self._configuration = directory / f"{name}.yaml"
        self._process: Process | None = None
        self._configuration.write_text(json.dumps(self._settings(directory, etcd_port), indent=2))  # JSON is YAML

    def start(self) -> None:
        self._process = Process(unprivileged([str(_PATRONI), str(self._configuration)], "TERM"), self.log, Path("/"))
        self._process.name = f"Patroni {self.name}"

    def wait_until(self, role: str, timeout: float = 60) -> None:
        """`role`: as Patroni names its health checks."""
        assert self._process
        self._process.wait_until(lambda: self.is_in(role), timeout)

    def is_in(self, role: str) -> bool:
        return self.ask("GET", f"/{role}") == 200

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 5) -> int | None:
        """The status of the answer of its REST API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=timeout)
        try:
            connection.request(method, path, body=json.dumps(body) if body else None)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kill(self) -> None:
        """kill -9 of Patroni, which would start PostgreSQL again, and of PostgreSQL."""
        assert self._process
        postgres = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        self._process.kill()
        os.kill(postgres, signal.SIGKILL)

    def stop(self) -> None:
        if self._process:
            self._process.stop(30)

    def _settings(self, directory: Path, etcd_port: int) -> dict[str, Any]:
        user = {"username": "afterword"}
        return {
            "scope": "afterword",
            "name": self.name,
            "etcd3": {"host": f"127.0.0.1:{etcd_port}"},
            "restapi": {"listen": f"127.0.0.1:{self.api_port}", "connect_address": f"127.0.0.1:{self.api_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": _TTL,
                    "loop_wait": _LOOP_WAIT,
                    "retry_timeout": _RETRY_TIMEOUT,
                    "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"username": "afterword"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self._data),
                "bin_dir": str(PROGRAMS),
                "pgpass": str(directory / f"{self.name}.pgpass"),
                "authentication": {"superuser": user, "replication": user, "rewind": user},
                "pg_hba": _HBA,
                "parameters": {"unix_socket_directories": str(directory), "shared_buffers": "64MB"},
            },
        }


class Cluster:
    """close() it in the end."""

    def __init__(self) -> None:
        for program in (_PATRONI, _ETCD):
            if not program.exists():
                raise PatroniMissing(f"{program} is missing: scripts/bootstrap")
        self.directory = unprivileged_directory()
        self._etcd_port = free_port()
        self._etcd: Process | None = None
        self.nodes = [Node(name, self.directory, self._etcd_port) for name in ("one", "two")]

    def start(self) -> None:
        """Until there is a primary and a synchronous standby."""
        self._start_etcd()
        first, second = self.nodes
        first.start()
        first.wait_until("primary")
        second.start()
        second.wait_until("synchronous")
        command = [str(PROGRAMS / "createdb"), "-h", "127.0.0.1", "-p", str(first.port), "-U", "afterword", "afterword"]
        subprocess.run(command, check=True)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://afterword@{hosts}/afterword?target_session_attrs=read-write"

    def primary(self) -> Node:
        return next(node for node in self.nodes if node.is_in("primary"))

    def lose_primary(self) -> Node:
        """kill -9. It answers when the standby has taken its place; the other is to be started again."""
        lost = self.primary()
        lost.kill()
        other = next(node for node in self.nodes if node is not lost)
        other.wait_until("primary")
        return lost

    def bring_back(self, node: Node) -> None:
        """Starts it as the standby, until it is synchronous."""
        node.start()
        node.wait_until("synchronous")

    def switch_over(self) -> None:
        """As planned work does it: the standby takes over, and the primary becomes its standby."""
        leader = self.primary()
        other = next(node for node in self.nodes if node is not leader)
        status = leader.ask("POST", "/switchover", {"leader": leader.name, "candidate": other.name}, timeout=60)
        if status != 200:
            raise ProcessFailed(f"Patroni answered {status} to the switchover; its log is {leader.log}")
        other.wait_until("primary")
        leader.wait_until("synchronous")

    def close(self) -> None:
        for node in self.nodes:
            node.stop()
        if self._etcd:
            self._etcd.stop()
        shutil.rmtree(self.directory)

    def _start_etcd(self) -> None:
        client = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{free_port()}"
        command = [str(_ETCD), "--data-dir", str(self.directory / "etcd"), "--name", "etcd"]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"etcd={peer}"]
        self._etcd = Process(unprivileged(command, "TERM"), self.directory / "etcd.log", Path("/"))
        self._etcd.name = "etcd"
        self._etcd.wait_until(self._etcd_is_ready)

    def _etcd_is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
