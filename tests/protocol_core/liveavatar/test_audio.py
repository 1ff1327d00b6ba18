from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.liveavatar.audio import AudioOrder, FrameReader, Packetizer, check_audio
from protocol_core.liveavatar.errors import SendRefused
from protocol_core.liveavatar.events import AudioReceived, Ignored, ImageReceived, Reason
from tests.protocol_core.liveavatar.support import REVISION, frame, vectors

F = REVISION.frames
READER = FrameReader(REVISION)


def made(vector):
    enums = {"channel": F.AudioFrameChannel, "sample_rate": F.AudioFrameSampleRate}
    enums |= {"codec": F.AudioFrameCodec, "format": F.ImageFrameFormat}
    fields = {
        name: enums[name][value] if name in enums else value
        for name, value in vector["fields"].items()
    }
    return F.FRAMES[vector["frame"]](**fields, payload=bytes.fromhex(vector["payload"]))


def both(flag, *, wanted):
    return lambda row: (flag in row["flags"]) is wanted


@vectors("audio_frames", lambda row: not {"drop", "decode_only"} & set(row["flags"]))
def test_audio_vectors_in_both_directions(vector):
    data = bytes.fromhex(vector["hex"])
    assert made(vector).pack() == data
    event = READER.read(data)
    assert event.frame == made(vector)
    assert event.payload.hex() == vector["payload"]
    assert event.codec.upper() == vector["fields"]["codec"]
    assert f"HZ_{event.sample_rate}" == vector["fields"]["sample_rate"]
    assert event.channels == {"MONO": 1, "STEREO": 2}[vector["fields"]["channel"]]


@vectors("audio_frames", lambda row: "decode_only" in row["flags"] and "drop" not in row["flags"])
def test_audio_vectors_that_a_receiver_understands(vector):
    assert READER.read(bytes.fromhex(vector["hex"])).frame == made(vector)


@vectors("audio_frames", both("drop", wanted=True))
def test_audio_vectors_that_a_receiver_drops(vector):
    dropped = READER.read(bytes.fromhex(vector["hex"]))
    assert isinstance(dropped, Ignored)
    assert dropped.requirement.startswith(("LAC-FRAME", "LAC-IMG"))


@vectors("image_frames", lambda row: not {"drop", "decode_only"} & set(row["flags"]))
def test_image_vectors_in_both_directions(vector):
    data = bytes.fromhex(vector["hex"])
    assert made(vector).pack() == data
    event = READER.read(data)
    assert isinstance(event, ImageReceived)
    assert event.frame == made(vector)
    assert event.format.upper() == vector["fields"]["format"]


@vectors("image_frames", both("drop", wanted=True))
def test_image_vectors_that_a_receiver_drops(vector):
    assert isinstance(READER.read(bytes.fromhex(vector["hex"])), Ignored)


@pytest.mark.parametrize(
    ("data", "reason", "requirement"),
    [
        (b"", Reason.EMPTY_MESSAGE, "LAC-FRAME-001"),
        (b"\x00" * 20, Reason.UNKNOWN_FRAME, "LAC-FRAME-001"),
        (b"\xc0" * 20, Reason.UNKNOWN_FRAME, "LAC-FRAME-001"),
        (b"\x40\x00", Reason.MALFORMED_FRAME, "LAC-FRAME-004"),
        (b"\x80\x00", Reason.MALFORMED_FRAME, "LAC-IMG-004"),
        (bytes.fromhex("4064013880a0000001"), Reason.MALFORMED_FRAME, "LAC-FRAME-006"),
        (bytes.fromhex("406401388ca0000000"), Reason.MALFORMED_FRAME, "LAC-FRAME-012"),
        (bytes.fromhex("4064013880a0200000"), Reason.MALFORMED_FRAME, "LAC-FRAME-012"),
        (bytes.fromhex("4064013880a0010000"), Reason.MALFORMED_FRAME, "LAC-FRAME-002"),
        (bytes.fromhex("9055000100010001") + bytes(4), Reason.MALFORMED_FRAME, "LAC-IMG-004"),
    ],
)
def test_says_why_a_frame_is_dropped(data, reason, requirement):
    dropped = READER.read(data)
    assert (dropped.reason, dropped.requirement) == (reason, requirement)
    assert dropped.data == data


