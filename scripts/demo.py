"""Shows Afterword at work: a real Synapse, Afterword in front of it, and Alice and Bob in a room.

Needs the Python of scripts/python; scripts/run starts it. Whatever differs from what it expects ends it with status 1.
"""

import argparse
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from narrator import Narrator, paint
from system.gateway import Afterword
from system.homeservers import Synapse
from system.matrix import MatrixError, User, now_ms
from system.processes import ProcessFailed, free_port

PASSWORD = "correct horse"
TEXT = "m.room.message"
PREFERRED_PORT = 8009


def port_to_listen_on() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
            return PREFERRED_PORT
        except OSError:
            return free_port()


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


class Reader:
    """Bob's client: it syncs, and sees what is new in the room."""

    def __init__(self, bob: User, room: str):
        self._bob = bob
        self._room = room
        self._since = bob.sync()["next_batch"]

    def new_events(self, timeout_ms: int = 0) -> list[dict]:
        answer = self._bob.sync(self._since, timeout_ms)
        self._since = answer["next_batch"]
        rooms = answer.get("rooms", {})
        joined = rooms.get("join", {}).get(self._room, {})
        return joined.get("timeline", {}).get("events", [])

    def wait_for_event(self, seconds: float) -> dict | None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for event in self.new_events(int(left * 1000)):
                return event
        return None


def heartbeats(story: Narrator, alice: User, bob_sees: Reader, room: str) -> None:
    story.chapter(
        "1. Someone disappears from a call",
        "Alice joins a call. Her client asks, in advance, for her departure to be announced in 4 seconds, and keeps "
        "postponing that while it is alive. When it crashes, nobody has to guess: the announcement goes out.",
    )
    call = "org.example.call.member"
    alice.set_state(room, call, {"in_call": True}, alice.user_id).ok()
    bob_sees.new_events(1000)
    leave = alice.delayed(room, call, {"in_call": False}, 4000, state_key=alice.user_id)
    story.say("Alice", "is in the call, and scheduled her leave for 4 s from now")
    for _ in range(3):
        time.sleep(2)
        alice.manage(leave, "restart").ok()
        last_heartbeat = time.monotonic()
        story.say("Alice", "heartbeat: 4 s from now again")
    story.expect(bob_sees.new_events() == [], "after 6 s Bob has seen no leave, for the heartbeats postponed it")
    story.say("Alice", "her client crashes; no more heartbeats")

    event = bob_sees.wait_for_event(10)
    silence = time.monotonic() - last_heartbeat
    story.expect(event is not None and event["content"] == {"in_call": False}, "Bob's /sync shows Alice's leave")
    story.expect(event["sender"] == alice.user_id, "sent as Alice herself, like any event of hers")
    story.expect(4 <= silence < 5, f"{silence:.2f} s after her last heartbeat: not early, and hardly late")
    finalised = alice.look_up(leave).ok()["finalised"]
    story.expect(finalised["event_id"] == event["event_id"], "looked up afterwards, it says which event it became")


def change_of_mind(story: Narrator, alice: User, bob_sees: Reader, room: str) -> None:
    story.chapter("2. Changing one's mind", "A message that was put off can be taken back, or sent right away.")
    oops = alice.delayed(room, TEXT, message("I resign"), 2000)
    story.say("Alice", "“I resign”, in 2 s")
    alice.manage(oops, "cancel").ok()
    story.say("Alice", "cancels it")
    story.expect(bob_sees.wait_for_event(3) is None, "3 s later nothing has arrived")

    reminder = alice.delayed(room, TEXT, message("the meeting begins"), 3_600_000)
    story.say("Alice", "“the meeting begins”, in an hour")
    alice.manage(reminder, "send").ok()
    story.say("Alice", "they are early: send it now")
    event = bob_sees.wait_for_event(5)
    story.expect(event is not None and event["content"]["body"] == "the meeting begins", "Bob reads it")


