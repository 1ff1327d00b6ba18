from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.registry import PROTOCOLS, resolve
from conformance.drivers.base import UnsupportedError, encoded
from conformance.drivers.videosdk import VideoSdkDriver, error_record, features
from mock_servers import mock
from protocol_core.videosdk.errors import CredentialsError, DispatchError
from tests.conformance.helpers import opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conformance.drivers.conftest import Driven

SPEECH = encoded(b"\1\2" * 2400)


@pytest.fixture
async def platform() -> AsyncIterator[Any]:
    async with mock("videosdk", pace=False, seed=1) as made:
        yield made


@pytest.fixture
def driven(platform: Any, drive: Callable[..., Driven]) -> Driven:  # noqa: ARG001 - outlives the agent
    return drive(VideoSdkDriver)


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


async def sent(platform: Any, name: str, count: int = 1) -> list[Any]:
    return await platform.journal.wait_for({"name": name, "sender": "client"}, count)


async def test_what_open_answers(driven: Driven, platform: Any) -> None:
    result = await driven.do("open", **opening(platform))
    assert result["room_id"] == platform.credentials["room_id"]
    assert result["attached"] is True
    (request,) = platform.journal.where(kind="http_request")
    assert request.data["participant_id"] == result["participant_id"]
    await driven.driver.settle()
    told = {"participant_id": result["participant_id"], "room_id": result["room_id"]}
    assert driven.told("opened") == [told]


async def test_the_room_may_come_later(driven: Driven, platform: Any) -> None:
    result = await driven.do("open", **opening(platform, join=False, participant_id="avatar_x"))
    assert (result["attached"], result["participant_id"]) == (False, "avatar_x")
    assert (await driven.do("join"))["attached"] is True


async def test_a_room_is_made(driven: Driven, platform: Any) -> None:
    result = await driven.do("open", **opening(platform, create_room=True))
    assert result["room_id"] != platform.credentials["room_id"]
    (first, *_) = platform.journal.where(kind="http_request")
    assert first.name == "rooms"


async def test_given_credentials_are_passed_on(driven: Driven, platform: Any) -> None:
    given = {"participant_id": "avatar_y", "token": platform.token("avatar_y")}
    await driven.do("open", **opening(platform, credentials=given, join=False))
    (request,) = platform.journal.where(kind="http_request")
    assert request.data["participant_id"] == "avatar_y"


async def test_turns(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    await driven.do("send_audio", audio=SPEECH)
    await driven.do("send_audio", audio=SPEECH)
    await driven.do("end_turn")
    await sent(platform, "segment_end")
    assert len(await sent(platform, "PcmChunk", 2)) == 2
    await driven.do("send_audio", audio=SPEECH)
    await driven.do("end_turn", outcome="cancelled")
    await driven.do("end_turn")
    assert len(await sent(platform, "segment_end", 2)) == 2
    with pytest.raises(UnsupportedError, match="outcome"):
        await driven.do("end_turn", outcome="forgotten")


async def test_acknowledgements_are_told(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    await platform.journal.wait_for({"kind": "join", "sender": "server"}, 1)
    await driven.do("send_audio", audio=SPEECH)
    await driven.do("end_turn")
    ended = {"playback_position": 0.1, "interrupted": False}
    assert await told(driven, "stream_ended") == [ended]


async def test_interrupts(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    await driven.do("send_audio", audio=SPEECH, uninterruptible=True)
    await driven.do("interrupt")
    assert platform.journal.where(name="INTERRUPT") == []
    await driven.do("end_turn", outcome="cancelled")
    await driven.do("close")
    assert driven.told("closed") == [{}]


async def test_a_lost_channel_is_told(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    await platform.act({"fail_sends": {"error": "send_no_producer"}})
    await driven.do("send_audio", audio=SPEECH)
    await driven.driver.settle()
    (lost,) = driven.told("detached")
    assert (lost["code"], lost["phase"], lost["kind"]) == ("NO_PRODUCER", "send", "transport")
    await driven.do("leave")
    await driven.do("join")


async def test_the_same_handle_again(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, dispatcher=None, join=False))
    assert platform.journal.where(kind="http_request") == []
    first = driven.driver.client
    with pytest.raises(Exception, match="already"):
        await driven.do("open", **opening(platform, same_client=True))
    assert driven.driver.client is first


async def test_error_records(driven: Driven, platform: Any) -> None:
    with pytest.raises(DispatchError) as caught:
        await driven.do("open", **opening(platform, room_id=None))
    record = driven.driver.record(caught.value)
    assert (record["code"], record["kind"], record["phase"]) == (
        "ROOM_ID_UNSET",
        "local",
        "dispatch",
    )
    with pytest.raises(CredentialsError):
        await driven.do("open", **opening(platform, api_key=None))
    assert error_record(RuntimeError("x")) == {
        "type": "RuntimeError",
        "message": "x",
        "kind": "local",
    }


def test_features() -> None:
    claimed, missing = features(resolve("videosdk", None))
    every = PROTOCOLS["videosdk"].features
    assert set(claimed) == {name for name, text in every.items() if not text.endswith("(server)")}
    assert missing == {}
