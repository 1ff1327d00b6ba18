from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.checks import Check, Checks, failed, passed
from conformance.judge import Outcome, Played, Stop, judge, not_applicable, unusable
from tests.conformance.helpers import record, scenario, trace

if TYPE_CHECKING:
    from conformance.judge import Level

A, B = "AVK-HS-001", "AVK-HS-002"
LEVELS: dict[str, Level] = {A: "MUST", B: "SHOULD"}
GOOD, BAD = record(5, "message"), record(6, "message")


def check(identifier: str, *findings: Any, **members: Any) -> Check:
    def function(_trace: Any) -> Any:
        for finding in findings:
            if isinstance(finding, Exception):
                raise finding
            yield finding

    told = {"always": False, "revisions": (), **members}
    return Check(id=identifier, protocol="avatarkit", role="client", function=function, **told)


def verdicts(*checks: Check, played: Played | None = None, verifies: tuple[str, ...] = (A,)) -> Any:
    found = judge(
        scenario({"open": {}}, verifies=verifies),
        played or Played(),
        trace(),
        Checks(checks),
        LEVELS,
    )
    return {item.requirement: item for item in found}


def test_one_failed_finding_fails() -> None:
    verdict = verdicts(check(A, passed(GOOD), failed(BAD, "wrong", GOOD), failed(None, "again")))[A]
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message == "wrong (and 1 more)"
    assert verdict.records == (6, 5)
    assert verdict.level == "MUST"


def test_passed_findings_pass_and_tell_what_was_seen() -> None:
    verdict = verdicts(check(A, passed(GOOD, observed="x"), passed(None), passed(observed="x")))[A]
    assert verdict.outcome is Outcome.PASS
    assert verdict.observed == ("x",)
    assert verdict.message == ""


def test_zero_findings_never_pass() -> None:
    verdict = verdicts(check(A))[A]
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert "saw nothing" in verdict.message


def test_zero_findings_after_a_step_that_was_not_met_fail() -> None:
    played = Played(stop=Stop.UNMET, problem="step 2 (await): waited")
    verdict = verdicts(check(A), played=played)[A]
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message == "never reached: step 2 (await): waited"


def test_what_was_seen_before_such_a_step_counts() -> None:
    played = Played(stop=Stop.UNMET, problem="x")
    assert verdicts(check(A, passed(GOOD)), played=played)[A].outcome is Outcome.PASS


def test_an_unsupported_command_could_not_run() -> None:
    played = Played(stop=Stop.UNSUPPORTED, problem="cannot")
    verdict = verdicts(check(A), played=played)[A]
    assert (verdict.outcome, verdict.message) == (Outcome.COULD_NOT_RUN, "cannot")


def test_a_harness_error_is_nobodys_pass() -> None:
    played = Played(stop=Stop.HARNESS, problem="garbage")
    verdict = verdicts(check(A, passed(GOOD)), played=played)[A]
    assert (verdict.outcome, verdict.message) == (Outcome.HARNESS_ERROR, "garbage")


def test_a_check_that_raises_is_a_harness_error() -> None:
    verdict = verdicts(check(A, passed(GOOD), KeyError("seq")))[A]
    assert verdict.outcome is Outcome.HARNESS_ERROR
    assert "AVK-HS-001 failed: KeyError: 'seq' (function, line" in verdict.message


def test_a_check_that_does_not_exist() -> None:
    assert verdicts()[A].outcome is Outcome.COULD_NOT_RUN
    assert "no check" in verdicts()[A].message


def test_a_requirement_that_does_not_exist() -> None:
    verdict = verdicts(check("AVK-XX-001", passed()), verifies=("AVK-XX-001",))["AVK-XX-001"]
    assert verdict.outcome is Outcome.HARNESS_ERROR


def test_a_requirement_means_all_its_checks() -> None:
    found = verdicts(check(f"{A}.text", passed()), check(f"{A}.binary", failed(BAD, "no")))
    assert found[A].outcome is Outcome.FAIL
    assert found[A].check == f"{A}.binary"


def test_a_check_that_is_named_has_to_see_something() -> None:
    checks = (check(f"{A}.text", passed()), check(f"{A}.binary"))
    assert verdicts(*checks)[A].outcome is Outcome.PASS
    named = verdicts(*checks, verifies=(f"{A}.text", f"{A}.binary"))
    assert named[A].outcome is Outcome.COULD_NOT_RUN
    assert named[A].check == f"{A}.binary"


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [((passed(),), Outcome.PASS), ((failed(BAD, "no"),), Outcome.FAIL), ((), None)],
)
def test_always_checks_count_where_they_see_something(findings: Any, outcome: Any) -> None:
    found = verdicts(check(A, passed()), check(B, *findings, always=True))
    assert (found[B].outcome if B in found else None) == outcome
    assert found[A].outcome is Outcome.PASS


def test_checks_of_other_revisions_do_not_count() -> None:
    other = check(A, failed(BAD, "no"), revisions=("9",))
    assert verdicts(other, check(f"{A}.new", passed()))[A].outcome is Outcome.PASS
    assert verdicts(other)[A].outcome is Outcome.COULD_NOT_RUN
    assert B not in verdicts(check(A, passed()), check(B, passed(), always=True, revisions=("9",)))


def test_verdicts_about_scenarios_that_were_not_played() -> None:
    made = scenario({"open": {}}, verifies=(A, f"{B}.x", f"{B}.y"))
    found = not_applicable(made, "no clock", LEVELS)
    assert [(v.requirement, v.level, v.outcome) for v in found] == [
        (A, "MUST", Outcome.NOT_APPLICABLE),
        (B, "SHOULD", Outcome.NOT_APPLICABLE),
    ]
    assert {v.outcome for v in unusable(made, "x", {})} == {Outcome.HARNESS_ERROR}
