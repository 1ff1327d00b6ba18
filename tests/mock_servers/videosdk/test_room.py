"""Participants, broadcast, tracks, and what the journal says of them."""

from __future__ import annotations

import base64

import pytest

from .conftest import PCM, UNRELIABLE, WORKER, attend, kinds, open_meeting


async def test_the_journal_tells_who_comes_goes_and_speaks():
    async with open_meeting(worker="present", pace=False) as (platform, meeting, _):
        agent, worker = meeting.local_participant.id, platform.options.worker_id
        other, _ = await attend(platform, participant_id="user-1")
        await meeting.send(PCM, UNRELIABLE)
        await other.send("hi")
        other.leave()
        records = [r for r in platform.journal.records if r.kind not in {"note", "clock"}]
        assert {record.connection for record in records} == {1}
        assert [(r.kind, r.sender, r.participant, r.name) for r in records] == [
            ("join", "server", worker, "demo-room"),
            ("track", "server", worker, "audio"),
            ("track", "server", worker, "video"),
            ("join", "client", agent, "demo-room"),
            ("join", "", "user-1", "demo-room"),
            ("message", "client", agent, "PcmChunk"),
            ("message", "", "user-1", ""),
            ("leave", "", "user-1", "demo-room"),
        ]
        assert records[0].data["token"]["claims"]["participantId"] == worker
        assert records[0].data["token"]["claims"]["apikey"] == "‹api_key›"
        assert records[1].data == {"state": "published"}
        chunk = records[5]
        assert (chunk.opcode, chunk.reliability) == ("binary", "UNRELIABLE")
        assert base64.b64decode(chunk.raw) == PCM
        assert records[6].problems


async def test_any_other_mode_counts_as_unreliable():
    async with open_meeting(worker="absent") as (platform, meeting, _):
        await meeting.send("x", {"reliability": "WHATEVER"})
        await meeting.send("x", {})
        modes = [record.reliability for record in platform.journal.messages()]
        assert modes == ["UNRELIABLE", "RELIABLE"]


async def test_who_comes_twice_is_replaced():
    async with open_meeting(worker="absent") as (platform, _, _):
        first, heard = await attend(platform, participant_id="user-1")
        second, _ = await attend(platform, participant_id="user-1")
        assert (first.joined, second.joined) == (False, True)
        assert heard.events[-1] == ("meeting-left", None)
        assert kinds(platform, "join", "leave")[-3:] == [
            ("join", "user-1"),
            ("leave", "user-1"),
            ("join", "user-1"),
        ]


async def test_losses_are_noted_and_reproducible():
    async def run(seed):
        async with open_meeting(worker="absent", seed=seed, loss=0.3, reorder=0.3) as (
            platform,
            meeting,
            _,
        ):
            _, heard = await attend(platform)
            for number in range(100):
                await meeting.send(b"\xff" + bytes((number,)), UNRELIABLE)
            await platform.advance(1)
            notes = [r for r in platform.journal.records if "is lost on its way" in r.reason]
            assert len(heard.payloads()) == 100 - len(notes)
            return heard.payloads()

    first = await run(1)
    assert first == await run(1) != await run(2)
    assert first != sorted(first)


@pytest.mark.parametrize("decoding", [False, True])
async def test_utf8_may_arrive_as_text(decoding):
    async with open_meeting(worker="absent", utf8_text_decoding=decoding) as (
        platform,
        meeting,
        _,
    ):
        _, heard = await attend(platform)
        await meeting.send(bytes(4), UNRELIABLE)
        await meeting.send(b"\xff\xff", UNRELIABLE)
        await meeting.send(b"INTERRUPT")
        expected = ["\0" * 4, b"\xff\xff", "INTERRUPT"]
        assert heard.payloads() == (expected if decoding else [bytes(4), b"\xff\xff", b"INTERRUPT"])
        # What was sent is what is written down.
        assert {record.opcode for record in platform.journal.messages()} == {"binary"}


async def test_failing_sends_are_counted():
    async with open_meeting(worker="absent") as (platform, meeting, _):
        await platform.act({"fail_sends": {"after": 1, "times": 2}})
        outcomes = []
        for _ in range(5):
            try:
                outcomes.append(await meeting.send("x"))
            except RuntimeError:
                outcomes.append(False)
        assert outcomes == [True, False, False, True, True]


async def test_latency_delays_everything():
    async with open_meeting(worker="absent", latency=0.5, frozen=True) as (platform, meeting, _):
        _, heard = await attend(platform)
        await meeting.send("x")
        assert heard.payloads() == []
        await platform.advance(0.5)
        assert heard.payloads() == ["x"]


async def test_tracks_come_and_go_once():
    async with open_meeting(worker="absent") as (platform, _, _):
        room = platform.session().room
        participant = room.participants[0]
        for _ in range(2):
            room.publish(participant, "video")
        for _ in range(2):
            room.unpublish(participant, "video")
        states = [r.data["state"] for r in platform.journal.where({"kind": "track"})]
        assert states == ["published", "unpublished"]


async def test_leaving_twice_is_leaving_once():
    async with open_meeting() as (platform, meeting, _):
        room = platform.session().room
        participant = room.participant(meeting.local_participant.id)
        room.leave(participant)
        room.leave(participant)
        room.remove(participant, "again")
        assert kinds(platform, "leave") == [("leave", participant.id)]
        assert room.participant(WORKER) is None
