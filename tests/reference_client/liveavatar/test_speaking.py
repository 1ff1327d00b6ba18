from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from protocol_core.liveavatar.errors import SendRefused
from reference_client.liveavatar import Outcome, ResponseOver, connect, new_id
from tests.reference_client.liveavatar.support import Recorder, settle_until

PCM = bytes(range(256)) * 10  # 2560 bytes: two frames of 40 ms at 16 kHz


@pytest.fixture
async def client(peer):
    async with connect(peer.config(), Recorder()) as running:
        yield running


@asynccontextmanager
async def failing(manager, what):
    """Run a block inside the manager, and let it end by an exception."""
    with pytest.raises(ValueError, match=what):  # noqa: PT012 - how the block ends is the point
        async with manager as writer:
            yield writer
            raise ValueError(f"{what} failed")


def frames(client, socket):
    unpack = client.revision.frames.unpack
    return [unpack(item) for item in socket.received if isinstance(item, bytes)]


async def test_a_response_streams_and_ends_itself(peer, client):
    async with client.respond("r1", response_id="x1", speed=1.5) as response:
        await response.write("hel")
        await response.write("lo")
    await peer.sockets[0].message("response.done")
    assert response.outcome is Outcome.DONE
    assert peer.sockets[0].names()[1:] == [
        "response.start",
        "response.chunk",
        "response.chunk",
        "response.done",
    ]
    await response.finish()
    await response.cancel()  # harmless: it is over


async def test_a_response_without_text_says_nothing(peer, client):
    async with client.respond("r1") as response:
        pass
    assert response.outcome is Outcome.DONE
    await client.send_prompt("sync")
    await peer.sockets[0].message("system.prompt")
    assert peer.sockets[0].names() == ["session.ready", "system.prompt"]


async def test_an_exception_cancels_the_response(peer, client):
    async with failing(client.respond("r1"), "the model") as response:
        await response.write("hel")
    assert response.outcome is Outcome.CANCELLED
    cancel = await peer.sockets[0].message("response.cancel")
    assert cancel == {"event": "response.cancel", "responseId": response.response_id}


async def test_an_exception_before_the_first_piece_sends_nothing(peer, client):
    async with failing(client.respond("r1"), "the model"):
        pass
    assert peer.sockets[0].names() == ["session.ready"]


async def test_new_input_ends_the_response_quietly(peer, client):
    socket = peer.sockets[0]
    reached = False
    async with client.respond("r1", response_id="x1") as response:
        await response.write("a long")
        await socket.send(*peer.session.send_text("r2", "stop", 0.0))
        await settle_until(lambda: not client.open_responses)
        await response.write(" story")
        reached = True
    assert not reached
    assert response.outcome is Outcome.OVERTAKEN
    assert response.overtaken
    await socket.message("response.cancel")
    assert socket.names().count("response.chunk") == 1


async def test_new_input_just_before_the_end(peer, client):
    async with client.respond("r1") as response:
        await response.write("hi")
        await peer.sockets[0].send(*peer.session.send_text("r2", "stop", 0.0))
        await settle_until(lambda: not client.open_responses)
    assert response.outcome is Outcome.OVERTAKEN
    assert "response.done" not in peer.sockets[0].names()


async def test_the_over_of_another_response_is_no_quiet_end(client):
    error = ResponseOver("x", protocol="", code="INVALID_ARGUMENT", requirement="LAC-RESP-008")
    with pytest.raises(ResponseOver):
        async with client.respond("r1"):
            raise error


async def test_wrong_settings_of_a_response(client):
    with pytest.raises(SendRefused):
        async with client.respond("r1", volume=9):
            raise AssertionError("not reached")


async def test_speech_is_cut_into_frames_inside_a_bracket(peer, client):
    socket = peer.sockets[0]
    async with client.speak("r1", response_id="x1") as speech:
        await speech.write(PCM[:1000])
        await speech.write(PCM[1000:])
        await speech.write(PCM[:10])
    await socket.message("response.audio.finish")
    assert speech.outcome is Outcome.DONE
    sent = frames(client, socket)
    assert b"".join(frame.payload for frame in sent) == PCM + PCM[:10]
    assert [frame.samples for frame in sent] == [640, 640, 5]
    assert [(frame.sequence, frame.timestamp, frame.key) for frame in sent] == [
        (0, 0, True),
        (1, 40, False),
        (2, 80, False),
    ]
    assert socket.names()[1:] == ["response.audio.start", *["frame"] * 3, "response.audio.finish"]


