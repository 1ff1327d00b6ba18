from __future__ import annotations

from typing import Any

from conformance.stage.base import Deadlines
from conformance.stage.server import perform
from conformance.target import ServerTarget, Target
from conformance.trace import Trace, TraceHeader
from tests.conformance.helpers import scenario

TARGET = Target(protocol="liveavatar", revision="0.2", role="server", server=ServerTarget())


async def play(*steps: dict[str, Any]) -> tuple[str, Trace]:
    made = scenario(*steps, role="server", protocol="liveavatar")
    played, records = await perform(made, TARGET, Deadlines(), 1)
    return played.problem, Trace(TraceHeader(role="server"), records)


async def test_a_whole_session() -> None:
    problem, trace = await play(
        {"open": {}},
        {"send_audio": {"frames": 2}},
        {"send_audio": {"seconds": 0.08, "sample_rate": "HZ_24000", "samples": 960}},
        {"http": {"endpoint": "session_stop"}},
        {"await": {"ended": True}},
    )
    assert problem == ""
    (start, stop) = trace.http()
    assert (start[0].name, stop[0].name) == ("session_start", "session_stop")
    frames = trace.messages("client", "AudioFrame")
    data = [frame.data or {} for frame in frames]
    assert [d["sequence"] for d in data] == [0, 1, 2, 3]
    assert [d["timestamp"] for d in data] == [0, 40, 80, 120]
    assert [d["key"] for d in data] == [True, False, True, False]
    assert trace.messages("client")[0].name == "session.ready"


async def test_the_socket_url_is_a_secret() -> None:
    problem, trace = await play({"connect": {}}, {"await": {"message": "session.init"}})
    assert problem == ""
    (socket,) = trace.sockets()
    assert socket.upgrade is not None
    assert "‹" in socket.upgrade.target


async def test_frames_wrap() -> None:
    problem, trace = await play(
        {"open": {"ready": False}},
        {"send_audio": {"frames": 2, "sequence": 4095, "timestamp": 1048560}},
        {"send_audio": {"audio": "AQI=", "samples": 1, "codec": "OPUS"}},
    )
    assert problem == ""
    data = [frame.data or {} for frame in trace.messages("client")]
    assert [d["sequence"] for d in data] == [4095, 0, 1]
    assert [d["timestamp"] for d in data][:2] == [1048560, 24]


async def test_a_refused_start() -> None:
    problem, trace = await play(
        {"http": {"endpoint": "session_start", "headers": {"Authorization": "Bearer no"}}},
        {"connect": {"url": "ws://127.0.0.1:1/x"}},
    )
    assert "cannot connect" in problem
    ((_, reply),) = trace.http()
    assert reply is not None
    assert reply.data is not None
    assert reply.data["code"] != 0
