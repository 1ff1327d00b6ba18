from __future__ import annotations

import json

import pytest

from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.videosdk import worker_events as w
from protocol_core.videosdk.events import Ignored, Reason
from protocol_core.videosdk.worker import Frame, Mark, WorkerConfig, WorkerSession

from .support import REVISION, payload, vectors

INTERRUPT = b"INTERRUPT"
END = '{"type": "segment_end"}'
PCM = b"\x01\x02" * 2400  # 0.1 s


@pytest.fixture
def session():
    made = WorkerSession()
    made.joined()
    return made


def said(session):
    return [json.loads(outgoing.payload) for outgoing in session.data_to_send()]


def ack(position, *, interrupted):
    data = {"playback_position": position, "interrupted": interrupted}
    return {"type": "stream_ended", "data": data}


def kinds(events):
    return [type(event) for event in events]


@vectors("payloads", lambda row: row["receiver"] == "server")
def test_payloads_mean_what_the_document_says(session, vector):
    (event,) = session.receive(payload(vector), 1.0, sender="agent-1")
    action = vector["action"]
    if action == "interrupt":
        assert event == w.StreamReset(cut=False, dropped=0, sender="agent-1")
    elif action == "segment_end":
        assert event == w.SegmentEndAccepted(sender="agent-1")
    elif action == "pcm" and vector["plays"]:
        assert event == w.FrameAccepted(pcm=bytes.fromhex(vector["plays"]), sender="agent-1")
        assert session.take()[0].pcm == bytes.fromhex(vector["plays"])
    else:
        assert isinstance(event, Ignored)
        assert event.sender == "agent-1"
        assert (event.code == "MESSAGE_FAILED") == (action == "error")
    assert not session.data_to_send()


@pytest.mark.parametrize(
    ("given", "shown"), [(bytearray(b"ab"), b"ab"), (memoryview(b"ab"), b"ab"), (7, "7")]
)
def test_payloads_of_other_types_are_survived(session, given, shown):
    session.receive(INTERRUPT, 0.0)
    (event,) = session.receive(given, 0.1)
    assert isinstance(event, Ignored)
    assert event.data == shown


def test_memory_is_taken_for_what_it_holds(session):
    assert session.receive(memoryview(INTERRUPT), 0.0) == [w.StreamReset(cut=False, dropped=0)]
    assert session.receive(bytearray(PCM), 0.3)[1:] == [w.FrameAccepted(pcm=PCM)]


def test_odd_bytes_that_mean_nothing_are_shown(session):
    (event,) = session.receive(memoryview(b"1"), 0.0)
    assert event == w.FrameAccepted(pcm=b"1\0")
    strict = WorkerSession(WorkerConfig(agent_id="agent-1"))
    strict.joined()
    (event,) = strict.receive(bytearray(b"1"), 0.0)
    assert event.data == b"1"


def test_what_arrives_outside_of_a_room_is_passed_over():
    session = WorkerSession()
    (event,) = session.receive(PCM, 0.0)
    assert event.reason is Reason.NOT_ATTACHED
    assert session.queued == 0


def test_a_worker_is_in_one_room_at_a_time(session):
    with pytest.raises(LocalProtocolError, match="leave the old room"):
        session.joined()


def test_leaving_loses_what_was_open(session):
    session.receive(PCM, 0.0)
    session.take()
    session.receive(PCM, 0.0)
    session.left()
    session.left()
    session.joined()
    assert session.state == "IDLE"
    assert (session.queued, session.deadline(), session.finished(), session.reset_done()) == (
        0,
        None,
        [],
        [],
    )


def test_a_strict_worker_hears_its_agent_only():
    session = WorkerSession(WorkerConfig(agent_id="agent-1"))
    session.joined()
    (event,) = session.receive(PCM, 0.0, sender="participant-2")
    assert event.reason is Reason.FOREIGN_SENDER
    assert event.requirement == "VSD-CHAN-014"
    assert kinds(session.receive(PCM, 0.0, sender="agent-1")) == [w.FrameAccepted]


def test_a_segment_is_rendered_and_acknowledged(session):
    session.receive(PCM, 0.0)
    session.receive(END, 0.0)
    assert session.queued == 2
    assert session.take() == (Frame(pcm=PCM, seconds=0.1), [w.PlaybackStarted()])
    assert session.state == "PLAYING"
    assert session.take() == (Mark(), [])
    session.rendered(0.06)
    session.rendered(0.04)
    assert session.finished() == [w.SegmentEnded(playback_position=0.1, interrupted=False)]
    assert session.state == "IDLE"
    (outgoing,) = session.data_to_send()
    assert outgoing.reliability == REVISION.constants.Reliability.RELIABLE
    assert json.loads(outgoing.payload) == ack(0.1, interrupted=False)
    assert session.finished() == []
    assert session.take() == (None, [])


