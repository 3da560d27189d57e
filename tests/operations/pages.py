"""What holds of every page that Afterword serves: the console, and the page for users."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.browser import Browser, BrowserError, is_installed
from system.matrix import Response, eventually

NEEDS_CHROMIUM = pytest.mark.skipif(not is_installed(), reason="there is no chromium")
TOP = Path(__file__).resolve().parents[2]
SHARED = TOP / "src/http/page"


class PageInBrowser:
    """As whoever looks at it uses it."""

    def __init__(self, browser: Browser):
        self.browser = browser

    def see(self, expression: str, timeout: float = 30) -> object:
        """What a JavaScript expression says, once it says anything."""

        def look() -> object:
            try:
                return self.browser.evaluate(expression)
            except BrowserError:  # the page is being loaded
                return None

        return eventually(look, timeout)

    def view(self, name: str) -> None:
        raise NotImplementedError

    def take_picture(self, file: Path, width: int, height: int, scheme: str, view: str, ready: str) -> None:
        self.browser.show_as(width, height, scheme)
        self.view(view)
        self.see(ready)
        if width < 600:
            self.browser.evaluate("document.querySelector('nav').scrollIntoView()")
        time.sleep(1)
        picture = self.browser.screenshot()
        assert picture.startswith(b"\x89PNG") and len(picture) > 10_000
        file.write_bytes(picture)


def assert_it_is_files_alone(own: Path, get: Callable[[str], Response], page: str, folder: str) -> None:
    """Those of `own` and what pages share: as they are, confined by their headers, and without anything inline."""
    files = [*own.iterdir(), *SHARED.glob("*.js"), *SHARED.glob("*.css"), *SHARED.glob("*.svg")]
    for file in files:
        served = get(page if file.name == "index.html" else folder + file.name)
        assert (served.status, served.body) == (200, file.read_bytes())
        policy = dict(part.split(" ", 1) for part in served.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        assert served.headers["Referrer-Policy"] == "no-referrer"
        assert served.headers["Cache-Control"] == "no-store"
        assert served.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert served.headers["Access-Control-Allow-Origin"] is None
        assert served.headers["Set-Cookie"] is None
    html = (own / "index.html").read_text()
    assert not re.search(r"\bon\w+=|\bstyle=|<style|<script(?! type=\"module\" src=)|javascript:|https?:", html)
    for file in files:
        if file.suffix == ".js":
            text = file.read_text()
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(", text)
            assert not re.search(r"localStorage|document\.cookie|https?://(?!www\.w3\.org/2000/svg)", text)


def read_axe() -> str:
    installed = subprocess.run([TOP / "scripts/axe"], capture_output=True, text=True)
    if installed.returncode != 0:
        pytest.skip(f"axe-core cannot be had: {installed.stderr}")
    return (TOP / ".cache/axe/node_modules/axe-core/axe.min.js").read_text()


def assert_everybody_can_use(browser: Browser, axe: str, width: int, what: str) -> None:
    """What axe finds; what "needs review" is not counted, best practices are. And nothing is wider than the screen."""
    browser.evaluate(axe)
    found = browser.evaluate(
        "axe.run({resultTypes: ['violations']}).then((all) => JSON.stringify(all.violations.map("
        "(one) => [one.id, ...one.nodes.map((node) => node.html)])))"
    )
    assert json.loads(found) == [], what
    assert browser.evaluate("document.documentElement.scrollWidth") <= width, what
