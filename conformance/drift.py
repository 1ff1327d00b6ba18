"""The drift table: what each vendor's documents say, what its SDK does, what its SDK gets wrong.

A page is written from a finished run of ``understudy certify --vendors`` and from the errata of
the specification. It is a command of its own, ``understudy drift``, and no flag of `certify`,
because it judges nothing and plays nothing: like ``codegen`` it writes a file that is committed,
and ``--check`` says whether that file is still what a run finds. Whatever differs from run to run
(ids, times, addresses) is left out, so the page changes only when an SDK, a document or the suite
does; see `conformance.excerpt`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from avatar_protocols.registry import PROTOCOLS
from conformance.errors import UsageError
from conformance.excerpt import excerpt, stable
from conformance.reports.summary import SYMBOLS
from conformance.target import resolve
from conformance.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from avatar_protocols.results import Implementation, ResultFile, Verdict
    from avatar_protocols.tables import Erratum, OpenPoint, Requirement
    from conformance.vendors import Vendor

__all__ = ["complete", "drift"]

_HEAD = """\
# Drift

What each vendor's documents say, what its SDK does, and what its SDK gets wrong. `understudy drift`
writes this page from the results of `nox -s conformance -- --vendors --baseline vendors` and from
`spec/<id>/errata.yaml`; do not edit it.

