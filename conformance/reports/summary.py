"""What the reports share: verdicts gathered by requirement, and how to play one scenario again."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from avatar_protocols.results import Implementation, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from avatar_protocols.results import ResultFile
    from avatar_protocols.tables import Requirement

__all__ = [
    "SYMBOLS",
    "Cell",
    "Group",
    "Note",
    "groups",
    "note_of",
    "notes_of",
    "printable",
    "reproduce",
    "requirements_of",
    "shown",
]

SYMBOLS = {
    "pass": "✓",
    "fail": "✗",
    "warning": "!",
    "known": "~",
    "not-applicable": "–",  # noqa: RUF001 - a dash is meant
    "could-not-run": "?",
    "harness-error": "⚠",
}
"""One sign for each outcome, for a failure that only warns, and for one that is known."""

_WORST_FIRST = (
    "fail",
    "harness-error",
    "could-not-run",
    "warning",
    "known",
    "pass",
    "not-applicable",
)

_SELECTING = frozenset({"--only", "--shard", "--jobs", "--repeat", "--shuffle", "--seed"})
"""Flags that say which part of a run to play and how; they do not matter to one scenario."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What all scenarios together say about one requirement and one implementation.

    Attributes:
        requirement: its id; "" for scenarios that could not be read.
        level: its level.
        outcome: the worst outcome; ``warning`` and ``known`` for failures that do not fail the run.
        verdicts: the verdicts, worst first.
    """

    requirement: str
    level: str
    outcome: str
    verdicts: tuple[Verdict, ...]

    @property
    def message(self) -> str:
        """What the worst verdict says."""
        return self.verdicts[0].message


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One implementation in one role of one protocol.

    Attributes:
        implementation: who.
        cells: by requirement, in the order of their ids.
    """

    implementation: Implementation
    cells: tuple[Cell, ...]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not checked.

    Attributes:
        feature: what the implementation does not have; "" if the reason says all.
        reason: why it was not checked.
        scenarios: number of scenarios that were not played for it.
    """

    feature: str
    reason: str
    scenarios: int


def shown(verdict: Verdict, *, strict: bool) -> str:
    """The outcome as reports show it: failures that do not fail the run are warnings or known."""
    if verdict.known:
        return "known"
    if verdict.outcome != "fail" or verdict.level == "MUST":
        return verdict.outcome
    return "fail" if strict and verdict.level == "SHOULD" else "warning"


def groups(results: ResultFile) -> list[Group]:
    """The verdicts of a run by implementation and requirement."""
    by_place: defaultdict[tuple[str, str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in results.verdicts:
        key = (verdict.implementation, verdict.protocol, verdict.revision, verdict.role)
        by_place[key].append(verdict)
    return [
        Group(
            implementation=who,
            cells=_cells(
                by_place[(who.name, who.protocol, who.revision, who.role)], strict=results.strict
            ),
        )
        for who in results.implementations
    ]


def _cells(verdicts: Iterable[Verdict], *, strict: bool) -> tuple[Cell, ...]:
    by_requirement: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_requirement[verdict.requirement].append(verdict)
    cells: list[Cell] = []
    for requirement, found in sorted(by_requirement.items()):
        found.sort(key=lambda verdict: _WORST_FIRST.index(shown(verdict, strict=strict)))
        cells.append(
            Cell(
                requirement=requirement,
                level=found[0].level,
                outcome=shown(found[0], strict=strict),
                verdicts=tuple(found),
            )
        )
    return tuple(cells)


def notes_of(group: Group) -> tuple[Note, ...]:
    """What was not checked: the features that are missing, then what else was not applicable.

    What cost the most scenarios comes first.
    """
    unplayed: defaultdict[str, set[str]] = defaultdict(set)
    for cell in group.cells:
        for verdict in cell.verdicts:
            if verdict.outcome == "not-applicable":
                unplayed[verdict.message].add(verdict.scenario)
    notes: list[Note] = []
    for feature, reason in sorted(group.implementation.missing.items()):
        concerned = [m for m in unplayed if re.search(rf"(?<!\w){re.escape(feature)}(?!\w)", m)]
        scenarios = set[str]().union(*(unplayed.pop(message) for message in concerned))
        notes.append(Note(feature=feature, reason=reason, scenarios=len(scenarios)))
    notes += [Note(feature="", reason=m, scenarios=len(s)) for m, s in sorted(unplayed.items())]
    return tuple(sorted(notes, key=lambda note: -note.scenarios))


@cache
def requirements_of(protocol: str, revision: str) -> Mapping[str, Requirement]:
    """The requirements of a revision by id; none if this suite does not know it (any more)."""
    from avatar_protocols.registry import resolve

    try:
        table: Mapping[str, Requirement] = (
            resolve(protocol, revision).load("requirements").REQUIREMENTS
        )
    except (LookupError, ModuleNotFoundError):
        return {}
    return table


def note_of(protocol: str, revision: str) -> str:
    """What sets a revision apart, for instance which dialect it is; "" if nothing is said."""
    from avatar_protocols.registry import resolve

    try:
        return resolve(protocol, revision).note
    except LookupError:
        return ""


def reproduce(results: ResultFile, scenario: str) -> str:
    """The command that plays one scenario of a run again, alone."""
    kept: list[str] = []
    words = iter(shlex.split(results.command) or ["understudy", "certify"])
    for word in words:
        flag, equals, _ = word.partition("=")
        if flag not in _SELECTING:
            kept.append(word)
        elif not equals:
            next(words, None)
    seed = ["--seed", str(results.seed)] if results.seed else []
    return shlex.join([*kept, "--only", scenario, *seed])


def printable(text: str, limit: int = 2000) -> str:
    """Text that is safe on a terminal and in XML: no control characters, bounded."""
    short = text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
    return "".join(
        c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short
    )
