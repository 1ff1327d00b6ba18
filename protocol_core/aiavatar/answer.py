"""One turn's answer, as events: what a server says, on either transport.

An answer fills every member of the response model (AIA-RESP-001) and keeps what was said so far, so
that its end can repeat it (AIA-RESP-006). The order of its events is the business of the session
that sends them.
"""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, Any

import msgspec

from protocol_core.aiavatar.codec import encode_audio
from protocol_core.aiavatar.tags import Tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocol_core.aiavatar.revision import Revision

__all__ = ["Answer", "Speech"]


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """The audio of one chunk.

    Attributes:
        pcm: interleaved samples, signed little-endian.
        sample_rate: Hz.
        channels: number of channels.
        sample_width: bytes of a sample.
    """

    pcm: bytes
    sample_rate: int
    channels: int = 1
    sample_width: int = 2

    def wav(self) -> bytes:
        """A complete WAV file."""
        target = io.BytesIO()
        with wave.open(target, "wb") as file:
            file.setnchannels(self.channels)
            file.setsampwidth(self.sample_width)
            file.setframerate(self.sample_rate)
            file.writeframes(self.pcm)
        return target.getvalue()


class Answer:
    """One turn's answer.

    Args:
        revision: the generated modules.
        session_id: as the client chose it.
        user_id: as the client named it.
        context_id: the conversation; None only where the wakeword was not heard.

    Attributes:
        context_id: as given.
        text: what was said so far, control tags included.
    """

    def __init__(
        self, revision: Revision, *, session_id: str, user_id: str | None, context_id: str | None
    ) -> None:
        self.context_id = context_id
        self.text = ""
        self._messages = revision.messages
        self._tags = Tags(revision)
        self._words: str = revision.constants.Text.PIPELINE_ERROR
        self._common: dict[str, Any] = {
            "session_id": session_id,
            "user_id": user_id,
            "context_id": context_id,
            "text": None,
            "voice_text": None,
            "language": None,
            "avatar_control_request": None,
            "audio_data": None,
        }
        self._begun = False

    @property
    def voice_text(self) -> str:
        """What was spoken of it (AIA-RESP-007)."""
        return self._tags.voice(self.text)

    def stop(self) -> msgspec.Struct:
        """Playback is to be flushed before this answer (AIA-INT-001); names no user."""
        members = {**self._common, "user_id": None}
        return self._messages.StopEvent(**members, metadata=None)  # type: ignore[no-any-return]

    def start(self, request_text: str | None) -> msgspec.Struct:
        """The request was understood.

        Args:
            request_text: the transcript, or the text that was sent (AIA-RESP-004); None where the
                wakeword was not heard.
        """
        metadata = self._messages.StartMetadata(request_text=request_text)
        return self._event("StartEvent", metadata)

    def chunk(
        self,
        text: str,
        speech: Speech | None = None,
        *,
        language: str | None = None,
        pcm_bytes: int = 0,
    ) -> list[msgspec.Struct]:
        """Part of the answer.

        Args:
            text: what the model wrote, control tags included.
            speech: how it sounds; None for no speech.
            language: of the speech.
            pcm_bytes: 0 for one whole WAV file (AIA-AUDIO-003); otherwise the size of the PCM
                chunks that follow a descriptor (AIA-AUDIO-004).

        Returns:
            One event, or a descriptor and its PCM chunks.
        """
        self.text += text
        first, self._begun = not self._begun, True
        members = {
            "text": text,
            "voice_text": self._tags.voice(text),
            "language": language,
            "avatar_control_request": self._tags.control(text),
        }
        m = self._messages
        if speech is None or not pcm_bytes:
            audio = "" if speech is None else encode_audio(speech.wav())
            metadata = m.ChunkMetadata(is_first_chunk=first)
            return [self._event("ChunkEvent", metadata, **members, audio_data=audio)]
        form = m.PcmFormat(
            sample_rate=speech.sample_rate,
            channels=speech.channels,
            sample_width=speech.sample_width,
        )
        metadata = m.ChunkMetadata(is_first_chunk=first, pcm_format=form)
        events = [self._event("ChunkEvent", metadata, **members)]
        pieces = m.ChunkMetadata(pcm_format=form)
        for start in range(0, len(speech.pcm), pcm_bytes):
            audio = encode_audio(speech.pcm[start : start + pcm_bytes])
            events.append(self._event("ChunkEvent", pieces, audio_data=audio))
        return events

    def tool_call(
        self,
        call_id: str | None,
        name: str,
        arguments: str,
        *,
        data: Mapping[str, Any] | None = None,
        is_final: bool = True,
    ) -> msgspec.Struct:
        """A tool started, progressed or finished (AIA-TOOL-001).

        Args:
            call_id: the same on all events of a call.
            name: the tool.
            arguments: a JSON object as text.
            data: what it returned so far; None at its start, which looks like an empty outcome.
            is_final: whether that is its outcome.
        """
        m = self._messages
        result = m.ToolCallResult(data=dict(data or {}), is_final=is_final)
        call = m.ToolCall(id=call_id, name=name, arguments=arguments, result=result)
        return self._event("ToolCallEvent", m.ToolCallMetadata(tool_call=call))

    def final(self) -> msgspec.Struct:
        """The end: final, or vision where the answer asks for a picture (AIA-VISION-001)."""
        members = {"text": self.text, "voice_text": self.voice_text}
        source = self._tags.vision(self.text)
        if source is None:
            return self._event("FinalEvent", self._messages.FinalMetadata(), **members)
        metadata = self._messages.VisionMetadata(source=source)
        return self._event("VisionEvent", metadata, **members)

    def error(self, text: str = "") -> msgspec.Struct:
        """The end by a failure (AIA-ERR-001).

        Args:
            text: the server's words; "" for the usual ones.
        """
        metadata = self._messages.ErrorMetadata(error=text or self._words)
        return self._event("ErrorEvent", metadata)

    def _event(self, kind: str, metadata: msgspec.Struct, **members: object) -> msgspec.Struct:
        made: msgspec.Struct = getattr(self._messages, kind)(
            **{**self._common, **members}, metadata=metadata
        )
        return made
