"""The result file: everything a run found, and what that comes to. All reports are made from it."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from avatar_protocols.results import Counts, Implementation, ResultFile, ScenarioRun, Verdict
from conformance.baseline import Ledger
from conformance.judge import Outcome
from conformance.subject import Subject, suite_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from avatar_protocols.results import Remark
    from conformance.baseline import Baseline
    from conformance.judge import Judgement
    from conformance.scenario import Broken, Scenario
    from conformance.target import Target
    from conformance.worker import Job, Report

__all__ = ["EXIT_STATUS", "Collector", "RunInfo", "read_results", "write_results"]

EXIT_STATUS = {"certified": 0, "failed": 1, "could-not-run": 2}
"""Exit status of a run by its outcome."""

RunOutcome = Literal["certified", "failed", "could-not-run"]

_BLOCKING = (Outcome.COULD_NOT_RUN, Outcome.HARNESS_ERROR)


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked to do.

    Attributes:
        seed: seed of everything.
        shuffled: whether it also shuffled the order.
        jobs, repeat, shard, strict: as the flags said.
        command: the command line.
    """

    seed: int
    jobs: int = 1
    repeat: int = 1
    shuffled: bool = False
    shard: str = ""
    strict: bool = False
    command: str = ""


class Collector:
    """Gathers reports while a run goes on.

    Args:
        info: what was asked for.
        targets: what is certified.
        jobs: what is played.
        baselines: the deviations that are known.
        left_out: what could be played and is not, each with the number of its target.

    Attributes:
        counts: verdicts so far, by outcome (and ``warning`` and ``known``).
    """

    def __init__(
        self,
        info: RunInfo,
        targets: Sequence[Target],
        jobs: Sequence[Job],
        *,
        baselines: Sequence[Baseline] = (),
        left_out: Sequence[tuple[Scenario, int]] = (),
    ) -> None:
        self.info = info
        self.targets = targets
        self.jobs = jobs
        self.counts: Counter[str] = Counter()
        self.done = 0
        self._started = datetime.now(UTC)
        self._begun = time.perf_counter()
        self._ledger = Ledger(baselines, self._started.date())
        self._left_out = left_out
        self._runs: dict[int, ScenarioRun] = {}
        self._verdicts: dict[int, list[Verdict]] = {}
        self._subjects: dict[int, Subject] = {}
        self._broken: list[Verdict] = []
        self._broken_runs: list[ScenarioRun] = []

    def add(self, report: Report) -> list[Verdict]:
        """Take what came of a job; returns its verdicts."""
        job = self.jobs[report.job]
        target = self.targets[job.target]
        if report.subject is not None:
            self._subjects.setdefault(job.target, report.subject)
        self.done += 1
        self._runs[report.job] = ScenarioRun(
            scenario=job.scenario.id,
            title=job.scenario.title,
            implementation=self._name(job.target),
            protocol=target.protocol,
            revision=target.revision,
            role=target.role,
            run=job.run,
            duration=round(report.duration, 6),
            problem=report.problem,
            trace=report.trace,
            log=report.log,
        )
        verdicts = [self._verdict(job, report, judgement) for judgement in report.judgements]
        self._verdicts[report.job] = verdicts
        self._count(verdicts)
        return verdicts

    def add_broken(self, broken: Broken, target: int) -> Verdict:
        """Take a scenario that could not even be read."""
        about = self.targets[target]
        verdict = Verdict(
            implementation=self._name(target),
            protocol=about.protocol,
            revision=about.revision,
            role=about.role,
            scenario=broken.id,
            requirement="",
            level="MUST",
            outcome="harness-error",
            message=broken.message,
            trace="",
        )
        self._broken.append(verdict)
        self._broken_runs.append(
            ScenarioRun(
                scenario=broken.id,
                title="",
                implementation=verdict.implementation,
                protocol=about.protocol,
                revision=about.revision,
                role=about.role,
                run=1,
                duration=0.0,
                problem=broken.message,
                trace="",
            )
        )
        self._count([verdict])
        return verdict

    def fails(self, verdicts: Iterable[Verdict]) -> bool:
        """Whether any of these fails the run."""
        return any(_fails(verdict, strict=self.info.strict) for verdict in verdicts)

    def finish(self) -> ResultFile:
        """The result file, in the order of the jobs' numbers whatever order they ran in."""
        verdicts = [*self._broken]
        for number in sorted(self._verdicts):
            verdicts += self._verdicts[number]
        implementations = [
            self._implementation(i)
            for i in sorted({job.target for job in self.jobs} | set(self._subjects))
        ]
        remarks = self._remarks(implementations, verdicts)
        return ResultFile(
            version=1,
            suite=suite_version(),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration=round(time.perf_counter() - self._begun, 3),
            seed=self.info.seed,
            shuffled=self.info.shuffled,
            jobs=self.info.jobs,
            repeat=self.info.repeat,
            shard=self.info.shard,
            strict=self.info.strict,
            command=self.info.command,
            outcome=self._outcome(verdicts, remarks),
            counts=_counts(self.counts),
            implementations=implementations,
            scenarios=[*self._broken_runs, *(self._runs[n] for n in sorted(self._runs))],
            verdicts=verdicts,
            remarks=remarks,
        )

    def _verdict(self, job: Job, report: Report, judgement: Judgement) -> Verdict:
        target = self.targets[job.target]
        verdict = Verdict(
            implementation=self._name(job.target),
            protocol=target.protocol,
            revision=target.revision,
            role=target.role,
            scenario=job.scenario.id,
            requirement=judgement.requirement,
            level=judgement.level,
            outcome=judgement.outcome.value,
            message=judgement.message,
            trace=report.trace,
            check=judgement.check,
            run=job.run,
            records=list(judgement.records),
            observed=list(judgement.observed),
        )
        subject = self._subjects.get(job.target)
        known = self._ledger.known(verdict, subject.version if subject is not None else "")
        return msgspec.structs.replace(verdict, known=known) if known else verdict

    def _remarks(
        self, implementations: Sequence[Implementation], verdicts: Sequence[Verdict]
    ) -> list[Remark]:
        played = [(self.targets[j.target], j.scenario) for j in self.jobs if j.number in self._runs]
        unplayed = [(job.scenario, job.target) for job in self.jobs if job.number not in self._runs]
        left_out = [
            (self.targets[target], scenario) for scenario, target in (*self._left_out, *unplayed)
        ]
        return self._ledger.remarks(implementations, verdicts, played, left_out)

    def _name(self, target: int) -> str:
        subject = self._subjects.get(target)
        if subject is not None:
            return subject.name
        return self.targets[target].name or str(self.targets[target])

    def _implementation(self, number: int) -> Implementation:
        target = self.targets[number]
        subject = self._subjects.get(number) or Subject(name=self._name(number))
        return Implementation(
            name=subject.name,
            version=subject.version,
            language=subject.language,
            protocol=target.protocol,
            revision=target.revision,
            role=target.role,
            target=str(target),
            features=sorted(subject.features),
            missing=subject.missing,
            packaging=list(target.packaging),
        )

    def _count(self, verdicts: Iterable[Verdict]) -> None:
        for verdict in verdicts:
            self.counts[_counted(verdict, strict=self.info.strict)] += 1

    def _outcome(self, verdicts: Sequence[Verdict], remarks: Sequence[Remark]) -> RunOutcome:
        if self.fails(verdicts) or any(remark.kind == "stale" for remark in remarks):
            return "failed"
        played_all = self.done == len(self.jobs)
        blocked = any(verdict.outcome in _BLOCKING for verdict in verdicts)
        if blocked or not played_all or not any(v.outcome == "pass" for v in verdicts):
            return "could-not-run"
        return "certified"


def _fails(verdict: Verdict, *, strict: bool) -> bool:
    """A failed MUST fails a run, a failed SHOULD only if the run is strict, a failed MAY never.

    A failure that a baseline explains fails none.
    """
    binds = verdict.level == "MUST" or (strict and verdict.level == "SHOULD")
    return verdict.outcome == "fail" and binds and not verdict.known


def _counted(verdict: Verdict, *, strict: bool) -> str:
    if verdict.known:
        return "known"
    warns = verdict.outcome == "fail" and not _fails(verdict, strict=strict)
    return "warning" if warns else verdict.outcome


def _counts(counts: Counter[str]) -> Counts:
    return Counts(
        pass_=counts["pass"],
        fail=counts["fail"],
        warning=counts["warning"],
        known=counts["known"],
        not_applicable=counts["not-applicable"],
        could_not_run=counts["could-not-run"],
        harness_error=counts["harness-error"],
    )


def write_results(path: Path, results: ResultFile) -> None:
    """Write a result file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))


def read_results(path: Path) -> ResultFile:
    """Read a result file.

    Raises:
        ValueError: it is not one.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ResultFile)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} is not a result file: {error}") from error