def crash(story: Narrator, afterword: Afterword, alice: User, bob_sees: Reader, room: str) -> None:
    story.chapter("3. A power cut", "What Afterword acknowledged is on disk, and is sent once, whatever happens to it.")
    delay_id = alice.delayed(room, TEXT, message("still here"), 3000)
    due = now_ms() + 3000
    story.say("Alice", "“still here”, in 3 s")
    afterword.kill()
    story.say("Afterword", "is killed: kill -9")
    time.sleep(1)
    afterword.start()
    story.say("Afterword", "is started again")
    event = bob_sees.wait_for_event(10)
    story.expect(event is not None and event["content"]["body"] == "still here", "Bob reads the message")
    story.expect(abs(event["origin_server_ts"] - due) < 500, "and its time is the one that Alice chose")
    story.expect(bob_sees.wait_for_event(1) is None, "it came once")
    story.expect("event_id" in alice.look_up(delay_id).ok()["finalised"], "and Afterword knows that it was sent")


def stay_up(story: Narrator, afterword: Afterword, synapse: Synapse) -> None:
    story.chapter("Now you", "Everything keeps running until Ctrl-C, and nothing of it is kept.")
    print(
        f"""
  homeserver URL for clients   {paint(afterword.base_url, "bold")}   (Afterword, in front of Synapse)
  Synapse itself               {synapse.base_url}
  users                        alice, bob        password: {PASSWORD}
  logs                         {afterword.log}
                               {synapse.log}

  Element Web: “Sign in”, “Edit” beside the homeserver, and enter {afterword.base_url}
  With curl, a message in 10 seconds:

    TOKEN=$(curl -s {afterword.base_url}/_matrix/client/v3/login -d '{{"type":"m.login.password",
      "identifier":{{"type":"m.id.user","user":"alice"}},"password":"{PASSWORD}"}}' |
      sed 's/.*"access_token":"\\([^"]*\\).*/\\1/')
    ROOM=$(curl -s -H "Authorization: Bearer $TOKEN" {afterword.base_url}/_matrix/client/v3/joined_rooms |
      sed 's/.*\\["\\([^"]*\\).*/\\1/')
    curl -s -X PUT -H "Authorization: Bearer $TOKEN" \\
      {afterword.base_url}/_matrix/client/v3/rooms/$ROOM/delayed_event/m.room.message/$RANDOM \\
      -d '{{"delay_ms": 10000, "content": {{"msgtype": "m.text", "body": "hello, later"}}}}'
""",
        flush=True,
    )
    signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/run")
    parser.add_argument("--once", action="store_true", help="end after the demonstration")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    story = Narrator()
    with tempfile.TemporaryDirectory(prefix="afterword-demo-") as directory:
        synapse = Synapse(Path(directory, "synapse"))
        afterword = Afterword(Path(directory, "afterword"), port=port_to_listen_on())
        try:
            story.chapter(
                "Afterword: events that are sent later",
                "A Matrix homeserver (Synapse), and Afterword in front of it. Clients talk to Afterword; it keeps "
                "what is to be sent later, and hands everything else through.",
            )
            afterword.set_up(synapse.server_name, synapse.base_url)
            synapse.start([afterword.registration])
            story.say("Synapse", f"answers at {synapse.base_url}; it knows Afterword as an application service")
            afterword.start()
            story.say("Afterword", f"answers at {afterword.base_url}")

            alice = synapse.register("alice", PASSWORD).at(afterword)
            bob = synapse.register("bob", PASSWORD).at(afterword)
            room = alice.create_room(name="Afterword")
            bob.join(room)
            story.say("Bob", "and Alice are in a room, with clients that know only Afterword's address")
            bob_sees = Reader(bob, room)

            heartbeats(story, alice, bob_sees, room)
            change_of_mind(story, alice, bob_sees, room)
            crash(story, afterword, alice, bob_sees, room)
            if not arguments.once:
                stay_up(story, afterword, synapse)
        finally:
            afterword.stop()
            synapse.stop()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
    except (MatrixError, ProcessFailed, OSError) as problem:
        sys.exit(f"\n{paint('The demonstration failed:', 'red')} {problem}")
