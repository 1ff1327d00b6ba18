"""The playbacks of the protocol document, in real time and at once."""

from __future__ import annotations

import json

import pytest

from protocol_core.clock import ManualClock
from protocol_core.videosdk.playout import Playout
from protocol_core.videosdk.worker import WorkerSession
from protocol_core.videosdk.worker_events import StreamReset

from .support import REVISION, vectors

PCM = b"\x01\x02" * 2400  # 0.1 s
END = '{"type": "segment_end"}'


class Worker:
    """A session, its renderer and a clock."""

    def __init__(self, *, pace=True, emit=None):
        self.clock = ManualClock()
        self.session = WorkerSession()
        self.session.joined()
        self.playout = Playout(self.session, pace=pace, emit=emit)
        self.acks = []
        self.timer = None

    def receive(self, payload):
        now = self.clock.now()
        self.conclude(self.playout.follow(self.session.receive(payload, now), now))

    def conclude(self, _events):
        self.acks += [json.loads(it.payload)["data"] for it in self.session.data_to_send()]
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if (due := self.playout.deadline()) is not None:
            self.timer = self.clock.call_at(due, self.wake)

    def wake(self):
        self.conclude(self.playout.timeout(self.clock.now()))

    def until(self, moment):
        self.clock.advance(max(0.0, moment - self.clock.now()))


def payloads(row):
    """What a row of ``receives`` stands for."""
    if "pcm" in row:
        size, limit = row["pcm"], REVISION.constants.Limit.PCM_CHUNK
        return [b"\xff" * min(limit, size - start) for start in range(0, size, limit)]
    if "hex" in row:
        return [bytes.fromhex(row["hex"])]
    if "text" in row:
        return [row["text"]]
    return [b"INTERRUPT" if row["control"] == "INTERRUPT" else END]


@vectors("playback")
def test_a_worker_acknowledges_what_the_document_says(vector):
    worker = Worker()
    for row in vector["receives"]:
        worker.until(row["at"])
        for payload in payloads(row):
            worker.receive(payload)
    worker.until(worker.clock.now() + 30)
    assert len(worker.acks) == len(vector["acks"])
    for seen, wanted in zip(worker.acks, vector["acks"], strict=True):
        assert seen["interrupted"] is wanted["interrupted"]
        position = wanted["position"]
        low, high = position if isinstance(position, list) else (position, position)
        assert low - 1e-9 <= seen["playback_position"] <= high + 1e-9


def test_audio_takes_its_time():
    worker = Worker()
    worker.receive(PCM)
    worker.receive(END)
    worker.until(0.099)
    assert worker.playout.playing
    assert worker.acks == []
    worker.until(0.1)
    assert not worker.playout.playing
    assert len(worker.acks) == 1


def test_a_cut_counts_what_was_heard():
    worker = Worker()
    worker.receive(PCM)
    worker.receive(PCM)
    worker.until(0.15)
    worker.receive(b"INTERRUPT")
    (ack,) = worker.acks
    assert ack["playback_position"] == pytest.approx(0.15)


def test_frames_follow_without_a_gap_however_late_the_call():
    worker = Worker()
    worker.receive(PCM)
    worker.receive(PCM)
    worker.receive(END)
    worker.timer.cancel()
    worker.timer = None
    worker.until(5.0)
    worker.wake()
    assert [ack["playback_position"] for ack in worker.acks] == [pytest.approx(0.2)]


def test_without_pacing_everything_is_rendered_at_once():
    frames = []
    worker = Worker(pace=False, emit=frames.append)
    for payload in (PCM, PCM, END, PCM, b"INTERRUPT"):
        worker.receive(payload)
    assert [frame.pcm for frame in frames] == [PCM, PCM, PCM]
    assert worker.acks == [
        {"playback_position": pytest.approx(0.2), "interrupted": False},
        {"playback_position": pytest.approx(0.1), "interrupted": True},
    ]
    assert worker.clock.now() == 0


def test_what_is_stopped_is_not_acknowledged():
    worker = Worker()
    worker.receive(PCM)
    worker.receive(END)
    worker.playout.stop()
    worker.session.left()
    worker.until(1.0)
    assert worker.acks == []
    assert worker.playout.deadline() is None


def test_a_reset_without_anything_playing_is_harmless():
    worker = Worker()
    assert worker.playout.follow([StreamReset(cut=False, dropped=0)], 0.0) == []
