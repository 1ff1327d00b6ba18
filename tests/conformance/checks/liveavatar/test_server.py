"""Every check of Live Avatar platforms passes on good traces and fails on broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.checks import checks_of
from conformance.trace import Trace
from tests.conformance.checks._mutants import load_rows, mutated, record, verdicts

PROTOCOL, ROLE = "liveavatar", "server"
TABLE = Path(__file__).with_name("server_mutants.yaml")
MUTANTS = load_rows(TABLE, "mutants")
HARMLESS = load_rows(TABLE, "harmless")
CHECKS = checks_of(PROTOCOL, ROLE)


def name_of(row: dict[str, Any]) -> str:
    return f"{row['check']}-{row.get('says', row.get('why', ''))}".replace("/", "-")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    """The scenarios of the table, played against the mock platform."""
    names = dict.fromkeys(row["scenario"] for row in (*MUTANTS, *HARMLESS))
    return record(PROTOCOL, ROLE, names, tmp_path_factory.mktemp("recordings"))


def test_no_check_blames_a_good_platform(recordings: dict[str, Trace]) -> None:
    """Nor does one where a scenario does not ask for it."""
    blamed = [
        (name, item.id, finding.message)
        for name, trace in recordings.items()
        for item in CHECKS
        for finding in item.function(trace)
        if not finding.ok
    ]

    assert blamed == []


def test_checks_cope_with_a_trace_that_ends_anywhere(recordings: dict[str, Trace]) -> None:
    for trace in recordings.values():
        for length in range(0, len(trace.records), 3):
            cut = Trace(trace.header, trace.records[:length])
            for item in CHECKS:
                assert all(finding.ok or finding.message for finding in item.function(cut))


@pytest.mark.parametrize("row", MUTANTS, ids=name_of)
def test_mutant_is_caught(row: dict[str, Any], recordings: dict[str, Trace]) -> None:
    good = recordings[row["scenario"]]
    before = verdicts(good, CHECKS, row["check"])
    assert before, "the check sees nothing in the good trace"
    assert all(finding.ok for finding in before), before

    after = verdicts(mutated(good, row["mutate"]), CHECKS, row["check"])

    said = [finding.message for finding in after if not finding.ok]
    assert said, "the check lets the mutant pass"
    assert any(row["says"] in message for message in said), said


@pytest.mark.parametrize("row", HARMLESS, ids=name_of)
def test_harmless_difference_passes(row: dict[str, Any], recordings: dict[str, Trace]) -> None:
    found = verdicts(mutated(recordings[row["scenario"]], row["mutate"]), CHECKS, row["check"])
    assert found, "the check sees nothing any more"
    assert all(finding.ok for finding in found), found


def test_every_check_has_a_mutant() -> None:
    assert {item.id for item in CHECKS} - {row["check"] for row in MUTANTS} == set()
