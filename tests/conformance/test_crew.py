from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from conformance import crew
from conformance.judge import Outcome
from conformance.stage.base import Deadlines
from conformance.target import Target
from conformance.worker import Job, Setup, Worker
from tests.conformance.helpers import fake, scenario

if TYPE_CHECKING:
    from conformance.worker import Report

TARGET = Target(protocol="avatarkit", revision="0.1.7", role="client", adapter=fake())


def setup(count: int) -> Setup:
    made = scenario({"open": {}}, needs=("nothing_has_this",))
    jobs = tuple(Job(number=number, target=0, scenario=made) for number in range(count))
    return Setup(targets=(TARGET,), jobs=jobs, seed=0, deadlines=Deadlines(), out=None)


def play(count: int, jobs: int, stop_after: int = 10_000) -> list[Report]:
    reports: list[Report] = []

    def on_report(report: Report) -> bool:
        reports.append(report)
        return len(reports) < stop_after

    crew.play(setup(count), jobs, on_report)
    return reports


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_job_is_played_once(jobs: int) -> None:
    assert sorted(report.job for report in play(20, jobs)) == list(range(20))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_can_be_stopped(jobs: int) -> None:
    assert 3 <= len(play(60, jobs, stop_after=3)) < 30


def test_without_fork_all_lanes_share_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_can_fork", lambda: False)
    assert len(play(10, 3)) == 10


def test_a_worker_that_dies_costs_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Worker.run

    async def run(self: Worker, job: Job) -> Report:
        if job.number == 4:
            os._exit(9)
        return await original(self, job)

    monkeypatch.setattr(Worker, "run", run)
    reports = {report.job: report for report in play(12, 2)}
    assert len(reports) == 12
    lost = [r for r in reports.values() if "a worker process of the suite died" in r.problem]
    assert 4 in {report.job for report in lost}
    assert len(lost) <= 3
    assert {j.outcome for r in lost for j in r.judgements} == {Outcome.HARNESS_ERROR}


def test_workers_that_keep_dying_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(_self: Worker, _job: Job) -> Report:
        os._exit(9)

    monkeypatch.setattr(Worker, "run", run)
    assert len(play(200, 2)) < 60


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_workers_and_their_adapters(jobs: int) -> None:
    def on_report(_report: Report) -> bool:
        raise KeyboardInterrupt

    made = scenario({"open": {}})
    hanging = msgspec.structs.replace(TARGET, adapter=fake("hang"))
    plain = Job(number=0, target=0, scenario=msgspec.structs.replace(made, needs=("nothing",)))
    stuck = [Job(number=number, target=1, scenario=made) for number in (1, 2)]
    played = msgspec.structs.replace(
        setup(0), targets=(TARGET, hanging), jobs=(plain, *stuck), deadlines=Deadlines(step=30)
    )
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        crew.play(played, jobs, on_report)
    assert time.monotonic() - begun < 5.0
    assert multiprocessing.active_children() == []