async def test_speech_wraps_its_counters(peer, client):
    async with client.speak("r1", first_sequence=4095, first_timestamp=1048550) as speech:
        await speech.write(PCM)
    await peer.sockets[0].message("response.audio.finish")
    counters = [(f.sequence, f.timestamp) for f in frames(client, peer.sockets[0])]
    assert counters == [(4095, 1048550), (0, 14)]


async def test_speech_in_opus_packets(peer, client):
    async with client.speak("r1", sample_rate=48000, channels=2) as speech:
        await speech.write_packet(b"one", 960)
        await speech.write_packet(b"two", 960, key=True)
        await speech.write_packet(b"three", 960)
    await peer.sockets[0].message("response.audio.finish")
    sent = frames(client, peer.sockets[0])
    assert [(f.payload, f.key, f.timestamp, f.codec.name) for f in sent] == [
        (b"one", True, 0, "OPUS"),
        (b"two", True, 20, "OPUS"),
        (b"three", False, 40, "OPUS"),
    ]


async def test_an_exception_closes_the_bracket_and_cancels(peer, client):
    async with failing(client.speak("r1"), "tts") as speech:
        await speech.write(PCM)
    assert speech.outcome is Outcome.CANCELLED
    await peer.sockets[0].message("response.cancel")
    assert peer.sockets[0].names()[-2:] == ["response.audio.finish", "response.cancel"]
    await speech.cancel()
    await speech.finish()


@pytest.mark.parametrize("pcm", [PCM[:3], "text", 4, None])
async def test_pcm_that_ends_inside_a_sample_or_is_none(peer, client, pcm):
    with pytest.raises(SendRefused) as caught:
        async with client.speak("r1") as speech:
            await speech.write(pcm)
    assert caught.value.requirement == "LAC-FRAME-013"
    assert speech.outcome is Outcome.CANCELLED
    async with client.speak("r1") as speech:  # nothing is left open
        await speech.write(PCM)
    await peer.sockets[0].message("response.cancel")


async def test_new_input_ends_the_speech_quietly(peer, client):
    socket = peer.sockets[0]
    async with client.speak("r1") as speech:
        await speech.write(PCM)
        await socket.send(*peer.session.send_text("r2", "stop", 0.0))
        await settle_until(lambda: client.bracket is None)
        await speech.write(PCM)
        raise AssertionError("not reached")
    assert speech.outcome is Outcome.OVERTAKEN
    await socket.message("response.cancel")
    assert len(frames(client, socket)) == 2


async def test_a_prompt_in_our_own_voice(peer, client):
    async with client.prompt_audio() as speech:
        await speech.write(PCM)
    async with failing(client.prompt_audio(), "tts") as broken:
        pass
    assert speech.outcome is Outcome.DONE
    assert broken.outcome is Outcome.CANCELLED
    socket = peer.sockets[0]
    await socket.message("response.audio.promptFinish", 2)
    start, finish = "response.audio.promptStart", "response.audio.promptFinish"
    assert socket.names()[1:] == [start, "frame", "frame", finish, start, finish]


async def test_a_lost_socket_ends_a_prompt_quietly(peer, client):
    async with client.prompt_audio() as speech:
        peer.sockets[0].reset()
        await client.wait_ended()
        await speech.write(PCM)
        raise AssertionError("not reached")
    assert speech.outcome is Outcome.OVERTAKEN


async def test_an_utterance(peer, client):
    socket = peer.sockets[0]
    async with client.respond("r0") as response:
        await response.write("blah")
        async with client.utterance() as utterance:
            await utterance.partial("hel")
            await utterance.finish()
            await utterance.final("hello")
        await response.write("blah")
        raise AssertionError("not reached")
    assert response.outcome is Outcome.OVERTAKEN  # barge-in
    await socket.message("input.asr.final")
    assert socket.names()[1:] == [
        "response.chunk",
        "input.voice.start",
        "response.cancel",
        "input.asr.partial",
        "input.voice.finish",
        "input.asr.final",
    ]
    ids = {json.loads(item).get("requestId") for item in socket.received[4:]}
    assert ids == {utterance.request_id}


async def test_an_utterance_that_comes_to_nothing(peer, client):
    async with client.utterance(request_id="u1", barge_in=False):
        pass
    async with failing(client.utterance(request_id="u2"), "asr"):
        pass
    socket = peer.sockets[0]
    await socket.message("input.voice.finish", 2)
    assert socket.names()[1:] == ["input.voice.start", "input.voice.finish"] * 2


async def test_cancellation_is_clean(peer, client):
    begun = asyncio.Event()

    async def answer():
        async with client.respond("r1") as response:
            await response.write("a")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(answer())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await peer.sockets[0].message("response.cancel")


def test_ids_are_unique():
    assert len({new_id() for _ in range(100)}) == 100
