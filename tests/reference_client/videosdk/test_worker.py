from __future__ import annotations

import asyncio
import json

import pytest

from protocol_core.videosdk.errors import JoinError
from protocol_core.videosdk.worker import WorkerConfig
from reference_client.videosdk import AvatarWorker, Credentials, PassThrough, Picture
from tests.reference_client.videosdk.support import END, FakeMeeting, WorkerEar

CREDENTIALS = Credentials(participant_id="avatar_1", token="a.b.c")
SECOND = b"\1\2" * 24000


async def quiet():
    for _ in range(30):
        await asyncio.sleep(0)


class Working:
    """A worker in a meeting in memory."""

    def __init__(self, clock, *, renderer=None, config=None):
        self.ear = WorkerEar()
        self.meeting = FakeMeeting()
        self.clock = clock
        self.worker = AvatarWorker(
            config, renderer=renderer, listener=self.ear, clock=clock, frame_rate=30.0
        )

    async def hear(self, *payloads, sender="agent"):
        for payload in payloads:
            self.meeting.says(payload, sender)
        await quiet()

    async def advance(self, seconds):
        """Let time pass as a clock does: not all at once."""
        for _ in range(20):
            self.clock.advance(seconds / 20)
            await quiet()

    def acks(self):
        return [
            (round(d["playback_position"], 3), d["interrupted"])
            for d in (json.loads(payload)["data"] for payload in self.meeting.payloads())
        ]


@pytest.fixture
async def working(clock):
    made = Working(clock)
    async with made.worker as worker:
        await worker.attach(made.meeting)
        yield made


async def test_a_segment_is_acknowledged_when_it_was_rendered(working):
    await working.hear(SECOND, END)
    assert working.acks() == []
    await working.advance(1.1)
    assert working.acks() == [(1.0, False)]
    assert working.meeting.sent[0][1] == "RELIABLE"
    assert working.worker.audio.buffered == len(SECOND)


async def test_an_interrupt_cuts_what_plays(working):
    await working.hear(SECOND, SECOND, END)
    await working.advance(0.5)
    await working.hear(b"INTERRUPT", "INTERRUPT", b"INTERRUPT")
    assert working.acks() == [(1.0, True)]
    assert working.worker.audio.buffered == 0
    await working.advance(3.0)
    assert len(working.acks()) == 1
    await working.worker.settle()
    assert len(working.ear.of("on_reset")) == 3


async def test_it_goes_on_after_the_cooldown(working):
    await working.hear(b"INTERRUPT", SECOND, END)
    await working.advance(0.4)
    await working.hear(b"\1\2" * 2400, END)
    await working.advance(0.2)
    assert working.acks() == [(0.1, False)]


async def test_turns_that_arrive_while_one_plays(working):
    await working.hear(SECOND, END, b"\1\2" * 12000, END)
    await working.advance(2.0)
    assert working.acks() == [(1.0, False), (0.5, False)]


async def test_what_the_application_hears(working):
    await working.hear(b"\1\2\3", END, "hello")
    await working.advance(0.1)
    await working.worker.settle()
    ear = working.ear
    assert ear.of("on_attached") == [("abcd",)]
    assert ear.of("on_frame")[0][0].pcm == b"\1\2\3\0"
    assert len(ear.of("on_segment_end")) == 1
    assert len(ear.of("on_ignored")) == 1
    assert ear.of("on_segment_over")[0][0].interrupted is False


async def test_an_acknowledgement_that_fails_is_not_repeated(working, caplog):
    working.meeting.fails = RuntimeError("gone")
    await working.hear(SECOND, END)
    await working.advance(1.1)
    assert "ACK_LOST" in caplog.text
    working.meeting.fails = None
    await working.advance(1.0)
    assert working.acks() == []
    await working.hear(SECOND, END)
    await working.advance(1.1)
    assert working.acks() == [(1.0, False)]


async def test_only_the_agent_counts_in_a_strict_profile(clock):
    made = Working(clock, config=WorkerConfig(agent_id="agent"))
    async with made.worker as worker:
        await worker.attach(made.meeting)
        await made.hear(SECOND, END, sender="somebody")
        await made.advance(1.1)
        assert made.acks() == []


