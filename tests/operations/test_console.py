"""The console in a real browser: what an operator sees and does there, with a keyboard alone too, and what nobody can make
of it."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from hostile.homeserver import SERVER_NAME, answer, as_token_of
from support.browser import Browser
from system.gateway import Afterword
from system.matrix import eventually
from system.processes import free_port, tail

from .conftest import ManyUsers
from .operations import Operations
from .pages import NEEDS_CHROMIUM, TOP, PageInBrowser, assert_everybody_can_use, assert_it_is_files_alone
from .test_api import _name
from .test_metrics import HOUR, ROOM, TEXT, World, world  # noqa: F401

FOLDER = TOP / "src/monitoring/console"
VIEWS = ("due", "late", "in_doubt", "aside", "failed", "user", "room", "look_up", "instance")


def _text(of: str) -> str:
    return f"document.querySelector({json.dumps(of)}).textContent"


def _has_focus(what: str) -> str:
    return f"document.activeElement.matches({json.dumps(what)})"


class Console(PageInBrowser):
    """The page, as whoever looks at it uses it."""

    def __init__(self, browser: Browser, operations: Operations):
        super().__init__(browser)
        self.operations = operations

    def open(self) -> None:
        self.browser.open("about:blank")
        self.browser.open(f"{self.operations.base_url}/")
        self.see("document.readyState === 'complete' && document.querySelector('.plot') !== null")

    def enter(self, token: str) -> None:
        self.browser.evaluate("document.querySelector('#token').focus()")
        self.browser.type(token)
        self.browser.press("Enter")

    def sign_in(self) -> None:
        self.open()
        self.enter(self.operations.token)
        self.see("!document.querySelector('#console').hidden")

    def view(self, address: str) -> None:
        self.browser.evaluate(f"location.hash = {json.dumps(address)}")

    def row(self, delay_id: str) -> str:
        """An expression: the text of an event's row, or nothing."""
        find = f"[...document.querySelectorAll('tbody tr')].find((row) => row.textContent.includes('{_name(delay_id)}'))"
        return f"({find})?.textContent"

    def ask_to_cancel(self, delay_id: str) -> None:
        self.see(self.row(delay_id))
        self.browser.evaluate(f"document.querySelector('[aria-label=\"Cancel event {_name(delay_id)}\"]').click()")
        self.see("document.querySelector('#confirm').open")


@pytest.fixture(scope="module")
def _afterword(_homeserver: ManyUsers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afterword]:
    """With the usual limits: of so few descriptors as the other tests allow, a browser has too few connections."""
    settings = {"ops.listen": f"127.0.0.1:{free_port()}", "ops.token": "the-token-of-an-operator"}
    afterword = Afterword(tmp_path_factory.mktemp("console") / "afterword", settings=settings)
    afterword.set_up(SERVER_NAME, _homeserver.url)
    _homeserver.as_token = as_token_of(afterword.registration)
    afterword.start()
    yield afterword
    assert afterword.stop() == 0, tail(afterword.log)


@pytest.fixture(scope="module")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def console(_browser: Browser, world: World) -> Iterator[Console]:  # noqa: F811
    _browser.said.clear()
    _browser.requests.clear()
    _browser.show_as(1200, 900)
    console = Console(_browser, world.operations)
    console.open()
    _browser.evaluate("sessionStorage.clear()")
    console.open()  # and nobody is signed in
    yield console
    elsewhere = [url for url in _browser.requests if not url.startswith((console.operations.base_url + "/", "about:"))]
    assert elsewhere == []
    # A refusal of the API is one of these; of what is blocked and of errors, the browser says other words.
    assert [words for words in _browser.said if not words.startswith("Failed to load resource")] == []


# --- What is served ---


def test_it_is_files_without_anything_inline(operations: Operations):
    assert_it_is_files_alone(FOLDER, lambda path: operations.request("GET", path), "/", "/console/")
    for path in ("/", "/console/main.js"):
        assert operations.request("POST", path, body={}).status == 405
    for path in ("/console/", "/console/index.html", "/console/../main.js", "/main.js", "/console/main.js/"):
        assert operations.request("GET", path).status in (400, 404), path


def test_it_is_served_to_this_machine_alone(afterword: Afterword, operations: Operations, homeserver: ManyUsers):
    assert operations.request("GET", "/", headers={"Host": "rebound.example"}).status == 421
    assert afterword.request("GET", "/console/main.js").json["target"] == "/console/main.js"  # the homeserver's


# --- What an operator does ---


