from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
