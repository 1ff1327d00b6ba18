"""Known deviations: what an implementation is known to do wrong, row by row, in a file for each.

The scenarios still run. A failure that a row matches keeps its outcome and carries the row's
reason; it does not fail the run. A row that matches nothing any more is stale, and that does fail
the run: a baseline that nobody prunes hides the next regression. Whether a row is stale is decided
only where every scenario that could show its deviation was played; a part of a run cannot tell.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from avatar_protocols.results import Remark
from conformance import yaml
from conformance.errors import UsageError
from conformance.scenario import Role, matches
from conformance.schema import violation
from conformance.target import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from avatar_protocols.results import Implementation, Verdict
    from conformance.scenario import Scenario
    from conformance.target import Target

__all__ = ["BASELINES", "VENDORS", "Baseline", "Deviation", "Ledger", "load_baselines"]

BASELINES = Path(__file__).parent / "baselines"
"""The baselines of the vendors' SDKs, one file each."""

VENDORS = "vendors"
"""The word that stands for `BASELINES` on the command line."""

_Kind = Literal["stale", "expired", "unused"]
_BLOCKED = ("could-not-run", "harness-error")
_JUDGED = ("pass", "fail")
_QUOTED = 120
"""Characters quoted of a failure that a row does not match."""


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        requirement: the requirement that fails.
        message: text that the failure's message contains.
        scenario: id or glob of the scenarios it is limited to; "" for all.
        reason: what the implementation does, and what that contradicts.
        link: where it is reported; "" if nowhere.
        expires: last day (UTC) on which the row counts; None for no end.
        line: where it stands in its file, from 1.
    """

    requirement: str
    message: str
    reason: str
    scenario: str = ""
    link: str = ""
    expires: date | None = None
    line: int = 1

    @property
    def told(self) -> str:
        """The reason, and where to read more."""
        return f"{self.reason} ({self.link})" if self.link else self.reason

    def concerns(self, requirement: str, scenario: str) -> bool:
        """Whether a verdict on this requirement in this scenario could be the row's."""
        return requirement == self.requirement and self.reaches(scenario)

    def reaches(self, scenario: str) -> bool:
        """Whether the row is not limited to other scenarios."""
        return not self.scenario or matches(scenario, self.scenario)


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One file.

    Attributes:
        file: its path, as it is told to people.
        implementation: name of the implementation, as it describes itself.
        version: glob of its versions; "" for all.
        protocol, revision, role: what it is certified as.
        deviations: the rows.
    """

    file: str
    implementation: str
    protocol: str
    revision: str
    role: Role
    deviations: tuple[Deviation, ...]
    version: str = ""

    def stands_at(self, place: Implementation | Verdict | Target) -> bool:
        """Whether it is about this protocol, revision and role."""
        mine = (self.protocol, self.revision, self.role)
        return mine == (place.protocol, place.revision, place.role)

    def names(self, implementation: str, version: str) -> bool:
        """Whether it is about this implementation."""
        if implementation != self.implementation:
            return False
        return not self.version or fnmatchcase(version, self.version)


def load_baselines(place: str) -> tuple[Baseline, ...]:
    """Read what ``--baseline`` names: a file, a folder of them, or the packaged ones.

    Args:
        place: a path, or `VENDORS`.

    Raises:
        UsageError: there is none, or one is malformed; with file, line, rule and what to do.
    """
    path = BASELINES if place == VENDORS else Path(place)
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"--baseline {place}: the folder holds no *.yaml")
    return tuple(_load(file) for file in files)


def _load(path: Path) -> Baseline:
    file = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{file}: not a readable baseline: {error}") from error
    found = violation("baseline", "", document)
    if found is not None:
        where = ".".join(str(part) for part in found.path)
        raise _malformed(file, text, found.path, f"{where}: {found.message}", found.hint)
    revision = resolve(document["protocol"], document["revision"])
    rows = [
        {**row, "line": yaml.line_of(text, ("deviations", index))}
        for index, row in enumerate(document["deviations"])
    ]
    told = {**document, "file": file, "revision": revision.id, "deviations": rows}
    baseline = msgspec.convert(told, Baseline)
    table: dict[str, Any] = revision.load("requirements").REQUIREMENTS
    for index, row in enumerate(baseline.deviations):
        known = table.get(row.requirement)
        if known is None or known.role not in {baseline.role, "both"}:
            raise _malformed(
                file,
                text,
                ("deviations", index, "requirement"),
                f"{baseline.protocol} {revision.id} has no requirement {row.requirement} "
                f"for a {baseline.role}",
                "`understudy explain` knows them",
            )
    return baseline


def _malformed(
    file: str, text: str, path: tuple[str | int, ...], problem: str, hint: str
) -> UsageError:
    advice = f"; {hint}" if hint else ""
    return UsageError(f"{file}:{yaml.line_of(text, path)}: {problem}{advice}")


def _shown(path: Path) -> str:
    whole = path.resolve()
    here = Path.cwd()
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix()


class Ledger:
    """Which rows matched what, while a run goes on.

    Args:
        baselines: the baselines.
        today: the day that rows expire by.
    """

    def __init__(self, baselines: Sequence[Baseline], today: date) -> None:
        self._baselines = baselines
        self._today = today
        self._matched: Counter[tuple[str, int]] = Counter()

    def known(self, verdict: Verdict, version: str) -> str:
        """Why a verdict's failure is known; "" if it is not, or no failure at all.

        Args:
            verdict: the verdict.
            version: version of its implementation.
        """
        if verdict.outcome != "fail":
            return ""
        reasons: list[str] = []
        for baseline in self._baselines:
            if baseline.stands_at(verdict) and baseline.names(verdict.implementation, version):
                for row in baseline.deviations:
                    concerned = row.concerns(verdict.requirement, verdict.scenario)
                    if concerned and row.message in verdict.message:
                        self._matched[baseline.file, row.line] += 1
                        if not self._expired(row):
                            reasons.append(row.told)
        return reasons[0] if reasons else ""

    def remarks(
        self,
        implementations: Sequence[Implementation],
        verdicts: Sequence[Verdict],
        played: Sequence[tuple[Target, Scenario]],
        left_out: Sequence[tuple[Target, Scenario]],
    ) -> list[Remark]:
        """What is to be said of the baselines themselves, once the run is over.

        Args:
            implementations: what was certified.
            verdicts: everything that was found.
            played: the scenarios that were played.
            left_out: those that ``--only``, ``--shard`` or an early end left out.
        """
        told: list[Remark] = []
        for baseline in self._baselines:
            about = [who for who in implementations if baseline.stands_at(who)]
            names = {who.name for who in about if baseline.names(who.name, who.version)}
            if not names:
                told += self._unused(baseline, implementations)
                continue
            here = [
                verdict
                for verdict in verdicts
                if baseline.stands_at(verdict)
                and (verdict.implementation in names or not verdict.requirement)
            ]
            was, was_not = (
                [scenario for target, scenario in some if baseline.stands_at(target)]
                for some in (played, left_out)
            )
            for row in baseline.deviations:
                told += self._about(baseline, row, here, was, was_not)
        return told

    def _unused(
        self, baseline: Baseline, implementations: Sequence[Implementation]
    ) -> Iterable[Remark]:
        """A folder may hold baselines of others; one that nearly fits is a mistake."""
        near = [who for who in implementations if who.name == baseline.implementation]
        if near or len(self._baselines) == 1:
            wanted = _title(baseline, baseline.implementation, baseline.version)
            there = ", ".join(_title(who, who.name, who.version) for who in near or implementations)
            yield Remark(
                kind="unused",
                file=baseline.file,
                line=1,
                requirement="",
                message=f"it is about {wanted}; certified was {there}",
            )

    def _about(
        self,
        baseline: Baseline,
        row: Deviation,
        verdicts: Sequence[Verdict],
        played: Sequence[Scenario],
        left_out: Sequence[Scenario],
    ) -> Iterable[Remark]:
        found: tuple[_Kind, str] | None = None
        if self._expired(row):
            what = f"the row expired on {row.expires} and counts as absent"
            found = "expired", f"{what}: renew its date, or remove it"
        elif not self._matched[baseline.file, row.line]:
            found = _unmatched(row, verdicts, played, left_out)
        if found is not None:
            yield Remark(
                kind=found[0],
                file=baseline.file,
                line=row.line,
                requirement=row.requirement,
                message=found[1],
            )

    def _expired(self, row: Deviation) -> bool:
        return row.expires is not None and row.expires < self._today


def _unmatched(
    row: Deviation,
    verdicts: Sequence[Verdict],
    played: Sequence[Scenario],
    left_out: Sequence[Scenario],
) -> tuple[_Kind, str] | None:
    """The kind and text of the remark on a row that matched nothing; None if that says nothing."""
    seen = [v for v in verdicts if row.concerns(v.requirement, v.scenario)]
    verifying = [s for s in played if row.requirement in s.requirements and row.reaches(s.id)]
    beyond = [s for s in left_out if row.reaches(s.id)]
    missing = [s for s in beyond if row.requirement in s.requirements]
    if not (seen or verifying or beyond):
        where = f" of {row.scenario}" if row.scenario else ""
        return "unused", f"no scenario{where} shows the rule: correct the row, or remove it"
    spoilt = [v for v in verdicts if not v.requirement] + seen
    judged = [v for v in seen if v.outcome in _JUDGED]
    if missing or not judged or any(v.outcome in _BLOCKED for v in spoilt):
        return None
    # A check that runs always judges in scenarios that do not name it, so any of them may show it.
    always = {v.scenario for v in judged} - {s.id for s in verifying}
    if always and beyond:
        return None
    failed = [v.message for v in judged if v.outcome == "fail"]
    if failed:
        return "stale", (
            f"no failure's message contains {row.message!r}, but there is {_quoted(failed[0])}: "
            "correct the row, or remove it"
        )
    count = len({v.scenario for v in judged})
    where = "the only scenario" if count == 1 else f"all {count} scenarios"
    return "stale", f"the rule was kept in {where} that showed it: remove the row"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…")


def _title(place: Baseline | Implementation, name: str, version: str) -> str:
    who = f"{name} {version}".strip()
    return f"{who} ({place.protocol} {place.revision}, {place.role})"
