"""A package from its installation to its purge, in a clean root. There is no systemd in there: what its unit does, the
test does by hand."""

from pathlib import Path

from hostile.homeserver import SERVER_NAME, Homeserver, as_token_of
from system.matrix import Server, User
from system.processes import Process, free_port, tail

from .clean_root import CleanRoot

CONFIGURATION = "/etc/afterword/afterword.yaml"
ROOM = "!room:example.org"
TYPE = "org.example.later"


class Installed:
    """Afterword as its unit starts it: by its own user, with its folder."""

    def __init__(self, root: CleanRoot, log: Path, port: int):
        self._root = root
        self._log = log
        self.server = Server(f"http://127.0.0.1:{port}")
        self.alice = User(self.server, "@alice:example.org", "alices-token", "ALICES_PHONE")

    def start(self) -> None:
        # A short grace, so that what is overdue is not waited for.
        command = ["/usr/bin/afterword", "serve", "--config", CONFIGURATION, "--set", "delivery.start_grace=0s"]
        self._process = Process(self._root.inside(command, user="afterword"), self._log, self._root.path)
        self._process.wait_until(self.server.is_ready)

    def stop(self) -> None:
        assert self._process.stop() == 0, tail(self._log)


def test_from_its_installation_to_its_purge(
    root: CleanRoot, package: Path, older_package: Path, homeserver: Homeserver, tmp_path: Path
):
    needed = root.succeeds("dpkg-deb", "--field", str(_inside(root, older_package)), "Depends")
    root.apt("update")
    root.apt("satisfy", needed.strip())
    before, users = root.files(), (root.path / "etc/passwd").read_text()

    root.install(older_package)
    assert root.succeeds("afterword", "--version").startswith("afterword ")
    owner = root.succeeds("stat", "--format", "%U:%G %a", "/etc/afterword", "/var/lib/afterword")
    assert owner.splitlines() == ["afterword:afterword 750"] * 2

    port = free_port()
    steps = ["init", "--server-name", SERVER_NAME, "--homeserver", homeserver.url, "--dir", "/etc/afterword"]
    steps += ["--listen", f"127.0.0.1:{port}", "--database", "sqlite:/var/lib/afterword/afterword.db"]
    root.succeeds("afterword", *steps)
    # By root, for the user of the service.
    made = root.succeeds("stat", "--format", "%U %a", CONFIGURATION, "/etc/afterword/afterword-registration.yaml")
    assert made.splitlines() == ["afterword 600"] * 2
    homeserver.as_token = as_token_of(root.path / "etc/afterword/afterword-registration.yaml")

    afterword = Installed(root, tmp_path / "log", port)
    afterword.start()
    soon = afterword.alice.delayed(ROOM, TYPE, {}, 500)
    assert afterword.alice.outcome(soon)["event_id"]
    later = afterword.alice.delayed(ROOM, TYPE, {}, 3_600_000)
    while_it_is_away = afterword.alice.delayed(ROOM, TYPE, {}, 1000)

    # An upgrade, while events are scheduled.
    afterword.stop()
    assert "0.0.1" in root.install(package)
    assert root.succeeds("dpkg-query", "--show", "--showformat", "${Version}", "afterword") != "0.0.1"
    afterword.start()
    assert afterword.alice.outcome(while_it_is_away)["event_id"]
    assert [event["delay_id"] for event in afterword.alice.scheduled()] == [later]
    afterword.alice.manage(later, "send").ok()
    assert len([request for request in homeserver.arrived if request.is_send and TYPE in request.path]) == 3
    afterword.stop()

    # What is removed leaves what is the operator's, and what is scheduled.
    root.apt("remove", "afterword")
    assert root.run("afterword", "--version").returncode != 0
    kept = {name for name in root.files() - before if (root.path / name).is_file()}
    assert kept == {
        "etc/afterword/afterword.yaml",
        "etc/afterword/afterword-registration.yaml",
        "var/lib/afterword/afterword.db",
    }
    root.install(package)
    afterword.start()
    assert afterword.alice.look_up(later).ok()["finalised"]["event_id"]
    afterword.stop()

    wants = root.path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for unit in ("afterword.service", "afterword@127.0.0.1:8009.service"):
        (wants / unit).symlink_to("/lib/systemd/system/" + unit)
    root.apt("purge", "afterword")
    assert root.files() - before - {"etc/systemd/system/multi-user.target.wants", "etc/systemd/system", "etc/systemd"} == set()
    assert (root.path / "etc/passwd").read_text() == users


def _inside(root: CleanRoot, package: Path) -> Path:
    """Where it is for those who are in there."""
    (root.path / "package.deb").write_bytes(package.read_bytes())
    return Path("/package.deb")