async def test_closing_ends_everything(clock):
    made = Working(clock)
    await made.worker.attach(made.meeting)
    await made.hear(SECOND, END)
    await made.worker.close()
    await made.worker.close()
    assert made.meeting.listeners == []
    await made.hear(SECOND, END)
    assert made.acks() == []
    await asyncio.wait_for(made.worker.wait_lost(), 1.0)


async def test_another_room_takes_its_place(clock):
    made = Working(clock)
    other = FakeMeeting("efgh")
    async with made.worker as worker:
        await worker.attach(made.meeting)
        await made.hear(SECOND, END)
        await worker.attach(other)
        assert made.meeting.listeners == []
        assert worker.is_attached
        other.says(SECOND, "agent")
        other.says(END, "agent")
        await quiet()
        await made.advance(1.1)
        assert made.acks() == []
        assert len(other.sent) == 1


async def test_losing_the_room_is_told(working):
    working.meeting.listeners.clear()
    working.meeting.add_event_listener(working.worker._ears)
    working.meeting.emit("participant-joined", type("P", (), {"id": "x"}))
    working.meeting.emit("participant-left", type("P", (), {"id": "x"}))
    working.meeting.emit("meeting-left")
    working.meeting.listeners.clear()
    await working.worker.wait_lost()
    await working.worker.settle()
    assert working.ear.of("on_lost") == [()]


class Painter(PassThrough):
    """Paints a picture for each frame; its reset can fail."""

    fails = False

    async def reset(self):
        await super().reset()
        if self.fails:
            raise RuntimeError("no reset")

    async def __aiter__(self):
        async for item in super().__aiter__():
            yield Picture(data=b"", width=2, height=2)
            yield item


async def test_a_renderer_of_ones_own(clock, caplog):
    made = Working(clock, renderer=lambda: Painter(clock, pace=False))
    async with made.worker as worker:
        await worker.attach(made.meeting)
        await made.hear(SECOND, END)
        assert made.acks() == [(1.0, False)]
        assert worker.video.take() is not None
        Painter.fails = True
        try:
            await made.hear(SECOND)
            await made.hear(b"INTERRUPT")
        finally:
            Painter.fails = False
        assert made.acks()[1:] == [(1.0, True)]
        assert "could not be reset" in caplog.text


async def test_joining_by_the_socket(peer, clock):
    async with AvatarWorker(clock=clock) as worker:
        await worker.join(peer.rooms, "abcd", CREDENTIALS)
        assert peer.joins == [("abcd", "avatar_1", "a.b.c")]
        (visit,) = peer.visits
        assert [frame["kind"] for frame in visit.frames] == ["audio", "video"]
        await worker.join(peer.rooms, "efgh", CREDENTIALS)
        await peer.until(lambda p: p.left)
        assert peer.joins[1][0] == "efgh"
        assert worker.session.state == "IDLE"
    await peer.until(lambda p: len(p.left) == 2)


async def test_a_refused_join(peer, clock):
    peer.refuse = 401
    async with AvatarWorker(clock=clock) as worker:
        with pytest.raises(JoinError):
            await worker.join(peer.rooms, "abcd", CREDENTIALS)
        assert not worker.is_attached


async def test_a_room_that_takes_no_tracks(peer, clock, monkeypatch):
    from reference_client.videosdk.room_socket import RoomSocket

    async def publish(*_):
        raise ConnectionError("gone")

    monkeypatch.setattr(RoomSocket, "publish", publish)
    async with AvatarWorker(clock=clock) as worker:
        with pytest.raises(ConnectionError):
            await worker.join(peer.rooms, "abcd", CREDENTIALS)
        assert not worker.is_attached


async def test_a_close_that_is_cancelled_leaves_nothing(working, monkeypatch):
    async def cancelled():
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(working.worker, "leave", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await working.worker.close()
    await working.worker.wait_lost()
    assert "callbacks" not in {task.get_name() for task in asyncio.all_tasks()}
