"""The HTML report: one file, no network, works from a folder or an archive."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from avatar_protocols.results import ScenarioRun, Verdict
from avatar_protocols.tables import Requirement
from conformance.reports.diagram import Diagram, diagram
from conformance.reports.summary import (
    SYMBOLS,
    Cell,
    groups,
    printable,
    reproduce,
    requirements_of,
    shown,
)
from conformance.trace import read_trace

if TYPE_CHECKING:
    from jinja2 import Template

    from avatar_protocols.results import ResultFile
    from conformance.reports.summary import Group
    from conformance.trace import Trace

__all__ = ["render_html", "write_html"]

TEMPLATES = Path(__file__).parent / "templates"
_TOLD = ("fail", "harness-error", "could-not-run", "warning")
_MOST_FAILURES = 300
"""Failures told with a diagram; a report that is broken throughout stays loadable."""
_MOST_DATA = 6000
"""Characters of a decoded message that are shown."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """An implementation in the matrix."""

    title: str
    version: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement in the matrix, with a cell (or None) for each implementation."""

    id: str
    level: str
    text: str
    cells: tuple[Cell | None, ...]

    @property
    def outcomes(self) -> str:
        """Every outcome in the row, for the filters."""
        return " ".join(sorted({cell.outcome for cell in self.cells if cell is not None}))


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Requirements of one protocol, revision and role, by the implementations that were tested."""

    protocol: str
    revision: str
    role: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict that is not a pass, told in full."""

    anchor: str
    outcome: str
    verdict: Verdict
    requirement: Requirement | None
    run: ScenarioRun | None
    command: str
    picture: Diagram | None
    offending: tuple[str, ...]


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
    told = _failures(results, found, traces)
    return _template().render(
        results=results,
        counts=msgspec.to_builtins(results.counts),
        matrices=_matrices(found),
        groups=found,
        failures=told,
        untold=sum(len(_bad(cell, results)) for g in found for cell in g.cells) - len(told),
        anchors={_key(failure.verdict): failure.anchor for failure in told},
        key=_key,
        symbols=SYMBOLS,
        shown=lambda verdict: shown(verdict, strict=results.strict),
        printable=printable,
    )


def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("index.html.jinja")


def _matrices(found: list[Group]) -> list[Matrix]:
    places: defaultdict[tuple[str, str, str], list[Group]] = defaultdict(list)
    for group in found:
        who = group.implementation
        places[who.protocol, who.revision, who.role].append(group)
    return [
        Matrix(
            protocol=protocol,
            revision=revision,
            role=role,
            columns=tuple(
                Column(title=g.implementation.name, version=g.implementation.version)
                for g in members
            ),
            rows=_rows(members, protocol, revision),
        )
        for (protocol, revision, role), members in places.items()
    ]


def _rows(members: list[Group], protocol: str, revision: str) -> tuple[Row, ...]:
    table = requirements_of(protocol, revision)
    by_group = [{cell.requirement: cell for cell in group.cells} for group in members]
    ids = sorted({name for cells in by_group for name in cells})
    return tuple(
        Row(
            id=name,
            level=next(cells[name].level for cells in by_group if name in cells),
            text=table[name].text if name in table else "",
            cells=tuple(cells.get(name) for cells in by_group),
        )
        for name in ids
    )


def _bad(cell: Cell, results: ResultFile) -> list[Verdict]:
    return [v for v in cell.verdicts if shown(v, strict=results.strict) in _TOLD]


def _failures(results: ResultFile, found: list[Group], traces: Path) -> list[Failure]:
    runs = {(r.implementation, r.role, r.scenario, r.run): r for r in results.scenarios}
    bad = [verdict for g in found for cell in g.cells for verdict in _bad(cell, results)]
    bad.sort(key=lambda verdict: _TOLD.index(shown(verdict, strict=results.strict)))
    cache: dict[str, Trace | None] = {}
    failures: list[Failure] = []
    for number, verdict in enumerate(bad[:_MOST_FAILURES], 1):
        trace = _trace(traces, verdict.trace, cache)
        table = requirements_of(verdict.protocol, verdict.revision)
        run = runs.get((verdict.implementation, verdict.role, verdict.scenario, verdict.run))
        failures.append(
            Failure(
                anchor=f"f{number}",
                outcome=shown(verdict, strict=results.strict),
                verdict=verdict,
                requirement=table.get(verdict.requirement),
                run=run,
                command=reproduce(results, verdict.scenario),
                picture=diagram(trace, verdict.records) if trace is not None else None,
                offending=_offending(trace, verdict),
            )
        )
    return failures


def _trace(folder: Path, place: str, cache: dict[str, Trace | None]) -> Trace | None:
    if place not in cache:
        path = folder / place
        try:
            cache[place] = read_trace(path) if place else None
        except (OSError, ValueError):
            cache[place] = None  # the report says that there is no trace
    return cache[place]


def _offending(trace: Trace | None, verdict: Verdict) -> tuple[str, ...]:
    """The offending records, decoded, as text."""
    if trace is None:
        return ()
    texts: list[str] = []
    for record in trace.records:
        if record.seq in verdict.records:
            fields = {
                name: value
                for name, value in msgspec.to_builtins(record).items()
                if value not in (None, "", {}, [])
            }
            text = json.dumps(fields, indent=2, ensure_ascii=False)
            texts.append(printable(text, _MOST_DATA))
    return tuple(texts)


def _key(verdict: Verdict) -> tuple[str, str, str, str, int]:
    return (
        verdict.implementation,
        verdict.role,
        verdict.scenario,
        verdict.requirement,
        verdict.run,
    )
