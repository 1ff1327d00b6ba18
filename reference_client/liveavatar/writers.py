"""Speaking, one piece at a time: a response's text, a response's or a prompt's audio, an utterance.

Each writer is what a context manager of `LiveAvatarClient` yields. The manager begins and ends what
the protocol wants begun and ended, whatever happens in between.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from protocol_core.liveavatar.errors import SendRefused
from protocol_core.liveavatar.revision import PROTOCOL

if TYPE_CHECKING:
    from protocol_core.liveavatar.audio import Packetizer
    from reference_client.liveavatar.sending import Sending

__all__ = ["AudioWriter", "Outcome", "ResponseOver", "TextWriter", "Utterance"]


class Outcome(StrEnum):
    """How something that was written ended."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    OVERTAKEN = "overtaken"


class ResponseOver(SendRefused):
    """The conversation has moved on: new input, an interrupt or a lost socket ended the response.

    Raised by a writer inside its ``async with`` block, which ends quietly on it.
    """


class TextWriter:
    """A text response, for the platform to speak. Made by `Speaking.respond`.

    Attributes:
        request_id: the turn it answers.
        response_id: its id.
        outcome: how it ended.
    """

    def __init__(self, client: Sending, request_id: str, response_id: str) -> None:
        self._client = client
        self._begun = False
        self.request_id = request_id
        self.response_id = response_id
        self.outcome = Outcome.OPEN

    async def begin(self, *, speed: float | None, volume: float | None, mood: str | None) -> None:
        """Send response.start; only needed to set how the platform speaks."""
        await self._client.send_response_start(
            self.request_id, self.response_id, speed=speed, volume=volume, mood=mood
        )
        self._begun = True

    async def write(self, text: str) -> None:
        """Send the next piece of text.

        Raises:
            ResponseOver: the conversation has moved on; nothing was sent.
            SendRefused: the response is over, or the session is not open.
        """
        self._check()
        await self._client.send_response_chunk(self.request_id, self.response_id, text)
        self._begun = True

    async def finish(self) -> None:
        """End the response, unless it is over or never began."""
        if self.outcome is not Outcome.OPEN or self.overtaken:
            return
        if self._begun:
            await self._client.send_response_done(self.request_id, self.response_id)
        self.outcome = Outcome.DONE

    async def cancel(self) -> None:
        """Abandon the response, unless it is over."""
        if self.outcome is not Outcome.OPEN or self.overtaken:
            return
        self.outcome = Outcome.CANCELLED
        if self._begun:
            await self._client.send_response_cancel(self.response_id)

    @property
    def overtaken(self) -> bool:
        """Whether the conversation has moved on from this response."""
        if (
            self._begun
            and self.outcome is Outcome.OPEN
            and self.response_id not in self._client.open_responses
        ):
            self.outcome = Outcome.OVERTAKEN
        return self.outcome is Outcome.OVERTAKEN

    def _check(self) -> None:
        if self.overtaken:
            raise _over(self._client, self.response_id)


class AudioWriter:
    """Speech that we made ourselves. Made by `Speaking.speak` and `prompt_audio`.

    PCM goes in cut anywhere; frames with running counters come out (LAC-FRAME-008).

    Attributes:
        request_id: the turn it answers; "" for a prompt.
        response_id: its id; "" for a prompt.
        outcome: how it ended.
    """

    def __init__(
        self,
        client: Sending,
        packets: Packetizer,
        request_id: str = "",
        response_id: str = "",
    ) -> None:
        self._client = client
        self._packets = packets
        self._bracket = False
        self.request_id = request_id
        self.response_id = response_id
        self.outcome = Outcome.OPEN

    async def begin(self) -> None:
        """Open the bracket."""
        if self.response_id:
            await self._client.send_response_audio_start(self.request_id, self.response_id)
        else:
            await self._client.send_prompt_audio_start()
        self._bracket = True

    async def write(self, pcm: bytes) -> None:
        """Send PCM, as many whole frames as there are; the rest waits for more.

        Args:
            pcm: signed 16-bit little-endian samples, channels interleaved.

        Raises:
            ResponseOver: the conversation has moved on.
            SendRefused: the session is not open.
        """
        await self._frames(self._packets.push(pcm))

    async def write_packet(self, packet: bytes, samples: int, *, key: bool = False) -> None:
        """Send one Opus packet.

        Args:
            packet: the packet.
            samples: how many samples per channel it decodes to.
            key: whether a decoder can resynchronise here; the first packet always counts as such.

        Raises:
            ResponseOver: the conversation has moved on.
            SendRefused: the packet does not fit into a frame, or the session is not open.
        """
        await self._frames([self._packets.opus(packet, samples, key=key)])

    async def finish(self) -> None:
        """Send the rest and close the bracket, unless it is over."""
        if self.outcome is not Outcome.OPEN or self.overtaken:
            return
        await self._frames(self._packets.flush())
        await self._close()
        self.outcome = Outcome.DONE

    async def cancel(self) -> None:
        """Close the bracket and abandon the speech, unless it is over."""
        if self.outcome is not Outcome.OPEN or self.overtaken or not self._bracket:
            return
        self.outcome = Outcome.CANCELLED
        if self.response_id:
            await self._client.send_response_cancel(self.response_id)  # closes the bracket, too
        else:
            await self._client.send_prompt_audio_finish()

    @property
    def overtaken(self) -> bool:
        """Whether the conversation has moved on, and the bracket with it."""
        if self._bracket and self.outcome is Outcome.OPEN and not self._open:
            self.outcome = Outcome.OVERTAKEN
        return self.outcome is Outcome.OVERTAKEN

    @property
    def _open(self) -> bool:
        bracket = self._client.bracket
        return bracket is not None and (bracket.response_id or "") == self.response_id

    async def _close(self) -> None:
        if self.response_id:
            await self._client.send_response_audio_finish(self.request_id, self.response_id)
        else:
            await self._client.send_prompt_audio_finish()

    async def _frames(self, frames: list[Any]) -> None:
        for frame in frames:
            if self.overtaken:
                raise _over(self._client, self.response_id)
            await self._client.send_audio_frame(frame)


class Utterance:
    """What the user says, as our own recognition hears it. Made by `Speaking.utterance`.

    Attributes:
        request_id: its id; the response to it carries the same one (LAC-INPUT-007).
    """

    def __init__(self, client: Sending, request_id: str) -> None:
        self._client = client
        self._speaking = True
        self.request_id = request_id

    async def partial(self, text: str) -> None:
        """What has been recognised so far."""
        await self._client.send_asr_partial(self.request_id, text)

    async def finish(self) -> None:
        """The user has stopped speaking; harmless if that is known."""
        if self._speaking:
            self._speaking = False
            await self._client.send_voice_finish(self.request_id)

    async def final(self, text: str) -> None:
        """The result; says first that the user has stopped speaking, if that is not known yet."""
        await self.finish()
        await self._client.send_asr_final(self.request_id, text)


def _over(client: Sending, response_id: str) -> ResponseOver:
    return ResponseOver(
        "the conversation has moved on from this response",
        protocol=PROTOCOL,
        code=client.session.revision.errors.ErrorCode.INVALID_ARGUMENT,
        requirement="LAC-RESP-008",
        value=response_id or None,
    )
