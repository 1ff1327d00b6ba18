"""Plays jobs, one after the other, with adapters of its own; contains whatever goes wrong in one.

A worker is one lane of a run. It keeps an adapter process for each implementation it has met and
uses it again after a `reset`; an adapter that broke is replaced before the next job.
"""

from __future__ import annotations

import time
import traceback
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.adapter import Adapter, AdapterFault, AdapterTarget
from conformance.checks import checks_of
from conformance.judge import (
    Judgement,
    Level,
    Outcome,
    Played,
    Stop,
    judge,
    not_applicable,
    unusable,
)
from conformance.process import LinkError
from conformance.scenario import Scenario
from conformance.stage.base import Deadlines
from conformance.stage.hearing import reset_adapter
from conformance.subject import Subject, adapter_subject, inapplicable, server_subject, unreachable
from conformance.target import Target
from conformance.trace import Trace, TraceHeader, write_trace
from protocol_core.errors import UnderstudyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mock_servers.journal import Journal

__all__ = ["Job", "Report", "Setup", "Worker"]

_LOG_CHARACTERS = 4000
"""How much of an adapter's log goes into the report of a scenario that went wrong."""

_WRONG = (Stop.UNMET, Stop.UNSUPPORTED, Stop.HARNESS)
_PLAIN = (Outcome.PASS, Outcome.NOT_APPLICABLE)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario to be played once.

    Attributes:
        number: its place in the run, from 0.
        target: index of the target.
        scenario: what to play.
        run: number of the repeat, from 1.
    """

    number: int
    target: int
    scenario: Scenario
    run: int = 1


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a run knows.

    Attributes:
        targets: what is certified.
        jobs: everything there is to play.
        seed: seed of the run.
        deadlines: how long things may take.
        out: folder of the reports, or None to write no traces.
        repeats: whether scenarios are played more than once; then traces carry the run's number.
    """

    targets: tuple[Target, ...]
    jobs: tuple[Job, ...]
    seed: int
    deadlines: Deadlines
    out: Path | None
    repeats: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job.

    Attributes:
        job: its number.
        judgements: the verdicts.
        subject: the implementation; None if it could not even be started.
        problem: why its steps ended early; "" if all were met.
        duration: seconds.
        trace: path of the trace, relative to the reports; "" if there is none.
        log: end of the adapter's log, if something went wrong.
        fatal: why the implementation cannot be tested at all; "" normally.
    """

    job: int
    judgements: tuple[Judgement, ...]
    subject: Subject | None = None
    problem: str = ""
    duration: float = 0.0
    trace: str = ""
    log: str = ""
    fatal: str = ""


class _Performance(msgspec.Struct, kw_only=True):
    """A scenario that was played, before it is judged."""

    played: Played
    trace: Trace
    log: str = ""


class Worker:
    """One lane.

    Args:
        setup: what the run is about.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._adapters: dict[AdapterTarget, Adapter] = {}
        self._levels: dict[tuple[str, str], dict[str, Level]] = {}

    async def warm_up(self) -> None:
        """Start the adapters that will be needed, so that their interpreters load meanwhile.

        One that cannot be started is met again, and reported, with the first job that needs it.
        """
        for target in self._setup.targets:
            if target.adapter is not None:
                try:
                    await self._adapter(target.adapter)
                except (LinkError, AdapterFault):
                    continue

    async def close(self) -> None:
        """End every adapter."""
        adapters, self._adapters = self._adapters, {}
        for adapter in adapters.values():
            await adapter.close()

    async def run(self, job: Job) -> Report:
        """Play and judge one job. Never raises for what an implementation or an adapter does."""
        target = self._setup.targets[job.target]
        levels = self._levels_of(target)
        begun = time.perf_counter()
        try:
            report = await self._run(job, target, levels)
        except Exception as error:  # noqa: BLE001 - the suite's own fault costs this scenario alone, visibly
            if isinstance(error, UnderstudyError):
                problem = f"{job.scenario.file}: the scenario cannot be played: {error}"
            else:
                problem = f"the suite failed: {traceback.format_exc(limit=-4).strip()}"
            await self._discard(target)
            report = Report(
                job=job.number,
                judgements=tuple(unusable(job.scenario, problem, levels)),
                problem=problem,
            )
        return msgspec.structs.replace(report, duration=time.perf_counter() - begun)

    async def _run(self, job: Job, target: Target, levels: dict[str, Level]) -> Report:
        scenario = job.scenario
        if target.adapter is None:
            return await self._run_server(job, target, server_subject(target), levels)
        try:
            adapter = await self._adapter(target.adapter)
        except (LinkError, AdapterFault) as error:
            return Report(
                job=job.number,
                judgements=tuple(unusable(scenario, str(error), levels)),
                problem=str(error),
                fatal=str(error),
            )
        subject, claim = adapter_subject(adapter.description, target)
        if claim is None:
            wanted = f"{target.protocol} {target.revision}"
            reason = f"{subject.name} does not claim {wanted} in the role {target.role}"
            return Report(
                job=job.number,
                judgements=tuple(unusable(scenario, reason, levels)),
                subject=subject,
                problem=reason,
                fatal=reason,
            )
        if target.role == "server":
            return await self._run_server(job, target, subject, levels, adapter)
        if reason := inapplicable(scenario, subject):
            judged = not_applicable(scenario, reason, levels)
            return Report(job=job.number, judgements=tuple(judged), subject=subject)
        performance = await self._play_client(job, target, adapter)
        return self._finish(job, target, subject, performance, levels)

    async def _play_client(self, job: Job, target: Target, adapter: Adapter) -> _Performance:
        from conformance.stage.client import ClientStage

        scenario = job.scenario
        platform = make_platform(scenario, target, self._seed_of(job))
        try:
            await platform.start()
            stage = ClientStage(scenario, platform, adapter, self._setup.deadlines)
            played = await stage.play()
            # The curtain falls here: what the implementation does while it is reset is not judged.
            records = list(platform.journal.records)
            if adapter.fault is None:
                await reset_adapter(adapter, platform.journal, self._setup.deadlines.step)
                records += [
                    r for r in platform.journal.records[len(records) :] if r.kind == "answer"
                ]
        finally:
            await platform.stop()
        played = _blame(played, platform.journal)
        log = await self._last_words(adapter, target, played)
        return _Performance(played=played, trace=self._trace(job, target, records), log=log)

    async def _last_words(self, adapter: Adapter, target: Target, played: Played) -> str:
        """What an adapter's log says of a scenario that went wrong; one that broke is let go."""
        log = adapter.log()[-_LOG_CHARACTERS:] if played.stop in _WRONG else ""
        if adapter.fault is not None:
            await self._discard(target)
        return log

    async def _run_server(
        self,
        job: Job,
        target: Target,
        subject: Subject,
        levels: dict[str, Level],
        adapter: Adapter | None = None,
    ) -> Report:
        from conformance.stage.server import perform

        scenario = job.scenario
        if reason := inapplicable(scenario, subject) or unreachable(scenario, target):
            judged = not_applicable(scenario, reason, levels)
            return Report(job=job.number, judgements=tuple(judged), subject=subject)
        played, records = await perform(
            scenario, target, self._setup.deadlines, self._seed_of(job), adapter
        )
        log = await self._last_words(adapter, target, played) if adapter is not None else ""
        if played.stop is Stop.INAPPLICABLE:
            judged = not_applicable(scenario, played.problem, levels)
            return Report(job=job.number, judgements=tuple(judged), subject=subject)
        trace = self._trace(job, target, records)
        performance = _Performance(played=played, trace=trace, log=log)
        return self._finish(job, target, subject, performance, levels)

    def _finish(
        self,
        job: Job,
        target: Target,
        subject: Subject,
        performance: _Performance,
        levels: dict[str, Level],
    ) -> Report:
        trace = performance.trace
        trace.header.implementation = f"{subject.name} {subject.version}".strip()
        checks = checks_of(target.protocol, target.role)
        judgements = judge(job.scenario, performance.played, trace, checks, levels)
        return Report(
            job=job.number,
            judgements=tuple(judgements),
            subject=subject,
            problem=performance.played.problem,
            trace=self._write(job, subject, trace, judgements),
            log=performance.log,
        )

    def _trace(self, job: Job, target: Target, records: list[Any]) -> Trace:
        header = TraceHeader(
            protocol=target.protocol,
            revision=target.revision,
            role=target.role,
            scenario=job.scenario.id,
        )
        return Trace(header, records)

    def _write(
        self, job: Job, subject: Subject, trace: Trace, judgements: Iterable[Judgement]
    ) -> str:
        """Write the trace; of a repeat only if it shows something that the first run may not."""
        plain = all(judgement.outcome in _PLAIN for judgement in judgements)
        if self._setup.out is None or (job.run > 1 and plain):
            return ""
        suffix = f".{job.run}" if self._setup.repeats else ""
        who = slug(f"{subject.name} {trace.header.revision}")
        place = f"traces/{who}/{job.scenario.id}{suffix}.jsonl"
        write_trace(self._setup.out / place, trace)
        return place

    async def _adapter(self, target: AdapterTarget) -> Adapter:
        adapter = self._adapters.get(target)
        if adapter is None or adapter.fault is not None:
            if adapter is not None:
                await adapter.close()
            self._adapters.pop(target, None)
            adapter = self._adapters[target] = await Adapter.start(target)
        return adapter

    async def _discard(self, target: Target) -> None:
        adapter = self._adapters.pop(target.adapter, None) if target.adapter is not None else None
        if adapter is not None:
            await adapter.close()

    def _levels_of(self, target: Target) -> dict[str, Level]:
        key = (target.protocol, target.revision)
        if key not in self._levels:
            from conformance.target import resolve

            table = resolve(*key).load("requirements").REQUIREMENTS
            self._levels[key] = {name: row.level for name, row in table.items()}
        return self._levels[key]

    def _seed_of(self, job: Job) -> int:
        return zlib.crc32(f"{self._setup.seed}/{job.scenario.id}/{job.run}".encode())


def make_platform(scenario: Scenario, target: Target, seed: int) -> Any:  # noqa: ANN401 - mock() knows its type
    """The mock platform of a scenario, not started yet.

    Raises:
        ConfigurationError: its options or its plan cannot work.
    """
    from mock_servers import mock

    options = {"pace": False, "seed": seed, **scenario.platform}
    return mock(target.protocol, target.revision, plan=scenario.plan, **options)


def slug(text: str) -> str:
    """A name as a folder."""
    safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(filter(None, safe.split("-"))) or "unnamed"


def _blame(played: Played, journal: Journal) -> Played:
    """A failure of the mock platform itself is nobody else's."""
    own = next((r for r in journal.records if r.source == "platform" and r.problems), None)
    if own is None or played.stop is Stop.HARNESS:
        return played
    return Played(stop=Stop.HARNESS, problem=f"the mock platform failed: {own.problems[0]}")
