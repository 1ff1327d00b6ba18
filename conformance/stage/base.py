"""What both stages share: one journal, the step loop, waiting for records, deadlines.

Nothing here sleeps or polls: a step ends when the record it waits for is written, when the peer is
gone for good, or at its deadline.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.adapter import ContractFault, ImplementationFault
from conformance.judge import Played, Stop
from conformance.stage.awaiting import expectation
from mock_servers.journal import NotSeenError
from protocol_core.errors import UnderstudyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from avatar_protocols.trace import Record
    from conformance.scenario import Scenario, Step
    from conformance.stage.awaiting import Expectation
    from mock_servers.journal import Journal

__all__ = ["Deadlines", "Stage", "StepUnmetError", "StepUnsupportedError"]

_DRAIN_TURNS = 8
"""Turns of the event loop without a new record after which all that was readable has been read."""


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in real seconds.

    Attributes:
        step: one step, unless it says otherwise.
        scenario: all steps of a scenario, unless it says otherwise.
    """

    step: float = 5.0
    scenario: float = 30.0


class StepUnmetError(Exception):
    """What a step expects did not happen."""


class StepUnsupportedError(Exception):
    """The implementation cannot do what a step asks for."""


class Stage(ABC):
    """One scenario being played.

    Args:
        scenario: what to play.
        journal: where everything is written down.
        deadlines: how long things may take.
    """

    def __init__(self, scenario: Scenario, journal: Journal, deadlines: Deadlines) -> None:
        self.scenario = scenario
        self.journal = journal
        self.deadlines = deadlines
        self._used: set[int] = set()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @abstractmethod
    def handler(self, kind: str) -> Callable[[Any], Awaitable[None]] | None:
        """How a step of this kind is played; None if there is no such kind."""

    def peer_gone(self, error: Exception) -> None:
        """Nothing more will come from the peer: whoever waits is told now."""
        if not self._gone.done():
            self._gone.set_exception(error)
            self._gone.exception()  # it may be that nobody waits

    async def play(self) -> Played:
        """Play every step, up to the first that is not met. Never raises for what a peer does."""
        scenario = self.scenario
        self.note("expect", data=scenario.expect)
        limit = scenario.timeout or self.deadlines.scenario
        step: Step | None = None
        try:
            async with asyncio.timeout(limit):
                for step in scenario.steps:
                    await self._play_step(step)
                await self.drain()
        except (StepUnmetError, ImplementationFault, NotSeenError) as error:
            return self._stopped(Stop.UNMET, step, str(error))
        except StepUnsupportedError as error:
            return self._stopped(Stop.UNSUPPORTED, step, str(error))
        except TimeoutError:
            return self._stopped(
                Stop.UNMET, step, f"the scenario was not through after {limit:g} s"
            )
        except (ContractFault, UnderstudyError) as error:
            return self._stopped(Stop.HARNESS, step, str(error))
        return Played()

    def note(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - members of Record
        """Write down something that the scenario itself does."""
        self.journal.add(kind, source="scenario", sender="runner", **fields)

    async def wait(self, awaitable: Awaitable[Any], within: float | None = None) -> Any:  # noqa: ANN401 - whatever it gives
        """The result of an awaitable, unless the peer is gone or the step's deadline passes first.

        Raises:
            TimeoutError: the deadline passed.
        """
        task = asyncio.ensure_future(awaitable)
        try:
            done, _ = await asyncio.wait(
                (task, self._gone),
                timeout=within or self.deadlines.step,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if task in done:
                return task.result()
            if self._gone in done:
                self._gone.result()
            raise TimeoutError
        finally:
            if not task.done():
                task.cancel()

    async def drain(self) -> None:
        """Read everything that has already arrived.

        A peer's message may lie in a socket while its answer has come through a pipe; both are
        readable at once, so a few turns of the event loop bring the message in. No time passes.
        """
        still, seen = 0, len(self.journal)
        while still < _DRAIN_TURNS:
            await asyncio.sleep(0)
            still = still + 1 if seen == len(self.journal) else 0
            seen = len(self.journal)

    async def await_record(self, args: dict[str, Any]) -> None:
        """Play an ``await`` step."""
        wanted = expectation(args, under_test=self.scenario.role)
        within = wanted.within or self.deadlines.step
        try:
            # The journal's own deadline comes first, because its error names the near misses.
            found = await self.wait(
                self.journal.wait_for(self._unused(wanted), wanted.count, within), within + 1.0
            )
        except NotSeenError as error:
            raise StepUnmetError(self._missing(wanted, error, within)) from None
        if wanted.consumes:
            self._used.update(record.seq for record in found[: wanted.count])

    def _unused(self, wanted: Expectation) -> Callable[[Record], bool]:
        used = self._used
        return lambda record: record.seq not in used and wanted.accepts(record)

    def _missing(self, wanted: Expectation, error: NotSeenError, within: float) -> str:
        seen = f"; saw {len(error.seen)} of {wanted.count}" if wanted.count > 1 else ""
        near = self.journal.near_misses(wanted.document())
        hint = ""
        if near and len(wanted.document()) > 1:
            record, differences = near[0]
            what = wanted.difference(record) or differences[0]
            if wanted.accepts(record):
                what = "an earlier step has awaited it"
            hint = f"; nearest was #{record.seq} {record.kind} {record.name}: {what}"
        return f"waited {within:g} s for {wanted.text}{seen}{hint}"

    async def _play_step(self, step: Step) -> None:
        self.note("step", name=step.kind, data={"number": step.number, "args": step.args})
        handler = self.handler(step.kind)
        if handler is None:
            raise UnderstudyError(f"there is no step kind {step.kind!r} for this role")
        await handler(step.args)

    def _stopped(self, stop: Stop, step: Step | None, why: str) -> Played:
        problem = f"{step}: {why}" if step is not None else why
        self.note("note", reason=problem, problems=[problem])
        return Played(stop=stop, problem=problem)
