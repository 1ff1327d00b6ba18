"""The mock worker: what it makes of an agent's speech, on the platform's clock."""

from __future__ import annotations

import pytest

from .conftest import END, INTERRUPT, PCM, UNRELIABLE, attend, kinds, open_meeting


async def test_a_turn_is_rendered_in_its_own_time():
    async with open_meeting(worker="present", frozen=True) as (platform, meeting, listener):
        for _ in range(3):
            await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        await platform.advance(0.29)
        assert listener.acks() == []
        await platform.advance(0.02)
        assert listener.acks() == [{"playback_position": pytest.approx(0.3), "interrupted": False}]
        assert platform.session().worker.played == pytest.approx(0.3)


async def test_a_turn_is_rendered_at_once_without_pacing():
    async with open_meeting(worker="present", pace=False, frozen=True) as (_, meeting, listener):
        await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        assert len(listener.acks()) == 1


async def test_an_interrupt_cuts_and_cools():
    async with open_meeting(worker="present", frozen=True) as (platform, meeting, listener):
        await meeting.send(PCM, UNRELIABLE)
        await platform.advance(0.04)
        await meeting.send(INTERRUPT)
        await meeting.send(INTERRUPT)
        assert listener.acks() == [{"playback_position": pytest.approx(0.04), "interrupted": True}]
        await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        await platform.advance(0.3)
        assert platform.session().worker.core.state == "IDLE"
        assert len(listener.acks()) == 1
        await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        await platform.advance(0.1)
        assert len(listener.acks()) == 2


async def test_what_it_accepts_is_told():
    async with open_meeting(worker="present", pace=False) as (platform, meeting, _):
        told = []
        platform.listen(lambda name, data: told.append((name, dict(data))))
        await meeting.send(b"\xff" * 3, UNRELIABLE)
        await meeting.send(END)
        await meeting.send(INTERRUPT)
        await meeting.send(PCM, UNRELIABLE)
        assert told == [("frame", {"bytes": 4}), ("segment_end", {}), ("reset", {})]


async def test_another_rate_may_be_agreed():
    async with open_meeting(worker="present", pace=False, sample_rate=48000) as (
        _,
        meeting,
        listener,
    ):
        await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        assert listener.acks()[0]["playback_position"] == pytest.approx(0.05)


async def test_a_lost_acknowledgement_is_not_repeated():
    async with open_meeting(worker="present", pace=False) as (platform, meeting, listener):
        await platform.act({"error": "ack_lost"})
        for _ in range(2):
            await meeting.send(PCM, UNRELIABLE)
            await meeting.send(END)
        assert len(listener.acks()) == 1
        (note,) = platform.journal.where({"name": "send_failed"})
        assert note.sender == "server"


async def test_it_leaves_when_it_has_been_alone_for_long():
    async with open_meeting(worker="present", linger=10, frozen=True) as (platform, meeting, _):
        other, _ = await attend(platform)
        meeting.leave()
        await platform.advance(11)
        assert platform.session().worker is not None
        other.leave()
        await platform.advance(9)
        meeting.join()
        await platform.advance(9)
        meeting.leave()
        await platform.advance(10)
        assert platform.session().worker is None
        assert kinds(platform, "leave")[-1] == ("leave", platform.options.worker_id)


async def test_what_plays_is_lost_when_it_leaves():
    async with open_meeting(worker="present", frozen=True) as (platform, meeting, listener):
        await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        await platform.act([{"worker_leaves": True}, {"worker_joins": True}])
        await platform.advance(1)
        assert listener.acks() == []
        platform.session().worker.leave()
        platform.session().workers[platform.options.worker_id].leave()
        await meeting.send(PCM, UNRELIABLE)


async def test_it_joins_once():
    async with open_meeting(worker="present") as (platform, _, _):
        await platform.act({"worker_joins": True})
        assert len(kinds(platform, "join")) == 2
