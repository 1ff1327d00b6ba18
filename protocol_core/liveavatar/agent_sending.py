"""Everything an agent may send, each with its rules.

Every method checks first, then books, then returns the messages for the wire; if it raises, nothing
was booked and nothing is to be sent. `ClientSession` adds the connection's life around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.tables import FrameError
from protocol_core.liveavatar.audio import check_audio
from protocol_core.liveavatar.codec import Codec
from protocol_core.liveavatar.errors import refuse
from protocol_core.liveavatar.events import Bracket, BracketKind
from protocol_core.liveavatar.revision import PROTOCOL
from protocol_core.liveavatar.turns import ResponseBook, UtteranceBook
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from protocol_core.liveavatar.revision import Revision
    from protocol_core.liveavatar.turns import Response

__all__ = ["AgentSending"]

Messages = list[bytes | str]


class AgentSending:
    """The sending half of an agent's session.

    Args:
        revision: which revision's messages.
        developer_asr: whether we own speech recognition.
    """

    def __init__(self, revision: Revision, *, developer_asr: bool) -> None:
        counter = revision.constants.Counter
        self.revision = revision
        self._machine = StateMachine(revision.states.CONNECTION, protocol=PROTOCOL)
        self._developer_asr = developer_asr
        self._codec = Codec(revision)
        self._messages = revision.messages
        self._triggers = revision.states.Trigger
        self._states = revision.states.State
        self._responses = ResponseBook(first_seq=counter.CHUNK_FIRST)
        self._utterances = UtteranceBook(first_seq=counter.PARTIAL_FIRST)
        self._last_frame: Any = None

    @property
    def open_responses(self) -> tuple[str, ...]:
        """Ids of the responses that have begun and are not over."""
        return tuple(self._responses.open)

    @property
    def bracket(self) -> Bracket | None:
        """The audio bracket that is open."""
        return self._responses.bracket

    # --- platform TTS ---------------------------------------------------------------------------

    def send_response_start(
        self,
        request_id: str,
        response_id: str,
        *,
        speed: float | None = None,
        volume: float | None = None,
        mood: str | None = None,
    ) -> Messages:
        """Set how the platform speaks a response; before its first chunk, or not at all.

        Args:
            request_id: the turn to answer, as it came with the input (LAC-INPUT-002).
            response_id: a new id, unique in the session (LAC-INPUT-006).
            speed: factor, 0.5 to 2.0.
            volume: factor, 0.0 to 1.5.
            mood: such as ``happy``; the documents' list is open.

        Raises:
            SendRefused: a value is out of range, or the response has begun (LAC-RESP-001).
        """
        limits = self.revision.constants.AudioConfig
        speed = limits.SPEED_DEFAULT if speed is None else speed
        volume = limits.VOLUME_DEFAULT if volume is None else volume
        _within("speed", speed, limits.SPEED_MIN, limits.SPEED_MAX)
        _within("volume", volume, limits.VOLUME_MIN, limits.VOLUME_MAX)
        mood_member = {} if mood is None else {"mood": _identifier("mood", mood)}
        self._ready(_ids(request_id, response_id))
        self._responses.start(request_id, response_id)
        m = self._messages
        config = m.AudioConfig(speed=speed, volume=volume, **mood_member)
        return self._send(
            m.ResponseStart(
                request_id=request_id,
                response_id=response_id,
                data=m.ResponseStartData(audio_config=config),
            )
        )

    def send_response_chunk(
        self,
        request_id: str,
        response_id: str,
        text: str,
        *,
        timestamp: int,
        seq: int | None = None,
    ) -> Messages:
        """Send the next piece of a response's text.

        Args:
            request_id: the turn to answer.
            response_id: the response.
            text: the piece.
            timestamp: epoch ms (LAC-RESP-006).
            seq: number of the chunk; None for the next one. They count from 0 (LAC-RESP-005).

        Raises:
            SendRefused: ``seq`` is not the next number, or the response is over (LAC-RESP-008).
        """
        _integer("timestamp", timestamp)
        _words("text", text)
        self._ready(_ids(request_id, response_id))
        number = self._responses.chunk(request_id, response_id, seq)
        m = self._messages
        return self._send(
            m.ResponseChunk(
                request_id=request_id,
                response_id=response_id,
                seq=number,
                timestamp=timestamp,
                data=m.ResponseChunkData(text=text),
            )
        )

    def send_response_done(self, request_id: str, response_id: str) -> Messages:
        """End a response: its text is complete (LAC-RESP-007)."""
        self._ready(_ids(request_id, response_id))
        self._responses.done(request_id, response_id)
        return self._send(
            self._messages.ResponseDone(request_id=request_id, response_id=response_id)
        )

    def send_response_cancel(self, response_id: str) -> Messages:
        """Abandon a response; its audio bracket, if open, is finished first (LAC-TTS-001)."""
        self._ready({"response_id": response_id})
        return self._cancel(response_id)

    def _cancel(self, response_id: str) -> Messages:
        bracket = self._responses.cancel(response_id)
        m = self._messages
        cancel = self._send(m.ResponseCancel(response_id=response_id))
        if bracket is None:
            return cancel
        finish = m.ResponseAudioFinish(request_id=bracket.request_id, response_id=response_id)
        return self._send(finish) + cancel

    # --- developer TTS --------------------------------------------------------------------------

    def send_response_audio_start(self, request_id: str, response_id: str) -> Messages:
        """Open a response's audio bracket; one bracket at a time (LAC-TTS-002)."""
        self._ready(_ids(request_id, response_id))
        self._open(_response_bracket(request_id, response_id))
        return self._send(
            self._messages.ResponseAudioStart(request_id=request_id, response_id=response_id)
        )

    def send_response_audio_finish(self, request_id: str, response_id: str) -> Messages:
        """Close the response's audio bracket, after its last frame (LAC-TTS-001)."""
        self._ready(_ids(request_id, response_id))
        self._responses.close_bracket(_response_bracket(request_id, response_id))
        return self._send(
            self._messages.ResponseAudioFinish(request_id=request_id, response_id=response_id)
        )

    def send_prompt_audio_start(self) -> Messages:
        """Open the bracket of an idle prompt that we speak ourselves (LAC-TTS-003)."""
        self._ready({})
        self._open(Bracket(kind=BracketKind.PROMPT))
        return self._send(self._messages.ResponseAudioPromptStart())

    def send_prompt_audio_finish(self) -> Messages:
        """Close the bracket of the idle prompt."""
        self._ready({})
        self._responses.close_bracket(Bracket(kind=BracketKind.PROMPT))
        return self._send(self._messages.ResponseAudioPromptFinish())

    def send_audio_frame(self, frame: Any) -> Messages:
        """Send one audio frame, inside a bracket.

        Args:
            frame: an ``AudioFrame`` of the revision.

        Raises:
            SendRefused: no bracket is open (LAC-TTS-002), or the frame breaks a rule
                (see `protocol_core.liveavatar.audio.check_audio`).
        """
        kind = self.revision.frames.AudioFrame
        if not isinstance(frame, kind):
            refuse("this is no audio frame", "LAC-FRAME-002", value=frame)
        self._ready({}, self._triggers.AGENT_FRAME)
        if self._responses.bracket is None:
            refuse(
                "no audio bracket is open",
                "LAC-TTS-002",
                hint="send response.audio.start or promptStart first: frames carry no id",
            )
        packed = check_audio(self.revision, frame, self._last_frame)
        self._last_frame = frame
        return [packed]

    def send_image_frame(self, frame: Any) -> Messages:
        """Send one image; the documents leave open which way images go (OP-13).

        Raises:
            SendRefused: the frame cannot be put on the wire (LAC-IMG-001).
        """
        if not isinstance(frame, self.revision.frames.ImageFrame):
            refuse("this is no image frame", "LAC-IMG-001", value=frame)
        self._ready({}, self._triggers.AGENT_FRAME)
        try:
            return [frame.pack()]
        except FrameError as error:
            refuse(str(error), "LAC-IMG-001")

    def _open(self, bracket: Bracket) -> None:
        self._responses.open_bracket(bracket)
        self._last_frame = None

    # --- developer ASR --------------------------------------------------------------------------

    def send_voice_start(self, request_id: str) -> Messages:
        """The user begins to speak; playback stops by itself (LAC-INT-002).

        Args:
            request_id: a new id for this utterance (LAC-INPUT-007).
        """
        self._asr(request_id)
        self._utterances.voice_start(request_id)
        return self._send(self._messages.InputVoiceStart(request_id=request_id))

    def send_asr_partial(self, request_id: str, text: str, *, seq: int | None = None) -> Messages:
        """What has been recognised so far, while the user speaks.

        Args:
            request_id: the utterance.
            text: recognised so far.
            seq: above the last one of the utterance; None for the next (LAC-ASR-006).
        """
        _words("text", text)
        self._asr(request_id)
        number = self._utterances.partial(request_id, seq)
        m = self._messages
        data = m.InputAsrPartialData(text=text, final=False)
        return self._send(m.InputAsrPartial(request_id=request_id, seq=number, data=data))

    def send_voice_finish(self, request_id: str) -> Messages:
        """The user has stopped speaking."""
        self._asr(request_id)
        self._utterances.voice_finish(request_id)
        return self._send(self._messages.InputVoiceFinish(request_id=request_id))

    def send_asr_final(self, request_id: str, text: str) -> Messages:
        """The result, after the end of the speech (LAC-ASR-004)."""
        _words("text", text)
        self._asr(request_id)
        self._utterances.final(request_id)
        m = self._messages
        return self._send(
            m.InputAsrFinal(request_id=request_id, data=m.InputAsrFinalData(text=text))
        )

    def _asr(self, request_id: str) -> None:
        if not self._developer_asr:
            refuse(
                "the platform owns speech recognition",
                "LAC-ASR-001",
                hint="configure developer_asr=True if the avatar is set up that way",
            )
        self._ready({"request_id": request_id})

    # --- control --------------------------------------------------------------------------------

    def send_interrupt(self, request_id: str | None = None) -> Messages:
        """Stop playback; for programmatic stops, input stops it by itself (LAC-INT-002).

        Args:
            request_id: the turn to stop; None for whatever is playing.
        """
        turn = {} if request_id is None else {"request_id": request_id}
        self._ready(turn)
        return self._send(self._messages.ControlInterrupt(**turn))

    def send_prompt(self, text: str) -> Messages:
        """Have the platform speak a wake-up text (LAC-SYS-002)."""
        _words("text", text)
        self._ready({})
        m = self._messages
        return self._send(m.SystemPrompt(data=m.SystemPromptData(text=text)))

    def send_error(self, code: str, message: str, *, request_id: str | None = None) -> Messages:
        """Report a failure; the connection stays (LAC-ERR-001).

        Args:
            code: any stable name.
            message: words.
            request_id: the turn it belongs to, if any.
        """
        _words("message", message)
        turn = {} if request_id is None else {"request_id": request_id}
        self._ready({"code": code, **turn})
        m = self._messages
        return self._send(m.ErrorEvent(data=m.ErrorData(code=code, message=message), **turn))

    def send_event(
        self,
        name: str,
        *,
        request_id: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> Messages:
        """Send an event of our own; a platform that does not know it ignores it (LAC-MSG-009).

        Args:
            name: not one of the revision's events: they have methods with their rules.
            request_id: the turn it belongs to, if any.
            data: its payload, anything that JSON can say.

        Raises:
            SendRefused: the name is taken, or the data is not JSON.
        """
        turn = {} if request_id is None else {"request_id": request_id}
        self._ready({"name": name, **turn})
        if name in self._codec.known:
            refuse("this event has a method of its own", "LAC-MSG-009", value=name)
        try:
            return [self._codec.custom(name, request_id, data)]
        except (TypeError, ValueError, RecursionError) as error:
            refuse(f"the data cannot be put into JSON: {error}", "LAC-MSG-001")

    # --- common ---------------------------------------------------------------------------------

    def _ready(self, identifiers: dict[str, str], trigger: str | None = None) -> None:
        """Check the ids, then whether anything may be sent now; books nothing but the trigger."""
        for name, value in identifiers.items():
            _identifier(name, value)
        states = self._states
        cause: str = trigger or self._triggers.AGENT_EVENT
        if self._machine.allows(cause):
            self._machine.send(cause)
            return
        waiting = self._machine.state in {states.INIT_WAIT, states.READY_WAIT}
        refuse(
            f"nothing may be sent in state {self._machine.state}",
            "LAC-HS-007" if waiting else "LAC-CONN-005",
            code=self.revision.errors.ErrorCode.NOT_CONNECTED,
            hint="wait for session.init" if waiting else "the session is not open",
        )

    def _send(self, *messages: msgspec.Struct) -> Messages:
        return [self._codec.encode(message) for message in messages]

    def _in_progress(self) -> list[Response]:
        return list(self._responses.open.values())

    def _abandon(self, response_ids: Iterable[str]) -> Messages:
        return [message for response_id in response_ids for message in self._cancel(response_id)]


def _response_bracket(request_id: str, response_id: str) -> Bracket:
    return Bracket(kind=BracketKind.RESPONSE, request_id=request_id, response_id=response_id)


def _ids(request_id: str, response_id: str) -> dict[str, str]:
    return {"request_id": request_id, "response_id": response_id}


def _identifier(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        refuse(f"{name} must be a string that is not blank", "LAC-MSG-002", value=value)
    return value


def _words(name: str, value: object) -> None:
    if not isinstance(value, str):
        refuse(f"{name} must be a string", "LAC-MSG-002", value=value)
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(f"{name} holds a lone surrogate", "LAC-MSG-001", value=value)


def _integer(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(f"{name} must be an integer", "LAC-MSG-002", value=value)


def _within(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return
    refuse(f"{name} must be a number from {low} to {high}", "LAC-RESP-010", value=value)
