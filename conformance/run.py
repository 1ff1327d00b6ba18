"""A whole run: choose what to play, play it, collect what comes of it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from conformance.baseline import Baseline
from conformance.crew import play
from conformance.errors import UsageError
from conformance.results import Collector, RunInfo
from conformance.scenario import Broken, Scenario, discover, of_revision, select
from conformance.stage.base import Deadlines
from conformance.worker import Job, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from avatar_protocols.results import ResultFile, Verdict
    from conformance.target import Target
    from conformance.worker import Report

__all__ = ["Order", "Progress", "parse_shard", "run"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to play and how.

    Attributes:
        only: globs over scenario ids and requirements; empty means everything.
        jobs: lanes.
        repeat: how often to play each scenario.
        shuffle: whether the seed shuffles the order.
        seed: seed of everything.
        shard: number of this part, from 1, and number of parts; (1, 1) for all.
        fail_fast: stop at the first failure.
        strict: let a failed SHOULD fail the run.
        deadlines: how long things may take.
        out: folder of the reports; None writes no traces.
        command: the command line, for the record.
        folder: folder of the scenarios; None for the suite's own.
        baselines: the deviations that are known.
    """

    only: tuple[str, ...] = ()
    jobs: int = 1
    repeat: int = 1
    shuffle: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)
    fail_fast: bool = False
    strict: bool = False
    deadlines: Deadlines = Deadlines()
    out: Path | None = None
    command: str = ""
    folder: Path | None = None
    baselines: tuple[Baseline, ...] = ()


class Progress:
    """Hears how a run goes on. This one is silent.

    Attributes:
        stopped: how far a run had come when it was interrupted; "" if it was not.
    """

    stopped = ""

    def begin(self, collector: Collector) -> None:
        """Everything is chosen; playing begins."""

    def step(self, report: Report, verdicts: Sequence[Verdict]) -> None:
        """A scenario has been judged."""


def run(order: Order, targets: Sequence[Target], progress: Progress | None = None) -> ResultFile:
    """Certify targets. An interrupt ends the run; what was found until then stays.

    Raises:
        UsageError: nothing is selected.
    """
    heard = progress or Progress()
    jobs, broken, left_out = _choose(order, targets)
    part, parts = order.shard
    info = RunInfo(
        seed=order.seed,
        jobs=order.jobs,
        repeat=order.repeat,
        shuffled=order.shuffle,
        shard=f"{part}/{parts}" if parts > 1 else "",
        strict=order.strict,
        command=order.command,
    )
    collector = Collector(info, targets, jobs, baselines=order.baselines, left_out=left_out)
    for item, target in broken:
        collector.add_broken(item, target)
    setup = Setup(
        targets=tuple(targets),
        jobs=jobs,
        seed=order.seed,
        deadlines=order.deadlines,
        out=order.out,
        repeats=order.repeat > 1,
    )
    heard.begin(collector)
    if jobs:
        try:
            play(setup, order.jobs, _listener(order, collector, heard))
        except KeyboardInterrupt:
            heard.stopped = f"{collector.done} of {len(jobs)} scenarios were played"
    return collector.finish()


def _listener(order: Order, collector: Collector, progress: Progress) -> Callable[[Report], bool]:
    """What is done with each report; it says whether the run goes on."""
    in_vain: Counter[int] = Counter()

    def on_report(report: Report) -> bool:
        verdicts = collector.add(report)
        progress.step(report, verdicts)
        target = collector.jobs[report.job].target
        in_vain[target] = in_vain[target] + 1 if report.fatal else 0
        given_up = in_vain[target] >= _FATAL_LIMIT and len(collector.targets) == 1
        return not given_up and not (order.fail_fast and collector.fails(verdicts))

    return on_report


_FATAL_LIMIT = 3
"""Attempts in a row to start the only implementation, after which the run is given up."""


def _choose(
    order: Order, targets: Sequence[Target]
) -> tuple[tuple[Job, ...], list[tuple[Broken, int]], list[tuple[Scenario, int]]]:
    """The jobs, numbered in the order of playing, the scenarios that cannot be read, and those
    that are left out; the latter with the numbers of their targets.
    """
    found: list[tuple[Scenario, int]] = []
    left_out: list[tuple[Scenario, int]] = []
    broken: list[tuple[Broken, int]] = []
    cache: dict[tuple[str, str], list[Scenario | Broken]] = {}
    # What needs no adapter first: meanwhile the adapters load.
    for number in sorted(range(len(targets)), key=lambda n: targets[n].adapter is not None):
        target = targets[number]
        key = (target.protocol, target.role)
        if key not in cache:
            folder = {"folder": order.folder} if order.folder is not None else {}
            cache[key] = discover((key[0],), (key[1],), **folder)
        chosen = select(cache[key], order.only)
        ids = {item.id for item in chosen}
        broken += [(item, number) for item in chosen if isinstance(item, Broken)]
        for item in cache[key]:
            if isinstance(item, Scenario):
                fitting = of_revision(item, target.revision)
                if fitting is not None:
                    (found if item.id in ids else left_out).append((fitting, number))
    if not found and not broken:
        _nothing(order, targets)
    part, parts = order.shard
    left_out += [item for n, item in enumerate(found) if n % parts != part - 1]
    found = found[part - 1 :: parts]
    everything = [(s, t, r) for r in range(1, order.repeat + 1) for s, t in found]
    if order.shuffle:
        random.Random(order.seed).shuffle(everything)  # noqa: S311 - reproducible on purpose
    jobs = tuple(
        Job(number=n, target=target, scenario=scenario, run=repeat)
        for n, (scenario, target, repeat) in enumerate(everything)
    )
    return jobs, broken if part == 1 else [], left_out


def _nothing(order: Order, targets: Sequence[Target]) -> None:
    if order.only:
        patterns = " ".join(order.only)
        raise UsageError(
            f"--only {patterns}: no scenario is so named; `understudy scenarios` lists them"
        )
    about = ", ".join(f"{t.protocol} {t.revision} ({t.role})" for t in targets)
    raise UsageError(f"there are no scenarios for {about}")


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``i/n``.

    Raises:
        UsageError: it is not of that form, or i is not between 1 and n.
    """
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UsageError(f"--shard takes i/n with 1 ≤ i ≤ n, not {text!r}")
    return int(part), int(parts)
