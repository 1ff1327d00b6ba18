"""What is measured: pairs of calls that do the same work, ours with all its checks on.

Each case first proves that both sides give the same result; a fast wrong codec is no codec.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

Call = Callable[[], Any]

PCM = bytes(range(256)) * 5  # 640 samples: 40 ms at 16 kHz, the frame size the vendor prefers
OPUS_PACKET = bytes(range(200))  # an Opus packet of ordinary size
CHUNK = json.dumps(
    {
        "event": "response.chunk",
        "requestId": "6f9f7e58-0f0e-4b45-8c2a-3f4f5d2f7f11",
        "responseId": "d2b0b1a6-4a2c-4a53-9a2e-0c6a5c8b9e77",
        "seq": 12,
        "timestamp": 1710000000000,
        "data": {"text": "Of course. The museum opens at ten and the last tour starts at four."},
    }
)


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        name: what is measured.
        target: how many times faster ours has to be.
        ours: our call.
        theirs: the call to compare with.
        baseline: what that is.
    """

    name: str
    target: float
    ours: Call
    theirs: Call
    baseline: str


def frame_pack() -> Case:
    """Construct an audio frame and pack it."""
    from liveavatar_channel_sdk import AudioFrame as TheirFrame

    from avatar_protocols.liveavatar.v0_2 import frames

    def ours(pcm: bytes = PCM, frame: type = frames.AudioFrame) -> bytes:
        made = frame(key=True, sequence=100, timestamp=5000, samples=640, payload=pcm)
        return made.pack()

    def theirs(pcm: bytes = PCM, frame: type = TheirFrame) -> bytes:
        made = frame(key=1, seq=100, timestamp=5000, samples=640, payload=pcm)
        return made.pack()

    assert ours() == theirs()
    return Case("audio frame: construct + pack", 1.5, ours, theirs, "liveavatar-channel-sdk")


def frame_unpack() -> Case:
    """Unpack an audio frame."""
    from liveavatar_channel_sdk import AudioFrame as TheirFrame

    from avatar_protocols.liveavatar.v0_2 import frames

    wire = TheirFrame(key=1, seq=100, timestamp=5000, samples=640, payload=PCM).pack()
    ours, theirs = partial(frames.AudioFrame.unpack, wire), partial(TheirFrame.unpack, wire)
    mine, other = ours(), theirs()
    assert (mine.key, mine.sequence, mine.timestamp, mine.samples, mine.payload) == (
        bool(other.key),
        other.seq,
        other.timestamp,
        other.samples,
        other.payload,
    )
    return Case("audio frame: unpack", 2.5, ours, theirs, "liveavatar-channel-sdk")


def json_chunk() -> Case:
    """Decode a response chunk: ours into a checked, typed message, theirs into a dict."""
    from protocol_core.liveavatar.codec import Codec
    from protocol_core.liveavatar.revision import load

    codec = Codec(load())
    ours, theirs = partial(codec.decode, CHUNK), partial(json.loads, CHUNK)
    assert ours().data.text == theirs()["data"]["text"]
    assert type(ours()).__name__ == "ResponseChunk"
    return Case("JSON: decode response.chunk", 5.0, ours, theirs, "json.loads")


def ogg_page() -> Case:
    """Write an Ogg page that holds one Opus packet."""
    from avatarkit.audio_encoder import OggOpusStreamEncoder

    from protocol_core.ogg import PageWriter

    # Its page writer needs two of its fields and no libopus.
    encoder = object.__new__(OggOpusStreamEncoder)
    encoder._stream_serial = encoder._page_sequence = 0
    writer = PageWriter(serial=0)
    ours = partial(writer.packet, OPUS_PACKET, 960)
    theirs = partial(encoder._build_ogg_page, OPUS_PACKET, 960)
    assert ours()[5:6] == b"\x02"  # only ours marks the first page by itself
    theirs()
    assert ours() == theirs()
    return Case("Ogg: write a page", 1.0, ours, theirs, "avatarkit")


CASES = (frame_pack, frame_unpack, json_chunk, ogg_page)
