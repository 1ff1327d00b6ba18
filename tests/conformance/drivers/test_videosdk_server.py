from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.registry import resolve
from conformance.drivers.base import UnsupportedError
from conformance.drivers.videosdk_server import FEATURES, VideoSdkServerDriver, features
from mock_servers import mock
from protocol_core.videosdk.errors import JoinError
from reference_client.videosdk import RoomSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conformance.drivers.conftest import Driven

WORKER = "avatar_0a1b2c3d"
SPEECH = b"\1\2" * 2400
END = '{"type": "segment_end"}'


@pytest.fixture
async def platform() -> AsyncIterator[Any]:
    async with mock("videosdk", worker="absent", seed=1) as made:
        yield made


@pytest.fixture
def driven(platform: Any, drive: Callable[..., Driven]) -> Driven:  # noqa: ARG001 - outlives the worker
    return drive(VideoSdkServerDriver)


def serving(platform: Any, **options: Any) -> dict[str, Any]:
    return {
        "revision": "1.0",
        "urls": platform.urls,
        "credentials": {"token": platform.token(WORKER), "participant_id": WORKER},
        "room": "abcd",
        "options": options,
    }


@pytest.fixture
async def agent(platform: Any, driven: Driven) -> AsyncIterator[RoomSocket]:
    """An agent beside a worker that serves."""
    await driven.do("serve", **serving(platform))
    token = platform.token()
    async with await RoomSocket.join(
        platform.urls["room"], "abcd", token, "agent", clock=platform.clock
    ) as room:
        yield room


async def told(driven: Driven, event: str) -> list[Any]:
    """What was reported under a name, once there is anything."""
    come, tell = asyncio.Event(), driven.driver._tell

    def watch(name: str, data: Any) -> None:
        tell(name, data)
        if name == event:
            come.set()

    driven.driver._tell = watch
    if not driven.told(event):
        await come.wait()
    return driven.told(event)


async def test_it_joins_as_it_was_told(platform: Any, driven: Driven) -> None:
    result = await driven.do("serve", **serving(platform))
    assert result == {"urls": {}, "credentials": {}}
    (join,) = platform.journal.where(kind="join")
    assert (join.participant, join.name) == (WORKER, "abcd")


async def test_input_is_told(driven: Driven, agent: RoomSocket) -> None:
    for payload in (SPEECH, END, b"INTERRUPT"):
        await agent.send(payload)
    await told(driven, "reset")
    assert driven.told("frame") == [{"bytes": 4800}]
    assert driven.told("segment_end") == [{}]
    await driven.driver.settle()


async def test_segments_are_acknowledged(platform: Any, agent: RoomSocket) -> None:
    await agent.send(SPEECH)
    await agent.send(END)
    (ack,) = await platform.journal.wait_for({"name": "stream_ended"}, 1)
    assert ack.data["data"] == {"playback_position": 0.1, "interrupted": False}


async def test_the_worker_leaves(platform: Any, driven: Driven, agent: RoomSocket) -> None:
    await driven.do("act", action={"worker_leaves": True})
    assert driven.told("closed") == [{"pending": []}]
    await agent.send(SPEECH)
    assert driven.told("frame") == []
    assert [leave.participant for leave in platform.journal.where(kind="leave")] == [WORKER]


async def test_the_worker_moves(platform: Any, driven: Driven, agent: RoomSocket) -> None:
    await driven.do("act", action={"worker_moves": "efgh"})
    assert agent.participants == set() or WORKER not in agent.participants
    joins = [(join.participant, join.name) for join in platform.journal.where(kind="join")]
    assert joins[-1] == (WORKER, "efgh")


async def test_what_it_cannot_do(platform: Any, driven: Driven) -> None:
    with pytest.raises(UnsupportedError, match="serve"):
        await driven.do("act", action={"worker_leaves": True})
    with pytest.raises(UnsupportedError, match="serve"):
        await driven.do("act", action={"worker_moves": "efgh"})
    with pytest.raises(UnsupportedError, match="dance"):
        await driven.do("act", action={"dance": True})
    with pytest.raises(UnsupportedError, match="colour"):
        await driven.do("serve", **serving(platform, colour="blue"))
    with pytest.raises(UnsupportedError, match="participant_id"):
        await driven.do("serve", **{**serving(platform), "credentials": {}})
    await driven.driver.settle()


async def test_error_records(platform: Any, driven: Driven) -> None:
    refused = {"token": platform.token("somebody"), "participant_id": WORKER}
    with pytest.raises(JoinError) as caught:
        await driven.do("serve", **{**serving(platform), "credentials": refused})
    assert driven.driver.record(caught.value)["code"] == "JOIN_REFUSED"


def test_features() -> None:
    assert features(resolve("videosdk", None)) == (list(FEATURES), {})
