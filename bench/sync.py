"""A sync of 10 MB through Afterword: of somebody whose answers pass as they are, and of somebody to whom delay_ids are
shown in it, which take turns.

Everything runs on loopback and on the same processors: compare ratios, not machines. The homeserver is an nginx that
serves a file. Every tenth event is the reader's own.

Usage: scripts/python bench/sync.py [--megabytes N] [--rounds N]
"""

import argparse
import gzip
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from streams import MB, connect, nginx, request

from system.gateway import Afterword
from system.matrix import C, User, eventually

SYNC = f"{C}/v3/sync"
# Two users, and the application service, whoever it speaks for. A dollar would begin the name of a variable.
HOMESERVER = f"""
  default_type application/json;
  location = {SYNC} {{ alias FILE; }}
  location ~ /whoami$ {{
    if ($http_authorization = "Bearer alice") {{ return 200 '{{"user_id":"@alice:home.test","device_id":"A"}}'; }}
    if ($http_authorization = "Bearer bob") {{ return 200 '{{"user_id":"@bob:home.test","device_id":"B"}}'; }}
    return 200 '{{"user_id":"$arg_user_id"}}';
  }}
  location ~ /send/ {{ return 200 '{{"event_id":"\\u0024sent"}}'; }}
  location / {{ return 200 '{{}}'; }}
"""


def sync_of(megabytes: int) -> bytes:
    def event(number: int) -> dict:
        return {
            "type": "m.room.message",
            "event_id": "$sent" if number % 1000 == 0 else f"$of-{number:040}",
            "sender": "@alice:home.test" if number % 10 == 0 else f"@user-{number % 50}:home.test",
            "origin_server_ts": 1_800_000_000_000 + number,
            "content": {"msgtype": "m.text", "body": f"{number} " + "Lorem ipsum dolor sit amet, \u00e9lit. " * 8},
            "unsigned": {"age": number, "membership": "join"},
        }

    size = len(json.dumps(event(1), ensure_ascii=False).encode())
    events = [event(number) for number in range(megabytes * MB // size)]
    rooms = {f"!room-{i}:home.test": {"timeline": {"events": events[i::100]}} for i in range(100)}
    return json.dumps({"next_batch": "s1", "rooms": {"join": rooms}}, ensure_ascii=False).encode()


def read(port: int, token: str, *headers: str) -> tuple[float, bytes]:
    """Seconds to the last byte, and the body as it came, in its chunks."""
    buffer = bytearray()
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("GET", SYNC, f"Authorization: Bearer {token}", "Connection: close", *headers))
        while piece := connection.recv(1 << 18):
            buffer += piece
        return time.perf_counter() - started, bytes(buffer).partition(b"\r\n\r\n")[2]


def peak_mb(afterword: Afterword) -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{afterword.pid}/status").read_text())[1]) * 1024 / MB


def forget_peak(afterword: Afterword) -> float:
    Path(f"/proc/{afterword.pid}/clear_refs").write_text("5")
    return peak_mb(afterword)


def measure(arguments: argparse.Namespace, directory: Path) -> None:
    body = sync_of(arguments.megabytes)
    directory.chmod(0o755)
    file = directory / "sync.json"
    file.write_bytes(body)
    homeserver_port, homeserver = nginx(directory / "homeserver", HOMESERVER.replace("FILE", str(file)))
    afterword = Afterword(directory / "afterword", settings={"rate_limits.enabled": "false"})
    try:
        afterword.set_up("home.test", f"http://127.0.0.1:{homeserver_port}")
        afterword.start()
        alice = User(afterword, "@alice:home.test", "alice", "A")
        delay_id = alice.delayed("!room:home.test", "m.room.message", {}, 1)
        eventually(lambda: alice.look_up(delay_id).ok().get("finalised"))
        port = int(afterword.listen.rsplit(":", 1)[1])
        kinds = {
            "as it is": ("bob", ()),
            "with delay_ids": ("alice", ()),
            "with delay_ids, in gzip": ("alice", ("Accept-Encoding: gzip",)),
        }
        assert len(read(port, "bob")[1]) == len(body)
        assert delay_id.encode() in read(port, "alice")[1]
        speeds: dict[str, list[float]] = {kind: [] for kind in kinds}
        memory = dict.fromkeys(kinds, 0.0)
        for _ in range(arguments.rounds):
            for kind, (token, headers) in kinds.items():
                idle = forget_peak(afterword)
                speeds[kind].append(len(body) / MB / read(port, token, *headers)[0])
                memory[kind] = max(memory[kind], peak_mb(afterword) - idle)
    finally:
        afterword.stop()
        homeserver.stop()
    plain = statistics.median(speeds["as it is"])
    print(f"{len(body) / MB:.1f} MB; median of {arguments.rounds}\n")
    print("| a sync | MB/s | ÷ as it is | memory meanwhile, MB |\n|---|---|---|---|")
    for kind, each in speeds.items():
        speed = statistics.median(each)
        print(f"| {kind} | {speed:.0f} | {speed / plain:.2f} | {memory[kind]:.1f} |")
    print(f"\nThe answer in gzip by itself: {len(gzip.compress(body, 1)) / MB:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        measure(arguments, Path(directory))


if __name__ == "__main__":
    main()
