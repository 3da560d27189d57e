"""The page for users in a real browser, before a real Synapse: what somebody sees and does there, with a keyboard alone too,
and what nobody can make of it."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser
from system.gateway import Afterword, in_front_of
from system.homeservers import Synapse
from system.matrix import C, User, eventually
from system.processes import free_port

from .operations import Operations
from .pages import NEEDS_CHROMIUM, TOP, PageInBrowser, assert_everybody_can_use, assert_it_is_files_alone

FOLDER = TOP / "src/gateway/user_page"
PATH = "/_afterword/"
HOUR = 3_600_000
TEXT = "m.room.message"
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Synapse:
    # So that a client that somebody uses can open the page for them.
    return Synapse(
        tmp_path_factory.mktemp("synapse") / "synapse", settings={"login_via_existing_session": {"enabled": True}}
    )


@pytest.fixture(scope="module")
def afterword(synapse: Synapse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afterword]:
    settings = {"user_page": "true", "rate_limits.enabled": "false", "ops.listen": f"127.0.0.1:{free_port()}"}
    afterword = Afterword(tmp_path_factory.mktemp("user-page") / "afterword", settings=settings)
    with in_front_of(synapse, afterword):
        yield afterword


@pytest.fixture(scope="module")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


class Page(PageInBrowser):
    """As whoever looks at it uses it."""

    def __init__(self, browser: Browser, afterword: Afterword):
        super().__init__(browser)
        self.address = f"{afterword.base_url}{PATH}"

    def text(self, of: str) -> str:
        return self.browser.evaluate(f"document.querySelector({json.dumps(of)}).textContent")

    def click(self, what: str) -> None:
        self.browser.evaluate(f"document.querySelector({json.dumps(what)}).click()")

    def fill(self, what: str, text: str) -> None:
        self.browser.evaluate(f"document.querySelector({json.dumps(what)}).focus()")
        self.browser.evaluate("document.activeElement.select?.()")
        self.browser.type(text)

    def open(self, more: str = "") -> None:
        self.browser.open("about:blank")
        self.browser.open(self.address + more)
        self.see("document.readyState === 'complete' && document.querySelector('#sso')?.href.includes('redirectUrl')")

    def enter(self, name: str, password: str = PASSWORD) -> None:
        self.fill("#user", name)
        self.fill("#password", password)
        self.browser.press("Enter")

    def sign_in(self, user: User) -> None:
        self.open()
        self.enter(user.localpart)
        self.is_ready()

    def is_ready(self) -> None:
        self.see("!document.querySelector('#own').hidden && document.querySelector('#when').value")
        self.see("document.querySelector('#later').ariaBusy === 'false'")

    def view(self, name: str) -> None:
        self.browser.evaluate(f"location.hash = {json.dumps(name)}")
        self.see(f"document.querySelector('nav a[href=\"#{name}\"]').ariaCurrent === 'page'")

    def answer(self, part: str, status: int, body: str, *, held: bool = False) -> None:
        """From now on, in the homeserver's place, what is asked of an address with this in it; if `held`, once let go."""
        self.browser.evaluate(
            "(() => { const others = window.fetch; window.held = 0; window.letGo = () => {};"
            f" const holding = {json.dumps(held)} ? new Promise((resolve) => (window.letGo = resolve)) : null;"
            " window.fetch = async (address, options) => {"
            f" if (!String(address).includes({json.dumps(part)})) return others(address, options);"
            " window.held += 1; await holding;"
            f" return new Response({json.dumps(body)}, {{ status: {status} }}); }}; }})()"
        )

    def sees(self, what: str, words: str) -> None:
        self.see(f"document.querySelector({json.dumps(what)}).textContent.includes({json.dumps(words)})")

    def item(self, words: str) -> str:
        """An expression: the text of the event that says so, or nothing."""
        return f"[...document.querySelectorAll('#events li')].find((li) => li.textContent.includes({json.dumps(words)}))?.innerText"

    def press_button(self, button: str, words: str) -> None:
        self.see(self.item(words))
        find = f"[...document.querySelectorAll('#events button')].find((b) => b.ariaLabel.startsWith({json.dumps(f'{button}: {words}')}))"
        self.browser.evaluate(f"{find}.click()")
        self.see("document.querySelector('#confirm').open")