@NEEDS_CHROMIUM
def test_signing_in_and_out(console: Console):
    console.enter("another token of somebody")
    console.see(f"{_text('#sign-in-error')}.includes('not the operator')")
    assert console.browser.evaluate("document.querySelector('#console').hidden")
    console.enter(console.operations.token)
    console.see("!document.querySelector('#console').hidden")
    kept = console.browser.evaluate("JSON.stringify([localStorage.length, document.cookie, location.href])")
    assert json.loads(kept) == [0, "", f"{console.operations.base_url}/"]
    console.browser.evaluate("location.reload()")
    console.see("document.querySelector('#console')?.hidden === false")  # the tab remembers
    console.browser.evaluate("document.querySelector('#sign-out').click()")
    assert console.browser.evaluate("sessionStorage.length") == 0
    assert console.browser.evaluate(_has_focus("#token"))
    assert console.operations.token not in console.browser.evaluate("document.documentElement.outerHTML")


@NEEDS_CHROMIUM
def test_each_question_has_an_answer_of_its_own(console: Console, world: World):  # noqa: F811
    """Also when the next one is open before the browser has told that the one before was closed."""
    user, kept = world.schedule()
    cancelled = user.delayed(ROOM, TEXT, {"body": "y"}, HOUR)
    console.sign_in()
    console.view(f"user={quote(user.user_id)}")
    for delay_id in (kept, cancelled):
        console.see(console.row(delay_id))
    ask, ask_next = (
        f"document.querySelector('[aria-label=\"Cancel event {_name(delay_id)}\"]').click()" for delay_id in (kept, cancelled)
    )
    console.browser.evaluate(f"{ask}; document.querySelector('#confirm').close('no'); {ask_next}")
    console.browser.evaluate("document.querySelector('#confirm-yes').click()")
    console.see(f"{console.row(cancelled)}?.includes('cancelled')")
    states = [
        console.operations.api("POST", "look_up", body={"delay_id": delay_id}).ok()["state"] for delay_id in (kept, cancelled)
    ]
    assert states == ["scheduled", "cancelled"]


@NEEDS_CHROMIUM
def test_an_event_is_cancelled_once_it_was_confirmed(console: Console, world: World):  # noqa: F811
    user, delay_id = world.schedule()
    console.sign_in()
    console.view(f"user={quote(user.user_id)}")
    console.ask_to_cancel(delay_id)
    assert user.user_id in console.browser.evaluate(_text("#confirm-text"))
    console.browser.press("Escape")
    console.see("!document.querySelector('#confirm').open")
    console.ask_to_cancel(delay_id)
    assert console.browser.evaluate(_has_focus("#confirm-no")), "what does nothing is chosen first"
    console.browser.press("Enter")
    console.see("!document.querySelector('#confirm').open")
    state = console.operations.api("POST", "look_up", body={"delay_id": delay_id}).ok()["state"]
    assert state == "scheduled"

    console.ask_to_cancel(delay_id)
    console.browser.evaluate("document.querySelector('#confirm-yes').click()")
    console.see(f"{console.row(delay_id)}?.includes('cancelled')")
    assert console.operations.api("POST", "look_up", body={"delay_id": delay_id}).ok()["state"] == "cancelled"


@NEEDS_CHROMIUM
def test_all_of_a_user_are_cancelled_once_it_was_confirmed(console: Console, world: World):  # noqa: F811
    user, delay_id = world.schedule()
    console.sign_in()
    console.view(f"user={quote(user.user_id)}")
    console.see(console.row(delay_id))
    console.browser.evaluate("document.querySelector('#cancel-all').click()")
    console.browser.evaluate("document.querySelector('#confirm-yes').click()")
    console.see(f"{console.row(delay_id)}?.includes('cancelled')")
    console.see(f"{_text('#said')}.includes('1 cancelled')")


@NEEDS_CHROMIUM
def test_a_call_is_ended_once_it_was_confirmed(console: Console, world: World):  # noqa: F811
    user, room = world.user(), "!ending:example.org"
    leave = user.delayed(room, "m.call.member", {}, HOUR, state_key="a")
    message = user.delayed(room, TEXT, {"body": "y"}, HOUR)
    console.sign_in()
    console.view(f"room={quote(room)}")
    for said, state in (("no", "scheduled"), ("yes", "sent")):
        console.see(console.row(leave))
        console.browser.evaluate("document.querySelector('#end-call').click()")
        assert room in console.browser.evaluate(_text("#confirm-title"))
        console.browser.evaluate(f"document.querySelector('#confirm-{said}').click()")
        console.see("!document.querySelector('#confirm').open")
        if said == "yes":
            console.see(f"{_text('#said')}.includes('1 have left')")
            console.see(f"!{console.row(leave)} && {console.row(message)}")
        found = console.operations.api("POST", "look_up", body={"delay_id": leave}).ok()
        assert found["state"] == state


