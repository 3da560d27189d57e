"""What deploy/ has for nginx, HAProxy, Caddy and Traefik sends each request where it should, and `afterword check --public`
is content with it. Each way in which it can be broken has its finding."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .gateway import BINARY, Afterword
from .load_balancers import (
    DELAYED_EVENTS,
    EVERYTHING,
    Caddy,
    HaProxy,
    LoadBalancer,
    Nginx,
    NotToBeHad,
    Traefik,
    switched_on,
)
from .matrix import C, U
from .scripted_server import ScriptedServer

PROXIES: list[type[LoadBalancer]] = [Nginx, HaProxy, Caddy, Traefik]
FORMS = [EVERYTHING, DELAYED_EVENTS]
_ROOM = f"{C}/v3/rooms/%21a%3Ab"

Edit = Callable[[str], str]


@dataclass
class Setting:
    directory: Path
    afterword: Afterword
    behind: ScriptedServer  # the homeserver, reached through Afterword
    direct: ScriptedServer  # the same, reached past Afterword
    mas: ScriptedServer
    worker: ScriptedServer
    balancers: list[LoadBalancer] = field(default_factory=list)

    def start(self, kind: type[LoadBalancer], form: str, edit: Edit = lambda text: text) -> LoadBalancer:
        directory = self.directory / f"{kind.name}-{len(self.balancers)}"
        balancer = kind(directory, self.afterword, self.afterword, self.direct, form, edit)
        self.balancers.append(balancer)
        try:
            balancer.start()
        except NotToBeHad as missing:
            pytest.skip(str(missing))
        return balancer

    def check(self, balancer: LoadBalancer, long_poll: str = "500ms") -> list[str]:
        """What `afterword check --public` finds, a line each with its fix."""
        command = [str(BINARY), "check", "--config", str(self.afterword.directory / "afterword.yaml")]
        command += ["--public", balancer.base_url, "--long-poll", long_poll]
        environment = {**os.environ, "SSL_CERT_FILE": str(balancer.certificate)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        findings: list[str] = []
        for line in done.stdout.splitlines():
            if line.startswith(" "):
                findings[-1] += " " + line.strip()
            else:
                findings.append(line)
        print(done.stdout, done.stderr)
        return [finding for finding in findings if finding.split()[1] == "public"]

    def reached(self, balancer: LoadBalancer, method: str, path: str) -> str | None:
        """Which of the servers answers."""
        return balancer.request(method, path, raw=None if method == "GET" else b"{}").headers["X-Reached"]


@pytest.fixture(scope="module")
def afterword_and_homeserver(directory: Path) -> Iterator[tuple[Afterword, ScriptedServer]]:
    behind = ScriptedServer("behind Afterword")
    afterword = Afterword(directory / "split-routing")
    afterword.set_up("home.test", behind.base_url)
    try:
        afterword.start()
        yield afterword, behind
    finally:
        afterword.stop()
        behind.close()


@pytest.fixture
def setting(afterword_and_homeserver: tuple[Afterword, ScriptedServer], tmp_path: Path) -> Iterator[Setting]:
    afterword, behind = afterword_and_homeserver
    behind.asked.clear()
    others = [ScriptedServer(name) for name in ("past Afterword", "MAS", "worker")]
    setting = Setting(tmp_path, afterword, behind, *others)
    try:
        yield setting
    finally:
        for balancer in setting.balancers:
            balancer.stop()
        for server in others:
            server.close()


def is_clean(findings: list[str]) -> bool:
    return findings != [] and all(finding.startswith("ok ") for finding in findings)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PROXIES, ids=lambda kind: kind.name)
def test_the_check_is_content_with_what_is_shipped(setting: Setting, kind: type[LoadBalancer], form: str):
    balancer = setting.start(kind, form)
    findings = setting.check(balancer)
    assert is_clean(findings), findings
    assert any("all 31 kinds of requests about delayed events come through" in finding for finding in findings)
    assert any("goes past Afterword" in finding for finding in findings) == (form == DELAYED_EVENTS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PROXIES, ids=lambda kind: kind.name)
def test_each_request_goes_where_it_should(setting: Setting, kind: type[LoadBalancer], form: str):
    balancer = setting.start(kind, form)
    through_afterword = "behind Afterword"
    past = "past Afterword" if form == DELAYED_EVENTS else through_afterword
    # Afterword answers by itself, and the homeserver hears nothing of it.
    for method, path in [
        ("PUT", f"{_ROOM}/delayed_event/m.room.message/1"),
        ("PUT", f"{U}/rooms/%21a%3Ab/delayed_event/m.room.message/1"),
        ("POST", f"{C}/v1/delayed_events/a/restart"),
        ("GET", f"{U}/delayed_events"),
    ]:
        assert setting.reached(balancer, method, path) is None, path
    # Afterword asks whose token it is, and is told that nobody's is.
    assert balancer.request("PUT", f"{_ROOM}/send/m.room.message/1?org.matrix.msc4140.delay=9", raw=b"{}").status == 401
    for method, path, server in [
        ("GET", f"{C}/versions", through_afterword),
        ("POST", f"{C}/v3/logout", through_afterword),
        ("POST", f"{C}/v3/account/deactivate", through_afterword),
        ("DELETE", f"{C}/v3/devices/PHONE", through_afterword),
        ("PUT", f"{_ROOM}/send/m.room.message/1", past),
        ("PUT", f"{_ROOM}/state/m.room.topic/", past),
        ("GET", f"{C}/v3/sync", past),
        ("GET", f"{C}/v3/directory/room/%23a%3Ab", past),
        ("GET", f"{C}/v1/media/download/a/b", "past Afterword"),
        ("GET", "/_matrix/federation/v1/version", "past Afterword"),
        ("GET", "/_matrix/key/v2/server", "past Afterword"),
    ]:
        assert setting.reached(balancer, method, path) == server, path
    for asked in setting.direct.asked + setting.behind.asked:
        assert "msc4140" not in asked and "delayed_event" not in asked


@pytest.mark.parametrize("kind", PROXIES, ids=lambda kind: kind.name)
def test_what_shows_events_may_come_too(setting: Setting, kind: type[LoadBalancer]):
    balancer = setting.start(kind, DELAYED_EVENTS, lambda text: switched_on(text, "SYNC") if "#SYNC" in text else text)
    findings = setting.check(balancer)
    assert is_clean(findings), findings
    assert not any("goes past Afterword" in finding for finding in findings)
    assert setting.reached(balancer, "GET", f"{_ROOM}/context/%24a") == "behind Afterword"
    assert setting.reached(balancer, "PUT", f"{_ROOM}/send/m.room.message/1") == "past Afterword"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PROXIES, ids=lambda kind: kind.name)
def test_the_page_for_users_may_come_too(setting: Setting, kind: type[LoadBalancer], form: str):
    """It is off here, so that its path is the homeserver's, reached through Afterword or past it."""
    assert setting.reached(setting.start(kind, form), "GET", "/_afterword/") == "past Afterword"
    with_page = setting.start(kind, form, lambda text: switched_on(text, "PAGE") if "#PAGE" in text else text)
    assert setting.reached(with_page, "GET", "/_afterword/style.css") == "behind Afterword"
    assert setting.reached(with_page, "GET", "/_matrix/key/v2/server") == "past Afterword"


