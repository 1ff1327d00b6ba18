from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import ContractFault, ImplementationFault
from conformance.judge import Stop
from conformance.stage.base import Deadlines, Stage, StepUnmetError, StepUnsupportedError
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor
from protocol_core.errors import ConfigurationError
from tests.conformance.helpers import scenario

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conformance.scenario import Scenario


DEEDS: list[Any] = []


def deed(function: Any) -> int:
    """The number by which a step names a function."""
    DEEDS.append(function)
    return len(DEEDS) - 1


class Play(Stage):
    """A stage whose only step besides ``await`` does what it is given."""

    def __init__(self, made: Scenario, **deadlines: float) -> None:
        journal = Journal(lambda: 0.0, Redactor(), Limits())
        super().__init__(made, journal, Deadlines(**deadlines))

    def handler(self, kind: str) -> Callable[[Any], Awaitable[None]] | None:
        return {"do": self.do, "await": self.await_record}.get(kind)

    async def do(self, deed: int) -> None:
        await DEEDS[deed](self)

    def problems(self) -> list[str]:
        return [r.reason for r in self.journal.records if r.kind == "note"]


def raising(error: BaseException) -> Any:
    async def do(_stage: Play) -> None:
        raise error

    return deed(do)


async def forever(stage: Play) -> None:
    await stage.wait(asyncio.get_running_loop().create_future())


def write(kind: str, **members: Any) -> Any:
    async def do(stage: Play) -> None:
        stage.journal.add(kind, **members)

    return deed(do)


async def test_steps_are_played_in_order_and_recorded() -> None:
    stage = Play(
        scenario({"do": write("event", name="a")}, {"await": {"event": "a"}}, expect={"x": 1})
    )
    played = await stage.play()
    assert (played.stop, played.problem) == (Stop.MET, "")
    kinds = [r.kind for r in stage.journal.records]
    assert kinds == ["expect", "step", "event", "step"]
    assert stage.journal.records[0].data == {"x": 1}
    assert stage.journal.records[3].data == {"number": 2, "args": {"event": "a"}}


@pytest.mark.parametrize(
    ("error", "stop"),
    [
        (StepUnmetError("not so"), Stop.UNMET),
        (ImplementationFault("not so"), Stop.UNMET),
        (StepUnsupportedError("not so"), Stop.UNSUPPORTED),
        (ContractFault("not so"), Stop.HARNESS),
        (ConfigurationError("not so", setting="plan"), Stop.HARNESS),
    ],
)
async def test_the_first_step_that_is_not_met_ends_the_play(error: Exception, stop: Stop) -> None:
    stage = Play(scenario({"do": raising(error)}, {"do": write("event")}))
    played = await stage.play()
    assert played.stop is stop
    assert played.problem.startswith("step 1 (do): ")
    assert "not so" in played.problem
    assert stage.problems() == [played.problem]
    assert [r for r in stage.journal.records if r.kind == "event"] == []


async def test_a_step_that_takes_too_long() -> None:
    played = await Play(scenario({"do": deed(forever)}), step=0.05, scenario=5).play()
    assert played.stop is Stop.UNMET


async def test_a_scenario_that_takes_too_long() -> None:
    stage = Play(scenario({"do": deed(forever)}), step=5, scenario=0.05)
    played = await stage.play()
    assert played.problem == "step 1 (do): the scenario was not through after 0.05 s"


async def test_a_scenario_may_have_a_deadline_of_its_own() -> None:
    played = await Play(scenario({"do": deed(forever)}, timeout=0.05), step=5).play()
    assert "0.05 s" in played.problem


async def test_an_unknown_step_is_the_suites_fault() -> None:
    played = await Play(scenario({"dance": {}})).play()
    assert played.stop is Stop.HARNESS
    assert "'dance'" in played.problem


async def test_a_record_satisfies_one_await() -> None:
    steps = ({"do": write("event", name="a")}, {"await": {"event": "a"}}, {"await": {"event": "a"}})
    played = await Play(scenario(*steps), step=0.05).play()
    assert played.problem == "step 3 (await): waited 0.05 s for event a"


async def test_records_from_before_the_step_count() -> None:
    both = ({"do": write("event", name="a")}, {"do": write("event", name="a")})
    assert (await Play(scenario(*both, {"await": {"event": "a", "count": 2}})).play()).problem == ""
    few = await Play(scenario(*both, {"await": {"event": "a", "count": 3, "within": 0.05}})).play()
    assert few.problem == "step 3 (await): waited 0.05 s for event a, count 3; saw 2 of 3"


async def test_a_connection_is_awaited_without_using_it_up() -> None:
    wait = {"await": {"connection": 1}}
    assert (
        await Play(scenario({"do": write("open", connection=1)}, wait, wait)).play()
    ).problem == ""


async def test_what_comes_later_is_awaited_without_polling() -> None:
    async def later(stage: Play) -> None:
        asyncio.get_running_loop().call_later(
            0.02, lambda: stage.journal.add("event", name="a", data={"n": 1})
        )

    steps = ({"do": deed(later)}, {"await": {"event": "a", "where": {"n": 1}}})
    assert (await Play(scenario(*steps)).play()).problem == ""


async def test_the_nearest_record_is_named() -> None:
    steps = (
        {"do": write("event", name="a", data={"code": "x"})},
        {"await": {"event": "a", "where": {"code": "y"}, "within": 0.05}},
    )
    played = await Play(scenario(*steps)).play()
    assert "nearest was #3 event a: code is 'x', not 'y'" in played.problem


async def test_the_nearest_record_may_differ_in_its_payload_or_be_used_up() -> None:
    waiting = {"await": {"event": "a", "where": {"code": "x"}, "within": 0.05}}
    payload = {"do": write("event", name="a", data={"pld": {"code": "y"}})}
    played = await Play(scenario(payload, waiting)).play()
    assert "nearest was #3 event a: code is 'y', not 'x'" in played.problem
    payload = {"do": write("event", name="a", data={"pld": {"code": "x"}})}
    played = await Play(scenario(payload, waiting, waiting)).play()
    assert "nearest was #3 event a: an earlier step has awaited it" in played.problem


async def test_a_peer_that_is_gone_ends_every_wait_at_once() -> None:
    async def gone(stage: Play) -> None:
        stage.peer_gone(ImplementationFault("it crashed"))
        stage.peer_gone(ImplementationFault("later"))

    steps = ({"do": deed(gone)}, {"await": {"event": "a"}})
    played = await asyncio.wait_for(Play(scenario(*steps), step=60).play(), 5)
    assert played.problem == "step 2 (await): it crashed"


async def test_draining_reads_what_has_arrived() -> None:
    async def trickle(stage: Play) -> None:
        loop = asyncio.get_running_loop()

        def add(left: int) -> None:
            stage.journal.add("event", name="a")
            if left:
                loop.call_soon(add, left - 1)

        loop.call_soon(add, 20)

    stage = Play(scenario({"do": deed(trickle)}))
    await stage.play()
    assert len([r for r in stage.journal.records if r.kind == "event"]) == 21