@pytest.fixture
def page(_browser: Browser, afterword: Afterword) -> Iterator[Page]:
    _browser.said.clear()
    _browser.requests.clear()
    _browser.show_as(1200, 900)
    page = Page(_browser, afterword)
    page.open()
    yield page
    _browser.open("about:blank")
    # The browser draws the calendar of an input itself.
    known = (afterword.base_url + PATH, f"{afterword.base_url}{C}/", "about:", "data:image/svg+xml")
    elsewhere = [url for url in _browser.requests if not url.startswith(known)]
    assert elsewhere == []
    # A refusal of the API is one of these; of what is blocked and of errors, the browser says other words.
    assert [words for words in _browser.said if not words.startswith("Failed to load resource")] == []


names = iter(range(1000))


@pytest.fixture
def alice(synapse: Synapse, afterword: Afterword) -> User:
    return synapse.register(f"alice{next(names)}", PASSWORD).at(afterword)


def _is_good(user: User, token: str) -> bool:
    return user.server.request("GET", f"{C}/v3/account/whoami", token=token).status == 200


# --- What is served ---


def test_it_is_files_without_anything_inline_or_stored(afterword: Afterword):
    assert_it_is_files_alone(FOLDER, lambda path: afterword.request("GET", path), PATH, PATH)
    for file in FOLDER.glob("*.js"):
        assert "sessionStorage" not in file.read_text() and "indexedDB" not in file.read_text()
    assert afterword.request("POST", PATH, body={}).status == 405
    assert afterword.request("GET", f"{PATH}nothing.js").status == 404


def test_it_is_off_by_default_and_its_path_is_the_homeservers(synapse: Synapse, tmp_path: Path):
    afterword = Afterword(tmp_path / "afterword")
    afterword.set_up(synapse.server_name, synapse.base_url)
    afterword.start()
    try:
        for path in (PATH, f"{PATH}main.js"):
            direct, through = (server.request("GET", path) for server in (synapse, afterword))
            assert (through.status, through.body) == (direct.status, direct.body) == (404, direct.body)
            assert through.headers["Server"] == direct.headers["Server"]
    finally:
        afterword.stop()


# --- Who is signed in ---


@NEEDS_CHROMIUM
def test_signing_in_and_out_leaves_nothing_behind(page: Page, alice: User):
    page.enter(alice.localpart, "not my password")
    page.see("document.querySelector('#sign-in-error').textContent.includes('Invalid')")
    assert page.browser.evaluate("document.querySelector('#own').hidden")
    page.enter(alice.localpart)
    page.is_ready()
    assert alice.user_id in page.text("#who")
    kept = "JSON.stringify([localStorage.length, sessionStorage.length, document.cookie, location.href])"
    assert json.loads(page.browser.evaluate(kept)) == [0, 0, "", page.address]
    devices = alice.request("GET", f"{C}/v3/devices").ok()["devices"]
    assert [device.get("display_name") for device in devices].count("What you send later") == 1

    page.click("#sign-out")
    page.see("!document.querySelector('#signing-in').hidden")
    eventually(lambda: len(alice.request("GET", f"{C}/v3/devices").ok()["devices"]) == 1)
    assert PASSWORD not in page.browser.evaluate("document.documentElement.outerHTML")
    assert page.browser.evaluate("document.querySelector('#password').value") == ""


@NEEDS_CHROMIUM
def test_a_session_ends_with_its_page_and_what_is_scheduled_is_sent(page: Page, alice: User):
    room = alice.create_room()
    page.sign_in(alice)
    _schedule_by_hand(page, room, "good morning", 8_000)
    page.see(page.item("good morning"))
    page.browser.evaluate("location.reload()")
    page.see("document.querySelector('#own')?.hidden === true")
    eventually(lambda: len(alice.request("GET", f"{C}/v3/devices").ok()["devices"]) == 1)
    (event,) = eventually(lambda: alice.events(room, TEXT), 30)
    assert event["content"] == {"msgtype": "m.text", "body": "good morning"}


