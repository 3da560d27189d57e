"""nginx, HAProxy, Caddy and Traefik before two Afterwords, with what deploy/ has for them: only addresses and paths are
changed."""

import http.client
import ssl
import subprocess
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from .certificates import make_certificate
from .gateway import Afterword
from .matrix import Server
from .processes import Process, ProcessFailed, free_port

_ROOT = Path(__file__).resolve().parents[2]
_DEPLOY = _ROOT / "deploy"

# The two forms in which deploy/ has each.
EVERYTHING = "everything"
DELAYED_EVENTS = "delayed-events"


class NotToBeHad(Exception):
    """Says which program is missing on this machine."""


def switched_on(text: str, name: str) -> str:
    """With the lines that deploy/ has for somebody who needs them."""
    if f"#{name} " not in text:
        raise ProcessFailed(f"there is no line with #{name}")
    return text.replace(f"#{name} ", "")


def nginx_command(directory: Path, inside_http: str, *, workers: int = 2, connections: int = 1024) -> list[str]:
    """Starts an nginx of its own, in the foreground, with this in its `http` block."""
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    temporary = "\n".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"""
daemon off;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections {connections}; }}
http {{
access_log off;
{temporary}
{inside_http}
}}
"""
    )
    return ["/usr/sbin/nginx", "-c", str(configuration), "-p", str(directory), "-e", "stderr"]


class LoadBalancer(Server):
    """Clients speak TLS to it. `edit` changes what deploy/ has."""

    name: str

    def __init__(
        self,
        directory: Path,
        one: Afterword,
        two: Afterword,
        homeserver: Server,
        form: str = EVERYTHING,
        edit: Callable[[str], str] = lambda text: text,
    ):
        self.directory = directory
        self._form = form
        self._edit = edit
        self.log = directory / "log"
        self.port = free_port()
        super().__init__(f"https://127.0.0.1:{self.port}")
        self._upstreams = {
            "127.0.0.1:8009": one.listen,
            "127.0.0.1:8010": two.listen,
            "127.0.0.1:8008": urllib.parse.urlsplit(homeserver.base_url).netloc,
        }
        self._process: Process | None = None

    @property
    def certificate(self) -> Path:
        return self.directory / "server.crt"

    def start(self) -> None:
        self.directory.mkdir()
        self._make_certificate()
        self._process = Process(self._command(), self.log, self.directory)
        self._process.wait_until(self.is_ready)

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        context = ssl.create_default_context(cafile=self.certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _shipped(self, file: str, changes: dict[str, str]) -> str:
        text = self._edit((_DEPLOY / self._form / file).read_text())
        for old, new in {**changes, **self._upstreams}.items():
            if old not in text:
                raise ProcessFailed(f"deploy/{self._form}/{file} does not have {old!r}")
            text = text.replace(old, new)
        return text

    def _make_certificate(self) -> None:
        certificate = make_certificate(self.directory, "IP:127.0.0.1")
        both = certificate.read_bytes() + (self.directory / "server.key").read_bytes()
        (self.directory / "matrix.pem").write_bytes(both)


class Nginx(LoadBalancer):
    name = "nginx"

    def _command(self) -> list[str]:
        changes = {
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "/etc/ssl/certs/matrix.pem": f"{self.directory}/server.crt",
            "/etc/ssl/private/matrix.key": f"{self.directory}/server.key",
        }
        return nginx_command(self.directory, self._shipped("nginx.conf", changes))


class HaProxy(LoadBalancer):
    name = "HAProxy"

    def _command(self) -> list[str]:
        changes = {
            "bind :443 ": f"bind 127.0.0.1:{self.port} ",
            "/etc/haproxy/matrix.pem": f"{self.directory}/matrix.pem",
        }
        configuration = self.directory / "haproxy.cfg"
        configuration.write_text(self._shipped("haproxy.cfg", changes))
        return ["/usr/sbin/haproxy", "-db", "-f", str(configuration)]


class Caddy(LoadBalancer):
    name = "Caddy"

    def _command(self) -> list[str]:
        changes = {
            "\nmatrix.example.org {": f"\nhttps://127.0.0.1:{self.port} {{",
            "/etc/ssl/certs/matrix.pem": f"{self.directory}/server.crt",
            "/etc/ssl/private/matrix.key": f"{self.directory}/server.key",
        }
        configuration = self.directory / "Caddyfile"
        options = "{\n  admin off\n  auto_https disable_redirects\n}\n"  # no port but its own
        configuration.write_text(options + self._shipped("Caddyfile", changes))
        own = ["env", f"XDG_DATA_HOME={self.directory}", f"XDG_CONFIG_HOME={self.directory}"]
        return [*own, "/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", str(configuration)]


class Traefik(LoadBalancer):
    name = "Traefik"

    def _command(self) -> list[str]:
        found = subprocess.run([_ROOT / "scripts/traefik"], capture_output=True, text=True)
        if found.returncode != 0:
            raise NotToBeHad(f"Traefik: {found.stderr}")
        dynamic = self.directory / "matrix.yaml"
        changes = {
            "matrix.example.org": "127.0.0.1",
            "/etc/ssl/certs/matrix.pem": f"{self.directory}/server.crt",
            "/etc/ssl/private/matrix.key": f"{self.directory}/server.key",
        }
        dynamic.write_text(self._shipped("traefik.yaml", changes))
        static = (_DEPLOY / "traefik.yaml").read_text()
        static = static.replace('":443"', f'"127.0.0.1:{self.port}"').replace("/etc/traefik/matrix.yaml", str(dynamic))
        configuration = self.directory / "traefik.yaml"
        configuration.write_text(self._edit(static))
        return [found.stdout.strip(), f"--configfile={configuration}"]
