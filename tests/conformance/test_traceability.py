from __future__ import annotations

from typing import Any

import pytest

from avatar_protocols.tables import Requirement
from conformance import traceability
from conformance.checks import Check, Checks
from conformance.target import active, resolve
from conformance.traceability import gaps, trails
from tests.conformance.helpers import scenario

INFO = resolve("avatarkit")


def requirement(name: str, **members: Any) -> Requirement:
    told = {
        "level": "MUST",
        "role": "client",
        "revisions": ("0.1.7",),
        "text": "a rule",
        "source": "doc",
        "observable": "wire",
        "checks": (name,),
        **members,
    }
    return Requirement(id=name, **told)


def check(name: str) -> Check:
    return Check(
        id=name,
        protocol="avatarkit",
        role="client",
        always=False,
        revisions=(),
        function=lambda _: iter(()),
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the requirements, checks and scenarios of the client."""

    def make(*rows: Requirement, checks: Any = (), scenarios: Any = ()) -> list[str]:
        monkeypatch.setattr(traceability, "_requirements", lambda _: {r.id: r for r in rows})
        monkeypatch.setattr(
            traceability, "checks_of", lambda _, __: Checks(check(name) for name in checks)
        )
        monkeypatch.setattr(traceability, "discover", lambda *_: list(scenarios))
        return [f"{gap.rule} {gap}" for gap in gaps(INFO, ["client"])]

    return make


A = "AVK-HS-001"


def test_a_whole_trail(world: Any) -> None:
    made = scenario({"open": {}}, verifies=(A,), needs=("clock", "triggers"))
    assert world(requirement(A), checks=[A], scenarios=[made]) == []
    (trail,) = trails(INFO, "client")
    assert trail.checks == (A,)
    assert trail.scenarios == (made.id,)
    assert trail.observable


def test_a_check_without_a_requirement(world: Any) -> None:
    assert world(checks=["AVK-HS-009"]) == [
        "1 AVK-HS-009 (client): a check of a requirement that this role does not have"
    ]


def test_a_check_that_the_requirement_does_not_list(world: Any) -> None:
    made = scenario({"open": {}}, verifies=(A,))
    (gap,) = world(requirement(A), checks=[A, f"{A}.extra"], scenarios=[made])
    assert gap == f"1 {A}.extra (client): a check that is not among {A}'s `checks`"


def test_a_check_that_does_not_exist(world: Any) -> None:
    made = scenario({"open": {}}, verifies=(A,))
    found = world(requirement(A), scenarios=[made])
    assert f"2 {A} (client): the check {A} does not exist" in found
    assert any(gap.startswith(f"4 {made.id} (client): verifies {A}") for gap in found)


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({}, 1),
        ({"level": "SHOULD"}, 1),
        ({"level": "MAY"}, 0),
        ({"observable": "no: it is inside"}, 0),
        ({"role": "both", "client_observable": "no: it is inside"}, 0),
        ({"role": "server", "checks": ()}, 0),
    ],
)
def test_what_no_scenario_verifies(world: Any, members: dict[str, Any], count: int) -> None:
    checks = [A] if members.get("role") != "server" else []
    found = world(requirement(A, **members), checks=checks)
    assert [gap[0] for gap in found] == ["3"] * count


def test_a_feature_that_nobody_named(world: Any) -> None:
    made = scenario({"open": {}}, verifies=(A,), needs=("wings",))
    assert world(requirement(A), checks=[A], scenarios=[made]) == [
        f"5 {made.id} (client): needs wings: no such feature"
    ]


def test_what_another_revision_has_is_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"0.1.8": {A: requirement(A, level="MAY", revisions=("0.1.8",))}}
    monkeypatch.setattr(traceability, "_requirements", lambda info: rows.get(info.id, {}))
    monkeypatch.setattr(traceability, "checks_of", lambda _, __: Checks([check(A)]))
    monkeypatch.setattr(traceability, "discover", lambda *_: [])
    for revision in ("0.1.8", "0.1.8-documented"):
        assert gaps(resolve("akool", revision), ["client"]) == []


@pytest.mark.parametrize("info", active(), ids=lambda info: f"{info.protocol}-{info.id}")
@pytest.mark.parametrize("role", ["client", "server"])
def test_the_suite_leaves_no_gap(info: Any, role: Any) -> None:
    assert [str(gap) for gap in gaps(info, [role])] == []
