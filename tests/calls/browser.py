"""Chromium without a window, driven over the DevTools protocol: one browser, with a profile of its own, for each person."""

import base64
import contextlib
import ctypes
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from system.matrix import eventually
from system.processes import tail

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_TIMEOUT = 30

# It has a camera and a microphone that need no hardware and no consent, and connects to nothing but loopback: neither to
# its maker's services, nor to any name that has to be looked up.
_OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # which does not run as root
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=640,480",
    "--lang=en",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=5",
    "--allow-loopback-in-peer-connection",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--metrics-recording-only",
    "--no-pings",
    "--no-proxy-server",
    "--ignore-certificate-errors",  # those of tests
    "--disable-features=MediaRouter,WebRtcHideLocalIpsWithMdns,OptimizationHints,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
    "--remote-debugging-pipe",
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


def is_installed() -> bool:
    return shutil.which("chromium") is not None


class BrowserError(Exception):
    """What the browser did not do, in its own words."""


class Browser:
    """Runs from when it is made until close(), with one page."""

    def __init__(self, directory: Path, name: str):
        self.name = name
        self.log = directory / f"{name}.log"
        self._profile = directory / f"{name}.profile"
        self._numbers = 0
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._console = self.log.open("a")
        self._start()
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._target = target
        self._page = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._ask(f"{domain}.enable", page=True)
        self._ask("Page.addScriptToEvaluateOnNewDocument", {"source": _KEEP_PEER_CONNECTIONS}, page=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self, address: str) -> None:
        self._ask("Page.navigate", {"url": address}, page=True)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        options = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self._ask("Runtime.evaluate", options, page=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{self.name}: {json.dumps(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def received(self) -> int:
        """How many bytes of media have come in so far."""
        return self.evaluate(_RECEIVED)

    def screenshot(self, path: Path) -> None:
        """As JPEG."""
        data = self._ask("Page.captureScreenshot", {"format": "jpeg", "quality": 60}, page=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def talks_to(self) -> set[str]:
        """The addresses at the other ends of all its connections."""
        sockets = {
            os.readlink(descriptor)
            for process in _session(self._process.pid)
            for descriptor in Path(f"/proc/{process}/fd").iterdir()
            if descriptor.is_symlink()
        }
        return {address for name, address in _other_ends() if name in sockets}

    def close_tab(self) -> None:
        """As a person does; the browser goes on."""
        self._ask("Target.closeTarget", {"targetId": self._target})

    def lose_packets(self, lost: bool) -> None:
        """None of the media gets through, in neither direction."""
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._ask("Network.emulateNetworkConditions", {**conditions, "packetLoss": 100 if lost else 0}, page=True)

    def sleep(self) -> None:
        """Like a laptop whose lid is closed."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, of all its processes."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
        self._reader.join(5)
        for end in (self._to, self._from):
            with contextlib.suppress(OSError):
                end.close()
        self._console.close()
        eventually(self._forget, 10)

    def _forget(self) -> bool:
        # A child of the browser may still be writing as it ends.
        shutil.rmtree(self._profile, ignore_errors=True)
        return not self._profile.exists()

    def _start(self) -> None:
        # Chromium reads commands from descriptor 3 and answers on 4.
        its_in, our_out = os.pipe()
        our_in, its_out = os.pipe()
        above = max(its_in, our_out, our_in, its_out, 4) + 1  # where nothing of this is in the way

        def prepare() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(its_in, above)
            os.dup2(its_out, above + 1)
            os.dup2(above, 3)
            os.dup2(above + 1, 4)

        command = ["nice", "-n", "10", "chromium", *_OPTIONS, f"--user-data-dir={self._profile}", "about:blank"]
        # A home of its own, so that nothing is written to the person's who runs the tests.
        environment = {**os.environ, "HOME": str(self._profile), "XDG_RUNTIME_DIR": str(self._profile)}
        self._profile.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare,
            close_fds=False,
            env=environment,
        )
        os.close(its_in)
        os.close(its_out)
        self._to = os.fdopen(our_out, "wb", buffering=0)
        self._from = os.fdopen(our_in, "rb")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _ask(self, method: str, parameters: dict[str, Any] | None = None, *, page: bool = False) -> dict[str, Any]:
        with self._lock:
            self._numbers += 1
            number = self._numbers
            waiting: queue.Queue[dict[str, Any]] = queue.Queue()
            self._answers[number] = waiting
            message: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
            if page:
                message["sessionId"] = self._page
            self._to.write(json.dumps(message).encode() + b"\0")
        try:
            answer = waiting.get(timeout=_TIMEOUT)
        except queue.Empty:
            raise BrowserError(f"{self.name} has not answered {method}:\n{tail(self.log)}") from None
        if "error" in answer:
            raise BrowserError(f"{self.name}: {method}: {answer['error']}\n{tail(self.log)}")
        return answer["result"]

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._from.fileno(), 65536):
                *messages, rest = (rest + data).split(b"\0")
                for message in messages:
                    self._take(json.loads(message))
        for waiting in list(self._answers.values()):
            waiting.put({"error": "the browser has ended"})

    def _take(self, message: dict[str, Any]) -> None:
        if (waiting := self._answers.pop(message.get("id", 0), None)) is not None:
            waiting.put(message)
        elif message.get("method") == "Runtime.consoleAPICalled":
            said = (str(one.get("value", one.get("description", ""))) for one in message["params"]["args"])
            self._note(" ".join(said))
        elif message.get("method") == "Runtime.exceptionThrown":
            self._note(json.dumps(message["params"]["exceptionDetails"]))

    def _note(self, text: str) -> None:
        with contextlib.suppress(ValueError):  # closed meanwhile
            self._console.write(text[:2000] + "\n")
            self._console.flush()