@NEEDS_CHROMIUM
def test_what_failed_is_told_in_the_homeservers_words(console: Console, world: World):  # noqa: F811
    refusal = {"errcode": "M_FORBIDDEN", "error": "You left the room"}
    world.answer_to(lambda request: request.is_send, [answer(403, refusal)])
    user, delay_id = world.schedule(1)
    world.outcome(user, delay_id)
    console.sign_in()
    console.view("failed")
    said = console.see(console.row(delay_id))
    assert "403 M_FORBIDDEN You left the room" in said
    # From there to all of the user's, and back by the browser's own way.
    console.browser.evaluate(f"document.querySelector('tbody a[href=\"#user={quote(user.user_id, safe='')}\"]').click()")
    console.see(f"{_text('#view-title')} === 'By user' && {console.row(delay_id)}")
    console.browser.evaluate("history.back()")
    console.see(f"{_text('#view-title')} === 'Failed'")


@NEEDS_CHROMIUM
def test_one_is_looked_up_and_its_delay_id_is_in_no_address(console: Console, world: World):  # noqa: F811
    _, delay_id = world.schedule()
    console.sign_in()
    console.view("look_up")
    console.see("!document.querySelector('#search').hidden")
    for text, expected in ((delay_id, f"Boolean({console.row(delay_id)})"), ("nothing", "!document.querySelector('#nothing').hidden")):
        console.browser.evaluate("document.querySelector('#search-text').value = ''; document.querySelector('#search-text').focus()")
        console.browser.type(text)
        console.browser.press("Enter")
        console.see(expected)
    assert delay_id not in console.browser.evaluate("location.href")
    assert not [url for url in console.browser.requests if delay_id in url]


@NEEDS_CHROMIUM
def test_heartbeats_and_outcomes_move_while_one_looks(console: Console, world: World):  # noqa: F811
    console.sign_in()
    console.see("document.querySelectorAll('.plot .line')[0].getAttribute('d')?.includes('L')")
    user, delay_id = world.schedule()
    assert user.manage(delay_id, "restart").status == 200
    world.sent()
    console.see("/restarted 0?\\.?[0-9]*[1-9]/.test(document.querySelectorAll('.legend')[0].textContent)")
    console.see("/sent [0-9.]*[1-9]/.test(document.querySelectorAll('.legend')[1].textContent)")
    console.see("/half within \\d/.test(document.querySelectorAll('.legend')[3].textContent)")
    assert "Heartbeats a second: now restarted" in console.browser.evaluate("document.querySelector('.plot').ariaLabel")


@NEEDS_CHROMIUM
def test_an_instance_is_taken_out_of_service_and_the_log_is_changed(console: Console):
    console.sign_in()
    console.view("instance")
    try:
        console.see("!document.querySelector('#settings').hidden")
        console.browser.evaluate("document.querySelector('#drain').click()")
        console.browser.evaluate("document.querySelector('#confirm-yes').click()")
        console.see(f"{_text('#verdict')}.startsWith('Out of service')")
        assert console.operations.ready().status == 503
        console.browser.evaluate(
            "const l = document.querySelector('#log-level'); l.value = 'debug'; l.dispatchEvent(new Event('change'))"
        )
        eventually(lambda: console.operations.api("GET", "log_level").ok()["level"] == "debug")
    finally:
        console.operations.api("POST", "drain", body={"drain": False})
        console.operations.api("POST", "log_level", body={"level": "info"})
    console.see(f"!{_text('#verdict')}.startsWith('Out of service')")


# --- What users write ---