@given(st.binary(max_size=40))
def test_reads_anything(data):
    assert isinstance(READER.read(data), (AudioReceived, ImageReceived, Ignored))


FRAMES = st.builds(
    F.AudioFrame,
    channel=st.sampled_from(F.AudioFrameChannel),
    key=st.booleans(),
    sequence=st.integers(0, 4095),
    timestamp=st.integers(0, 2**20 - 1),
    sample_rate=st.sampled_from(F.AudioFrameSampleRate),
    samples=st.integers(0, 4095),
    codec=st.sampled_from(F.AudioFrameCodec),
    payload=st.binary(max_size=64),
)


@given(FRAMES, st.binary(max_size=3))
def test_frames_come_back_as_they_went(sent, trailing):
    assert READER.read(sent.pack() + trailing).frame == sent  # LAC-FRAME-005


# --- sending ---------------------------------------------------------------------------------


def test_checks_the_length_of_pcm():
    assert check_audio(REVISION, frame(), None) == frame().pack()
    stereo = frame(channel=F.AudioFrameChannel.STEREO, payload=b"abcd")
    assert check_audio(REVISION, stereo, None) == stereo.pack()
    for wrong in (frame(payload=b"a"), frame(samples=2), frame(channel=F.AudioFrameChannel.STEREO)):
        with pytest.raises(SendRefused, match="LAC-FRAME-013"):
            check_audio(REVISION, wrong, None)
    opus = F.AudioFrameCodec.OPUS
    check_audio(REVISION, frame(codec=opus, payload=b"packet"), None)
    with pytest.raises(SendRefused, match="LAC-FRAME-013"):
        check_audio(REVISION, frame(codec=opus, payload=b""), None)


def test_checks_what_fits_into_the_header():
    with pytest.raises(SendRefused, match="LAC-FRAME-007"):
        check_audio(REVISION, frame(payload=bytes(65536)), None)
    with pytest.raises(SendRefused, match="LAC-FRAME-002"):
        check_audio(REVISION, frame(sequence=4096), None)


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ((0, 0), (1, 40), True),
        ((4095, 2**20 - 20), (0, 20), True),
        ((5, 40), (5, 80), False),
        ((5, 40), (4, 80), False),
        ((5, 40), (6, 39), False),
        ((5, 40), (6, 40), True),
    ],
)
def test_counters_go_on(before, after, allowed):
    previous = frame(sequence=before[0], timestamp=before[1])
    following = frame(sequence=after[0], timestamp=after[1])
    if allowed:
        check_audio(REVISION, following, previous)
        return
    with pytest.raises(SendRefused, match="LAC-FRAME-008"):
        check_audio(REVISION, following, previous)
    anew = frame(sequence=after[0], timestamp=after[1], key=True)
    check_audio(REVISION, anew, previous)


def test_cuts_pcm_into_preferred_frames():
    packets = Packetizer(REVISION)
    assert packets.sample_rate == 16000
    assert packets.push(bytes(1279)) == []
    (first,) = packets.push(b"\x01")
    assert (first.samples, first.key, first.sequence, first.timestamp) == (640, True, 0, 0)
    second, third = packets.push(bytes(2560))
    assert [(it.key, it.sequence, it.timestamp) for it in (second, third)] == [
        (False, 1, 40),
        (False, 2, 80),
    ]
    assert packets.flush() == []


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"sample_rate": 44100}, "sampling rate"),
        ({"channels": 3}, "channels"),
        ({"frame_ms": 300}, "length"),
        ({"frame_ms": -1}, "length"),
        ({"frame_ms": 0.001}, "sample at least"),
    ],
)
def test_refuses_what_no_frame_can_say(settings, pattern):
    with pytest.raises(SendRefused, match=pattern):
        Packetizer(REVISION, **settings)


