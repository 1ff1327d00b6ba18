from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from conformance.errors import UsageError
from conformance.scenario import discover
from understudy import catalogue
from understudy.catalogue import explain_requirement, list_scenarios

if TYPE_CHECKING:
    from pathlib import Path

TWO = """\
protocol: avatarkit
role: client
topic: topic
scenarios:
  - id: one
    title: The first
    needs: [clock, expiry]
    steps: [{open: {}}]
    verifies: [AVK-HS-001, AVK-HS-002]
  - id: two
    title: The second
    steps: [{open: {}}]
    verifies: [AVK-HS-001, AVK-CONN-007]
"""


def listed(protocol: str = "", role: str = "", *only: str, as_json: bool = False) -> int:
    return list_scenarios(protocol=protocol, role=role, only=only, as_json=as_json)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two scenarios, in the place of the suite's own."""
    path = tmp_path / "avatarkit" / "client" / "topic.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TWO, encoding="utf-8")
    monkeypatch.setattr(catalogue, "discover", partial(discover, folder=tmp_path))
    return path


@pytest.mark.usefixtures("folder")
def test_a_scenario_is_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed() == 0
    assert capsys.readouterr().out == (
        "avatarkit/client/topic/one  [AVK-HS-001, AVK-HS-002]  needs clock, expiry\n"
        "    The first\n"
        "avatarkit/client/topic/two  [AVK-HS-001, AVK-CONN-007]\n"
        "    The second\n"
        "2 scenarios\n"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("protocol", "role", "only", "count"),
    [
        ("avatarkit", "client", (), 2),
        ("liveavatar", "", (), 0),
        ("", "server", (), 0),
        ("", "", ("two",), 1),
        ("", "", ("AVK-HS-002",), 1),
        ("", "", ("nothing",), 0),
    ],
)
def test_which_are_listed(
    capsys: pytest.CaptureFixture[str], protocol: str, role: str, only: tuple[str, ...], count: int
) -> None:
    assert listed(protocol, role, *only) == 0
    assert capsys.readouterr().out.endswith(f"{count} scenarios\n")


@pytest.mark.usefixtures("folder")
def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["broken"] == []
    first, second = document["scenarios"]
    assert (first["id"], first["needs"]) == ("avatarkit/client/topic/one", ["clock", "expiry"])
    assert second["title"] == "The second"


@pytest.mark.parametrize("as_json", [True, False])
def test_malformed_scenarios_are_told_beside_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    folder.with_name("worse.yaml").write_text("scenarios: [", encoding="utf-8")
    assert listed(as_json=as_json) == 2
    out, err = capsys.readouterr()
    assert err.startswith("malformed: avatarkit/client/worse.yaml:")
    if as_json:
        (message,) = json.loads(out)["broken"]
        assert err == f"malformed: {message}\n"
    else:
        assert out.endswith("2 scenarios\n")


def test_mistakes_in_a_request_for_a_list() -> None:
    with pytest.raises(UsageError, match="--role is client or server, not 'judge'"):
        listed(role="judge")
    with pytest.raises(UsageError, match="bogus"):
        listed("bogus")


def explained(capsys: pytest.CaptureFixture[str], name: str, revision: str = "") -> str:
    assert explain_requirement(name, revision) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_what_is_known_of_a_requirement(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, "AVK-CONN-007").splitlines() == [
        "AVK-CONN-007  MUST  both  avatarkit 0.1.7",
        "  No WebSocket subprotocol is offered, and none is selected.",
        "  source      sdk",
        "  as client   observable: wire",
        "    check     AVK-CONN-007: No subprotocol is offered.",
        "    scenario  avatarkit/client/topic/two",
        "    try it    understudy certify --protocol avatarkit --role client --only AVK-CONN-007",
        "  as server   observable: wire",
        "    check     AVK-CONN-007: No subprotocol is selected.",
    ]


def test_revisions_that_differ_in_nothing_are_told_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = explained(capsys, "AKO-CONN-003")
    assert out.startswith("AKO-CONN-003  MUST  both  akool 0.1.8, 0.1.8-documented, 0.1.9\n")
    assert out.count("source") == 1
    assert "akool 0.1.9\n" in explained(capsys, "AKO-CONN-003", "0.1.9")


def test_open_points_and_lowered_levels_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys, "LAC-MSG-005")
    assert "  source      assumption, the sources disagree (OP-30)\n" in out
    out = explained(capsys, "AVK-AUTH-012")
    assert "AVK-AUTH-012  SHOULD  client" in out
    assert "  lowered     from MUST: The console refuses such a call anyway" in out


def test_a_requirement_that_no_scenario_verifies_has_nothing_to_try(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.unlink()
    out = explained(capsys, "AVK-HS-001")
    assert "scenario" not in out
    assert "try it" not in out


def test_scenarios_of_other_revisions_are_no_help(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TWO.replace("title: The second", "title: The second\n    revisions: ['9']")
    folder.write_text(text, encoding="utf-8")
    out = explained(capsys, "AVK-HS-001")
    assert "topic/one" in out
    assert "topic/two" not in out


def test_a_revision_may_be_named_by_its_alias(capsys: pytest.CaptureFixture[str]) -> None:
    everything = explained(capsys, "LAC-MSG-005")
    assert explained(capsys, "LAC-MSG-005", "0.2") == everything
    assert explained(capsys, "LAC-MSG-005", "0.2.1") == everything


@pytest.mark.parametrize(
    ("name", "revision", "told"),
    [
        ("X-1", "", "no requirement 'X-1': ids look like AVK-HS-004"),
        ("X-1", "0.2", "no requirement 'X-1': ids look like AVK-HS-004"),
        ("AVK-HS-001", "0.2", "--revision 0.2: AVK-HS-001 is a rule of avatarkit 0.1.7"),
    ],
)
def test_mistakes_in_a_request_for_an_explanation(name: str, revision: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain_requirement(name, revision)
    assert str(caught.value) == told