@NEEDS_CHROMIUM
def test_a_client_that_somebody_uses_opens_it_for_them(page: Page, alice: User):
    path = f"{C}/v1/login/get_token"
    first = alice.request("POST", path, body={}).json
    proof = {"session": first["session"], "type": "m.login.password", "password": PASSWORD}
    proof["identifier"] = {"type": "m.id.user", "user": alice.user_id}
    token = alice.request("POST", path, body={"auth": proof}).ok()["login_token"]
    for more in (f"?loginToken={token}", f"#loginToken={token}"):
        page.open(more)
        assert page.browser.evaluate("location.href") == page.address, "the token is in no address any more"
        page.see("!document.querySelector('#brought').hidden")
        assert page.browser.evaluate("document.querySelector('#own').hidden"), "nobody is signed in without being asked"
    page.open()  # and is open already when it is given one
    page.browser.evaluate(f"location.hash = {json.dumps(f'loginToken={token}')}; null")
    page.see("!document.querySelector('#brought').hidden")
    assert page.browser.evaluate("location.href") == page.address
    page.click("#go-on")
    page.is_ready()
    assert alice.user_id in page.text("#who")
    page.browser.evaluate("location.hash = 'loginToken=another'; null")
    page.sees("#said", "You are signed in already")
    assert page.browser.evaluate("location.href") == page.address
    page.click("#sign-out")
    assert page.browser.evaluate("document.querySelector('#brought').hidden"), "and whoever comes next is offered none"


@NEEDS_CHROMIUM
def test_a_session_that_has_ended_elsewhere(page: Page, alice: User):
    page.sign_in(alice)
    alice.request("POST", f"{C}/v3/logout/all", body={}).ok()
    page.see("!document.querySelector('#signing-in').hidden")
    assert "not signed in any more" in page.text("#sign-in-error")


# --- What somebody does ---


def _schedule_by_hand(page: Page, room: str, body: str, delay_ms: int) -> None:
    page.browser.evaluate(f"document.querySelector('#room').value = {json.dumps(room)}")
    # To the second, as its input takes it too.
    page.browser.evaluate(
        f"(() => {{ const at = Date.now() + {delay_ms}; const zone = new Date(at).getTimezoneOffset() * 60000;"
        " const when = document.querySelector('#when'); when.step = 1;"
        " when.value = new Date(at - zone).toISOString().slice(0, 19); })()"
    )
    page.fill("#message", body)
    page.click("#later button")


@NEEDS_CHROMIUM
def test_a_message_is_sent_later(page: Page, alice: User):
    named, bobs = alice.create_room(name="The kitchen"), alice.create_room()
    alice.request(
        "PUT", f"{C}/v3/user/{alice.user_id}/account_data/m.direct", body={"@bob:home.test": [bobs]}
    ).ok()
    page.sign_in(alice)
    offered = page.browser.evaluate("JSON.stringify([...document.querySelectorAll('#room option')].map((o) => o.text))")
    assert sorted(json.loads(offered)) == ["@bob:home.test", "The kitchen"]
    _schedule_by_hand(page, named, "the soup\nis ready", 6_000)
    shown = page.see(page.item("the soup"))
    assert "in The kitchen" in shown and "Send now" in shown
    (event,) = eventually(lambda: alice.events(named, TEXT), 30)
    assert event["content"] == {"msgtype": "m.text", "body": "the soup\nis ready"}
    page.view("sent")
    assert "Send now" not in page.see(page.item("the soup"))


@NEEDS_CHROMIUM
def test_what_is_pressed_twice_is_scheduled_once(page: Page, alice: User):
    room = alice.create_room()
    page.sign_in(alice)
    page.browser.evaluate("document.querySelector('#later').addEventListener('submit', () => (window.submitted = (window.submitted ?? 0) + 1))")
    _schedule_by_hand(page, room, "once", HOUR)
    page.click("#schedule")
    page.see(page.item("once"))
    assert page.browser.evaluate("window.submitted") == 2
    assert len(alice.scheduled()) == 1


