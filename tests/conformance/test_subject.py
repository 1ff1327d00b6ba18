from __future__ import annotations

from typing import Any

import pytest

from avatar_protocols.adapter.v1 import Claim, Description
from avatar_protocols.registry import PROTOCOLS
from conformance.adapter import AdapterTarget
from conformance.subject import (
    Subject,
    adapter_subject,
    inapplicable,
    server_subject,
    suite_version,
    unreachable,
)
from conformance.target import ServerTarget, Target
from tests.conformance.helpers import scenario

CLIENT = Target(protocol="liveavatar", revision="0.2", role="client")


def described(**claim: Any) -> Description:
    claimed = {"protocol": "liveavatar", "revisions": ["0.2"], "roles": ["client"], **claim}
    return Description(
        contract=1, name="agent", version="7", language="rust", implementations=[Claim(**claimed)]
    )


def server(**members: Any) -> Target:
    target = ServerTarget(**members)
    return Target(protocol="avatarkit", revision="0.1.7", role="server", server=target)


def test_a_client_is_what_its_adapter_says() -> None:
    told = described(features=["clock"], missing={"sandbox": "no key"})
    subject, claim = adapter_subject(told, CLIENT)
    assert claim is told.implementations[0]
    assert subject == Subject(
        name="agent",
        version="7",
        language="rust",
        features=("clock",),
        missing={"sandbox": "no key"},
    )


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ({"revisions": ["0.2.1"]}, True),  # an alias
        ({"revisions": ["9", "0.2"]}, True),
        ({"revisions": ["9"]}, False),
        ({"roles": ["server"]}, False),
        ({"protocol": "avatarkit", "revisions": ["0.1.7"]}, False),
    ],
)
def test_what_a_client_has_to_claim(claim: dict[str, Any], *, claims: bool) -> None:
    subject, found = adapter_subject(described(features=["clock"], **claim), CLIENT)
    assert (found is not None) is claims
    assert subject.name == "agent"
    assert subject.features == (("clock",) if claims else ())


def test_an_adapter_may_hold_several_implementations() -> None:
    rows = [
        Claim(protocol="liveavatar", revisions=["9"], roles=["client"], features=["clock"]),
        Claim(protocol="liveavatar", revisions=["0.2"], roles=["server"], name="the other end"),
        Claim(protocol="liveavatar", revisions=["0.2"], roles=["client"], features=["sandbox"]),
    ]
    told = Description(contract=1, name="both", version="1", language="go", implementations=rows)
    client, found = adapter_subject(told, CLIENT)
    assert found is rows[2]
    assert (client.name, client.features) == ("both", ("sandbox",))
    target = Target(protocol="liveavatar", revision="0.2", role="server")
    assert adapter_subject(told, target)[0].name == "the other end"
    row = Target(protocol="liveavatar", revision="0.2", role="server", known_as="both-server")
    assert adapter_subject(told, row)[0].name == "both-server"


def test_our_own_platforms_do_everything() -> None:
    every = (*PROTOCOLS["avatarkit"].features, "triggers")
    ours = server_subject(server())
    assert (ours.name, ours.version) == ("avatarkit mock platform", suite_version())
    assert ours.features == every
    controlled = server_subject(server(urls={"console": "http://x"}, control="http://x/control"))
    assert (controlled.name, controlled.features) == ("http://x", every)


def test_other_servers_are_what_the_flags_say() -> None:
    subject = server_subject(server(urls={"console": "http://x"}, features=("egress",)))
    assert subject.features == ("egress",)
    assert "triggers" in subject.missing
    assert subject.name == "http://x"
    triggers = {"urls": {"console": "http://x"}, "triggers": {"idle": "http://x/idle"}}
    subject = server_subject(server(**triggers))
    assert (subject.features, subject.missing) == (("triggers",), {})
    triggers["triggers"] = {"advance": "http://x/advance"}
    assert server_subject(server(**triggers)).features == ("triggers", "clock")


def test_a_scenario_concerns_who_has_what_it_needs() -> None:
    made = scenario({"open": {}}, needs=("clock", "sandbox"))
    able = Subject(name="a", features=("clock", "sandbox", "more"))
    assert inapplicable(made, able) == ""
    assert inapplicable(scenario({"open": {}}), Subject(name="a")) == ""
    unable = Subject(name="a", missing={"sandbox": "no key"})
    assert inapplicable(made, unable) == (
        "the implementation does not claim clock, sandbox (no key)"
    )


@pytest.mark.parametrize(
    ("members", "reach"),
    [
        ({}, {"ours", "controlled", "theirs", "behind an adapter"}),
        ({"plan": ({"on": "open", "do": []},)}, {"ours", "controlled"}),
        ({"platform": {"pace": True}}, {"ours", "behind an adapter"}),
    ],
)
def test_which_servers_a_scenario_can_be_played_against(
    members: dict[str, Any], reach: set[str]
) -> None:
    made = scenario({"open": {}}, role="server", **members)
    urls = {"console": "http://x"}
    targets = {
        "ours": server(),
        "controlled": server(urls=urls, control="http://x/control"),
        "theirs": server(urls=urls),
        "behind an adapter": Target(
            protocol="avatarkit", revision="0.1.7", role="server", adapter=AdapterTarget()
        ),
    }
    found = {name: unreachable(made, target) for name, target in targets.items()}
    assert {name for name, reason in found.items() if not reason} == reach
    assert set(found.values()) <= {"", "the scenario needs a server that is set up for it"}


def test_a_server_elsewhere_tells_nothing_beside_the_wire() -> None:
    server = ServerTarget(urls={"room": "ws://127.0.0.1:1"}, control="http://127.0.0.1:1")
    subject = server_subject(
        Target(protocol="videosdk", revision="1.0", role="server", server=server)
    )
    assert "input_events" not in subject.features
    assert "adapter" in subject.missing["input_events"]
    assert "worker" in subject.features
