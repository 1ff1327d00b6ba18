from __future__ import annotations

from typing import Any

import pytest

from conformance import checks
from conformance.checks import Checks, check, checks_of, failed, passed
from conformance.errors import CheckError
from tests.conformance.helpers import record


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    empty: dict[Any, Any] = {}
    monkeypatch.setattr(checks, "_registry", empty)
    return empty


def function(module: str = "conformance.checks.avatarkit.topic") -> Any:
    def judge(_trace: Any) -> Any:
        yield passed()

    judge.__module__ = module
    return judge


def test_a_check_belongs_to_the_protocol_of_its_package(registry: dict[Any, Any]) -> None:
    check("AVK-HS-001", role="client")(function())
    (made,) = registry.values()
    assert (made.id, made.protocol, made.role, made.always) == (
        "AVK-HS-001",
        "avatarkit",
        "client",
        False,
    )


def test_both_roles(registry: dict[Any, Any]) -> None:
    check("AVK-HS-001.text", role="both", always=True, revisions=["1"])(function())
    assert {made.role for made in registry.values()} == {"client", "server"}
    assert all(made.requirement == "AVK-HS-001" for made in registry.values())
    assert all(made.revisions == ("1",) for made in registry.values())


@pytest.mark.parametrize("identifier", ["", "HS-001", "AVK-HS-1", "AVK-HS-001.", "avk-hs-001"])
def test_ids_have_a_form(identifier: str) -> None:
    with pytest.raises(CheckError, match="no check id"):
        check(identifier, role="client")


def test_an_id_is_taken_once(registry: dict[Any, Any]) -> None:
    first = function()
    check("AVK-HS-001", role="client")(first)
    check("AVK-HS-001", role="client")(first)
    check("AVK-HS-001", role="server")(function())
    with pytest.raises(
        CheckError, match=r"AVK-HS-001 \(client\) is checked by .* and by .* suffix"
    ):
        check("AVK-HS-001", role="both")(function())
    assert len(registry) == 2


@pytest.mark.parametrize("module", ["elsewhere", "conformance.checks.avatarkit"])
@pytest.mark.usefixtures("registry")
def test_checks_have_a_place(module: str) -> None:
    with pytest.raises(CheckError, match="checks live in"):
        check("AVK-HS-001", role="client")(function(module))


@pytest.mark.usefixtures("registry")
def test_lookup() -> None:
    for name in ("AVK-HS-001.a", "AVK-HS-001.b", "AVK-HS-002"):
        check(name, role="client", always=name.endswith("2"))(function())
    found = Checks(checks._registry.values())
    assert len(found) == 3
    assert [c.id for c in found.named("AVK-HS-001")] == ["AVK-HS-001.a", "AVK-HS-001.b"]
    assert [c.id for c in found.named("AVK-HS-001.b")] == ["AVK-HS-001.b"]
    assert found.named("AVK-HS-001.c") == []
    assert found.named("AVK-HS-003") == []
    assert [c.id for c in found.always] == ["AVK-HS-002"]
    assert len(list(found)) == 3


def test_findings_name_their_records() -> None:
    one, two = record(1, "message"), record(2, "message")
    assert passed(one, None, two, observed="x").records == (1, 2)
    assert failed(two, "no", one).records == (2, 1)
    assert failed(None, "no").records == ()


def test_modules_are_discovered() -> None:
    assert len(checks_of("avatarkit", "client")) > 10
    assert {c.role for c in checks_of("avatarkit", "server")} <= {"server"}
    assert len(checks_of("no_such_protocol", "client")) == 0