@NEEDS_CHROMIUM
def test_what_was_scheduled_without_an_answer_is_not_scheduled_again(page: Page, alice: User):
    """The answer to the first is lost."""
    room = alice.create_room()
    page.sign_in(alice)
    page.browser.evaluate(
        "(() => { const others = window.fetch; window.fetch = async (address, options) => {"
        " const answer = await others(address, options);"
        " if (options.method !== 'PUT' || window.lost) return answer;"
        " window.lost = true; throw new TypeError('lost'); }; })()"
    )
    _schedule_by_hand(page, room, "once", HOUR)
    page.sees("#later-error", "does not answer")
    page.click("#schedule")
    page.see(page.item("once"))
    assert page.browser.evaluate("window.lost") is True
    assert len(alice.scheduled()) == 1


@NEEDS_CHROMIUM
def test_what_failed_for_a_limit_is_sent_again(page: Page, alice: User):
    """The homeserver's answer is made up, for Afterword waits a day before it gives up on a limit."""
    room = alice.create_room()
    error = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many"}
    failed = {"delay_id": "the_failed_one", "room_id": room, "type": TEXT, "content": {"body": "again"}, "delay_ms": 1}
    failed |= {"delayed_since_ts": 1_700_000_000_000, "finalised": {"finalised_ts": 1_700_000_000_001, "error": error}}
    refused = {**failed, "delay_id": "another", "content": {"body": "for good"}}
    refused |= {"finalised": {"finalised_ts": 1_700_000_000_001, "error": {"errcode": "M_FORBIDDEN", "error": "No"}}}
    page.sign_in(alice)
    page.answer("status=failed", 200, json.dumps({"delayed_events": [failed, refused]}))
    page.view("failed")
    assert "Send again" not in page.see(page.item("for good"))
    page.answer("the_failed_one/afterword.retry", 200, json.dumps({"delay_id": "a_new_one"}))
    page.press_button("Send again", "again")
    page.click("#confirm-yes")
    page.sees("#said", "scheduled again")


@NEEDS_CHROMIUM
def test_what_cannot_be_sent_later_is_said(page: Page, alice: User):
    room = alice.create_room()
    page.sign_in(alice)
    for delay_ms, words in ((-60_000, "has passed"), (31 * 24 * HOUR, "up to 30 d")):
        _schedule_by_hand(page, room, "hello", delay_ms)
        page.see(f"document.querySelector('#later-error').textContent.includes({json.dumps(words)})")
    alice.set_state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}).ok()
    _schedule_by_hand(page, room, "hello", HOUR)
    page.see("document.querySelector('#later-error').textContent.includes('encrypted')")
    assert page.browser.evaluate("document.querySelector('#message').value").endswith("hello"), "nothing is lost"
    assert alice.scheduled() == []


@NEEDS_CHROMIUM
def test_what_is_scheduled_is_cancelled_or_sent_once_that_was_confirmed(page: Page, alice: User):
    room = alice.create_room()
    kept, cancelled, sent = (
        alice.delayed(room, TEXT, {"msgtype": "m.text", "body": body}, HOUR) for body in ("keep", "drop", "hurry")
    )
    page.sign_in(alice)
    page.press_button("Cancel", "keep")
    assert page.browser.evaluate("document.activeElement.id") == "confirm-no", "what does nothing is chosen first"
    page.browser.press("Enter")
    page.see("!document.querySelector('#confirm').open")
    page.press_button("Cancel", "drop")
    page.click("#confirm-yes")
    page.see(f"!({page.item('drop')})")
    page.press_button("Send now", "hurry")
    page.click("#confirm-yes")
    page.see(f"!({page.item('hurry')})")
    outcomes = [alice.look_up(delay_id).ok().get("finalised", {}) for delay_id in (kept, cancelled, sent)]
    assert outcomes[0] == {} and "event_id" not in outcomes[1] and outcomes[2]["event_id"]
    page.view("cancelled")
    page.see(page.item("drop"))


@NEEDS_CHROMIUM
def test_what_failed_is_told_in_the_homeservers_words(page: Page, alice: User):
    room = alice.create_room()
    delay_id = alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "too late"}, 500)
    alice.leave(room)
    assert alice.outcome(delay_id)["error"]
    page.sign_in(alice)
    page.view("failed")
    said = page.see(page.item("too late"))
    assert "M_FORBIDDEN" in said and "not in room" in said


