from __future__ import annotations

from protocol_core.videosdk.revision import load
from reference_client.videosdk.tracks import AudioTrack, Picture, VideoTrack

FRAME = 960  # bytes: 20 ms at 24 kHz


def test_audio_comes_in_frames_of_20_ms():
    track = AudioTrack(load(), 24000)
    track.put(b"\1" * (FRAME + 10))
    assert track.take() == b"\1" * FRAME
    assert track.take() == bytes(FRAME)  # a tail waits for more, in silence
    assert track.buffered == 10
    track.put(b"\2" * (FRAME - 10))
    assert track.take() == b"\1" * 10 + b"\2" * (FRAME - 10)


def test_two_seconds_are_kept_at_most():
    track = AudioTrack(load(), 24000)
    assert track.put(b"\1" * 96000) == 0
    assert track.put(b"\2" * 960) == 960
    assert track.buffered == 96000
    track.clear()
    assert track.buffered == 0


def test_pictures_have_a_clock_of_90_khz():
    track = VideoTrack(load(), 25.0)
    assert track.take() is None
    for _ in range(2):
        track.put(Picture(data=b"", width=2, height=2))
    assert [track.take().timestamp, track.take().timestamp] == [0, 3600]
