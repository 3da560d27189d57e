"""Measures what ordinary users notice while somebody abuses Afterword: the time of a restart, how late events are that
come due, and the memory that it takes. tests/abuse has the attacks and the users.

Everything runs on loopback and on the same processors, the attackers and a homeserver that costs nothing included: on two
processors an attacker takes half of what there is, so compare with the first line rather than with another machine.
"""

import argparse
import re
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from abuse.attacks import ATTACKS, Attack, Running
from abuse.homeserver import SERVER_NAME, FakeHomeserver
from abuse.ordinary import Experience, Users
from bench.report import commit, machine
from system.gateway import Afterword


def show(name: str, experience: Experience, met: Counter) -> None:
    late = max(experience.lateness_ms, default=float("nan"))
    figures = f"{experience.restart_ms(50):>9.1f}{experience.restart_ms(99):>9.1f}{late:>9.0f}"
    print(f"{name:33}{figures}{experience.rss_mb:>9.0f}{experience.descriptors:>8,}", end="  ")
    print(", ".join(f"{count:,} × {what}" for what, count in sorted(met.items(), key=str)) or "-")
    if experience.failures:
        print(f"{'':33}  FAILED for ordinary users: {dict(experience.failures)}")
    sys.stdout.flush()


def measure(attacks: list[Attack], seconds: float, directory: Path, running: list) -> bool:
    homeserver = FakeHomeserver(directory / "homeserver")
    afterword = Afterword(directory / "afterword")
    afterword.set_up(SERVER_NAME, homeserver.url)
    [as_token] = re.findall(r"as_token: *\"?([^\s\"]+)", afterword.registration.read_text())
    running += [afterword, homeserver]
    homeserver.start(as_token)
    afterword.start()
    users = Users(afterword, homeserver, afterword.pid)
    port = int(afterword.listen.rsplit(":", 1)[1])

    columns = f"{'p50 ms':>9}{'p99 ms':>9}{'late ms':>9}{'RSS MB':>9}{'files':>8}"
    print(f"{'':33}{columns}  what the attacker met")
    experience = users.live(seconds)
    show("nobody", experience, Counter())
    failed = bool(experience.failures)
    for attack in attacks:
        under_way = Running(attack, port, seconds)
        experience = users.live(seconds)
        show(attack.name, experience, under_way.report())
        failed = failed or bool(experience.failures)
    return not failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/abuse")
    parser.add_argument("--seconds", type=float, default=20, help="of each attack")
    parser.add_argument("--only", help="attacks whose name has this in it")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    attacks = [attack for attack in ATTACKS if (arguments.only or "") in attack.name]

    print(f"machine    {machine()}\nafterword  {commit()}; " + "as `afterword init` sets it up")
    print(f"attacks    {arguments.seconds:g} s each; 5 users restart 8 times a second each, an event is due every 0.25 s\n")
    running: list = []
    with tempfile.TemporaryDirectory(prefix="afterword-abuse-") as directory:
        try:
            fine = measure(attacks, arguments.seconds, Path(directory), running)
        finally:
            for server in running:
                server.stop()
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