@NEEDS_CHROMIUM
def test_nobody_sees_what_is_anothers(page: Page, alice: User, synapse: Synapse, afterword: Afterword):
    bob = synapse.register(f"bob{next(names)}", PASSWORD).at(afterword)
    alice.delayed(alice.create_room(), TEXT, {"msgtype": "m.text", "body": "alice's own"}, HOUR)
    page.sign_in(alice)
    page.see(page.item("alice's own"))
    page.click("#sign-out")
    page.enter(bob.localpart)
    page.is_ready()
    page.see("!document.querySelector('#nothing').hidden")
    assert "alice" not in page.browser.evaluate("document.documentElement.outerHTML")


@NEEDS_CHROMIUM
@pytest.mark.parametrize("held", ["/state/m.room.encryption", "/joined_rooms", "/state/m.room.name"])
def test_what_is_under_way_ends_with_its_session(
    page: Page, alice: User, synapse: Synapse, afterword: Afterword, held: str
):
    """Whoever signs in next neither sends nor sees what was begun before."""
    bob = synapse.register(f"bob{next(names)}", PASSWORD).at(afterword)
    room = alice.create_room(name="The kitchen", invite=[bob.user_id])
    bob.join(room)
    bobs = bob.create_room(name="The cellar")
    answers = {"/joined_rooms": json.dumps({"joined_rooms": [room]}), "/state/m.room.name": '{"name": "The kitchen"}'}
    status = 200 if held in answers else 404
    before = "window.fetchOfPage = window.fetch"
    if held in answers:
        page.browser.evaluate(before)
        page.answer(held, status, answers[held], held=True)
        page.enter(alice.localpart)
    else:
        page.sign_in(alice)
        page.browser.evaluate(before)
        page.answer(held, status, '{"errcode": "M_NOT_FOUND"}', held=True)
        _schedule_by_hand(page, room, "of alice", HOUR)
    page.see("window.held > 0")
    page.click("#sign-out")
    bob.leave(room)
    page.browser.evaluate("window.fetch = window.fetchOfPage")
    page.enter(bob.localpart)
    page.is_ready()
    page.browser.evaluate("window.letGo()")
    time.sleep(1)
    assert alice.scheduled() == bob.scheduled() == []
    shown = page.browser.evaluate("document.documentElement.outerHTML")
    assert bobs in shown and "alice" not in shown and room not in shown and "The kitchen" not in shown


@NEEDS_CHROMIUM
def test_signing_out_leaves_the_page_as_it_was(page: Page, alice: User):
    everything = (
        "JSON.stringify([document.body.outerHTML, ...[...document.querySelectorAll('input, textarea, select')]"
        ".map((field) => field.value)])"
    )
    page.see("!document.querySelector('#by-password').hidden && document.querySelector('#by-sso').hidden")
    before = page.browser.evaluate(everything)
    room = alice.create_room(name="The kitchen")
    page.sign_in(alice)
    _schedule_by_hand(page, room, "of alice", HOUR)
    page.press_button("Cancel", "of alice")
    page.browser.evaluate("document.querySelector('#when').removeAttribute('step')")  # which is the test's
    page.fill("#message", "not yet")
    page.click("#sign-out")
    assert page.browser.evaluate(everything) == before


@NEEDS_CHROMIUM
def test_a_session_that_the_server_does_not_end_is_told(page: Page, alice: User):
    page.sign_in(alice)
    page.answer("/logout", 500, "{}")
    page.click("#sign-out")
    page.sees("#sign-in-error", "may still be among the devices")