@NEEDS_CHROMIUM
def test_what_users_write_is_shown_and_nothing_more(console: Console, world: World):  # noqa: F811
    attack = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script>\"'>{{pwned}}\u202e"
    room = f"!{attack}:{SERVER_NAME}"
    world.answer_to(lambda request: request.is_send, [answer(403, {"errcode": "M_FORBIDDEN", "error": attack})])
    user = world.user()
    delay_ids = [user.delayed(room, attack, {"body": "x"}, delay) for delay in (1, HOUR)]
    world.outcome(user, delay_ids[0])
    console.sign_in()
    for address in ("failed", f"user={quote(user.user_id, safe='')}", f"room={quote(room, safe='')}", f"user={quote(attack)}"):
        console.view(address)
        console.see("document.querySelector('#events').hidden === false || document.querySelector('#view-error').textContent")
        time.sleep(0.5)
        assert console.browser.evaluate("window.pwned ?? null") is None
        assert console.browser.evaluate("document.querySelectorAll('img, script:not([src]), main iframe').length") == 0
    console.view("failed")
    said = console.see(console.row(delay_ids[0]))
    assert said.count(attack) == 3  # the room, the type, and the words
    console.view(f"room={quote(room, safe='')}")
    console.ask_to_cancel(delay_ids[1])
    assert attack in console.browser.evaluate(_text("#confirm-text"))
    console.browser.press("Escape")


# --- With a keyboard, to a screen reader, on a phone, by night ---


@NEEDS_CHROMIUM
def test_a_keyboard_is_enough(console: Console, world: World):  # noqa: F811
    user, delay_id = world.schedule()
    browser = console.browser

    def tab_to(what: str, most: int = 60) -> None:
        for _ in range(most):
            if browser.evaluate(_has_focus(what)):
                return
            browser.press("Tab")
        raise AssertionError(f"{what} has never had the focus")

    tab_to("#token")
    browser.type(console.operations.token)
    browser.press("Enter")
    console.see("!document.querySelector('#console').hidden")
    tab_to("nav a[href='#user']")
    browser.press("Enter")
    console.see(f"{_text('#view-title')} === 'By user'")
    tab_to("#search-text")
    browser.type(user.user_id)
    browser.press("Enter")
    console.see(console.row(delay_id))
    tab_to(f"[aria-label='Cancel event {_name(delay_id)}']")
    time.sleep(6)  # the list has been read again meanwhile
    assert browser.evaluate(_has_focus(f"[aria-label='Cancel event {_name(delay_id)}']"))
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.press("Enter")
    console.see("document.querySelector('#confirm').open")
    tab_to("#confirm-yes", 3)
    browser.press("Enter")
    console.see(f"{console.row(delay_id)}?.includes('cancelled')")


@NEEDS_CHROMIUM
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1200, 900), (360, 740)])
def test_everybody_can_use_it(console: Console, world: World, axe: str, width: int, height: int, scheme: str):  # noqa: F811
    world.answer_to(lambda request: request.is_send, [answer(403, {"errcode": "M_FORBIDDEN", "error": "No"})])
    user, failed = world.schedule(1)
    world.outcome(user, failed)
    _, scheduled = world.schedule()
    console.browser.show_as(width, height, scheme)

    def check(what: str) -> None:
        assert_everybody_can_use(console.browser, axe, width, what)

    check("signing in")
    console.sign_in()
    for view in VIEWS:
        console.view(f"user={quote(user.user_id)}" if view == "user" else f"room={quote(ROOM)}" if view == "room" else view)
        console.see(f"document.querySelector('nav a[href=\"#{view}\"]').ariaCurrent === 'page'")
        if view in ("due", "failed", "user", "room"):
            console.see("!document.querySelector('#events').hidden")
        check(view)
    console.view("due")
    console.ask_to_cancel(scheduled)
    check("the question")
    console.browser.press("Escape")


@NEEDS_CHROMIUM
def test_its_pictures(console: Console, world: World, tmp_path: Path):  # noqa: F811
    """For docs/, with SCREENSHOTS=docs/images."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    world.answer_to(
        lambda request: request.is_send and "kitchen" in request.path,
        [answer(403, {"errcode": "M_FORBIDDEN", "error": "User is not in the room"})],
    )
    users = [world.user() for _ in range(4)]
    beating = [user.delayed(ROOM, "org.matrix.msc3401.call.member", {"body": "x"}, HOUR) for user in users]
    for user in users:
        world.outcome(user, user.delayed(f"!kitchen:{SERVER_NAME}", TEXT, {"body": "x"}, 1))
    console.sign_in()
    for _ in range(12):
        for user, delay_id in zip(users, beating):
            user.manage(delay_id, "restart")
        time.sleep(1)
    world.sent()
    time.sleep(6)
    pictures = {
        "console": (1200, 860, "light", "due"),
        "console-dark": (1200, 860, "dark", "failed"),
        "console-phone": (390, 800, "light", "failed"),
    }
    for name, (*screen, view) in pictures.items():
        console.take_picture(folder / f"{name}.png", *screen, view, "!document.querySelector('#events').hidden")
