"""Spreads jobs over worker processes, and collects what comes of them.

Each process runs a few lanes (`Worker`) on one event loop. Jobs are handed out as lanes become
free, so a slow scenario delays nobody. A process that dies costs the jobs it held and is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from multiprocessing import connection as multi
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import msgspec

from conformance.judge import unusable
from conformance.worker import Report, Setup, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["play"]

_AHEAD = 1
"""Jobs that lie ready at each process besides those its lanes play."""

_DEATHS = 5
"""Worker processes that may die in a row before the run is given up."""


def play(setup: Setup, jobs: int, on_report: Callable[[Report], bool]) -> None:
    """Play every job of a setup.

    Args:
        setup: what to play.
        jobs: how many lanes.
        on_report: told of each result; False stops the run.
    """
    lanes = max(1, min(jobs, len(setup.jobs)))
    if lanes == 1 or not _can_fork():
        asyncio.run(_play_here(setup, lanes, on_report))
        return
    processes = min(lanes, os.cpu_count() or 1)
    if processes == 1:
        asyncio.run(_play_here(setup, lanes, on_report))
        return
    _Crew(setup, [lanes // processes + (i < lanes % processes) for i in range(processes)]).run(
        on_report
    )


def _can_fork() -> bool:
    return sys.platform != "win32" and "fork" in multiprocessing.get_all_start_methods()


async def _play_here(setup: Setup, lanes: int, on_report: Callable[[Report], bool]) -> None:
    waiting: Iterator[int] = iter(range(len(setup.jobs)))
    going_on = True

    async def lane(worker: Worker) -> None:
        nonlocal going_on
        warming = asyncio.create_task(worker.warm_up())
        try:
            for number in waiting:
                if not going_on:
                    break
                if setup.targets[setup.jobs[number].target].adapter is not None:
                    await warming
                going_on = on_report(await worker.run(setup.jobs[number])) and going_on
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await worker.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane(Worker(setup)))


class _Hand(msgspec.Struct, kw_only=True):
    """One worker process, seen from here."""

    process: BaseProcess
    link: Connection
    room: int
    held: set[int]


class _Crew:
    def __init__(self, setup: Setup, lanes: list[int]) -> None:
        self._setup = setup
        self._waiting = deque(range(len(setup.jobs)))
        self._context = multiprocessing.get_context("fork")
        self._hands = [self._hire(count) for count in lanes]
        self._deaths = 0

    def run(self, on_report: Callable[[Report], bool]) -> None:
        try:
            while self._deal():
                for hand in self._ready():
                    if not self._collect(hand, on_report):
                        self._waiting.clear()
        except BaseException:
            for hand in self._hands:
                hand.process.terminate()  # what it plays is in vain
            raise
        finally:
            self._dismiss()

    def _hire(self, lanes: int) -> _Hand:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, ours, self._setup, lanes), daemon=True
        )
        process.start()
        theirs.close()
        return _Hand(process=process, link=ours, room=lanes + _AHEAD, held=set())

    def _deal(self) -> bool:
        """Hand out jobs; whether anything is still to come."""
        for hand in self._hands:
            while self._waiting and len(hand.held) < hand.room:
                number = self._waiting.popleft()
                hand.held.add(number)
                with contextlib.suppress(BrokenPipeError):  # its death is seen when it is read
                    hand.link.send(number)
        return any(hand.held for hand in self._hands)

    def _ready(self) -> list[_Hand]:
        ready = set(multi.wait([hand.link for hand in self._hands if hand.held]))
        return [hand for hand in self._hands if hand.link in ready]

    def _collect(self, hand: _Hand, on_report: Callable[[Report], bool]) -> bool:
        try:
            report = msgspec.msgpack.decode(hand.link.recv_bytes(), type=Report)
        except (EOFError, OSError):
            return self._replace(hand, on_report)
        hand.held.discard(report.job)
        self._deaths = 0
        return on_report(report)

    def _replace(self, hand: _Hand, on_report: Callable[[Report], bool]) -> bool:
        hand.process.join(1.0)
        problem = f"a worker process of the suite died (exit status {hand.process.exitcode})"
        going_on = True
        for number in sorted(hand.held):
            judged = unusable(self._setup.jobs[number].scenario, problem, {})
            report = Report(job=number, judgements=tuple(judged), problem=problem)
            going_on = on_report(report) and going_on
        self._deaths += 1
        self._hands[self._hands.index(hand)] = self._hire(hand.room - _AHEAD)
        # Processes that die one after the other, with nothing played between, will not get better.
        return going_on and self._deaths < _DEATHS

    def _dismiss(self) -> None:
        for hand in self._hands:
            with contextlib.suppress(BrokenPipeError):
                hand.link.send(None)
        for hand in self._hands:
            hand.process.join(5.0)
            if hand.process.is_alive():
                hand.process.terminate()
                hand.process.join(5.0)
            hand.link.close()


def _serve(link: Connection, parents_end: Connection, setup: Setup, lanes: int) -> None:
    """The life of a worker process."""
    parents_end.close()
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_serve_lanes(link, setup, lanes))


async def _serve_lanes(link: Connection, setup: Setup, lanes: int) -> None:
    loop = asyncio.get_running_loop()
    numbers: asyncio.Queue[int | None] = asyncio.Queue()
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - asyncio.run made it
    # Whoever is told to end still has adapters to end.
    loop.add_signal_handler(signal.SIGTERM, this.cancel)

    def receive() -> None:
        try:
            number: int | None = link.recv()
        except (EOFError, OSError):
            number = None  # the parent has gone
        numbers.put_nowait(number)
        if number is None:
            loop.remove_reader(link.fileno())

    loop.add_reader(link.fileno(), receive)

    async def lane(worker: Worker) -> None:
        warming = asyncio.create_task(worker.warm_up())
        try:
            while (number := await numbers.get()) is not None:
                if setup.targets[setup.jobs[number].target].adapter is not None:
                    await warming
                report = msgspec.msgpack.encode(await worker.run(setup.jobs[number]))
                try:
                    link.send_bytes(report)
                except BrokenPipeError:
                    break  # the parent has gone
            numbers.put_nowait(None)  # for the next lane
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await worker.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane(Worker(setup)))