@NEEDS_CHROMIUM
@pytest.mark.parametrize(
    "status, body",
    [
        (403, '{"errcode": "M_FORBIDDEN", "error": "Not yours"}'),
        (404, "<html>not here</html>"),
        (404, '{"errcode": "M_UNRECOGNIZED"}'),
        (404, "null"),
        (200, "<html>welcome</html>"),
        (502, ""),
    ],
)
def test_nothing_is_sent_unless_the_homeserver_says_that_the_room_is_not_encrypted(
    page: Page, alice: User, status: int, body: str
):
    room = alice.create_room()
    page.sign_in(alice)
    page.answer("/state/m.room.encryption", status, body)
    _schedule_by_hand(page, room, "hello", HOUR)
    page.sees("#later-error", "Nothing is sent, as the server does not say whether this room is encrypted")
    assert alice.scheduled() == []


@NEEDS_CHROMIUM
@pytest.mark.parametrize(
    "part, status, body, where",
    [
        ("/joined_rooms", 200, '{"joined_rooms": "x"}', "#later-error"),
        ("/joined_rooms", 200, "<html>", "#later-error"),
        ("/capabilities", 200, "{}", "#later-error"),
        ("/delayed_events?", 200, '{"delayed_events": [{"delay_id": 1}]}', "#view-error"),
        ("/delayed_events?", 200, '{"delayed_events": null}', "#view-error"),
        ("/login", 200, "[]", "#sign-in-error"),
        ("/login", 200, '{"access_token": {}}', "#sign-in-error"),
    ],
)
def test_an_answer_that_is_none_is_told(page: Page, alice: User, part: str, status: int, body: str, where: str):
    page.answer(part, status, body)
    page.enter(alice.localpart)
    page.sees(where, "cannot be understood")


@NEEDS_CHROMIUM
@pytest.mark.parametrize("wait, words", [("2500", "Slowly; try again in 3 s"), ('"x"', "Slowly"), ("null", "Slowly")])
def test_a_refusal_is_told_as_far_as_it_can_be_understood(page: Page, alice: User, wait: str, words: str):
    page.answer("/login", 429, f'{{"errcode": "M_LIMIT_EXCEEDED", "error": "Slowly", "retry_after_ms": {wait}}}')
    page.enter(alice.localpart)
    page.see("document.querySelector('#sign-in-error').textContent")
    assert page.text("#sign-in-error") == words


@NEEDS_CHROMIUM
def test_what_is_due_later_than_there_are_dates(page: Page, alice: User):
    event = {"delay_id": "a", "room_id": "!a", "type": TEXT, "content": {"body": "some day"}}
    event |= {"delay_ms": 9_000_000_000_000_000, "delayed_since_ts": 1_700_000_000_000}
    page.answer("/delayed_events?", 200, json.dumps({"delayed_events": [event]}))
    page.enter(alice.localpart)
    assert "in 104," in page.see(page.item("some day"))


# --- What others write ---


@NEEDS_CHROMIUM
def test_what_is_written_is_shown_and_nothing_more(page: Page, alice: User):
    attack = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script>\"'>{{pwned}}\u202e"
    room = alice.create_room(name=attack)
    alice.delayed(room, TEXT, {"msgtype": "m.text", "body": attack, "formatted_body": attack}, HOUR)
    alice.delayed(room, "org.example.<b>type</b>", {}, HOUR)
    page.sign_in(alice)
    said = page.see(page.item("pwned"))
    assert said.count(attack) == 2  # what it says, and the room's name
    page.see(page.item("<b>type</b>"))
    page.press_button("Cancel", attack[:20])
    assert attack in page.text("#confirm-text")
    isolated = "[...document.querySelectorAll('#confirm-text bdi')].map((bdi) => bdi.textContent).join()"
    assert page.browser.evaluate(isolated) == f"{attack},{attack}", "it turns none of the words around it"
    page.browser.press("Escape")
    time.sleep(0.5)
    assert page.browser.evaluate("window.pwned ?? null") is None
    assert page.browser.evaluate("document.querySelectorAll('img, script:not([src]), main b, main iframe').length") == 0


