"""5. Announcing."""

from collections.abc import Callable

import pytest

from ..gateway import Afterword
from ..homeservers import Dendrite, Synapse
from ..matrix import C, Server, User
from .examples import DAY

FEATURES = ["org.matrix.msc4140", "org.matrix.msc4140.stable", "org.matrix.msc4486"]
CAPABILITIES = ["m.delayed_events", "org.matrix.msc4140.delayed_events"]


@pytest.mark.parametrize("feature", FEATURES)
def test_versions(feature: str, server: Server, somebody: User):
    """`/versions` has the three `unstable_features`, asked with a token or without"""
    for token in [None, somebody.token]:
        assert server.request("GET", f"{C}/versions", token=token).ok()["unstable_features"][feature] is True


def test_the_rest_of_versions(homeserver: Synapse | Dendrite, somebody: User):
    """Everything else in `/versions` is the homeserver's own"""
    for token in [None, somebody.token]:
        theirs = homeserver.request("GET", f"{C}/versions", token=token).ok()
        ours = somebody.request("GET", f"{C}/versions", token=token).ok()
        theirs["unstable_features"] = theirs.get("unstable_features", {}) | {feature: True for feature in FEATURES}
        assert ours == theirs


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_capabilities(capability: str, somebody: User):
    """`/capabilities` has the limits, under both names: the longest delay, and how many may be scheduled"""
    capabilities = somebody.request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    assert capabilities[capability] == {"max_delay_ms": DAY, "max_scheduled": 100}


def test_the_rest_of_capabilities(homeserver: Synapse | Dendrite, somebody: User):
    """Everything else in `/capabilities` is the homeserver's own"""
    theirs = somebody.at(homeserver).request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    ours = somebody.request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    for capability in [*CAPABILITIES, "afterword.delayed_events"]:
        ours.pop(capability)
        theirs.pop(capability, None)
    assert ours == theirs


def test_limits_that_are_not_enforced(alice: User, start_another: Callable[..., Afterword]):
    """A limit that is not enforced is absent, and the capability itself is there all the same"""
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "none", "limits.max_delay": "none"}))
    capabilities = alice.request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    assert [capabilities[capability] for capability in CAPABILITIES] == [{}, {}]


def test_limits_that_the_operator_set(alice: User, start_another: Callable[..., Afterword]):
    """The limits told are those that are enforced"""
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "7", "limits.max_delay": "2h"}))
    capabilities = alice.request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    assert capabilities["m.delayed_events"] == {"max_delay_ms": 7_200_000, "max_scheduled": 7}


def test_capabilities_take_a_token(server: Server):
    """`/capabilities` takes a token, as the homeserver wants it"""
    assert server.request("GET", f"{C}/v3/capabilities").status == 401


def test_delegated_leaves(homeserver: Synapse | Dendrite, somebody: User):
    """`delegate_delayed_leave` reaches the homeserver unchanged: any other answer than its own misleads Element Call"""
    path = f"{C}/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave"
    for token in [None, "nobody", somebody.token]:
        theirs = homeserver.request("POST", path, token=token, body={})
        ours = somebody.request("POST", path, token=token, body={})
        assert (ours.status, ours.body) == (theirs.status, theirs.body)
        assert ours.status == 404