@pytest.mark.parametrize("kind", PROXIES, ids=lambda kind: kind.name)
def test_log_ins_and_log_outs_are_mas(setting: Setting, kind: type[LoadBalancer]):
    """Matrix Authentication Service beside everything."""

    def edit(text: str) -> str:
        text = switched_on(text, "MAS") if "#MAS" in text else text
        return text.replace("127.0.0.1:8080", setting.mas.address)

    setting.behind.answers["/_matrix/client/v1/auth_metadata"] = {"issuer": "https://auth.example.org/"}
    try:
        balancer = setting.start(kind, EVERYTHING, edit)
        findings = setting.check(balancer)
        assert is_clean(findings), findings
        assert any("log-outs are the authentication service's" in finding for finding in findings)
        for path in ["login", "login/sso/redirect", "logout", "logout/all", "refresh"]:
            assert setting.reached(balancer, "POST", f"{C}/v3/{path}") == "MAS"
        assert setting.reached(balancer, "POST", f"{C}/v3/createRoom") == "behind Afterword"
    finally:
        del setting.behind.answers["/_matrix/client/v1/auth_metadata"]


# Some of what Synapse's documentation has for workers: it takes all that Afterword must have.
_OF_WORKERS = [
    r"^/_matrix/client/(r0|v3|unstable)/sync$",
    r"^/_matrix/client/(api/v1|r0|v3|unstable)/rooms/.*/(send|redact)",
    r"^/_matrix/client/(api/v1|r0|v3|unstable)/rooms/.*/state/",
    r"^/_matrix/client/unstable/org.matrix.msc4140/delayed_events",
    r"^/_matrix/client/versions$",
    r"^/_matrix/client/(r0|v3|unstable)/capabilities$",
    r"^/_matrix/client/(r0|v3|unstable)/account/deactivate$",
    r"^/_matrix/client/(r0|v3)/delete_devices$",
    r"^/_matrix/client/(api/v1|r0|v3|unstable)/devices(/|$)",
    r"^/_matrix/federation/v1/version$",
]


