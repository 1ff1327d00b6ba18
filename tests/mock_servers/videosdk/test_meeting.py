"""The stand-in for the vendor's meeting object."""

from __future__ import annotations

import pytest

from avatar_protocols.videosdk.v1_0.constants import ErrorText, Limit
from mock_servers import mock
from mock_servers.videosdk.rejection import JoinRefusedError

from .conftest import PCM, UNRELIABLE, Listener, attend, open_meeting


async def test_a_meeting_is_joined_and_left():
    async with open_meeting(worker="present") as (platform, meeting, listener):
        assert meeting.id == platform.options.room_id
        assert meeting.local_participant.id.startswith("participant-")
        assert list(meeting.participants) == [platform.options.worker_id]
        assert [name for name, _ in listener.events] == ["meeting-joined", "participant-joined"]
        meeting.join()
        meeting.leave()
        meeting.leave()
        assert not meeting.joined
        assert [name for name, _ in listener.events][2:] == ["meeting-left"]


async def test_participants_hear_each_other_and_not_themselves():
    async with open_meeting(worker="absent") as (platform, meeting, listener):
        other, heard = await attend(platform, participant_id="user-1")
        assert (await meeting.send(b"\xff", UNRELIABLE)) is True
        await other.send("hello")
        assert [data for name, data in heard.events if name == "data"] == [
            {
                "payload": b"\xff",
                "from": meeting.local_participant.id,
                "timestamp": heard.events[-1][1]["timestamp"],
                "reliability": "UNRELIABLE",
            }
        ]
        assert listener.events[-1][1]["reliability"] == "RELIABLE"
        assert listener.events[-1][1]["from"] == "user-1"
        assert abs(listener.events[-1][1]["timestamp"] / 1000 - platform.wall()) < 5
        other.leave()
        name, participant = listener.events[-1]
        assert (name, participant.id, participant.local) == ("participant-left", "user-1", False)


@pytest.mark.parametrize(
    ("payload", "error", "words"),
    [
        (b"x" * (Limit.PAYLOAD + 1), ValueError, "Payload too large: 15361 bytes"),
        ("ä" * (Limit.PAYLOAD // 2 + 1), ValueError, "Payload too large: 15362 bytes"),
        (bytearray(b"x"), TypeError, "current type is: bytearray only"),
        (None, TypeError, "current type is: NoneType only"),
    ],
)
async def test_sends_are_refused_as_by_the_transport(payload, error, words):
    async with open_meeting() as (platform, meeting, _):
        with pytest.raises(error, match=words):
            await meeting.send(payload)
        (note,) = platform.journal.where({"name": "send_failed"})
        assert words in note.reason
        assert platform.journal.messages() == []


async def test_the_largest_payload_goes_out():
    async with open_meeting() as (platform, meeting, _):
        await meeting.send("ä" * (Limit.PAYLOAD // 2))
        assert len(platform.journal.messages()) == 1


async def test_outside_of_the_room_there_is_no_network():
    async with mock("videosdk") as platform:
        meeting = platform.meeting()
        with pytest.raises(ConnectionError, match=r"Network is not available"):
            await meeting.send("x")
        meeting.join()
        meeting.leave()
        with pytest.raises(ConnectionError, match=ErrorText.NETWORK[:20]):
            await meeting.send("x")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("send_not_connected", ConnectionError),
        ("send_no_producer", ValueError),
        ("send_too_large", ValueError),
        ("send_wrong_type", TypeError),
        ("send_failed", RuntimeError),
    ],
)
async def test_every_failure_of_a_send_can_be_had(row, error):
    async with open_meeting() as (platform, meeting, _):
        await platform.act({"error": row})
        for _ in range(2):
            with pytest.raises(error):
                await meeting.send(PCM)
        meeting.leave()
        meeting.join()
        await meeting.send(PCM)


async def test_a_refused_join_is_raised():
    async with mock("videosdk") as platform:
        meeting = platform.meeting(token=platform.token("avatar_2"), participant_id="avatar_3")
        with pytest.raises(JoinRefusedError, match="avatar_3"):
            await meeting.async_join()


async def test_what_a_listener_raises_reaches_nobody_else():
    async with open_meeting() as (platform, meeting, listener):
        second = Listener()
        meeting.add_event_listener(second)
        listener.raises = RuntimeError("on purpose")
        await platform.act({"participant_says": {"text": "hi"}})
        assert second.payloads() == ["hi"]
        assert [str(error) for error in meeting.failures] == ["on purpose"] * 2
        assert any("on purpose" in record.reason for record in platform.journal.records)
        meeting.remove_event_listener(listener)
        with pytest.raises(ValueError):  # noqa: PT011 - the list's own words
            meeting.remove_event_listener(listener)
        meeting.remove_all_listeners()
        await platform.act({"participant_says": {"text": "ho"}})
        assert second.payloads() == ["hi"]


async def test_one_may_be_sent_out():
    async with open_meeting(worker="absent") as (platform, meeting, listener):
        await platform.act({"close": {}})
        assert listener.events[-1] == ("meeting-left", None)
        assert not meeting.joined


async def test_tracks_are_somebody_elses_business():
    async with open_meeting(worker="absent") as (platform, _, listener):
        seen = len(listener.events)
        await platform.act({"worker_joins": True})
        assert [name for name, _ in listener.events[seen:]] == ["participant-joined"]


async def test_somebody_unknown_may_leave():
    async with open_meeting(worker="absent") as (_, meeting, listener):
        meeting.participant_left("nobody")
        assert listener.events[-1][1].id == "nobody"
