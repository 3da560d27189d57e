"""Chromium without a window, driven over the DevTools protocol through two pipes."""

import base64
import contextlib
import ctypes
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_TIMEOUT = 60

# It asks nobody but loopback for anything.
_OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # which does not run as root
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--no-pings",
    "--no-proxy-server",
    "--remote-debugging-pipe",
]


def is_installed() -> bool:
    return shutil.which("chromium") is not None


class Browser:
    """Runs from when it is made until close(), with one page."""

    def __init__(self, directory: Path):
        self.said: list[str] = []  # what the page, or the browser about it, said on the console
        self.requests: list[str] = []  # every address that was asked for
        self._directory = directory
        self._numbers = 0
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._start()
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session: str | None = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Of the page."""
        return self._ask(method, parameters, self._session)

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def show_as(self, width: int, height: int, scheme: str = "light") -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str, *, shift: bool = False) -> None:
        """Tab, Enter, Escape, or a letter."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        event = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0), "modifiers": 8 if shift else 0}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def screenshot(self) -> bytes:
        """A PNG of what is seen."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(5)
        self._to.close()
        self._from.close()

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

        profile = self._directory / "profile"
        profile.mkdir(parents=True)
        with (self._directory / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["chromium", *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=prepare,
                close_fds=False,
                # A home of its own, so that nothing is written to the person's who runs the tests.
                env={**os.environ, "HOME": str(profile), "XDG_RUNTIME_DIR": str(profile)},
            )
        os.close(its_in)
        os.close(its_out)
        self._to = os.fdopen(our_out, "wb", buffering=0)
        self._from = os.fdopen(our_in, "rb")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _ask(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        with self._lock:
            self._numbers += 1
            self._answers[self._numbers] = waiting
            message = {"id": self._numbers, "method": method, "params": parameters}
            self._to.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        answer = waiting.get(timeout=_TIMEOUT)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
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
            return
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                self.said.append(" ".join(str(one.get("value", one.get("description", ""))) for one in told["args"]))
            case "Runtime.exceptionThrown":
                self.said.append(json.dumps(told["exceptionDetails"]))
            case "Log.entryAdded":
                self.said.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