def workers_in_nginx(address: str) -> Edit:
    locations = "".join(f'  location ~ "{path}" {{ proxy_pass http://{address}; }}\n' for path in _OF_WORKERS)
    return lambda text: text.replace("\n  location / {", f"\n{locations}  location / {{", 1)


def workers_in_haproxy(address: str) -> Edit:
    rules = "".join(f"  use_backend worker if {{ path_reg {path} }}\n" for path in _OF_WORKERS)
    backend = f"\nbackend worker from matrix\n  server worker {address}\n"
    return lambda text: text.replace("  default_backend homeserver\n", f"{rules}  default_backend homeserver\n") + backend


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [Nginx, HaProxy], ids=lambda kind: kind.name)
def test_rules_for_workers_take_nothing_away(setting: Setting, kind: type[LoadBalancer], form: str):
    edit = workers_in_nginx if kind is Nginx else workers_in_haproxy
    balancer = setting.start(kind, form, edit(setting.worker.address))
    findings = setting.check(balancer)
    assert is_clean(findings), findings
    assert setting.reached(balancer, "GET", "/_matrix/federation/v1/version") == "worker"
    if form == DELAYED_EVENTS:
        assert setting.reached(balancer, "PUT", f"{_ROOM}/send/m.room.message/1") == "worker"
    assert all("msc4140" not in asked for asked in setting.worker.asked)


def without(part: str) -> Edit:
    def edit(text: str) -> str:
        assert part in text, part
        return text.replace(part, "")

    return edit


