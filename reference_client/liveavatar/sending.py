"""Every send method of an agent: one method an event, and one a frame.

What is refused, and why, is written where it is decided: `protocol_core.liveavatar.agent_sending`.
Every method may also raise `ConnectionEndedError`: the socket ended meanwhile. Each waits while the
connection is congested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protocol_core.liveavatar.client import ClientSession
    from protocol_core.liveavatar.events import Bracket

__all__ = ["Sending"]


class Sending(ABC):
    """The send methods; whoever inherits brings a session and the way to its socket."""

    @property
    @abstractmethod
    def session(self) -> ClientSession:
        """The session that decides what may be sent."""

    @abstractmethod
    def epoch_ms(self) -> int:
        """The time of day, in milliseconds since 1970."""

    @abstractmethod
    async def _send(self, messages: Iterable[bytes | str]) -> None:
        """Put messages on the wire, in order."""

    @property
    def open_responses(self) -> tuple[str, ...]:
        """Ids of the responses that have begun and are not over."""
        return self.session.open_responses

    @property
    def bracket(self) -> Bracket | None:
        """The audio bracket that is open, if any."""
        return self.session.bracket

    # --- the platform speaks our text -----------------------------------------------------------

    async def send_response_start(
        self,
        request_id: str,
        response_id: str,
        *,
        speed: float | None = None,
        volume: float | None = None,
        mood: str | None = None,
    ) -> None:
        """response.start: how the platform shall speak; optional, before the first chunk."""
        messages = self.session.send_response_start(
            request_id, response_id, speed=speed, volume=volume, mood=mood
        )
        await self._send(messages)

    async def send_response_chunk(
        self,
        request_id: str,
        response_id: str,
        text: str,
        *,
        seq: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """response.chunk: the next piece of text; number and time (epoch ms) fill in themselves."""
        moment = self.epoch_ms() if timestamp is None else timestamp
        messages = self.session.send_response_chunk(
            request_id, response_id, text, seq=seq, timestamp=moment
        )
        await self._send(messages)

    async def send_response_done(self, request_id: str, response_id: str) -> None:
        """response.done: the text is complete."""
        await self._send(self.session.send_response_done(request_id, response_id))

    async def send_response_cancel(self, response_id: str) -> None:
        """response.cancel: abandon a response; its open audio bracket is finished first."""
        await self._send(self.session.send_response_cancel(response_id))

    # --- we speak -------------------------------------------------------------------------------

    async def send_response_audio_start(self, request_id: str, response_id: str) -> None:
        """response.audio.start: frames of this response follow."""
        await self._send(self.session.send_response_audio_start(request_id, response_id))

    async def send_response_audio_finish(self, request_id: str, response_id: str) -> None:
        """response.audio.finish: that was its last frame."""
        await self._send(self.session.send_response_audio_finish(request_id, response_id))

    async def send_prompt_audio_start(self) -> None:
        """response.audio.promptStart: frames of an idle prompt follow."""
        await self._send(self.session.send_prompt_audio_start())

    async def send_prompt_audio_finish(self) -> None:
        """response.audio.promptFinish: that was its last frame."""
        await self._send(self.session.send_prompt_audio_finish())

    async def send_audio_frame(self, frame: Any) -> None:  # noqa: ANN401 - a generated AudioFrame
        """One audio frame, inside a bracket."""
        await self._send(self.session.send_audio_frame(frame))

    async def send_image_frame(self, frame: Any) -> None:  # noqa: ANN401 - a generated ImageFrame
        """One image."""
        await self._send(self.session.send_image_frame(frame))

    # --- we listen ------------------------------------------------------------------------------

    async def send_voice_start(self, request_id: str) -> None:
        """input.voice.start: the user begins to speak; ``request_id`` is new."""
        await self._send(self.session.send_voice_start(request_id))

    async def send_asr_partial(self, request_id: str, text: str, *, seq: int | None = None) -> None:
        """input.asr.partial: what has been recognised so far."""
        await self._send(self.session.send_asr_partial(request_id, text, seq=seq))

    async def send_voice_finish(self, request_id: str) -> None:
        """input.voice.finish: the user has stopped speaking."""
        await self._send(self.session.send_voice_finish(request_id))

    async def send_asr_final(self, request_id: str, text: str) -> None:
        """input.asr.final: what the user said."""
        await self._send(self.session.send_asr_final(request_id, text))

    # --- control --------------------------------------------------------------------------------

    async def send_interrupt(self, request_id: str | None = None) -> None:
        """control.interrupt: stop this turn, or whatever is playing."""
        await self._send(self.session.send_interrupt(request_id))

    async def send_prompt(self, text: str) -> None:
        """system.prompt: a wake-up text for the platform to speak."""
        await self._send(self.session.send_prompt(text))

    async def send_error(self, code: str, message: str, *, request_id: str | None = None) -> None:
        """error: report a failure to the platform."""
        await self._send(self.session.send_error(code, message, request_id=request_id))

    async def send_event(
        self, name: str, *, request_id: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        """An event of our own, which the platform may not know."""
        await self._send(self.session.send_event(name, request_id=request_id, data=data))
