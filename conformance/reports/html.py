"""The HTML report: one file, no network, works from a folder or an archive.

What it shows comes from implementations under test, so nothing of it is trusted: every text passes
`printable` and is escaped, and the page's own policy lets only the script and the style of this
package act.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections import defaultdict
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from avatar_protocols.results import Implementation, ScenarioRun, Verdict
from avatar_protocols.tables import Requirement
from conformance.reports.diagram import Diagram, diagram
from conformance.reports.summary import (
    SYMBOLS,
    Cell,
    Note,
    groups,
    note_of,
    notes_of,
    printable,
    reproduce,
    requirements_of,
    shown,
)
from conformance.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Template

    from avatar_protocols.results import ResultFile
    from conformance.reports.summary import Group
    from conformance.trace import Trace

__all__ = ["render_html", "short_command", "write_html"]

TEMPLATES = Path(__file__).parent / "templates"
_TOLD = ("fail", "harness-error", "could-not-run", "warning", "known")
"""Outcomes that are told in full, in this order."""
_MOST_CASES = 300
"""Verdicts told in full; a report that is broken throughout stays loadable."""
_MOST_PICTURES = 60
"""Verdicts told with a diagram; the others name their trace."""
_MOST_LISTED = 12
"""Passed scenarios named in a cell of the matrix."""
_MOST_SHOWN = 16_000
"""Characters of any one text; those that are likely to be long are cut earlier."""
_SOURCES = {
    "doc": "the document",
    "sdk": "the SDK's behaviour",
    "both": "the document and the SDK's behaviour",
    "assumption": "our decision, where the sources are silent",
}
_PLACE = ("protocol", "revision", "role")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """An implementation: who it is, how it did, what was not checked.

    Attributes:
        who: the implementation.
        note: what sets the revision apart that it speaks.
        command: how it was started, with paths shortened.
        bar: requirements by their outcome, as (outcome, number, offset).
        total: number of requirements judged.
        notes: what was not checked.
        unseen: requirements that no played scenario verified.
    """

    who: Implementation
    note: str
    command: str
    bar: tuple[tuple[str, int, int], ...]
    total: int
    notes: tuple[Note, ...]
    unseen: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement in the matrix, with a cell (or None) for each implementation."""

    id: str
    level: str
    text: str
    cells: tuple[Cell | None, ...]

    @property
    def outcomes(self) -> str:
        """Every outcome in the row, for the filters."""
        return " ".join(sorted({cell.outcome for cell in self.cells if cell is not None}))


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario in the list of all.

    Attributes:
        run: how it was played.
        outcome: the worst of its verdicts; "" if it has none.
        levels: the levels of its verdicts, for the filters.
        verified: number of requirements it judged.
    """

    run: ScenarioRun
    outcome: str
    levels: str
    verified: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol, revision and role: its matrix and its scenarios.

    ``note`` says what sets the revision apart, for instance which dialect it is.
    """

    protocol: str
    revision: str
    note: str
    role: str
    columns: tuple[Implementation, ...]
    entries: tuple[Entry, ...]
    plays: tuple[Play, ...]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict that is not a pass, with what shows it."""

    anchor: str
    verdict: Verdict
    run: ScenarioRun | None
    command: str
    picture: Diagram | None
    why_none: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement that one implementation did not pass, with each case of it."""

    outcome: str
    requirement: Requirement | None
    source: str
    cases: tuple[Case, ...]


def write_html(path: Path, results: ResultFile, *, traces: Path) -> None:
    """Write the report.

    Args:
        path: where.
        results: what the run found.
        traces: folder that the traces' paths are relative to.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(results, traces=traces), encoding="utf-8")


def render_html(results: ResultFile, *, traces: Path) -> str:
    """The report as text; see `write_html`."""
    found = groups(results)
    failures = _failures(results, found, traces)
    cases = [case for failure in failures for case in failure.cases]
    bad = sum(_outcome(v, results) in _TOLD for v in results.verdicts)
    style, script = ((TEMPLATES / name).read_text("utf-8") for name in ("style.css", "script.js"))
    return _template().render(
        results=results,
        played=sum(1 for run in results.scenarios if run.trace),
        counts=msgspec.to_builtins(results.counts),
        cards=[_card(group) for group in found],
        failures=failures,
        untold=bad - len(cases),
        places=_places(results, found),
        anchors={_key(case.verdict): case.anchor for case in cases},
        key=_key,
        symbols=SYMBOLS,
        most_listed=_MOST_LISTED,
        shown=partial(shown, strict=results.strict),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )


def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("index.html.jinja")


def _harmless(value: Any) -> Any:  # noqa: ANN401 - whatever the template prints
    """What every printed value passes: no control characters, and bounded. Not for our markup."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return printable(value, _MOST_SHOWN)
    return value


