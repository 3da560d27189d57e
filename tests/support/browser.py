"""Chromium without a window, driven over the DevTools protocol through two pipes."""

import base64
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from system.matrix import eventually
from system.processes import die_with_parent, tail

# It asks nobody but loopback for anything: neither its maker's services, nor any name that has to be looked up.
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
    "--disable-client-side-phishing-detection",
    "--metrics-recording-only",
    "--no-pings",
    "--no-proxy-server",
    "--disable-features=MediaRouter,WebRtcHideLocalIpsWithMdns,OptimizationHints,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
    "--remote-debugging-pipe",
]


def is_installed() -> bool:
    return shutil.which("chromium") is not None


class BrowserError(RuntimeError):
    """What the browser did not do, in its own words."""


class Browser:
    """Runs from when it is made until close(), with one page and a profile of its own.

    What its page says goes to `log` as well, beside what the browser itself writes there.
    """

    def __init__(self, directory: Path, name: str = "browser", *, options: Sequence[str] = (), timeout: float = 60):
        """`options`: more of Chromium's own. `timeout`: the seconds within which it must answer a question."""
        self.name = name
        self.log = directory / f"{name}.log"
        self.said: list[str] = []  # what the page, or the browser about it, said on the console
        self.requests: list[str] = []  # every address that was asked for
        self._profile = directory / f"{name}.profile"
        self._timeout = timeout
        self._numbers = 0
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._log = self.log.open("a")
        self._start(options)
        self._target: str = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._page: str = self._ask("Target.attachToTarget", {"targetId": self._target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    @property
    def pid(self) -> int:
        """That of its first process, which leads the session of all its others."""
        return self._process.pid

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, to the page."""
        return self._ask(method, parameters, self._page)

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{self.name}: {json.dumps(answer['exceptionDetails'])}")
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

    def screenshot(self, **form: Any) -> bytes:
        """A picture of what is seen, as PNG unless `form` says otherwise, in the protocol's words."""
        return base64.b64decode(self.ask("Page.captureScreenshot", **form)["data"])

    def close_tab(self) -> None:
        """As a person does; the browser goes on."""
        self._ask("Target.closeTarget", {"targetId": self._target})

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
        self._log.close()
        eventually(self._remove_profile, 10)

    def _remove_profile(self) -> bool:
        # A child of the browser may still be writing as it ends.
        shutil.rmtree(self._profile, ignore_errors=True)
        return not self._profile.exists()

    def _start(self, options: Sequence[str]) -> None:
        # Chromium reads commands from descriptor 3 and answers on 4.
        its_in, our_out = os.pipe()
        our_in, its_out = os.pipe()
        above = max(its_in, our_out, our_in, its_out, 4) + 1  # where nothing of this is in the way

        def prepare() -> None:
            die_with_parent()
            os.dup2(its_in, above)
            os.dup2(its_out, above + 1)
            os.dup2(above, 3)
            os.dup2(above + 1, 4)

        command = ["nice", "-n", "10", "chromium", *_OPTIONS, *options, f"--user-data-dir={self._profile}", "about:blank"]
        # A home of its own, so that nothing is written to the person's who runs the tests.
        environment = {**os.environ, "HOME": str(self._profile), "XDG_RUNTIME_DIR": str(self._profile)}
        self._profile.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
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

    def _ask(self, method: str, parameters: dict[str, Any], page: str | None = None) -> dict[str, Any]:
        waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        with self._lock:
            self._numbers += 1
            self._answers[self._numbers] = waiting
            message = {"id": self._numbers, "method": method, "params": parameters}
            self._to.write(json.dumps(message | ({"sessionId": page} if page else {})).encode() + b"\0")
        try:
            answer = waiting.get(timeout=self._timeout)
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
            return
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                self._note(" ".join(str(one.get("value", one.get("description", ""))) for one in told["args"]))
            case "Runtime.exceptionThrown":
                self._note(json.dumps(told["exceptionDetails"]))
            case "Log.entryAdded":
                self._note(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])

    def _note(self, text: str) -> None:
        self.said.append(text)
        with contextlib.suppress(ValueError):  # closed meanwhile
            self._log.write(text[:2000] + "\n")
            self._log.flush()
