"""Speaking and listening in whole pieces, on top of the send methods.

Each is a context manager: what the protocol wants begun and ended is begun and ended, whatever
happens in between.
"""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from protocol_core.errors import LocalProtocolError
from protocol_core.liveavatar.audio import Packetizer
from protocol_core.liveavatar.errors import LiveAvatarError
from reference_client.liveavatar.sending import Sending
from reference_client.liveavatar.writers import AudioWriter, ResponseOver, TextWriter, Utterance

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Speaking", "new_id"]


class Speaking(Sending):
    """Responses, prompts and utterances."""

    @asynccontextmanager
    async def respond(
        self,
        request_id: str,
        *,
        response_id: str | None = None,
        speed: float | None = None,
        volume: float | None = None,
        mood: str | None = None,
    ) -> AsyncGenerator[TextWriter, None]:
        """Answer a turn with text that the platform speaks.

            async with client.respond(request_id) as response:
                async for token in model(text):
                    await response.write(token)

        Leaving the block ends the response; leaving it by an exception cancels it. When the
        conversation moves on meanwhile, ``write`` raises `ResponseOver` and the block ends quietly.

        Args:
            request_id: the turn, as it came with the input.
            response_id: a new id; None to mint one (LAC-INPUT-006).
            speed: 0.5 to 2.0; like the next two it makes response.start go first.
            volume: 0.0 to 1.5.
            mood: such as ``happy``.

        Raises:
            SendRefused: a value is out of range, or the session is not open.
        """
        writer = TextWriter(self, request_id, response_id or new_id())
        if any(value is not None for value in (speed, volume, mood)):
            await writer.begin(speed=speed, volume=volume, mood=mood)
        async with _ending(writer):
            yield writer

    @asynccontextmanager
    async def speak(
        self,
        request_id: str,
        *,
        response_id: str | None = None,
        sample_rate: int | None = None,
        channels: int = 1,
        frame_ms: float | None = None,
        first_sequence: int = 0,
        first_timestamp: int = 0,
    ) -> AsyncGenerator[AudioWriter, None]:
        """Answer a turn with speech that we made ourselves.

        Like `respond`, but ``write`` takes PCM.

        Args:
            request_id: the turn, as it came with the input.
            response_id: a new id; None to mint one.
            sample_rate: Hz; None for the preferred 16000 (LAC-FRAME-014).
            channels: 1 or 2.
            frame_ms: length of a frame; None for the preferred 40.
            first_sequence: where the frames' counter begins.
            first_timestamp: where their time begins, ms.

        Raises:
            SendRefused: frames cannot say these values, or a bracket is open (LAC-TTS-002).
        """
        packets = Packetizer(
            self.session.revision,
            sample_rate=sample_rate,
            channels=channels,
            frame_ms=frame_ms,
            sequence=first_sequence,
            timestamp=first_timestamp,
        )
        writer = AudioWriter(self, packets, request_id, response_id or new_id())
        await writer.begin()
        async with _ending(writer):
            yield writer

    @asynccontextmanager
    async def prompt_audio(
        self,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        frame_ms: float | None = None,
    ) -> AsyncGenerator[AudioWriter, None]:
        """Wake the user up with speech that we made ourselves (LAC-TTS-003); see `speak`."""
        packets = Packetizer(
            self.session.revision, sample_rate=sample_rate, channels=channels, frame_ms=frame_ms
        )
        writer = AudioWriter(self, packets)
        await writer.begin()
        async with _ending(writer):
            yield writer

    @asynccontextmanager
    async def utterance(
        self, *, request_id: str | None = None, barge_in: bool = True
    ) -> AsyncGenerator[Utterance, None]:
        """What the user says, as our own recognition hears it.

            async with client.utterance() as utterance:
                await utterance.partial("hel")
                await utterance.final("hello")
            async with client.respond(utterance.request_id) as response: …

        Args:
            request_id: a new id; None to mint one (LAC-INPUT-007).
            barge_in: cancel what is being said to the user: the platform stops playing it anyway.
        """
        utterance = Utterance(self, request_id or new_id())
        await self.send_voice_start(utterance.request_id)
        if barge_in:
            for response_id in self.open_responses:
                await self.send_response_cancel(response_id)
        try:
            yield utterance
        except BaseException:
            with suppress(LiveAvatarError, LocalProtocolError):
                await utterance.finish()
            raise
        await utterance.finish()


def new_id() -> str:
    """A new id for a response or an utterance."""
    return str(uuid.uuid4())


@asynccontextmanager
async def _ending(writer: TextWriter | AudioWriter) -> AsyncGenerator[None, None]:
    """End what a writer began: well, or by a cancel after an exception."""
    try:
        yield
        await writer.finish()
    except BaseException as error:
        if isinstance(error, ResponseOver) and writer.overtaken:
            return
        with suppress(LiveAvatarError, LocalProtocolError):
            await writer.cancel()
        raise
