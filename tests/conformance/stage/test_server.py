"""Scenarios in the server role, against our mock platforms: in process and over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Adapter
from conformance.errors import UsageError
from conformance.judge import Stop
from conformance.probe import probe_class
from conformance.stage.base import Deadlines
from conformance.stage.server import perform
from conformance.target import ServerTarget, Target
from conformance.trace import Trace, TraceHeader
from mock_servers import mock
from mock_servers.server import Server
from tests.conformance.helpers import scenario, serving

if TYPE_CHECKING:
    from conformance.scenario import Scenario

OPEN = {"open": {}}
MOCK = Target(protocol="avatarkit", revision="0.1.7", role="server", server=ServerTarget())


def made(*steps: dict[str, Any], **members: Any) -> Scenario:
    return scenario(*steps, role="server", **members)


async def play(
    *steps: dict[str, Any], target: Target = MOCK, step: float = 5.0
) -> tuple[Any, Trace]:
    played, records = await perform(made(*steps), target, Deadlines(step=step), 1)
    return played, Trace(TraceHeader(role="server"), records)


async def test_a_whole_session() -> None:
    played, trace = await play(
        OPEN,
        {"send_audio": {"seconds": 0.1, "chunks": 3, "end": True}},
        {"await": {"message": "MESSAGE_SERVER_RESPONSE_ANIMATION", "where": {"end": True}}},
        {"ping": True},
        {"await": {"pong": "server"}},
        {"settle": {}},
        {"close": {"code": 1000}},
        {"await": {"close": "server"}},
    )
    assert played.problem == ""
    (socket,) = trace.sockets()
    assert len(socket.messages("client", "MESSAGE_CLIENT_AUDIO_INPUT")) == 3
    assert [r.kind for r in socket.records if r.kind in {"close", "reset"}] == ["close", "close"]
    ((request, reply),) = trace.http("session_tokens")
    assert (
        request.headers["x-api-key" if "x-api-key" in request.headers else "X-Api-Key"]
        == "‹api_key›"
    )
    assert reply is not None
    assert reply.data == {"sessionToken": "‹session_token›"}


async def test_refused_upgrades() -> None:
    played, trace = await play(
        {"connect": {"token": "nonsense"}},
        {"await": {"upgrade": 400}},
        {"connect": {"auth": "query", "avatar_id": "nobody", "token": None}},
        {"await": {"upgrade": 400}},
    )
    assert played.problem == ""
    assert [socket.is_open for socket in trace.sockets()] == [False, False]


async def test_an_open_that_is_refused_names_the_status() -> None:
    played, _ = await play({"open": {"token": "nonsense"}})
    assert played.problem == "step 1 (open): the upgrade was answered by HTTP 400"


async def test_an_open_that_is_answered_by_an_error_says_so() -> None:
    played, _ = await play({"open": {"sample_rate": 11025}})
    assert "the server answered MESSAGE_SERVER_ERROR instead of confirming" in played.problem


async def test_illegal_messages() -> None:
    played, trace = await play(
        {"connect": {}},
        {"send_text": "hello"},
        {"await": {"message": "MESSAGE_SERVER_ERROR"}},
        {"await": {"ended": True}},
    )
    assert played.problem == ""
    assert trace.messages("client")[0].opcode == "text"


async def test_raw_bytes_and_variables() -> None:
    played, trace = await play(
        OPEN,
        {"send_audio": {"bytes": 4}},
        {"send": {"message": "MESSAGE_CLIENT_INTERRUPT", "data": {"req_id": "$req_id"}}},
        {"send_binary": "ff"},
        {"await": {"message": "MESSAGE_SERVER_ERROR"}},
    )
    assert played.problem == ""
    (interrupt,) = trace.messages("client", "MESSAGE_CLIENT_INTERRUPT")
    assert interrupt.data is not None
    assert interrupt.data["client_interrupt"]["req_id"] == "probe-1"


async def test_rest_calls_can_be_wrong() -> None:
    played, trace = await play(
        {"http": {"endpoint": "session_tokens", "headers": {"X-Api-Key": None}}},
        {"await": {"http": "session_tokens"}},
        {"http": {"endpoint": "session_tokens", "json": {"expireAt": "soon"}}},
        {"http": {"endpoint": "session_tokens", "text": "nonsense"}},
    )
    assert played.problem == ""
    statuses = [reply.status for _, reply in trace.http() if reply is not None]
    assert len(statuses) == 3
    assert all(status and status >= 400 for status in statuses)


async def test_triggers_in_process() -> None:
    played, trace = await play(
        OPEN, {"trigger": {"act": {"error": "idle_timeout"}}}, {"await": {"ended": True}}
    )
    assert played.problem == ""
    played, trace = await play(
        OPEN, {"trigger": {"advance": 100_000}}, {"await": {"close": "server"}}
    )
    assert played.problem == ""
    assert trace.messages("server", "MESSAGE_SERVER_ERROR")


async def test_a_ping_may_stay_unanswered() -> None:
    async def pongs(**args: Any) -> int:
        act = {"act": {"ping": True}}
        _, trace = await play({"open": args}, {"trigger": act}, {"await": {"ping": "server"}})
        return len(trace.where(kind="pong"))

    assert await pongs() == 1
    assert await pongs(pong=False) == 0


async def test_a_reset_is_recorded() -> None:
    played, trace = await play(OPEN, {"reset": True})
    assert played.problem == ""
    assert [r.sender for r in trace.where(kind="reset")] == ["client"]


async def test_the_server_may_reset_too() -> None:
    played, trace = await play(
        OPEN, {"trigger": {"act": {"reset": True}}}, {"await": {"ended": True}}
    )
    assert played.problem == ""
    assert [r.sender for r in trace.where(kind="reset")] == ["server"]


async def test_two_connections() -> None:
    played, trace = await play(
        OPEN, OPEN, {"close": {"connection": 1}}, {"await": {"close": "server"}}, {"settle": {}}
    )
    assert played.problem == ""
    first, second = trace.sockets()
    assert first.end is not None
    assert second.end is None


async def test_a_connection_is_needed() -> None:
    played, _ = await play({"send_text": "x"})
    assert "no connection to send on" in played.problem


async def test_a_server_that_says_nothing(unused_tcp_port: int) -> None:
    server = ServerTarget(
        urls={"console": f"http://127.0.0.1:{unused_tcp_port}", "ingress": "ws://x"}
    )
    target = Target(protocol="avatarkit", revision="0.1.7", role="server", server=server)
    played, _ = await play({"http": {"endpoint": "session_tokens"}}, target=target)
    assert "no answer to POST" in played.problem
    played, _ = await play({"connect": {"token": "x", "path": ":bad"}}, target=target)
    assert played.stop is Stop.UNMET


async def test_a_server_elsewhere_and_its_control_api() -> None:
    host = Server()
    platform = mock("avatarkit", pace=False)
    host.mount(platform)
    await host.start()
    try:
        control = f"http://{host.address}/_understudy/avatarkit"
        server = ServerTarget(urls=platform.urls, credentials=platform.credentials, control=control)
        target = Target(protocol="avatarkit", revision="0.1.7", role="server", server=server)
        played, trace = await play(
            OPEN,
            {"trigger": {"act": {"error": "idle_timeout"}}},
            {"await": {"ended": True}},
            OPEN,
            {"trigger": {"advance": 100_000}},
            {"await": {"ended": True}},
            {"trigger": {"act": {"error": "no_such_error"}}},
            target=target,
        )
        assert "answered HTTP 400" in played.problem
        assert len(trace.sockets()) == 2
    finally:
        await host.stop()


async def test_triggers_of_others() -> None:
    host = Server()
    platform = mock("avatarkit", pace=False)
    host.mount(platform)
    await host.start()
    try:
        health = f"http://{host.address}/_understudy/nonsense"
        server = ServerTarget(
            urls=platform.urls, credentials=platform.credentials, triggers={"error": health}
        )
        target = Target(protocol="avatarkit", revision="0.1.7", role="server", server=server)
        played, _ = await play({"trigger": {"act": {"error": "idle_timeout"}}}, target=target)
        assert "answered HTTP 404" in played.problem
        played, _ = await play({"trigger": {"advance": 1}}, target=target)
        assert played.stop is Stop.UNSUPPORTED
        assert "no trigger advance" in played.problem
    finally:
        await host.stop()


async def test_a_step_has_a_deadline() -> None:
    host = Server()
    platform = mock("avatarkit", plan=[{"on": "http", "do": []}])
    host.mount(platform)
    await host.start()
    try:
        server = ServerTarget(urls=platform.urls, credentials=platform.credentials)
        target = Target(protocol="avatarkit", revision="0.1.7", role="server", server=server)
        played, _ = await play(OPEN, target=target, step=0.1)
        assert played.problem == "step 1 (open): the server did not play along within 0.1 s"
    finally:
        await host.stop()


async def behind(
    *steps: dict[str, Any], mode: str = "", step: float = 5.0, **members: Any
) -> tuple[Any, Trace, Adapter]:
    """Play against a server behind an adapter, which is closed afterwards."""
    adapter = await Adapter.start(serving(mode))
    try:
        target = Target(
            protocol="avatarkit", revision="0.1.7", role="server", adapter=serving(mode)
        )
        played, records = await perform(
            made(*steps, **members), target, Deadlines(step=step), 1, adapter
        )
        return played, Trace(TraceHeader(role="server"), records), adapter
    finally:
        await adapter.close()


async def test_a_server_behind_an_adapter() -> None:
    played, trace, adapter = await behind(
        OPEN,
        {"settle": {}},
        {"trigger": {"advance": 1}},
        {"trigger": {"act": {"error": "idle_timeout"}}},
        {"await": {"event": "serving", "where": {"room": ""}}},
        {"await": {"ended": True}},
        platform={"idle_timeout": 40},
    )
    assert played.problem == ""
    assert [r.name for r in trace.commands()] == ["serve", "settle", "advance", "act"]
    assert [r.name for r in trace.answers()] == ["serve", "settle", "advance", "act", "reset"]
    assert trace.commands("serve")[0].data["options"] == {"idle_timeout": 40}
    assert trace.commands("act")[0].data == {"action": {"error": "idle_timeout"}, "session": -1}
    (answer,) = trace.answers("serve")
    assert answer.data["result"]["credentials"]["api_key"] == "‹api_key›"
    assert trace.messages("server", "MESSAGE_SERVER_ERROR")
    assert adapter.fault is not None  # closed


async def test_a_server_that_cannot_be_set_up_like_that() -> None:
    played, trace, _ = await behind(OPEN, platform={"colour": "blue"})
    assert played.stop is Stop.INAPPLICABLE
    assert "colour" in played.problem
    assert not trace.wire()


@pytest.mark.parametrize(
    ("mode", "stop", "problem"),
    [
        ("refuse", Stop.UNMET, 'serve: `serve` failed: {"kind":"local","message":"no port'),
        ("crash", Stop.UNMET, "serve: the adapter's process exited with status 7"),
        ("hang", Stop.UNMET, "serve: no answer to `serve` within"),
        ("vague", Stop.HARNESS, "serve: the answer to `serve` breaks the contract"),
    ],
)
async def test_a_server_that_does_not_come_up(mode: str, stop: Stop, problem: str) -> None:
    played, trace, _ = await behind(OPEN, mode=mode, step=0.3 if mode == "hang" else 10)
    assert played.stop is stop
    assert played.problem.startswith(problem)
    assert trace.where(lambda r: r.problems == [played.problem])


async def test_a_server_that_dies_at_a_trigger() -> None:
    played, _, adapter = await behind(
        OPEN, {"trigger": {"act": {"ping": True}}}, {"await": {"ended": True}}, mode="mortal"
    )
    assert played.stop is Stop.UNMET
    assert "step 2 (trigger): the adapter's process exited with status 9" in played.problem
    assert adapter.fault is not None


async def test_a_server_that_hangs_at_a_trigger() -> None:
    act = {"act": {"ping": True}, "within": 0.2}
    played, _, adapter = await behind(OPEN, {"trigger": act}, mode="stuck")
    assert "step 2 (trigger): no answer to `act` within 0.2 s" in played.problem
    assert adapter.fault is not None


async def test_awaits_know_what_the_probe_has_learnt() -> None:
    played, _ = await play(
        OPEN,
        {"send_audio": {"bytes": 640, "end": True}},
        {"await": {"message": "*", "from": "server", "where": {"req_id": "$req_id"}}},
        {"await": {"message": "*", "where": {"req_id": "$nothing"}}},
    )
    assert played.stop is Stop.HARNESS
    assert "step 4 (await)" in played.problem
    assert "no such variable" in played.problem


async def test_commands_of_the_probe() -> None:
    played, _ = await play({"command": {"name": "dance"}})
    assert played.stop is Stop.HARNESS
    assert "the probe has no command 'dance'; it has none" in played.problem


def test_a_protocol_without_a_probe() -> None:
    with pytest.raises(UsageError, match="has no probe"):
        probe_class("bogus")
