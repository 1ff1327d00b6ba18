from __future__ import annotations

import pytest

from protocol_core.liveavatar.errors import SendRefused
from reference_client.liveavatar import connect


async def test_every_send_method(peer):
    async with connect(peer.config(), wall_clock=lambda: 1.5) as client:
        frames = client.revision.frames
        await client.send_response_start("r1", "x1", speed=1.2, mood="happy")
        await client.send_response_chunk("r1", "x1", "hello")
        await client.send_response_chunk("r1", "x1", " you", seq=1, timestamp=7)
        assert client.open_responses == ("x1",)
        await client.send_response_done("r1", "x1")
        await client.send_response_cancel("x1")
        await client.send_response_audio_start("r1", "x2")
        assert client.bracket.response_id == "x2"
        await client.send_audio_frame(frames.AudioFrame(key=True, samples=1, payload=b"ab"))
        await client.send_response_audio_finish("r1", "x2")
        await client.send_prompt_audio_start()
        await client.send_prompt_audio_finish()
        await client.send_image_frame(frames.ImageFrame(width=1, height=1, payload=b"z"))
        await client.send_voice_start("u1")
        await client.send_asr_partial("u1", "he")
        await client.send_voice_finish("u1")
        await client.send_asr_final("u1", "hello")
        await client.send_interrupt()
        await client.send_prompt("still there?")
        await client.send_error("E", "m", request_id="r1")
        await client.send_event("my.event", data={"a": 1})
        socket = peer.sockets[0]
        await socket.message("my.event")
        assert (await socket.message("response.chunk"))["timestamp"] == 1500
        assert socket.names() == [
            "session.ready",
            "response.start",
            "response.chunk",
            "response.chunk",
            "response.done",
            "response.cancel",
            "response.audio.start",
            "frame",
            "response.audio.finish",
            "response.audio.promptStart",
            "response.audio.promptFinish",
            "frame",
            "input.voice.start",
            "input.asr.partial",
            "input.voice.finish",
            "input.asr.final",
            "control.interrupt",
            "system.prompt",
            "error",
            "my.event",
        ]
    with pytest.raises(SendRefused) as caught:
        await client.send_prompt("too late")
    assert caught.value.code == "NOT_CONNECTED"
