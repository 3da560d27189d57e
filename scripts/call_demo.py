"""A call for a person to take part in: Element Call, with Afterword in front of a real Synapse. scripts/run --call starts it.

It tells who comes and goes. Afterword and Synapse are started again when somebody kills them.
"""

import contextlib
import http.client
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from calls.grounds import BehindSynapse
from calls.livekit import LiveKit, LiveKitNotBuilt
from calls.membership import make_room, members
from calls.web import ElementCallNotInstalled, install
from narrator import Narrator, paint
from system.matrix import MatrixError
from system.processes import ProcessFailed

# As Element Call comes.
LEAVE_AFTER_MS = 18_000
HEARTBEAT_MS = 4_000


def invite(ground: BehindSynapse) -> str:
    """Tells what there is to do. The room of the call."""
    alice, bob = (ground.homeserver.register(name).at(ground.server) for name in ("alice", "bob"))
    room = make_room(alice)
    bob.join(room)
    port = ground.livekit.port
    first, second = (ground.web.link(user, room, ground.server.base_url, port) for user in (alice, bob))
    print(
        f"""
  Open both, in two windows of a browser on this machine, and let them have camera and microphone:

    {paint(first, "bold")}
    {paint(second, "bold")}

  Then, with both in the call:
    close bob's window           his picture stands still at alice's, and 14 to 18 seconds later he is gone
    kill -9 {ground.afterword.pid:<8}             Afterword; it is started again. Nobody leaves
    kill -9 {ground.homeserver.pid:<8}             Synapse; it is started again. Nobody leaves
  And both at once: close bob's window and kill Afterword. He leaves, alice stays.
  {ground.afterword.log} is Afterword's log. Ctrl-C ends it all.
""",
        flush=True,
    )
    return room


def tell(story: Narrator, ground: BehindSynapse, room: str) -> None:
    """Who comes and goes, for as long as it runs."""
    watcher = ground.homeserver.log_in("alice", "correct horse")
    inside: set[str] = set()
    while True:
        time.sleep(0.2)
        for name, server, start in (
            ("Synapse", ground.homeserver, ground.homeserver.resume),
            ("Afterword", ground.afterword, ground.afterword.start),
        ):
            if not server.is_running:
                start()
                story.say(name, f"was killed, and is started again; its process is {server.pid} now")
        with contextlib.suppress(OSError, http.client.HTTPException, MatrixError):  # between being killed and noticed
            now = members(watcher, room)
            for name in sorted(now - inside):
                story.say(name, "is in the call")
            for name in sorted(inside - now):
                story.say(name, "has left the call")
            inside = now


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    story = Narrator()
    story.chapter(
        "A call",
        "Element Call, with Afterword in front of a Synapse, and LiveKit for the media: all on this machine, and nothing of it "
        "is kept.",
    )
    with tempfile.TemporaryDirectory(prefix="afterword-call-") as directory:
        livekit = LiveKit(Path(directory))
        install()
        livekit.build()
        livekit.start()
        try:
            with BehindSynapse(Path(directory, "call"), livekit, LEAVE_AFTER_MS, HEARTBEAT_MS) as ground:
                tell(story, ground, invite(ground))
        finally:
            livekit.stop()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
    except (ElementCallNotInstalled, LiveKitNotBuilt, MatrixError, ProcessFailed, OSError) as problem:
        sys.exit(f"\n{paint('There is no call:', 'red')} {problem}")