@given(
    st.binary(max_size=20_000),
    st.lists(st.integers(1, 3000), max_size=20),
    st.sampled_from([16000, 24000, 48000]),
    st.sampled_from([1, 2]),
    st.integers(1, 80),
    st.integers(0, 4095),
    st.integers(0, 2**20 - 1),
)
def test_pcm_survives_the_cutting(  # noqa: PLR0917 - drawn by Hypothesis
    pcm, cuts, rate, channels, frame_ms, sequence, timestamp
):
    width = 2 * channels
    pcm = pcm[: len(pcm) // width * width]
    packets = Packetizer(
        REVISION,
        sample_rate=rate,
        channels=channels,
        frame_ms=frame_ms,
        sequence=sequence,
        timestamp=timestamp,
    )
    sent, start = [], 0
    for cut in cuts:
        sent += packets.push(pcm[start : start + cut])
        start += cut
    sent += packets.push(pcm[start:]) + packets.flush()
    assert b"".join(it.payload for it in sent) == pcm
    previous, elapsed = None, 0
    for number, it in enumerate(sent):
        check_audio(REVISION, it, previous)
        assert it.sequence == (sequence + number) % 4096
        assert it.timestamp == (timestamp + elapsed * 1000 // rate) % 2**20
        assert it.key is (number == 0)
        previous, elapsed = it, elapsed + it.samples


def test_opus_packets_become_frames():
    packets = Packetizer(REVISION, sample_rate=48000)
    sent = [packets.opus(b"one", 960), packets.opus(b"two", 960), packets.opus(b"x", 960, key=True)]
    assert [(it.key, it.timestamp, it.codec.name) for it in sent] == [
        (True, 0, "OPUS"),
        (False, 20, "OPUS"),
        (True, 40, "OPUS"),
    ]


def test_pcm_must_not_end_inside_a_sample():
    packets = Packetizer(REVISION, channels=2)
    packets.push(bytes(6))
    with pytest.raises(SendRefused, match="LAC-FRAME-013"):
        packets.flush()


@pytest.mark.parametrize("pcm", ["text", 4, None])
def test_pcm_is_bytes(pcm):
    with pytest.raises(SendRefused, match="PCM is bytes, not"):
        Packetizer(REVISION).push(pcm)


# --- ordering --------------------------------------------------------------------------------


def received(number, **changes):
    payload = number.to_bytes(2, "big")
    fields = {"sequence": number, "timestamp": 40 * number, "samples": 640, "payload": payload}
    return READER.read(F.AudioFrame(**fields | changes).pack())


def numbers(events):
    return [it.sequence if isinstance(it, AudioReceived) else it.reason.value for it in events]


def test_orders_what_arrives():
    order = AudioOrder(REVISION, 0.2)
    assert numbers(order.push(received(0, key=True), 0.0)) == [0]
    assert numbers(order.push(received(2), 0.0)) == []
    assert order.deadline() == 0.2
    assert numbers(order.push(received(1), 0.1)) == [1, 2]
    assert numbers(order.push(received(2), 0.1)) == ["duplicateFrame"]
    assert numbers(order.push(received(0), 0.1)) == ["lateFrame"]
    assert order.push(received(4), 1.0) == []
    assert numbers(order.due(1.2)) == [4]
    assert order.push(received(6), 2.0) == []
    assert numbers(order.end()) == [6]
    assert numbers(order.push(received(0), 2.0)) == [0]


def test_without_patience_everything_passes():
    order = AudioOrder(REVISION, 0)
    assert numbers(order.push(received(5), 0.0) + order.push(received(5), 0.0)) == [5, 5]
