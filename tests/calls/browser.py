"""The browser of somebody in a call: it has a camera and a microphone, and counts what comes in."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from support.browser import Browser

# Its camera and its microphone need no hardware and no consent.
_OPTIONS = [
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=640,480",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=5",
    "--allow-loopback-in-peer-connection",
    "--ignore-certificate-errors",  # those of tests
]

# All peer connections of the page, for what they can tell of the media.
_KEEP_PEER_CONNECTIONS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...settings) { super(...settings); window.peers.push(this); }
};
"""

_RECEIVED = """
(async () => {
  const frame = document.querySelector("iframe").contentWindow;
  let bytes = 0;
  for (const peer of frame.peers ?? []) {
    for (const one of (await peer.getStats()).values()) {
      if (one.type === "inbound-rtp") bytes += one.bytesReceived;
    }
  }
  return bytes;
})()
"""


def _session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(process.name)) == leader:
                found.append(int(process.name))
    return found


def _other_ends() -> Iterator[tuple[str, str]]:
    """(socket, the address it is connected to) of the machine."""
    for protocol in ("tcp", "udp", "tcp6", "udp6"):
        family = socket.AF_INET6 if protocol.endswith("6") else socket.AF_INET
        for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
            columns = line.split()
            words = bytes.fromhex(columns[2].split(":")[0])
            # Each 32 bits of it are as this machine has them.
            address = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
            if any(address):
                yield f"socket:[{columns[9]}]", socket.inet_ntop(family, address)


class CallBrowser(Browser):
    def __init__(self, directory: Path, name: str):
        super().__init__(directory, name, options=_OPTIONS, timeout=30)
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=_KEEP_PEER_CONNECTIONS)

    def received(self) -> int:
        """How many bytes of media have come in so far."""
        return self.evaluate(_RECEIVED)

    def lose_packets(self, lost: bool) -> None:
        """None of the media gets through, in neither direction."""
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.ask("Network.emulateNetworkConditions", **conditions, packetLoss=100 if lost else 0)

    def talks_to(self) -> set[str]:
        """The addresses at the other ends of all its connections."""
        sockets = {
            os.readlink(descriptor)
            for process in _session(self.pid)
            for descriptor in Path(f"/proc/{process}/fd").iterdir()
            if descriptor.is_symlink()
        }
        return {address for name, address in _other_ends() if name in sockets}
