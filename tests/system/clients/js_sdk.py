"""matrix-js-sdk itself, in a Node.js process of its own: see js/driver.mjs, and scripts/js-clients which installs it."""

import json
import queue
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from ..matrix import User

_ROOT = Path(__file__).resolve().parents[3]
_INSTALLED = _ROOT / ".cache/js-clients"
_PROGRAMS = Path(__file__).with_name("js")
_TIMEOUT = 30


def is_installed() -> bool:
    return (_INSTALLED / "stamp").exists()


def command(program: str) -> list[str | Path]:
    """How a program of the folder js is run. Node.js looks for modules beside it, so it is a copy that lies beside them."""
    [node] = _INSTALLED.glob("node_modules/node-linux-*/bin/node")
    return [node, shutil.copy(_PROGRAMS / program, _INSTALLED)]


class JsError(Exception):
    """What a call of the SDK threw: the homeserver's answer with its status, if it was one."""

    def __init__(self, told: dict[str, Any]):
        super().__init__(str(told))
        self.told = told

    @property
    def errcode(self) -> str | None:
        return self.told.get("errcode")


class JsClient:
    """A user's client. `log` gets what the SDK logs."""

    def __init__(self, user: User, log: Path):
        self.user = user
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._notices: dict[str, list[Any]] = {}
        who = [user.server.base_url, user.user_id, user.token, user.device_id]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command("driver.mjs"), *who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, method: str, *parameters: Any) -> Any:
        """A method of the SDK's MatrixClient, awaited."""
        return self._do("client", method, *parameters)

    def watch_call(self, room: str) -> list[str]:
        """Starts syncing, and looks at the call in `room`: who is in it."""
        members = self._do("watch", room)
        self._notices["members"] = [members]
        return members

    def join_call(self, **settings: Any) -> None:
        """Joins that call, in the background; `settings` are the SDK's JoinSessionConfig."""
        self._do("join", settings)

    def leave_call(self) -> bool:
        return self._do("leave")

    @property
    def members(self) -> list[str]:
        """Who is in the call now, as this client sees it."""
        return self._notices["members"][-1]

    def notices(self, name: str) -> list[Any]:
        """All that the session has said about `name` so far."""
        return list(self._notices.get(name, []))

    def sleep(self) -> None:
        """Like a laptop whose lid is closed."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """It crashes."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()

    def _do(self, action: str, *parameters: Any) -> Any:
        self._process.stdin.write(json.dumps({"do": action, "with": parameters}) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=_TIMEOUT)
        if "error" in answer:
            raise JsError(answer["error"])
        return answer["result"]

    def _read(self) -> None:
        for line in self._process.stdout:
            said = json.loads(line)
            if "notice" in said:
                self._notices.setdefault(said["notice"], []).append(said["value"])
            else:
                self._answers.put(said)
        self._answers.put({"error": {"error": "the client has ended"}})
