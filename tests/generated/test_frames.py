"""The frame codecs against the vectors of the protocol documents, and against nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_protocols.liveavatar.v0_2 import frames
from avatar_protocols.tables import FrameError

TOPICS = ("liveavatar", "audio_frames", "image_frames")


def flagged(flag: str, *, present: bool = True):
    return lambda row: (flag in row["flags"]) == present


def build(vector):
    """The frame that a vector describes by names."""
    kind = frames.FRAMES[vector["frame"]]
    hints = {"channel": frames.AudioFrameChannel, "sample_rate": frames.AudioFrameSampleRate}
    hints |= {"codec": frames.AudioFrameCodec, "format": frames.ImageFrameFormat}
    fields = {
        name: hints[name][value] if name in hints else value
        for name, value in vector["fields"].items()
    }
    return kind(**fields, payload=bytes.fromhex(vector["payload"]))


@pytest.mark.vectors(*TOPICS, only=flagged("drop", present=False))
def test_bytes_are_read_as_the_document_says(vector) -> None:
    data = bytes.fromhex(vector["hex"])
    assert frames.unpack(data) == build(vector)
    assert frames.FRAMES[vector["frame"]].unpack(data) == build(vector)


@pytest.mark.vectors(*TOPICS, only=flagged("decode_only", present=False))
def test_bytes_are_written_as_the_document_says(vector) -> None:
    assert build(vector).pack().hex() == vector["hex"]


@pytest.mark.vectors(*TOPICS, only=flagged("drop"))
def test_what_a_receiver_drops_names_the_field(vector) -> None:
    data = bytes.fromhex(vector["hex"])
    with pytest.raises(FrameError) as caught:
        frames.unpack(data)
    assert caught.value.field == vector["field"]
    assert caught.value.reason


def test_a_frame_of_another_kind_is_refused() -> None:
    image = frames.ImageFrame(width=1, height=1).pack()
    with pytest.raises(FrameError, match=r"kind = 2: must be 1"):
        frames.AudioFrame.unpack(image)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (bytes.fromhex("4064013880a0010000"), "reserved"),
        (bytes.fromhex("90550001050002d000000000"), "version"),
    ],
)
def test_other_constants_are_refused(data: bytes, field: str) -> None:
    with pytest.raises(FrameError) as caught:
        frames.unpack(data)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sequence": 4096}, "sequence"),
        ({"sequence": -1}, "sequence"),
        ({"timestamp": 1 << 20}, "timestamp"),
        ({"samples": 4096}, "samples"),
        ({"samples": 1.5}, "samples"),
        ({"sample_rate": 3}, "sample_rate"),
        ({"sample_rate": -1}, "sample_rate"),
        ({"sample_rate": "16000"}, "sample_rate"),
        ({"codec": 2}, "codec"),
        ({"channel": 2}, "channel"),
        ({"key": 2}, "key"),
        ({"key": None}, "key"),
        ({"payload": bytes(65536)}, "payload"),
        ({"payload": "text"}, "payload"),
        ({"payload": None}, "payload"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_sent(fields, field) -> None:
    with pytest.raises(FrameError) as caught:
        frames.AudioFrame(**fields).pack()
    assert caught.value.field == field


def test_the_largest_payload_fits() -> None:
    frame = frames.AudioFrame(payload=bytes(65535))
    assert len(frame.pack()) == frames.AudioFrame.HEADER_BYTES + 65535
    assert frames.unpack(frame.pack()) == frame


def test_numbers_may_stand_for_members() -> None:
    by_name = frames.AudioFrame(sample_rate=frames.AudioFrameSampleRate.HZ_48000)
    assert frames.AudioFrame(sample_rate=2, codec=0, channel=0, key=0).pack() == by_name.pack()


AUDIO = st.builds(
    frames.AudioFrame,
    channel=st.sampled_from(frames.AudioFrameChannel),
    key=st.booleans(),
    sequence=st.integers(0, frames.AudioFrame.SEQUENCE_MODULUS - 1),
    timestamp=st.integers(0, frames.AudioFrame.TIMESTAMP_MODULUS - 1),
    sample_rate=st.sampled_from(frames.AudioFrameSampleRate),
    samples=st.integers(0, 4095),
    codec=st.sampled_from(frames.AudioFrameCodec),
    payload=st.binary(max_size=64),
)
IMAGES = st.builds(
    frames.ImageFrame,
    width=st.integers(0, 65535),
    height=st.integers(0, 65535),
    format=st.sampled_from(frames.ImageFrameFormat),
    quality=st.integers(0, 255),
    image_id=st.integers(0, 65535),
    payload=st.binary(max_size=64),
)


@given(AUDIO | IMAGES)
def test_every_frame_survives_the_wire(frame) -> None:
    again = frames.unpack(frame.pack())
    assert again == frame
    assert type(again) is type(frame)
    assert again.describe()["payload_bytes"] == len(frame.payload)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    try:
        frame = frames.unpack(data)
    except FrameError:
        pass
    else:
        assert data.startswith(frame.pack())


@given(AUDIO, st.integers(0, 100))
def test_a_truncated_frame_is_refused(frame, cut: int) -> None:
    data = frame.pack()
    short = data[: min(cut, len(data) - 1)]
    with pytest.raises(FrameError):
        frames.AudioFrame.unpack(short)