@NEEDS_CHROMIUM
def test_no_other_page_of_the_same_address_gets_hold_of_it(page: Page, afterword: Afterword):
    """The homeserver's address has much that is not ours: a file that somebody has uploaded, an administrator's page."""
    page.browser.open(f"{afterword.base_url}{C}/versions")
    page.see(f"location.pathname === '{C}/versions' && document.readyState === 'complete'")
    page.browser.evaluate(
        f"const frame = document.createElement('iframe'); frame.src = '{PATH}'; document.body.append(frame);"
        f" window.opened = window.open('{PATH}'); null"
    )
    page.see("window.opened.closed")  # which is what a page sees of one that is no business of its
    page.see("document.querySelector('iframe').contentDocument === null")
    page.browser.ask("Page.bringToFront")
    page.browser.said.clear()  # the browser tells of the frame, and shows that other page in its own way
    page.browser.requests.clear()


# --- With a keyboard, to a screen reader, on a phone, by night ---


@NEEDS_CHROMIUM
def test_a_keyboard_is_enough(page: Page, alice: User):
    room = alice.create_room(name="The kitchen")
    delay_id = alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "by hand"}, HOUR)
    browser = page.browser

    def tab_to(what: str, most: int = 60) -> None:
        for _ in range(most):
            if browser.evaluate(f"document.activeElement.matches({json.dumps(what)})"):
                return
            browser.press("Tab")
        raise AssertionError(f"{what} has never had the focus")

    tab_to("#user")
    browser.type(alice.localpart)
    tab_to("#password")
    browser.type(PASSWORD)
    browser.press("Enter")
    page.is_ready()
    page.see(page.item("by hand"))
    tab_to("#message")
    browser.type("an hour from now")
    tab_to("#later button")
    browser.press("Enter")
    page.see(page.item("an hour from now"))
    tab_to("[aria-label='Cancel: by hand, in The kitchen']")
    time.sleep(6)  # the list has been read again meanwhile
    assert browser.evaluate("document.activeElement.ariaLabel") == "Cancel: by hand, in The kitchen"
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.press("Enter")
    page.see("document.querySelector('#confirm').open")
    tab_to("#confirm-yes", 3)
    browser.press("Enter")
    page.see(f"!({page.item('by hand')})")
    assert "event_id" not in alice.look_up(delay_id).ok()["finalised"]


def _some_of_everything(alice: User) -> None:
    kitchen, left = alice.create_room(name="The kitchen"), alice.create_room(name="The cellar")
    failing = alice.delayed(left, TEXT, {"msgtype": "m.text", "body": "Is anybody down there?"}, 500)
    alice.leave(left)
    for body, delay in (("The bread has to come out of the oven", HOUR), ("Happy birthday, Bob!", 9 * HOUR)):
        alice.delayed(kitchen, TEXT, {"msgtype": "m.text", "body": body}, delay)
    alice.delayed(kitchen, "org.matrix.msc3401.call.member", {}, HOUR // 2)
    assert alice.outcome(failing)["error"]


@NEEDS_CHROMIUM
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1200, 900), (360, 740)])
def test_everybody_can_use_it(page: Page, alice: User, axe: str, width: int, height: int, scheme: str):
    _some_of_everything(alice)
    page.browser.show_as(width, height, scheme)
    assert_everybody_can_use(page.browser, axe, width, "signing in")
    page.sign_in(alice)
    for view in ("scheduled", "sent", "failed", "cancelled"):
        page.view(view)
        page.see("document.querySelectorAll('#events li').length > 0 || !document.querySelector('#nothing').hidden")
        assert_everybody_can_use(page.browser, axe, width, view)
    page.view("scheduled")
    page.press_button("Cancel", "The bread")
    assert_everybody_can_use(page.browser, axe, width, "the question")
    page.browser.press("Escape")


@NEEDS_CHROMIUM
def test_its_pictures(page: Page, synapse: Synapse, afterword: Afterword, tmp_path: Path):
    """For docs/, with SCREENSHOTS=docs/images."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    alice = synapse.register("alice", PASSWORD).at(afterword)
    _some_of_everything(alice)
    page.sign_in(alice)
    pictures = {
        "user-page": (1000, 860, "light", "scheduled"),
        "user-page-dark": (1000, 860, "dark", "failed"),
        "user-page-phone": (390, 800, "light", "scheduled"),
    }
    for name, (*screen, view) in pictures.items():
        page.take_picture(folder / f"{name}.png", *screen, view, "document.querySelectorAll('#events li').length > 0")
