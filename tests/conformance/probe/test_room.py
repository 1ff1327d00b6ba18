from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.probe.room import AGENT, Entry, ProbeRoom
from conformance.stage.base import StepUnmetError
from mock_servers import mock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def platform() -> AsyncIterator[Any]:
    async with mock("videosdk", worker="present", pace=False) as made:
        yield made


@pytest.fixture
async def room(platform: Any) -> AsyncIterator[ProbeRoom]:
    """A room of the probe's; it writes into the platform's own journal, as channel 9."""
    made = ProbeRoom(9, platform.journal, platform.codec, platform.clock, "reliability")
    made.workers.add(platform.options.worker_id)
    yield made
    await made.aclose()


def entry(platform: Any, who: str) -> Entry:
    return Entry(
        url=platform.urls["room"], room_id="abcd", token=platform.token(), participant_id=who
    )


def written(platform: Any, **members: Any) -> list[Any]:
    return platform.journal.where({"connection": 9, **members})


async def test_whoever_was_there_has_joined(platform: Any, room: ProbeRoom) -> None:
    assert not room.is_open
    assert await room.join(AGENT, entry(platform, "me"))
    assert room.is_open
    joins = written(platform, kind="join")
    assert [(r.participant, r.sender) for r in joins] == [
        ("me", "client"),
        (platform.options.worker_id, "server"),
    ]
    assert room.participants() == {platform.options.worker_id}


async def test_strangers_and_our_own(platform: Any, room: ProbeRoom) -> None:
    await room.join(AGENT, entry(platform, "me"))
    await room.join("visitor", entry(platform, "you"))
    await platform.act({"participant_says": {"text": "hello"}})
    await room.settle()
    await room.send("x", "RELIABLE", name="visitor")
    await platform.act({"participant_leaves": {}})
    await room.settle()
    assert [(r.participant, r.raw) for r in written(platform, kind="message")] == [
        ("participant-2", "hello"),
        ("you", "x"),
    ]
    assert [r.participant for r in written(platform, kind="leave")] == ["participant-2"]
    assert [r.participant for r in written(platform, kind="join")][-2:] == ["you", "participant-2"]


async def test_leaving(platform: Any, room: ProbeRoom) -> None:
    await room.settle()
    await room.join(AGENT, entry(platform, "me"))
    await room.leave(AGENT)
    assert not room.is_open
    with pytest.raises(StepUnmetError, match="agent is not in the room"):
        await room.send("x", "RELIABLE")
    room.drop()
