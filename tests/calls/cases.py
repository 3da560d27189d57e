"""What happens in mid-call. Each case is a blow to one participant, who is to leave, or to a server, which nobody is to
notice."""

import time
from collections.abc import Callable
from dataclasses import dataclass


from system.gateway import Afterword
from system.homeservers import Homeserver

from .call import Person
from .grounds import Behind, Ground, TwoInstances

# In seconds. Element Call gives up, and says "Connection lost", when a server has refused or failed ten heartbeats in a
# row, which it repeats every second; it waits for one that is not answered.
_SHORT = 6.0
_LONG = 25.0


@dataclass(frozen=True)
class ToOne:
    """To one participant, who leaves; with `undo` they come back by themselves."""

    name: str
    strike: Callable[[Person], None]
    undo: Callable[[Person], None] | None = None


@dataclass(frozen=True)
class ToAServer:
    """It is over when strike() returns. `ends_the_call`: Element Call itself gives up in everybody's browser meanwhile."""

    name: str
    strike: Callable[[], None]
    ends_the_call: bool = False


def _short_cut(person: Person) -> None:
    person.lose_network()
    time.sleep(_SHORT)
    person.find_network()


TO_ONE = [
    ToOne("a browser is killed (SIGKILL)", lambda person: person.browser.kill()),
    ToOne("a tab is closed", lambda person: person.browser.close_tab()),
    ToOne("the network of one is cut, and later back", Person.lose_network, Person.find_network),
    ToOne(
        "a laptop sleeps (SIGSTOP), and later wakes",
        lambda person: person.browser.sleep(),
        lambda person: person.browser.wake(),
    ),
]


def to_servers(ground: Ground, people: Callable[[], list[Person]]) -> list[ToAServer]:
    """`people`: who is in the call when it happens."""
    cases = [ToAServer(f"the network of one is cut for {_SHORT:.0f} s", lambda: _short_cut(people()[0]))]
    if isinstance(ground, Behind):
        cases += _outages("Afterword", ground.afterword, clients_ask_it=True)
    if isinstance(ground, TwoInstances):
        one, two = ground.instances
        cases += [
            ToAServer("an Afterword of two is killed, the other goes on", one.kill),
            ToAServer("it is back, and the other is replaced (SIGTERM)", lambda: _replace(one, two)),
            ToAServer("PostgreSQL's primary is killed, its standby takes over", lambda: _fail_over(ground)),
        ]
    return [*cases, *_outages("the homeserver", ground.homeserver, clients_ask_it=ground.server is ground.homeserver)]


def _outages(name: str, server: Afterword | Homeserver, *, clients_ask_it: bool) -> list[ToAServer]:
    return [
        ToAServer(f"{name} is killed, and started at once", lambda: _kill(server)),
        ToAServer(f"{name} is stopped for {_SHORT:.0f} s", lambda: _stop_for(server, _SHORT)),
        ToAServer(f"{name} is stopped for {_LONG:.0f} s", lambda: _stop_for(server, _LONG), ends_the_call=clients_ask_it),
    ]


def _kill(server: Afterword | Homeserver) -> None:
    server.kill()
    _start_again(server)


def _stop_for(server: Afterword | Homeserver, seconds: float) -> None:
    server.stop()
    time.sleep(seconds)
    _start_again(server)


def _start_again(server: Afterword | Homeserver) -> None:
    server.start() if isinstance(server, Afterword) else server.resume()


def _replace(absent: Afterword, other: Afterword) -> None:
    absent.start()
    time.sleep(2)  # HAProxy finds out
    other.stop()
    other.start()


def _fail_over(ground: TwoInstances) -> None:
    lost = ground.cluster.lose_primary()
    ground.cluster.bring_back(lost)