def changed(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return edit


def without_line(part: str) -> Edit:
    def edit(text: str) -> str:
        lines = [line for line in text.splitlines(keepends=True) if part not in line]
        assert len(lines) < len(text.splitlines()), part
        return "".join(lines)

    return edit




def astray(method: str, path: str) -> str:
    return f"{method} {C}/{path} does not come to Afterword: answered "


_HEARTBEAT = astray("POST", "v1/delayed_events/{event}/restart")
_WITH_DELAY = astray("PUT", "v3/rooms/{room}/send/{event}/txn?org.matrix.msc4140.delay=60000")
_STATE = astray("PUT", "v3/rooms/{room}/state/{event}/{event}?org.matrix.msc4140.delay=60000")
_UNSTABLE = astray("POST", "unstable/org.matrix.msc4140/delayed_events/{event}/restart")
_SCHEDULE = astray("PUT", "v3/rooms/{room}/delayed_event/{event}/txn")
_VERSIONS = astray("GET", "versions")
_LOGOUT = astray("POST", "v3/logout/all")
_DEVICES = astray("DELETE", "v3/devices/{event}")
_PASSWORD = astray("POST", "v3/account/password")
_FORGED = "X-Forwarded-For is what clients say it is"

BROKEN: dict[str, tuple[type[LoadBalancer], str, Edit, list[str]]] = {
    "nginx: no Host": (Nginx, EVERYTHING, without_line("Host $host"), ["Host arrives as afterword"]),
    "nginx: no X-Forwarded-For": (Nginx, EVERYTHING, without_line("X-Forwarded-For"), [_FORGED]),
    "nginx: an empty X-Forwarded-For": (
        Nginx,
        EVERYTHING,
        changed("X-Forwarded-For $remote_addr", 'X-Forwarded-For ""'),
        ["X-Forwarded-For is missing"],
    ),
    "nginx: X-Forwarded-For is added to": (
        Nginx,
        EVERYTHING,
        changed("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for"),
        ["X-Forwarded-For begins with what clients say of themselves"],
    ),
    "nginx: no X-Forwarded-Proto": (Nginx, EVERYTHING, without_line("X-Forwarded-Proto"), ["X-Forwarded-Proto is missing"]),
    "nginx: nobody compresses": (
        Nginx,
        EVERYTHING,
        changed('Connection "";', 'Connection "";\n  proxy_set_header Accept-Encoding "";'),
        ["nobody compresses"],
    ),
    "nginx: its own limit of bodies": (
        Nginx,
        EVERYTHING,
        without_line("client_max_body_size"),
        ["10 MiB is refused on the way"],
    ),
    "nginx: a limit below an event": (
        Nginx,
        EVERYTHING,
        changed("client_max_body_size 100m", "client_max_body_size 1k"),
        ["an event of 64 KiB is refused", "10 MiB is refused"],
    ),
    "nginx: paths are decoded": (
        Nginx,
        EVERYTHING,
        changed("timeout;\n    proxy_pass http://afterword;", "timeout;\n    proxy_pass http://afterword/_matrix/client/;"),
        ["comes to Afterword as PUT"],
    ),
    "nginx: no delay": (Nginx, DELAYED_EVENTS, without_line("msc4140\" 1"), [_WITH_DELAY, _STATE]),
    "nginx: no unstable routes": (Nginx, DELAYED_EVENTS, without_line("msc(4140|4486)"), [_UNSTABLE]),
    "nginx: no stable routes": (Nginx, DELAYED_EVENTS, without_line("/delayed_events("), [_HEARTBEAT]),
    "nginx: no schedules": (Nginx, DELAYED_EVENTS, without_line("/delayed_event/"), [_SCHEDULE]),
    "nginx: no announcements": (Nginx, DELAYED_EVENTS, without_line("(versions|"), [_VERSIONS]),
    "nginx: no log-outs": (Nginx, DELAYED_EVENTS, without_line("/logout("), [_LOGOUT]),
    "nginx: no ends of devices": (Nginx, DELAYED_EVENTS, without_line("/devices/"), [_DEVICES]),
    "nginx: no new passwords": (Nginx, DELAYED_EVENTS, without_line("(account/("), [_PASSWORD]),
    "HAProxy: no X-Forwarded-For": (HaProxy, EVERYTHING, without_line("X-Forwarded-For"), [_FORGED]),
    "HAProxy: no X-Forwarded-Proto": (HaProxy, EVERYTHING, without_line("X-Forwarded-Proto"), ["X-Forwarded-Proto is missing"]),
    "HAProxy: no delay": (HaProxy, DELAYED_EVENTS, without_line("-m sub msc4140"), [_WITH_DELAY, _STATE]),
    "HAProxy: no stable routes": (HaProxy, DELAYED_EVENTS, without_line("/delayed_events(/|$)"), [_HEARTBEAT]),
    "HAProxy: no log-outs": (HaProxy, DELAYED_EVENTS, without_line("/logout("), [_LOGOUT]),
    "Caddy: no delay": (Caddy, DELAYED_EVENTS, changed('.contains("msc4140")', '.contains("none")'), [_WITH_DELAY, _STATE]),
    "Caddy: no log-outs": (Caddy, DELAYED_EVENTS, without("logout(/all)?|"), [_LOGOUT]),
    "Caddy: paths are rewritten": (
        Caddy,
        EVERYTHING,
        changed("handle @clients {", "handle @clients {\n      uri replace %2F /"),
        ["comes to Afterword as"],
    ),
    "Traefik: no delay": (
        Traefik,
        DELAYED_EVENTS,
        lambda text: text.replace("QueryRegexp(`org.matrix.msc4140.delay`", "QueryRegexp(`none`"),
        [_WITH_DELAY, _STATE],
    ),
    "Traefik: no encoded slashes": (
        Traefik,
        EVERYTHING,
        lambda text: text.replace("allowEncodedSlash: true", "allowEncodedSlash: false"),
        ["does not come to Afterword: answered 400"],
    ),
    "all goes to the homeserver": (
        Nginx,
        EVERYTHING,
        changed("proxy_pass http://afterword;", "proxy_pass http://homeserver;"),
        ["nothing that https://127.0.0.1"],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named(setting: Setting, name: str):
    kind, form, edit, expected = BROKEN[name]
    findings = setting.check(setting.start(kind, form, edit))
    wrong = [finding for finding in findings if not finding.startswith("ok ")]
    for part in expected:
        assert any(part in finding and " -> " in finding for finding in wrong), findings


@pytest.mark.parametrize(
    ("kind", "limit"), [(Nginx, "proxy_read_timeout 660s"), (HaProxy, "timeout server 660s")], ids=["nginx", "HAProxy"]
)
def test_a_time_limit_below_a_long_poll_is_named(setting: Setting, kind: type[LoadBalancer], limit: str):
    balancer = setting.start(kind, EVERYTHING, changed(limit, limit.replace("660s", "1s")))
    findings = setting.check(balancer, "4s")
    assert any("a long poll of 4 s is given up on the way" in finding for finding in findings), findings


def test_regular_expressions_for_workers_win_over_a_plain_prefix(setting: Setting):
    """Which is why deploy/ writes ^~."""
    with_workers = workers_in_nginx(setting.worker.address)
    plain = changed("location ^~ /_matrix/client/ {", "location /_matrix/client/ {")
    balancer = setting.start(Nginx, EVERYTHING, lambda text: with_workers(plain(text)))
    findings = setting.check(balancer)
    for part in [_WITH_DELAY, _STATE, _VERSIONS, _DEVICES]:
        assert any(part in finding for finding in findings), findings
