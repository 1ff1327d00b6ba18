from __future__ import annotations

import pytest

from conformance.reports.summary import groups, printable, reproduce, requirements_of, shown
from tests.conformance.reports.sample import results, verdict


def test_the_worst_verdict_decides() -> None:
    (group,) = groups(results())
    cells = {cell.requirement: cell for cell in group.cells}
    assert cells["AVK-HS-002"].outcome == "fail"
    assert len(cells["AVK-HS-002"].verdicts) == 2
    assert cells["AVK-HS-012"].outcome == "warning"
    assert cells["AVK-HS-001"].outcome == "pass"
    assert cells[""].message == "bad file"


@pytest.mark.parametrize(
    ("level", "strict", "outcome"),
    [
        ("MUST", False, "fail"),
        ("SHOULD", False, "warning"),
        ("SHOULD", True, "fail"),
        ("MAY", True, "warning"),
    ],
)
def test_levels(level: str, strict: bool, outcome: str) -> None:
    assert shown(verdict("AVK-HS-001", "fail", level=level), strict=strict) == outcome
    assert shown(verdict("AVK-HS-001", "pass", level=level), strict=strict) == "pass"


def test_what_is_known_is_shown_as_known() -> None:
    bad = verdict("AVK-HS-001", "fail", known="why")
    assert shown(bad, strict=True) == "known"
    good = verdict("AVK-HS-001", "pass", scenario="avatarkit/client/topic/other")
    (group,) = groups(results(verdicts=[good, bad]))
    assert [cell.outcome for cell in group.cells] == ["known"]


def test_one_scenario_can_be_played_again() -> None:
    assert reproduce(results(), "a/b") == (
        "understudy certify --client 'a b' --protocol avatarkit --only a/b --seed 7"
    )
    plain = results(command="", seed=0)
    assert reproduce(plain, "a/b") == "understudy certify --only a/b"


def test_text_becomes_harmless() -> None:
    assert (
        printable("a\x1b[31m\x00\nb\té")
        == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}\nb\té"
    )
    assert printable("x" * 100, 10) == "x" * 10 + "… (100 characters)"


def test_unknown_revisions_have_no_requirements() -> None:
    assert requirements_of("avatarkit", "9.9") == {}
    assert requirements_of("bogus", "1") == {}
    assert "AVK-HS-001" in requirements_of("avatarkit", "0.1.7")
