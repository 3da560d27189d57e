"""What the homeserver shows of a user's sessions is what it shows without Afterword."""

from collections.abc import Callable
from typing import Any

from .gateway import Afterword
from .homeservers import Synapse
from .matrix import STABLE, C, Response, Server, User, eventually, quote

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
HOUR = 3_600_000


class ClientAt(Server):
    """A server as somebody reaches it from this address, with this program, through a proxy that says so."""

    def __init__(self, server: Server, address: str, agent: str):
        super().__init__(server.base_url)
        self._headers = {
            "X-Forwarded-For": address,
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "home.test",
            "User-Agent": agent,
        }

    def request(self, method: str, path: str, **arguments: Any) -> Response:
        headers = {**self._headers, **(arguments.pop("headers", None) or {})}
        return super().request(method, path, headers=headers, **arguments)


def sessions(admin: User, user: User) -> list[tuple[str, str, str]]:
    """As the user sees them, and with the agents, which only admins see without an experimental feature."""
    own = user.request("GET", f"{C}/v3/devices").ok()["devices"]
    all_of_it = admin.request("GET", f"/_synapse/admin/v2/users/{quote(user.user_id)}/devices").ok()["devices"]

    def addresses(devices: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(device["device_id"], device["last_seen_ip"]) for device in devices}

    assert addresses(own) == addresses(all_of_it)
    return sorted((each["device_id"], each["last_seen_ip"], each["last_seen_user_agent"]) for each in all_of_it)


def connections(admin: User, user: User) -> set[tuple[str, str]]:
    """As an admin sees them."""
    whois = admin.request("GET", f"/_synapse/admin/v1/whois/{quote(user.user_id)}").ok()
    return {
        (connection["ip"], connection["user_agent"])
        for device in whois["devices"].values()
        for session in device["sessions"]
        for connection in session["connections"]
    }


def test_what_only_afterword_answers_shows_its_client_alone(synapse: Synapse, afterword: Afterword, bob: User):
    """Every question about whose a token is comes from a request that nobody else sees."""
    admin = synapse.register("admin-of-sessions", admin=True)
    room = bob.create_room()
    for requests in [
        lambda user: [user.request("GET", f"{C}/v1/delayed_events/scheduled")],
        lambda user: [user.schedule(room, TEXT, MESSAGE, HOUR, form=STABLE, query={"ts": 1})],
        lambda user: [user.manage("unknown", action) for action in ["restart", "cancel", "send"]],
    ]:
        alice = synapse.register(f"alice-{id(requests)}")
        requests(alice.at(ClientAt(afterword, "203.0.113.7", "Element/1.0")))
        eventually(lambda: connections(admin, alice))
        assert connections(admin, alice) == {("203.0.113.7", "Element/1.0")}


def test_a_life_with_delayed_events_shows_as_one_without(
    synapse: Synapse, start_another: Callable[..., Afterword], new_user: Callable[[str], User]
):
    admin = synapse.register("admin-of-lives", admin=True)

    def live(at: Server, *, delayed_events: bool) -> tuple[list[tuple[str, str, str]], set[tuple[str, str]]]:
        user = new_user("alice")
        phone = user.at(ClientAt(at, "203.0.113.7", "Phone/1"))
        laptop = ClientAt(at, "203.0.113.8", "Laptop/2").log_in(user.localpart, user.password)
        for session in [phone, laptop]:
            room = session.create_room()
            since = session.sync()["next_batch"]
            session.send(room, TEXT, MESSAGE).ok()
            if delayed_events:
                delay_id = session.delayed(room, TEXT, MESSAGE, HOUR)
                session.manage(delay_id, "restart").ok()
                session.manage(delay_id, "send").ok()
                session.look_up(delay_id).ok()
            session.sync(since)
            session.events(room)

        def shown() -> list[tuple[str, str, str]] | None:
            seen = sessions(admin, phone)
            return seen if all(address for _, address, _ in seen) else None

        # Which devices they are is drawn at random.
        return sorted(eventually(shown), key=lambda session: session[1]), connections(admin, user)

    directly, seen_directly = live(synapse, delayed_events=False)
    through, seen_through = live(start_another(), delayed_events=True)
    assert [session[1:] for session in through] == [session[1:] for session in directly]
    assert [session[1:] for session in through] == [("203.0.113.7", "Phone/1"), ("203.0.113.8", "Laptop/2")]
    assert seen_through == seen_directly
