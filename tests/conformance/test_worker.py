"""One lane against adapters that misbehave: whatever they do costs one scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from conformance.adapter import AdapterTarget
from conformance.judge import Outcome
from conformance.stage.base import Deadlines
from conformance.target import ServerTarget, Target
from conformance.trace import read_trace
from conformance.worker import Job, Setup, Worker, make_platform, slug
from tests.conformance.helpers import fake, reference, scenario, serving

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.scenario import Scenario
    from conformance.worker import Report

OPEN = scenario({"open": {}}, {"settle": {}})


def client(adapter: AdapterTarget) -> Target:
    return Target(protocol="avatarkit", revision="0.1.7", role="client", adapter=adapter)


async def play(
    target: Target, scenarios: Iterable[Scenario], *, out: Path | None = None, step: float = 5.0
) -> list[Report]:
    jobs = tuple(
        Job(number=number, target=0, scenario=made) for number, made in enumerate(scenarios)
    )
    setup = Setup(targets=(target,), jobs=jobs, seed=1, deadlines=Deadlines(step=step), out=out)
    worker = Worker(setup)
    try:
        return [await worker.run(job) for job in jobs]
    finally:
        await worker.close()


def outcomes(reports: Iterable[Report]) -> list[set[Outcome]]:
    return [{judgement.outcome for judgement in report.judgements} for report in reports]


CONTRACT = {"garbage", "utf8", "huge", "stranger", "kind", "flood"}


@pytest.mark.parametrize(
    "mode", ["crash", "segfault", "hang", "garbage", "utf8", "huge", "stranger", "kind", "flood"]
)
async def test_a_fault_costs_one_scenario(mode: str, tmp_path: Path) -> None:
    adapter = fake(f"once:{mode}:{tmp_path / 'flag'}")
    step = 0.5 if mode == "hang" else 20
    first, second = await play(client(adapter), [OPEN, OPEN], step=step)
    assert first.problem.startswith("step 1 (open): ")
    expected = Outcome.HARNESS_ERROR if mode in CONTRACT else Outcome.FAIL
    assert outcomes([first]) == [{expected}]
    assert second.problem == ""
    assert second.subject is not None


def server(mode: str = "") -> Target:
    adapter = serving(mode)
    return Target(protocol="avatarkit", revision="0.1.7", role="server", adapter=adapter)


SERVED = scenario({"open": {}}, role="server", id="avatarkit/server/topic/name")


async def test_a_server_behind_an_adapter(tmp_path: Path) -> None:
    odd = msgspec.structs.replace(SERVED, platform={"colour": "blue"})
    planned = msgspec.structs.replace(SERVED, plan=({"on": "http", "do": []},))
    needy = msgspec.structs.replace(SERVED, needs=("egress",))
    reports = await play(server(), [SERVED, odd, planned, needy], out=tmp_path)
    plain, *others = reports
    assert plain.subject is not None
    assert (plain.subject.name, plain.subject.version) == ("a server of our own", "3")
    assert plain.problem == ""
    trace = read_trace(tmp_path / plain.trace)
    assert trace.header.role == "server"
    assert trace.header.implementation == "a server of our own 3"
    assert trace.events("serving")
    assert outcomes(others) == [{Outcome.NOT_APPLICABLE}] * 3
    reasons = [report.judgements[0].message for report in others]
    assert "the implementation does not support `serve`: colour: an option" in reasons[0]
    assert reasons[1] == "the scenario needs a server that is set up for it"
    assert reasons[2] == "the implementation does not claim egress"
    assert [report.trace for report in others] == ["", "", ""]


async def test_a_server_that_dies_costs_one_scenario() -> None:
    act = {"trigger": {"act": {"ping": True}}}
    mortal = scenario({"open": {}}, act, role="server", id="avatarkit/server/topic/dies")
    first, second = await play(server("mortal"), [mortal, SERVED])
    assert "step 2 (trigger): the adapter's process exited with status 9" in first.problem
    assert second.problem == ""


async def test_a_client_where_a_server_is_wanted() -> None:
    target = Target(protocol="avatarkit", revision="0.1.7", role="server", adapter=fake())
    (report,) = await play(target, [SERVED])
    assert report.fatal == "fake does not claim avatarkit 0.1.7 in the role server"


async def test_dying_while_a_step_waits() -> None:
    made = scenario({"open": {"background": True}}, {"await": {"event": "never"}})
    (report,) = await play(client(fake("crash")), [made], step=30)
    assert "step 2 (await): the adapter's process exited with status 7" in report.problem
    assert "never reached" in report.judgements[0].message


async def test_an_adapter_that_does_nothing_fails() -> None:
    made = scenario({"open": {}}, {"await": {"http": "session_tokens", "within": 0.1}})
    (report,) = await play(client(fake()), [made])
    assert outcomes([report]) == [{Outcome.FAIL}]
    assert "waited 0.1 s for http session_tokens" in report.judgements[0].message


@pytest.mark.parametrize(
    ("mode", "args", "problem"),
    [
        ("error", {}, '`open` failed: {"kind":"local","message":"no"}, expected done'),
        ("nothing", {"answer": "error"}, "`open` was answered by done, expected error"),
        ("unsupported", {}, "does not support `open`: cannot"),
        ("unsupported", {"answer": "unsupported"}, ""),
        ("error", {"answer": "any"}, ""),
        ("error", {"answer": "error"}, ""),
    ],
)
async def test_the_kind_of_an_answer(mode: str, args: dict[str, Any], problem: str) -> None:
    (report,) = await play(client(fake(mode)), [scenario({"open": args})])
    assert problem in report.problem
    assert bool(problem) is bool(report.problem)


async def test_a_feature_that_is_not_claimed() -> None:
    made = scenario({"open": {}}, needs=("clock", "opus_encoder", "query_auth"))
    (report,) = await play(client(fake()), [made])
    assert outcomes([report]) == [{Outcome.NOT_APPLICABLE}]
    assert report.judgements[0].message == (
        "the implementation does not claim opus_encoder (never heard of it), query_auth"
    )


async def test_an_adapter_that_cannot_be_started() -> None:
    (report,) = await play(client(AdapterTarget(command=("no-such-adapter",))), [OPEN])
    assert "no-such-adapter" in report.fatal
    assert outcomes([report]) == [{Outcome.HARNESS_ERROR}]


async def test_an_adapter_that_speaks_another_protocol() -> None:
    target = Target(protocol="liveavatar", revision="0.2", role="client", adapter=fake())
    (report,) = await play(target, [OPEN])
    assert report.fatal == "fake does not claim liveavatar 0.2 in the role client"


async def test_a_plan_that_cannot_work_is_the_scenarios_fault() -> None:
    made = scenario({"open": {}}, plan=({"on": "http", "do": [{"dance": True}]},))
    (report,) = await play(client(fake()), [made])
    assert outcomes([report]) == [{Outcome.HARNESS_ERROR}]
    assert "the scenario cannot be played: plan[0].do[0].dance" in report.problem
    assert "Traceback" not in report.problem


async def test_platform_options_that_do_not_exist() -> None:
    made = scenario({"open": {}}, platform={"bogus": 1})
    (report,) = await play(client(fake()), [made])
    assert outcomes([report]) == [{Outcome.HARNESS_ERROR}]
    assert "bogus" in report.problem


async def test_the_log_is_kept_where_something_went_wrong() -> None:
    (report,) = await play(client(fake("loud")), [OPEN])
    assert report.log.endswith("END")
    assert len(report.log) <= 4000


async def test_the_trace_is_written(tmp_path: Path) -> None:
    (report,) = await play(client(fake("event")), [OPEN], out=tmp_path)
    assert report.trace == "traces/fake-0-1-7/avatarkit/client/topic/name.jsonl"
    trace = read_trace(tmp_path / report.trace)
    assert trace.header.implementation == "fake 1"
    assert trace.header.scenario == OPEN.id
    assert [r.name for r in trace.events()] == ["opened"]
    assert [r.name for r in trace.answers()] == ["open", "settle", "reset"]
    (reset,) = trace.answers("reset")
    assert reset.data == {"answer": "done", "result": {"pending": ["a task"]}}
    (command,) = trace.commands("open")
    assert command.data is not None
    assert set(command.data) == {"protocol", "revision", "urls", "credentials", "options"}


async def test_values_of_the_platform_can_be_used(tmp_path: Path) -> None:
    made = scenario({"open": {"ingress": "${ingress}/x", "n": 1, "deep": {"a": "${app_id}"}}})
    (report,) = await play(client(fake()), [made], out=tmp_path)
    (command,) = read_trace(tmp_path / report.trace).commands("open")
    assert command.data is not None
    options = command.data["options"]
    assert options["ingress"] == command.data["urls"]["ingress"] + "/x"
    assert options["n"] == 1
    assert options["deep"] == {"a": command.data["credentials"]["app_id"]}
    (bad,) = await play(client(fake()), [scenario({"open": {"x": "${nonsense}"}})])
    assert "${nonsense}: the platform has" in bad.problem


async def test_the_reference_client_plays_a_whole_session(tmp_path: Path) -> None:
    made = scenario(
        {"open": {}},
        {"send_audio": {"audio": "AAAAAAAA", "end": True}},
        {"await": {"event": "frame", "where": {"end": True}}},
        {"server": {"advance": 1}},
        {"server": {"close": {"code": 1011, "reason": "over"}}},
        {"await": {"event": "closed"}},
    )
    first, second = await play(client(reference()), [made, made], out=tmp_path)
    assert (first.problem, second.problem) == ("", "")
    assert outcomes([first]) == [{Outcome.PASS}]


async def test_the_same_seed_makes_the_same_platform() -> None:
    target = client(fake())
    one, two = (make_platform(OPEN, target, 7) for _ in range(2))
    assert one.seed == two.seed == 7
    assert not one.pace


async def test_a_mock_platform_is_certified_as_a_server(tmp_path: Path) -> None:
    target = Target(protocol="avatarkit", revision="0.1.7", role="server", server=ServerTarget())
    made = scenario({"open": {}}, {"close": {}}, {"await": {"close": "server"}}, role="server")
    (report,) = await play(target, [made], out=tmp_path)
    assert report.problem == ""
    assert report.subject is not None
    assert "triggers" in report.subject.features


@pytest.mark.parametrize(
    ("name", "folder"), [("A B/c", "a-b-c"), ("..", "unnamed"), ("é", "unnamed"), ("x1", "x1")]
)
def test_names_become_folders(name: str, folder: str) -> None:
    assert slug(name) == folder
