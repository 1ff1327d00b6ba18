"""A client's requests."""

import itertools

import pytest

from protocol_core.avatarkit import AudioFormat, EncoderSettings, codec, outgoing
from protocol_core.avatarkit.outgoing import OutgoingRequests
from protocol_core.errors import LocalProtocolError
from tests.protocol_core.avatarkit.support import CountingEncoder, config

OGG = {"audio_format": AudioFormat.OGG_OPUS}
FRAME = bytes(640)


def requests(opus=None, **changes):
    numbers = itertools.count(1)
    return OutgoingRequests(
        config(**changes),
        mint=lambda: f"req-{next(numbers)}",
        make_encoder=None if opus is None else lambda *_: opus,
        make_serial=lambda: 7,
    )


def encoding_requests():
    return requests(CountingEncoder(), encoder=EncoderSettings(), **OGG)


def test_a_request_has_one_id_until_its_end():
    made = requests()
    first = made.audio(b"ab", end=False)
    assert (first.req_id, made.open_id, made.latest) == ("req-1", "req-1", "req-1")
    assert first.messages == [codec.audio("req-1", b"ab", end=False)]
    last = made.audio(b"", end=True)
    assert last.messages == [codec.audio("req-1", b"", end=True)]
    assert (made.open_id, made.latest) == ("", "req-1")
    assert made.audio(b"cd", end=True).req_id == "req-2"
    assert last.encoded is None


def test_an_interrupt_ends_the_request():
    made = requests()
    with pytest.raises(LocalProtocolError, match=r"no request to interrupt \[AVK-INT-003\]"):
        made.interrupt()
    made.audio(b"ab", end=False)
    for _ in range(2):
        assert made.interrupt().messages == [codec.interrupt("req-1")]
    assert made.open_id == ""
    assert made.audio(b"ab", end=False).req_id == "req-2"


def test_a_step_can_be_taken_back():
    made = requests()
    made.audio(b"ab", end=False)
    made.undo()
    assert (made.open_id, made.latest) == ("", "")
    made.audio(b"ab", end=False)
    made.audio(b"", end=True)
    made.undo()
    assert (made.open_id, made.latest) == ("req-2", "req-2")
    made.interrupt()
    made.undo()
    assert made.open_id == "req-2"
    made.clear()
    assert (made.open_id, made.latest) == ("", "")


def test_pcm_may_be_cut_anywhere_but_ends_with_a_whole_sample():
    made = requests()
    made.audio(b"abc", end=False)
    with pytest.raises(LocalProtocolError, match=r"\[AVK-AUDIO-004\] \(got 5\)"):
        made.audio(b"de", end=True)
    assert made.open_id == "req-1"
    made.audio(b"d", end=True)
    made.audio(b"abc", end=False)


def test_bytes_that_come_encoded_are_not_looked_at():
    made = requests(**OGG)
    assert made.audio(b"abc", end=True).messages == [codec.audio("req-1", b"abc", end=True)]


def test_large_audio_goes_out_in_messages_that_a_peer_accepts(monkeypatch):
    monkeypatch.setattr(outgoing, "CHUNK_BYTES", 4)
    made = requests()
    assert made.audio(b"abcdefgh", end=True).messages == [
        codec.audio("req-1", b"abcd", end=False),
        codec.audio("req-1", b"efgh", end=True),
    ]
    assert made.audio(b"abcdef", end=False).messages == [
        codec.audio("req-2", b"abcd", end=False),
        codec.audio("req-2", b"ef", end=False),
    ]


def test_encoding_is_silent_until_there_is_a_page():
    made = encoding_requests()
    silent = made.audio(FRAME[:-2], end=False)
    assert (silent.req_id, silent.messages) == ("req-1", [])
    assert made.open_id == "req-1"
    (headers,) = made.audio(bytes(2), end=False).messages
    last = made.audio(b"", end=True)
    sent = [codec.decode(message).client_audio_input for message in (headers, *last.messages)]
    assert [chunk.end for chunk in sent] == [False, True]
    assert last.encoded == b"".join(chunk.audio for chunk in sent)


def test_encoding_nothing_sends_an_empty_end():
    made = encoding_requests().audio(b"", end=True)
    assert made.messages == [codec.audio("req-1", b"", end=True)]
    assert made.encoded is None


def test_an_interrupt_drops_what_was_encoded():
    made = encoding_requests()
    made.audio(FRAME, end=False)
    made.interrupt()
    (message,) = made.audio(FRAME, end=False).messages
    assert codec.decode(message).client_audio_input.audio.count(b"OpusHead") == 1


def test_encoding_needs_an_encoder():
    made = requests(encoder=EncoderSettings(), **OGG)
    with pytest.raises(LocalProtocolError, match="no Opus encoder"):
        made.audio(FRAME, end=False)
    assert made.latest == ""
