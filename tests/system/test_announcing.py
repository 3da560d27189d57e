"""Clients learn from the usual places that delayed events are there."""

from collections.abc import Callable

from .gateway import Afterword
from .homeservers import Synapse
from .matrix import C, Server, User

FEATURES = {"org.matrix.msc4140", "org.matrix.msc4140.stable", "org.matrix.msc4486"}
CAPABILITIES = ["m.delayed_events", "org.matrix.msc4140.delayed_events"]


def test_versions_are_the_homeservers_with_our_features(synapse: Synapse, afterword: Server):
    theirs = synapse.request("GET", f"{C}/versions").ok()
    ours = afterword.request("GET", f"{C}/versions").ok()
    assert ours["versions"] == theirs["versions"]
    assert ours["unstable_features"] == theirs["unstable_features"] | {feature: True for feature in FEATURES}


def test_versions_are_told_to_users_too(alice: User):
    assert alice.request("GET", f"{C}/versions").ok()["unstable_features"]["org.matrix.msc4140"] is True


def test_capabilities_are_the_homeservers_with_our_limits(synapse: Synapse, alice: User):
    theirs = alice.at(synapse).request("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    ours = alice.request("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    limits = {"max_delay_ms": 24 * 3_600_000, "max_scheduled": 100}
    assert ours == theirs | {capability: limits for capability in CAPABILITIES}


def test_a_limit_that_is_not_enforced_is_not_announced(alice: User, start_another: Callable[..., Afterword]):
    alice = alice.at(start_another({"limits.max_scheduled_per_user": "none", "limits.max_delay": "none"}))
    capabilities = alice.request("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    assert [capabilities[capability] for capability in CAPABILITIES] == [{}, {}]


def test_capabilities_take_a_token(afterword: Server):
    assert afterword.request("GET", f"{C}/v3/capabilities").status == 401
