"""From findings to verdicts.

A verdict is what one scenario says about one requirement:

1. a finding that failed                        -> fail
2. else a finding that passed                   -> pass
3. else the steps ended early                   -> fail, "never reached: step N …"
   (could-not-run, if they ended at a command that was answered `unsupported`: a scenario names in
   `needs` what it takes, and without the feature it is not-applicable and not played at all)
4. else                                         -> could-not-run: the suite saw nothing of the rule

A server that answers `serve` by `unsupported` cannot be set up as the scenario wants: the scenario
is not-applicable to it, with the reason that it gave.

Zero checks never pass. What is the suite's or the adapter's fault is harness-error, never a pass
and never the implementation's failure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.checks import Check, Checks, Finding
    from conformance.scenario import Scenario
    from conformance.trace import Trace

__all__ = ["Judgement", "Level", "Outcome", "Played", "Stop", "judge", "not_applicable", "unusable"]

Level = Literal["MUST", "SHOULD", "MAY"]


class Outcome(StrEnum):
    """What a verdict says, from best to worst."""

    PASS = "pass"  # noqa: S105 - an outcome
    NOT_APPLICABLE = "not-applicable"
    COULD_NOT_RUN = "could-not-run"
    HARNESS_ERROR = "harness-error"
    FAIL = "fail"


_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


class Stop(StrEnum):
    """Why the steps of a scenario ended."""

    MET = "met"
    UNMET = "unmet"
    UNSUPPORTED = "unsupported"
    INAPPLICABLE = "inapplicable"
    HARNESS = "harness"


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario that has been played.

    Attributes:
        stop: why its steps ended.
        problem: what exactly stopped them, with the step's number; "" if all were met.
    """

    stop: Stop = Stop.MET
    problem: str = ""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What one scenario says about one requirement.

    Attributes:
        requirement: its id.
        level: its level.
        outcome: the verdict.
        message: what was wrong and why; "" for a plain pass.
        check: id of the check that decided, if it is not the requirement's own.
        records: offending records, by seq.
        observed: which of several allowed behaviours were seen.
    """

    requirement: str
    level: Level
    outcome: Outcome
    message: str = ""
    check: str = ""
    records: tuple[int, ...] = ()
    observed: tuple[str, ...] = ()


def judge(
    scenario: Scenario,
    played: Played,
    trace: Trace,
    checks: Checks,
    levels: Mapping[str, Level],
) -> list[Judgement]:
    """The verdicts of a scenario, one for each requirement it verifies or that an always-check saw.

    Args:
        scenario: what was played.
        played: how that went.
        trace: what was recorded.
        checks: the checks of its protocol and role.
        levels: level by requirement, of the revision that was played.
    """
    if played.stop is Stop.HARNESS:
        return unusable(scenario, played.problem, levels)
    if played.stop is Stop.INAPPLICABLE:
        return not_applicable(scenario, played.problem, levels)
    bench = _Bench(played, trace, checks, levels)
    verdicts: dict[str, Judgement] = {}
    for name in scenario.verifies:
        found = bench.verify(name)
        known = verdicts.get(found.requirement)
        verdicts[found.requirement] = found if known is None else _worse(known, found)
    for item in checks.always:
        if item.requirement not in verdicts and bench.holds(item):
            seen = bench.run([item])
            if seen is not None:
                verdicts[item.requirement] = seen
    return list(verdicts.values())


def not_applicable(scenario: Scenario, reason: str, levels: Mapping[str, Level]) -> list[Judgement]:
    """The verdicts of a scenario that does not concern this implementation."""
    return _all(scenario, Outcome.NOT_APPLICABLE, reason, levels)


def unusable(scenario: Scenario, problem: str, levels: Mapping[str, Level]) -> list[Judgement]:
    """The verdicts of a scenario that the suite or the adapter spoilt."""
    return _all(scenario, Outcome.HARNESS_ERROR, problem, levels)


def _all(
    scenario: Scenario, outcome: Outcome, message: str, levels: Mapping[str, Level]
) -> list[Judgement]:
    return [
        Judgement(
            requirement=requirement,
            level=levels.get(requirement, "MUST"),
            outcome=outcome,
            message=message,
        )
        for requirement in scenario.requirements
    ]


_SILENT = {
    Stop.MET: Outcome.COULD_NOT_RUN,
    Stop.UNMET: Outcome.FAIL,
    Stop.UNSUPPORTED: Outcome.COULD_NOT_RUN,
}


class _Bench:
    """Judges the requirements of one played scenario."""

    def __init__(
        self, played: Played, trace: Trace, checks: Checks, levels: Mapping[str, Level]
    ) -> None:
        self._played = played
        self._trace = trace
        self._checks = checks
        self._levels = levels
        self._revision = trace.header.revision

    def holds(self, check: Check) -> bool:
        return not check.revisions or self._revision in check.revisions

    def verify(self, name: str) -> Judgement:
        """What the scenario says about one entry of its ``verifies``."""
        requirement = name.partition(".")[0]
        if requirement not in self._levels:
            problem = f"revision {self._revision} has no requirement {requirement}"
            return self._verdict(requirement, Outcome.HARNESS_ERROR, problem)
        named = [item for item in self._checks.named(name) if self.holds(item)]
        if not named:
            problem = f"no check {name} exists for this role"
            return self._verdict(requirement, Outcome.COULD_NOT_RUN, problem)
        decided = self.run(named)
        if decided is not None:
            return decided
        check = "" if name == requirement else name
        outcome = _SILENT[self._played.stop]
        return self._verdict(requirement, outcome, _silence(self._played), check=check)

    def run(self, checks: Sequence[Check]) -> Judgement | None:
        """Run checks of one requirement; None if none of them found anything."""
        requirement = checks[0].requirement
        findings: list[tuple[Check, Finding]] = []
        for item in checks:
            try:
                findings += [(item, finding) for finding in item.function(self._trace)]
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its own fault
                problem = f"the check {item.id} failed: {_describe(error)}"
                return self._verdict(requirement, Outcome.HARNESS_ERROR, problem, check=item.id)
        broken = [(item, finding) for item, finding in findings if not finding.ok]
        if broken:
            item, finding = broken[0]
            more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
            return self._verdict(
                requirement,
                Outcome.FAIL,
                f"{finding.message}{more}",
                check="" if item.id == requirement else item.id,
                records=finding.records,
            )
        if not findings:
            return None
        seen = tuple(dict.fromkeys(f.observed for _, f in findings if f.observed))
        return self._verdict(requirement, Outcome.PASS, "", observed=seen)

    def _verdict(
        self,
        requirement: str,
        outcome: Outcome,
        message: str,
        *,
        check: str = "",
        records: tuple[int, ...] = (),
        observed: tuple[str, ...] = (),
    ) -> Judgement:
        return Judgement(
            requirement=requirement,
            level=self._levels.get(requirement, "MUST"),
            outcome=outcome,
            message=message,
            check=check,
            records=records,
            observed=observed,
        )


def _silence(played: Played) -> str:
    if played.stop is Stop.UNMET:
        return f"never reached: {played.problem}"
    if played.stop is Stop.MET:
        return "every step was met, yet the check saw nothing: the scenario does not show this rule"
    return played.problem


def _worse(one: Judgement, other: Judgement) -> Judgement:
    return max(one, other, key=lambda judgement: _SEVERITY[judgement.outcome])


def _describe(error: Exception) -> str:
    traceback = error.__traceback__
    line = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        line = f" ({code.co_name}, line {traceback.tb_lineno})"
        traceback = traceback.tb_next
    return f"{type(error).__name__}: {error}{line}"