def test_a_mark_without_audio_is_swallowed(session):
    session.receive(END, 0.0)
    session.receive(PCM, 0.0)
    session.receive(END, 0.0)
    session.receive(END, 0.0)
    assert isinstance(session.take()[0], Frame)
    assert isinstance(session.take()[0], Mark)
    assert session.take() == (None, [])
    assert len(session.finished()) == 1
    assert session.finished() == []
    assert len(said(session)) == 1


def test_a_renderer_may_read_ahead(session):
    for _ in range(2):
        session.receive(PCM, 0.0)
        session.receive(END, 0.0)
    assert session.take()[1] == [w.PlaybackStarted()]
    session.take()
    assert session.take()[1] == []
    session.rendered(0.1)
    assert kinds(session.finished()) == [w.SegmentEnded, w.PlaybackStarted]
    assert session.state == "PLAYING"
    session.take()
    session.rendered(0.05)
    session.finished()
    assert said(session) == [ack(0.1, interrupted=False), ack(0.05, interrupted=False)]


def test_nothing_is_finished_before_its_mark(session):
    session.receive(PCM, 0.0)
    session.take()
    assert session.finished() == []
    session.rendered(0.1)
    assert session.state == "PLAYING"


def test_what_was_rendered_of_nothing_counts_for_nothing(session):
    session.rendered(1.0)
    session.receive(PCM, 0.0)
    session.receive(END, 0.0)
    session.take()
    session.take()
    session.finished()
    assert said(session) == [ack(0.0, interrupted=False)]


def test_an_interrupt_empties_the_queue_and_cuts_what_plays(session):
    session.receive(PCM, 0.0)
    session.receive(PCM, 0.0)
    session.receive(END, 0.0)
    session.take()
    session.rendered(0.04)
    assert session.receive(INTERRUPT, 1.0) == [w.StreamReset(cut=True, dropped=2)]
    assert session.state == "CUT"
    assert session.queued == 0
    assert not session.data_to_send()
    session.rendered(0.02)
    assert session.reset_done() == [w.SegmentEnded(playback_position=0.06, interrupted=True)]
    assert session.state == "COOLDOWN"
    assert said(session) == [ack(0.06, interrupted=True)]
    assert session.finished() == []


def test_one_acknowledgement_however_often_it_is_interrupted(session):
    session.receive(PCM, 0.0)
    session.take()
    session.receive(INTERRUPT, 1.0)
    assert session.receive(INTERRUPT, 1.1) == [w.StreamReset(cut=True, dropped=0)]
    session.reset_done()
    session.receive(INTERRUPT, 1.2)
    session.reset_done()
    assert len(said(session)) == 1
    assert session.deadline() == 1.5


def test_the_cooldown_drops_audio_and_queues_marks(session):
    session.receive(INTERRUPT, 1.0)
    session.reset_done()
    (event,) = session.receive(PCM, 1.299)
    assert (event.reason, event.requirement) == (Reason.COOLDOWN, "VSD-INT-005")
    assert session.receive(END, 1.299) == [w.SegmentEndAccepted()]
    assert session.timeout(1.299) == []
    assert session.deadline() == 1.3
    assert session.receive(PCM, 1.3) == [w.CooldownOver(), w.FrameAccepted(pcm=PCM)]
    assert session.deadline() is None
    assert session.timeout(9.0) == []


def test_the_cooldown_ends_by_itself(session):
    session.receive(INTERRUPT, 1.0)
    session.reset_done()
    assert session.timeout(1.3) == [w.CooldownOver()]
    assert session.state == "IDLE"


def test_a_slow_reset_lets_audio_wait(session):
    session.receive(PCM, 0.0)
    session.take()
    session.receive(INTERRUPT, 1.0)
    session.timeout(1.3)
    assert session.state == "LATE"
    session.receive(PCM, 1.4)
    assert session.take() == (None, [])
    session.receive(INTERRUPT, 1.5)
    assert session.state == "CUT"
    session.timeout(1.8)
    session.reset_done()
    assert session.state == "IDLE"
    assert len(said(session)) == 1


def test_a_frame_without_samples_is_none(session):
    (event,) = session.receive(b"", 0.0)
    assert event.reason is Reason.EMPTY
    assert session.queued == 0


def test_another_rate_makes_other_seconds():
    session = WorkerSession(WorkerConfig(sample_rate=16000))
    session.joined()
    session.receive(b"\1\0" * 1600, 0.0)
    assert session.take()[0].seconds == 0.1


def test_a_rate_must_be_positive():
    with pytest.raises(ConfigurationError, match="sample_rate"):
        WorkerSession(WorkerConfig(sample_rate=0))