✓ kept · ✗ not kept · {unseen} not seen in that run. A rule that several scenarios show is kept if
it is kept in all of them.
"""
_MARKS = {"fail": SYMBOLS["fail"], "pass": SYMBOLS["pass"]}
_UNSEEN = SYMBOLS["not-applicable"]
_LEVELS = ("MUST", "SHOULD", "MAY")
_SOURCES = {
    "doc": "document",
    "sdk": "SDK",
    "both": "document and SDK",
    "assumption": "nobody; our decision",
}

_Place = tuple[str, str]


def drift(results: ResultFile, folder: Path, vendors: Sequence[Vendor]) -> str:
    """The page, in Markdown.

    Args:
        results: what a run has found.
        folder: where its traces are: the folder of the result file.
        vendors: the rows of the vendors' table, in its order.

    Raises:
        UsageError: the run does not tell everything that the page needs.
    """
    complete(results, vendors)
    groups: defaultdict[_Place, list[_Sdk]] = defaultdict(list)
    for vendor in vendors:
        sdk = _Sdk(vendor, results, folder)
        groups[sdk.place].append(sdk)
    lines = [_HEAD.format(unseen=_UNSEEN), *_overview(groups)]
    for (protocol, revision), sdks in groups.items():
        lines += _section(protocol, revision, sdks)
    return "\n".join(lines).rstrip() + "\n"


def complete(results: ResultFile, vendors: Iterable[Vendor]) -> None:
    """Make sure that a run has played everything for every SDK.

    Raises:
        UsageError: it has not; says what is missing.
    """
    again = "certify them all first: understudy certify --vendors --baseline vendors"
    found = {who.name for who in results.implementations}
    missing = [vendor.name for vendor in vendors if vendor.name not in found]
    if missing:
        raise UsageError(f"the run has nothing of {', '.join(missing)}; {again}")
    if results.shard or "--only" in results.command:
        raise UsageError(f"the run was a part of one; {again}")
    blocked = results.counts.could_not_run + results.counts.harness_error
    if blocked:
        raise UsageError(f"{blocked} verdicts of the run could not be had; {again}")


class _Sdk:
    """One row of the vendors' table and what a run has found of it.

    Attributes:
        row: the row.
        who: the implementation.
        place: protocol and revision.
        deviations: the failed verdicts, by requirement.
    """

    def __init__(self, row: Vendor, results: ResultFile, folder: Path) -> None:
        self.row = row
        self.who: Implementation = next(w for w in results.implementations if w.name == row.name)
        self.place: _Place = (self.who.protocol, self.who.revision)
        self.deviations: defaultdict[str, list[Verdict]] = defaultdict(list)
        self._outcomes: defaultdict[str, set[str]] = defaultdict(set)
        self._folder = folder
        for verdict in sorted(results.verdicts, key=lambda v: (v.scenario, v.run)):
            if verdict.implementation == row.name:
                self._outcomes[verdict.requirement].add(verdict.outcome)
                if verdict.outcome == "fail":
                    self.deviations[verdict.requirement].append(verdict)

    @property
    def title(self) -> str:
        """Name, version and role."""
        return f"{self.row.name} {self.who.version} ({self.who.role})"

    @property
    def judged(self) -> list[str]:
        """The requirements that were kept or not."""
        return [name for name, found in self._outcomes.items() if found & {"pass", "fail"}]

    def mark(self, requirement: str) -> str:
        """The sign of what was seen of a requirement."""
        found = self._outcomes.get(requirement, set())
        return next((sign for outcome, sign in _MARKS.items() if outcome in found), "")

    def excerpt(self, verdict: Verdict) -> str:
        """The record that shows a deviation, in a few words; "" if it shows by its absence."""
        if not verdict.trace or not verdict.records:
            return ""
        try:
            trace = read_trace(self._folder / verdict.trace)
        except (OSError, ValueError) as error:
            raise UsageError(f"a trace of the run is missing: {error}") from error
        return excerpt(trace, verdict.records[0])


def _overview(groups: Mapping[_Place, Sequence[_Sdk]]) -> list[str]:
    lines = ["| SDK | speaks | rules seen | kept | MUST broken | SHOULD, MAY not kept |"]
    lines += ["|---|---|---|---|---|---|"]
    for (protocol, revision), sdks in groups.items():
        for sdk in sdks:
            levels = [verdicts[0].level for verdicts in sdk.deviations.values()]
            must, seen = levels.count("MUST"), len(sdk.judged)
            numbers = (seen, seen - len(levels), must, len(levels) - must)
            link = f"[{sdk.title}](#{_anchor(sdk.title)})"
            lines.append(_row(link, f"{protocol} {revision}", *map(str, numbers)))
    return [*lines, ""]


def _section(protocol: str, revision: str, sdks: Sequence[_Sdk]) -> list[str]:
    module = resolve(protocol, revision).load("requirements")
    rules: dict[str, Requirement] = module.REQUIREMENTS
    points: dict[str, OpenPoint] = module.OPEN_POINTS
    errata: tuple[Erratum, ...] = module.ERRATA
    lines = [f"## {PROTOCOLS[protocol].title}, revision {revision}", ""]
    if errata:
        lines += ["### What its documents say, and what its package does", ""]
        lines += ["| subject | documents | package | held to be right | see |"]
        lines += ["|---|---|---|---|---|"]
        lines += [
            _row(
                *(row.subject, row.documented, row.shipped, row.follow),
                ", ".join(_marked(name, rules, sdks) for name in row.see),
            )
            for row in errata
        ]
        lines.append("")
    lines += _disagreements(errata, rules, points, sdks)
    for sdk in sdks:
        lines += _deviations(sdk, rules)
    return lines


def _disagreements(
    errata: Iterable[Erratum],
    rules: Mapping[str, Requirement],
    points: Mapping[str, OpenPoint],
    sdks: Sequence[_Sdk],
) -> list[str]:
    """The rules on which the sources disagree and that no erratum has told already."""
    told = {name for row in errata for name in row.see}
    left = [
        rule
        for rule in rules.values()
        if rule.conflict and rule.id not in told and not told & {*rule.open_points}
    ]
    if not left:
        return []
    lines = ["### Further rules on which they disagree", ""]
    lines += ["| rule | level | what we hold to be right | decided because |", "|---|---|---|---|"]
    for rule in left:
        decided = [points[name].decision for name in rule.open_points if name in points]
        why = " ".join(decided) or f"follows the {_SOURCES[rule.source]}"
        lines.append(_row(_marked(rule.id, rules, sdks), rule.level, rule.text, why))
    return [*lines, ""]


def _deviations(sdk: _Sdk, rules: Mapping[str, Requirement]) -> list[str]:
    """What one SDK gets wrong, the gravest first."""
    lines = [f"### {sdk.title}", "", " ".join([_installation(sdk.row), *sdk.who.packaging]), ""]
    if not sdk.deviations:
        return [*lines, f"Nothing is wrong in {len(sdk.judged)} rules.", ""]
    lines += ["| rule | level | it says | the SDK | seen in | by the record |"]
    lines += ["|---|---|---|---|---|---|"]
    ordered = sorted(
        sdk.deviations.items(), key=lambda item: (_LEVELS.index(item[1][0].level), item[0])
    )
    for name, verdicts in ordered:
        first = next((verdict for verdict in verdicts if verdict.records), verdicts[0])
        rule = rules.get(name)
        more = f" and {len(verdicts) - 1} more" if len(verdicts) > 1 else ""
        shown = sdk.excerpt(first)
        lines.append(
            _row(
                name,
                first.level,
                "" if rule is None else f"{rule.text} ({_SOURCES[rule.source]})",
                " ".join(dict.fromkeys(map(_told, verdicts))),
                f"`{first.scenario}`{more}",
                f"`{shown}`" if shown else "nothing came",
            )
        )
    return [*lines, ""]


def _told(verdict: Verdict) -> str:
    """What an SDK does, in a sentence."""
    message, _, _ = verdict.message.partition("; nearest was")  # which one that is, varies
    return verdict.known or f"{stable(message)}."


def _installation(row: Vendor) -> str:
    sdk, *others = row.requires
    needed = ", ".join(f"`{each}`" for each in others)
    how = ", without the dependencies that it declares" if row.no_deps else ""
    besides = f" It needs {needed}, which it does not declare." if others and not how else ""
    if how and others:
        besides = f" What it needs instead: {needed}."
    python = f" It wants Python {row.python}." if row.python else ""
    return f"Installed as `{sdk}`{how}.{besides}{python}"


def _marked(name: str, rules: Mapping[str, Requirement], sdks: Iterable[_Sdk]) -> str:
    """A rule with the sign of what was seen of it; an open point as it is."""
    if name not in rules:
        return name
    signs = [sign for sdk in sdks if (sign := sdk.mark(name))]
    return f"{name} {min(signs, key=list(_MARKS.values()).index) if signs else _UNSEEN}"


def _anchor(title: str) -> str:
    """The link to a heading, as Markdown renderers make it."""
    kept = re.sub(r"[^\w\- ]", "", title.lower())
    return kept.replace(" ", "-")


def _row(*cells: str) -> str:
    """One row of a table."""
    plain = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(plain)} |"