def _hash(text: str) -> str:
    """A text as the page's policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _outcome(verdict: Verdict, results: ResultFile) -> str:
    return shown(verdict, strict=results.strict)


def short_command(command: str) -> str:
    """A command line with the folders of absolute paths left out: where a machine keeps its
    programs says nothing about the implementation.
    """
    command = printable(command)
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return " ".join(_short_path(word) for word in words)


def _short_path(word: str) -> str:
    flag, equals, path = word.rpartition("=")
    parts = re.split(r"[/\\]", path)
    rooted = re.match(r"(?:[A-Za-z]:)?[/\\](?![/\\])", path)
    return f"{flag}{equals}…/{parts[-1]}" if rooted and len(parts) > 2 else word  # noqa: PLR2004 - a root and a name


def _card(group: Group) -> Card:
    who = group.implementation
    tally = {name: sum(cell.outcome == name for cell in group.cells) for name in SYMBOLS}
    offset = 0
    bar: list[tuple[str, int, int]] = []
    for name, number in tally.items():
        if number:
            bar.append((name, number, offset))
            offset += number
    return Card(
        who=who,
        note=note_of(who.protocol, who.revision),
        command=short_command(who.target),
        bar=tuple(bar),
        total=len(group.cells),
        notes=notes_of(group),
        unseen=tuple(c.requirement for c in group.cells if c.outcome == "not-applicable"),
    )


def _places(results: ResultFile, found: Iterable[Group]) -> list[Place]:
    members: defaultdict[tuple[str, ...], list[Group]] = defaultdict(list)
    for group in found:
        members[_place(group.implementation)].append(group)
    plays: defaultdict[tuple[str, ...], list[Play]] = defaultdict(list)
    judged: defaultdict[tuple[str, ...], list[Verdict]] = defaultdict(list)
    for verdict in results.verdicts:
        judged[_run_key(verdict)].append(verdict)
    for run in results.scenarios:
        plays[_place(run)].append(_play(run, judged[_run_key(run)], results))
    return [
        Place(
            protocol=place[0],
            revision=place[1],
            note=note_of(place[0], place[1]),
            role=place[2],
            columns=tuple(group.implementation for group in inside),
            entries=_entries(inside, place[0], place[1]),
            plays=tuple(sorted(plays[place], key=lambda play: play.run.scenario)),
        )
        for place, inside in members.items()
    ]


def _place(what: Implementation | ScenarioRun | Verdict) -> tuple[str, ...]:
    return tuple(getattr(what, name) for name in _PLACE)


def _play(run: ScenarioRun, verdicts: list[Verdict], results: ResultFile) -> Play:
    outcomes = {_outcome(verdict, results) for verdict in verdicts}
    ranked = (*_TOLD, "pass", "not-applicable")
    return Play(
        run=run,
        outcome=next((name for name in ranked if name in outcomes), ""),
        levels=" ".join(sorted({verdict.level for verdict in verdicts})),
        verified=len(verdicts),
    )


def _entries(members: list[Group], protocol: str, revision: str) -> tuple[Entry, ...]:
    table = requirements_of(protocol, revision)
    by_group = [{cell.requirement: cell for cell in group.cells} for group in members]
    ids = sorted({name for cells in by_group for name in cells})
    return tuple(
        Entry(
            id=name,
            level=next(cells[name].level for cells in by_group if name in cells),
            text=table[name].text if name in table else "",
            cells=tuple(cells.get(name) for cells in by_group),
        )
        for name in ids
    )


def _failures(results: ResultFile, found: Iterable[Group], traces: Path) -> list[Failure]:
    """Each requirement that was not passed, worst outcomes first, with its cases."""
    runs = {_run_key(run): run for run in results.scenarios}
    together: defaultdict[tuple[int, int, str], list[Verdict]] = defaultdict(list)
    for number, group in enumerate(found):
        for cell in group.cells:
            for verdict in cell.verdicts:
                if (outcome := _outcome(verdict, results)) in _TOLD:
                    together[_TOLD.index(outcome), number, cell.requirement].append(verdict)
    cache: dict[str, Trace | None] = {}
    failures: list[Failure] = []
    drawn = _drawn(verdicts for _, verdicts in sorted(together.items()))
    told = 0
    for (rank, _, requirement), verdicts in sorted(together.items()):
        cases: list[Case] = []
        for verdict in verdicts[: _MOST_CASES - told]:
            told += 1
            picture, why_none = None, "Not drawn, so that this page stays small."
            if _key(verdict) in drawn:
                picture, why_none = _picture(verdict, traces, cache)
            cases.append(
                Case(
                    anchor=f"f{told}",
                    verdict=verdict,
                    run=runs.get(_run_key(verdict)),
                    command=reproduce(results, verdict.scenario),
                    picture=picture,
                    why_none=why_none,
                )
            )
        if cases:
            row = requirements_of(verdicts[0].protocol, verdicts[0].revision).get(requirement)
            failures.append(
                Failure(
                    outcome=_TOLD[rank],
                    requirement=row,
                    source="" if row is None else _source(row),
                    cases=tuple(cases),
                )
            )
    return failures


def _drawn(told: Iterable[list[Verdict]]) -> set[tuple[str, ...]]:
    """The verdicts with a diagram: each requirement's first, then each one's second, and so on."""
    turns = [verdict for turn in zip_longest(*told) for verdict in turn if verdict is not None]
    return {_key(verdict) for verdict in turns[:_MOST_PICTURES]}


def _source(row: Requirement) -> str:
    points = f" ({', '.join(row.open_points)})" if row.open_points else ""
    if row.source == "assumption" and row.conflict:
        return f"our decision, where the sources disagree{points}"
    conflict = "; the sources disagree" if row.conflict else ""
    return f"{_SOURCES.get(row.source, row.source)}{conflict}{points}"


def _picture(
    verdict: Verdict, folder: Path, cache: dict[str, Trace | None]
) -> tuple[Diagram | None, str]:
    """The diagram of a verdict's trace; if there is none, why."""
    place = verdict.trace
    if not place:
        return None, "There is no trace."
    if place not in cache:
        try:
            cache[place] = read_trace(folder / place)
        except (OSError, ValueError):
            cache[place] = None
    trace = cache[place]
    if trace is None:
        return None, "The trace is missing or unreadable."
    return diagram(trace, verdict.records), ""


def _run_key(what: Verdict | ScenarioRun) -> tuple[str, ...]:
    return (what.implementation, *_place(what), what.scenario, str(what.run))


def _key(verdict: Verdict) -> tuple[str, ...]:
    return (*_run_key(verdict), verdict.requirement)
