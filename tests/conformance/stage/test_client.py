from __future__ import annotations

from typing import Any

from conformance.adapter import Adapter
from conformance.stage.base import Deadlines
from conformance.stage.client import COMMANDS, ClientStage
from mock_servers import mock
from tests.conformance.helpers import reference, scenario


async def play(*steps: dict[str, Any], plan: Any = (), **deadlines: float) -> tuple[str, Any]:
    """Play steps with the reference client; the problem, and the records."""
    adapter = await Adapter.start(reference())
    try:
        async with mock("avatarkit", pace=False, plan=plan) as platform:
            made = scenario(*steps)
            stage = ClientStage(made, platform, adapter, Deadlines(**deadlines))
            played = await stage.play()
            return played.problem, list(platform.journal.records)
    finally:
        await adapter.close()


async def test_a_command_may_run_in_the_background() -> None:
    silence = [{"on": "message", "do": []}]
    problem, records = await play(
        {"open": {"background": True}},
        {"await": {"message": "MESSAGE_CLIENT_CONFIGURE_SESSION"}},
        {"server": {"close": {"code": 1011}}},
        {"await": {"answer": "open", "kind": "error"}},
        plan=silence,
    )
    assert problem == ""
    (answer,) = [r for r in records if r.kind == "answer"]
    assert answer.data["error"]["code"] == "connectionClosed"


async def test_actions_of_the_server_wait_for_a_session() -> None:
    problem, _ = await play({"server": {"ping": True}}, step=0.1)
    assert "step 1 (server)" in problem
    problem, _ = await play(
        {"open": {"background": True}},
        {"server": {"ping": True}},
        {"await": {"pong": "client"}},
        {"await": {"answer": "open"}},
    )
    assert problem == ""


async def test_an_action_that_does_not_exist_is_the_scenarios_fault() -> None:
    problem, _ = await play({"open": {}}, {"server": {"dance": True}})
    assert "dance" in problem


async def test_time_passes_on_both_sides() -> None:
    problem, records = await play(
        {"open": {}}, {"server": {"advance": 5}}, {"advance": 5}, {"advance": {"seconds": 1}}
    )
    assert problem == ""
    assert [r.name for r in records if r.kind == "clock"] == ["advance"]
    assert [r.name for r in records if r.kind == "command"] == ["open", "advance", "advance"]


async def test_any_command() -> None:
    problem, records = await play({"command": {"name": "settle"}})
    assert problem == ""
    assert [r.name for r in records if r.kind == "answer"] == ["settle"]


async def test_a_command_may_have_a_deadline_of_its_own() -> None:
    problem, _ = await play({"open": {"within": 0.1}}, plan=[{"on": "http", "do": []}])
    assert "no answer to `open` within 0.1 s" in problem


def test_the_schema_knows_the_same_commands() -> None:
    from avatar_protocols import schemas

    steps = schemas.meta("scenario")["$defs"]["client_step"]["properties"]
    assert set(COMMANDS) | {"advance", "command", "await", "server"} == set(steps)
