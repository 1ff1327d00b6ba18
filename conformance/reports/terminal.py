"""The terminal: progress while a run goes on (on a TTY), then what it found.

What passed is counted; everything else is named. With ``verbose`` each requirement has a line.

Everything that an implementation has said is printed without control characters and without markup.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections import Counter
from typing import IO, TYPE_CHECKING, Any

from conformance.reports.summary import (
    SYMBOLS,
    groups,
    note_of,
    notes_of,
    printable,
    reproduce,
    shown,
)
from conformance.run import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from avatar_protocols.results import ResultFile, Verdict
    from conformance.reports.summary import Cell, Group
    from conformance.results import Collector
    from conformance.worker import Report

__all__ = ["Screen", "terminal"]

_BAD = ("fail", "harness-error", "could-not-run")
_COLOURS = {
    "pass": "32",
    "fail": "31;1",
    "warning": "33",
    "known": "36",
    "not-applicable": "2",
    "could-not-run": "35;1",
    "harness-error": "35;1",
}
_HEADLINES = {
    "certified": ("pass", "CERTIFIED"),
    "failed": ("fail", "FAILED"),
    "could-not-run": ("could-not-run", "COULD NOT RUN"),
}
_GATHERED = {
    "pass": "passed",
    "known": "known",
    "not-applicable": "not applicable",
}
"""Outcomes that are told together; the others have a line for each requirement."""
_MOST_FAILURES = 40
"""Failures told in full; the HTML report has all of them."""
_MOST_ALSO = 6
"""Further scenarios named that show the same failure."""
_MOST_NOTES = 8
"""Reasons why something was not checked, for each implementation."""

_REFRESH_SECONDS = 0.1


class Screen(Progress):
    """Plain output: nothing until the summary.

    Args:
        stream: where to write.
        colour: whether to use colours.
        quiet: whether to write nothing at all.
        verbose: whether to write a line for each requirement, also for those that passed.
    """

    def __init__(
        self,
        stream: IO[str],
        *,
        colour: bool = False,
        quiet: bool = False,
        verbose: bool = False,
    ) -> None:
        self._stream = stream
        self._colour = colour
        self._quiet = quiet
        self._verbose = verbose

    def end(self) -> None:
        """The run is over or broken off."""

    def summary(self, results: ResultFile, out: Path) -> None:
        """Print how each implementation did, then what went wrong, then what it comes to.

        Deviations that are known come before what is news.
        """
        lines: list[str] = []
        spoken = {(who.protocol, who.revision) for who in results.implementations}
        revisions = Counter(protocol for protocol, _ in spoken)
        for group in groups(results):
            lines += self._group(group, several=revisions[group.implementation.protocol] > 1)
        lines += self._known(results)
        lines += self._failures(results)
        lines += self._remarks(results)
        lines += self._conclusion(results, out)
        self._write("\n".join(lines) + "\n")

    def _group(self, group: Group, *, several: bool) -> list[str]:
        """The verdicts on one implementation; of several revisions, each says what it is."""
        who = group.implementation
        title = f"{who.name} {who.version}".strip()
        about = f"{who.protocol} {who.revision}, {who.role}"
        note = note_of(who.protocol, who.revision) if several else ""
        lines = ["", printable(f"{title}: {about}"), *([_wrapped(note)] if note else [])]
        lines += self._every(group) if self._verbose else self._gathered(group)
        lines += self._unchecked(group)
        if who.packaging:
            lines += ["  its package:", *(_wrapped(said) for said in who.packaging)]
        return lines

    def _every(self, group: Group) -> list[str]:
        return [self._cell(cell) for cell in group.cells]

    def _gathered(self, group: Group) -> list[str]:
        """What passed in one number, what is known or not applicable by its ids, the rest told."""
        lines: list[str] = []
        for outcome, words in _GATHERED.items():
            found = [cell.requirement for cell in group.cells if cell.outcome == outcome]
            names = "" if outcome == "pass" else f": {', '.join(found)}"
            if found:
                of_what = f"{len(found)} {_plural(len(found), 'requirement')}"
                text = _hanging(f"  {SYMBOLS[outcome]} {of_what} {words}{names}")
                lines.append(self._paint(outcome, text))
        return lines + [self._cell(cell) for cell in group.cells if cell.outcome not in _GATHERED]

    def _cell(self, cell: Cell) -> str:
        name = cell.requirement or "(unreadable)"
        count = len({verdict.scenario for verdict in cell.verdicts})
        times = max(verdict.run for verdict in cell.verdicts)
        scenarios = f"{count} {_plural(count, 'scenario')}"
        repeats = f", {times} times" if times > 1 else ""
        text = f"  {SYMBOLS[cell.outcome]} {name:<14} {cell.level:<6} {cell.outcome:<14} "
        return self._paint(cell.outcome, f"{text}{scenarios}{repeats}")

    def _unchecked(self, group: Group) -> list[str]:
        """Why something was not checked; what cost no scenario only where everything is told."""
        notes = [note for note in notes_of(group) if self._verbose or note.scenarios]
        most = len(notes) if self._verbose else _MOST_NOTES
        lines = ["  not checked:"] if notes else []
        for note in notes[:most]:
            number = f" ({note.scenarios} {_plural(note.scenarios, 'scenario')})"
            feature = f"{note.feature}: " if note.feature else ""
            lines.append(_wrapped(f"{feature}{note.reason}{number if note.scenarios else ''}"))
        if len(notes) > most:
            lines.append(f"    … and {len(notes) - most} more reasons, in the report")
        return lines

    def _known(self, results: ResultFile) -> list[str]:
        """The known deviations, each once however many scenarios show it."""
        found = Counter(
            (verdict.implementation, verdict.requirement, verdict.level, verdict.known)
            for verdict in results.verdicts
            if verdict.known
        )
        lines: list[str] = []
        for (implementation, requirement, level, reason), count in sorted(found.items()):
            head = f"{SYMBOLS['known']} {requirement} {level}  known  {printable(implementation)}"
            scenarios = f"  {count} scenarios" if count > 1 else ""
            lines += ["", self._paint("known", f"{head}{scenarios}"), _wrapped(reason)]
        return lines

    def _remarks(self, results: ResultFile) -> list[str]:
        lines: list[str] = []
        for remark in results.remarks:
            outcome = "fail" if remark.kind == "stale" else "warning"
            place = printable(f"{remark.file}:{remark.line}")
            head = f"{SYMBOLS[outcome]} {remark.requirement or 'baseline'}  {remark.kind}  {place}"
            lines += ["", self._paint(outcome, head), _wrapped(remark.message)]
        return lines

    def _failures(self, results: ResultFile) -> list[str]:
        """What went wrong; the same finding of several scenarios is told once."""
        bad: dict[tuple[str, ...], list[Verdict]] = {}
        for outcome in (*_BAD, "warning"):
            for group in groups(results):
                for verdict in (verdict for cell in group.cells for verdict in cell.verdicts):
                    if shown(verdict, strict=results.strict) == outcome:
                        bad.setdefault(_finding(outcome, verdict), []).append(verdict)
        lines: list[str] = []
        for (outcome, *_), verdicts in [*bad.items()][:_MOST_FAILURES]:
            lines += self._failure(outcome, verdicts, results)
        if len(bad) > _MOST_FAILURES:
            lines += ["", f"… and {len(bad) - _MOST_FAILURES} more, in the report"]
        return lines

    def _failure(self, outcome: str, verdicts: list[Verdict], results: ResultFile) -> list[str]:
        verdict = verdicts[0]
        head = f"{SYMBOLS[outcome]} {verdict.requirement or verdict.scenario} {verdict.level}"
        also = [*dict.fromkeys(each.scenario for each in verdicts[1:])]
        lines = [
            "",
            self._paint(outcome, f"{head}  {outcome}  {printable(verdict.implementation)}"),
        ]
        where = f"{verdict.scenario} (revision {verdict.revision})"
        lines += [_wrapped(verdict.message), f"    scenario   {where}"]
        for number, scenario in enumerate(also[:_MOST_ALSO]):
            lines.append(f"    {'           ' if number else 'also       '}{scenario}")
        if len(also) > _MOST_ALSO:
            lines.append(f"               … and {len(also) - _MOST_ALSO} more")
        if verdict.trace:
            lines += [f"    trace      {verdict.trace}"]
        return [*lines, f"    reproduce  {reproduce(results, verdict.scenario)}"]

    def _conclusion(self, results: ResultFile, out: Path) -> list[str]:
        colour, headline = _HEADLINES[results.outcome]
        if results.outcome == "certified" and results.counts.known:
            headline += " WITH KNOWN DEVIATIONS"
        played = sum(1 for run in results.scenarios if run.trace)
        seed = f", seed {results.seed}" + (", shuffled" if results.shuffled else "")
        return [
            "",
            f"{self._paint(colour, headline)}  {counts_line(results)}",
            f"{played} {_plural(played, 'scenario')} played in {results.duration:.1f} s{seed}",
            f"reports: {out / 'index.html'} · results.json · junit.xml · traces/",
        ]

    def _paint(self, outcome: str, text: str) -> str:
        return f"\x1b[{_COLOURS[outcome]}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        if not self._quiet:
            self._stream.write(text)
            self._stream.flush()


class LiveScreen(Screen):
    """A TTY: a line that says how far the run is, what it plays, and how long it will take."""

    def __init__(self, stream: IO[str], *, verbose: bool = False) -> None:
        super().__init__(stream, colour=True, verbose=verbose)
        self._live: Any = None
        self._bar: Any = None
        self._task: Any = None
        self._collector: Collector | None = None
        self._drawn = 0.0

    def begin(self, collector: Collector) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._collector = collector
        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._task = self._bar.add_task("", total=len(collector.jobs), counts="")
        # Without a thread of its own: worker processes are forked while this is on the screen.
        self._live = Live(
            self._bar,
            console=Console(file=self._stream, force_terminal=True),
            auto_refresh=False,
            transient=True,
        )
        self._live.start()

    def step(self, report: Report, verdicts: Sequence[Verdict]) -> None:
        del verdicts
        collector = self._collector
        now = time.monotonic()
        if collector is None or now - self._drawn < _REFRESH_SECONDS:
            return
        self._drawn = now
        counts = collector.counts
        told = " ".join(f"{SYMBOLS[name]}{counts[name]}" for name in SYMBOLS if counts[name])
        self._bar.update(
            self._task,
            completed=collector.done,
            counts=told,
            description=collector.jobs[report.job].scenario.id,
        )
        self._live.refresh()

    def end(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()


def terminal(*, quiet: bool = False, verbose: bool = False) -> Screen:
    """The screen that fits where the output goes."""
    if quiet:
        return Screen(sys.stdout, quiet=True)
    live = sys.stdout.isatty()
    return (LiveScreen if live else Screen)(sys.stdout, verbose=verbose)


def counts_line(results: ResultFile) -> str:
    """The counts in words; what did not occur is left out, but passes and failures never are."""
    counts = results.counts
    stale = sum(remark.kind == "stale" for remark in results.remarks)
    parts = [f"{counts.pass_} passed", f"{counts.fail} failed"]
    for number, text in (
        (counts.warning, _plural(counts.warning, "warning")),
        (counts.known, "known"),
        (counts.not_applicable, "not applicable"),
        (counts.could_not_run, "could not run"),
        (counts.harness_error, _plural(counts.harness_error, "harness error")),
        (stale, f"stale {_plural(stale, 'row')} of a baseline"),
    ):
        if number:
            parts.append(f"{number} {text}")
    return ", ".join(parts)


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _finding(outcome: str, verdict: Verdict) -> tuple[str, ...]:
    """What makes two verdicts the same finding."""
    place = (verdict.implementation, verdict.protocol, verdict.revision, verdict.role)
    return (outcome, *place, verdict.requirement, verdict.message)


def _hanging(text: str) -> str:
    """A line, and what does not fit into it below its words."""
    return textwrap.fill(
        printable(text), _width(), subsequent_indent="    ", break_on_hyphens=False
    )


def _wrapped(text: str) -> str:
    return textwrap.indent(
        textwrap.fill(printable(text), _width() - 4, break_long_words=False), "    "
    )


def _width() -> int:
    return min(100, max(60, shutil.get_terminal_size().columns))
