from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.judge import Judgement, Outcome
from conformance.results import (
    EXIT_STATUS,
    Collector,
    RunInfo,
    read_results,
    write_results,
)
from conformance.scenario import Broken
from conformance.schema import violation
from conformance.subject import Subject
from conformance.target import Target
from conformance.worker import Job, Report
from tests.conformance.helpers import fake, scenario

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target(
    protocol="avatarkit",
    revision="0.1.7",
    role="client",
    adapter=fake(),
    name="x",
    packaging=("It calls itself 2.",),
)


def collector(*outcomes: Any, strict: bool = False, jobs: int | None = None) -> Collector:
    """A run whose scenarios had these outcomes; (outcome, level) for another level than MUST."""
    count = len(outcomes) if jobs is None else jobs
    made = tuple(Job(number=n, target=0, scenario=scenario({"open": {}})) for n in range(count))
    found = Collector(RunInfo(seed=3, strict=strict), (TARGET,), made)
    for number, told in enumerate(outcomes):
        outcome, level = told if isinstance(told, tuple) else (told, "MUST")
        judgement = Judgement(
            requirement="AVK-HS-001", level=level, outcome=Outcome(outcome), message="why"
        )
        subject = Subject(name="impl", version="2", features=("b", "a"))
        found.add(Report(job=number, judgements=(judgement,), subject=subject, trace="t"))
    return found


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (["pass"], 0),
        (["pass", "not-applicable"], 0),
        (["pass", "fail"], 1),
        (["fail", "harness-error"], 1),
        (["pass", "could-not-run"], 2),
        (["pass", "harness-error"], 2),
        (["not-applicable"], 2),
        ([], 2),
        (["pass", ("fail", "SHOULD")], 0),
        (["pass", ("fail", "MAY")], 0),
    ],
)
def test_what_a_run_comes_to(outcomes: list[Any], status: int) -> None:
    assert EXIT_STATUS[collector(*outcomes).finish().outcome] == status


def test_a_strict_run_fails_by_a_should_but_by_no_may() -> None:
    assert collector("pass", ("fail", "SHOULD"), strict=True).finish().outcome == "failed"
    assert collector("pass", ("fail", "MAY"), strict=True).finish().outcome == "certified"


def test_a_run_that_was_broken_off_is_not_certified() -> None:
    assert collector("pass", jobs=2).finish().outcome == "could-not-run"


def test_counts() -> None:
    found = collector(
        "pass", "fail", ("fail", "SHOULD"), "not-applicable", "harness-error"
    ).finish()
    counts = found.counts
    assert (counts.pass_, counts.fail, counts.warning) == (1, 1, 1)
    assert (counts.not_applicable, counts.could_not_run, counts.harness_error) == (1, 0, 1)


def test_verdicts_carry_what_others_script_against() -> None:
    (verdict,) = collector("fail").finish().verdicts
    assert verdict.protocol == "avatarkit"
    assert verdict.revision == "0.1.7"
    assert verdict.role == "client"
    assert verdict.scenario == "avatarkit/client/topic/name"
    assert verdict.requirement == "AVK-HS-001"
    assert verdict.level == "MUST"
    assert verdict.outcome == "fail"
    assert verdict.message == "why"
    assert verdict.trace == "t"
    assert verdict.implementation == "impl"


def test_a_scenario_that_cannot_be_read_blocks() -> None:
    found = collector("pass")
    broken = Broken(id="a/client/x.yaml", protocol="avatarkit", role="client", message="bad")
    found.add_broken(broken, 0)
    results = found.finish()
    assert results.outcome == "could-not-run"
    first = results.verdicts[0]
    assert (first.requirement, first.outcome, first.message) == ("", "harness-error", "bad")
    assert results.scenarios[0].problem == "bad"


def test_implementations_are_described() -> None:
    (who,) = collector("pass").finish().implementations
    assert (who.name, who.version, who.features) == ("impl", "2", ["a", "b"])
    assert "fakes.py" in who.target
    assert who.packaging == ["It calls itself 2."]


def test_the_file_is_what_its_schema_says(tmp_path: Path) -> None:
    import json

    results = collector("pass", ("fail", "SHOULD"), "not-applicable").finish()
    path = tmp_path / "deep" / "results.json"
    write_results(path, results)
    assert violation("results", "", json.loads(path.read_bytes())) is None
    assert read_results(path) == results


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"version": 2}', encoding="utf-8")
    with pytest.raises(ValueError, match="not a result file"):
        read_results(path)
