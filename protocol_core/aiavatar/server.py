"""A server's session on the WebSocket: what the client wants, what is heard and said. No I/O.

It knows nothing of models, voices or contexts: its owner says what is answered, and learns from the
events what the client wants. One session is one socket.

    session.open(now)                          a socket was accepted; nothing is sent
    session.receive(data, now) -> events       then send data_to_send(), look at close_to_send()
    session.send(event) -> messages            an event of an answer; [] if nobody listens any more
    session.deadline(), session.timeout(now)   silence on the clock, where that ends an utterance
    session.closed(code, reason, now) -> events

Malformed messages are answered by a close with 1007 or 1003, or, on request, as the package does
it: the connection is to be dropped (AIA-ERR-005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import server_events as s
from protocol_core.aiavatar.codec import Codec, Fault, Request, decode_audio
from protocol_core.aiavatar.revision import PROTOCOL, Revision, load
from protocol_core.aiavatar.voice import VoiceDetector
from protocol_core.errors import ConfigurationError
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    Messages = list[str]

__all__ = ["DROP", "ServerConfig", "ServerSession"]

#: What `ServerSession.close_to_send` says where the connection is to end without a close frame.
DROP: Final = (None, "")


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a server's session. None means the default of the revision's documents.

    Attributes:
        sample_rate: Hz of the audio that comes in.
        volume_db_threshold: dB above which a frame holds voice, until the client sets another.
        silence: seconds of silence that end an utterance (AIA-VAD-001).
        min_speech: seconds of speech below which it is no utterance (AIA-VAD-002).
        max_recording: seconds after which a recording is thrown away.
        silence_by_clock: whether time that passes without audio counts as silence, too.
        drops_malformed: end the connection over malformed messages without a close frame, as the
            package does, and ignore `data` before start.
    """

    sample_rate: int | None = None
    volume_db_threshold: float | None = None
    silence: float | None = None
    min_speech: float | None = None
    max_recording: float | None = None
    silence_by_clock: bool = False
    drops_malformed: bool = False

    def __post_init__(self) -> None:
        for name in ("sample_rate", "silence", "max_recording"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError("must be above 0", setting=name, value=value)
        if self.min_speech is not None and not self.min_speech >= 0:
            raise ConfigurationError(
                "must not be negative", setting="min_speech", value=self.min_speech
            )


@dataclass
class _Hearing:
    """What the detector goes by."""

    sample_rate: int
    volume_db_threshold: float
    silence: float
    min_speech: float
    max_recording: float


class ServerSession:
    """One socket of a server.

    Args:
        config: how it listens.
        revision: id, alias or modules of the revision; None for the default.

    Attributes:
        session_id: as the client chose it; None before start.
        user_id: the person, as start named it.
        context_id: the conversation of voice turns (AIA-CTX-004); the owner sets what it announces.
    """

    def __init__(
        self, config: ServerConfig | None = None, *, revision: str | Revision | None = None
    ) -> None:
        self.revision = load(revision)
        self.session_id: str | None = None
        self.user_id: str | None = None
        self.context_id: str | None = None
        settings = config or ServerConfig()
        self._config = settings
        self._codec = Codec(self.revision)
        self._triggers = self.revision.states.Trigger
        self._machine = StateMachine(self.revision.states.CONNECTION, protocol=PROTOCOL)
        self._turn = StateMachine(self.revision.states.TURN, protocol=PROTOCOL)
        self._hearing = _hearing(self.revision, settings)
        self._detector = VoiceDetector(self.revision, self._hearing)
        self._silent_from: float | None = None
        self._out: Messages = []
        self._close: tuple[int | None, str] | None = None
        types = self.revision.constants.RequestType
        self._readers: dict[str, Callable[[Request, float], list[e.Event]]] = {
            types.START: self._on_start,
            types.INVOKE: self._on_invoke,
            types.DATA: self._on_data,
            types.CONFIG: self._on_config,
            types.STOP: self._on_stop,
        }

    @property
    def connection_state(self) -> str:
        """State of the connection, as in the state table."""
        return self._machine.state

    @property
    def turn_state(self) -> str:
        """State of the session's turns, as in the state table."""
        return self._turn.state

    @property
    def volume_db_threshold(self) -> float:
        """Level above which a frame holds voice in this session, in dB."""
        return self._hearing.volume_db_threshold

    @property
    def is_ready(self) -> bool:
        """Whether the session is open."""
        ready: str = self.revision.states.State.READY
        return self._machine.state == ready

    # --- the socket -----------------------------------------------------------------------------

    def open(self, now: float) -> Messages:  # noqa: ARG002 - as every session has it
        """A socket was accepted. The client speaks first."""
        self._machine.receive(self._triggers.OPEN)
        return []

    def data_to_send(self) -> Messages:
        """What `receive` and `timeout` have queued."""
        queued, self._out = self._out, []
        return queued

    def close_to_send(self) -> tuple[int | None, str] | None:
        """Code and reason, once the socket is to be closed; `DROP` to drop the connection."""
        return self._close

    def closed(self, code: int | None, reason: str, now: float) -> list[e.Event]:  # noqa: ARG002 - as every session has it
        """The socket has ended: the detector forgets what it heard (AIA-WS-011)."""
        if self.connection_state == self.revision.states.State.NEW:
            return []  # the upgrade came to nothing
        opened = self.is_ready
        codes = self.revision.constants.CloseCode
        normal = code == codes.NORMAL
        if not self._machine.receive(self._triggers.CLOSED if normal else self._triggers.DROPPED):
            return []
        self._detector.reset()
        self._silent_from = None
        self._out.clear()
        ended = codes.ABNORMAL if code is None else code
        return [e.Closed(code=ended, reason=reason, opened=opened, lost=not normal)]

    # --- what the client sends ------------------------------------------------------------------

    def receive(self, data: bytes | str, now: float) -> list[e.Event]:
        """Take one message. Faults of the client are events, answered as the rules say."""
        if self._close is not None:
            return []
        if isinstance(data, bytes):
            return self._malformed("closed_binary", "a binary message")
        request = self._codec.decode_request(data)
        if isinstance(request, Fault):
            return self._malformed("closed_malformed", request.detail)
        if not request.session_id:
            self._machine.receive(self._triggers.WITHOUT_SESSION)
            return self._refuse("session_missing", request)
        reader = self._readers.get(request.type)
        if reader is None:
            return [_ignored(e.Reason.UNKNOWN_TYPE, request.type, "AIA-WS-007")]
        return reader(request, now)

    def _on_start(self, request: Request, _: float) -> list[e.Event]:
        """Open the session, or bind anew."""
        repeated = self.is_ready
        self._machine.receive(self._triggers.START)
        same = self.session_id == request.session_id
        self.session_id = request.session_id
        self.user_id = request.user_id or (self.user_id if same else None)
        self.context_id = request.context_id or (self.context_id if same else None)
        self._machine.send(self._triggers.CONNECTED)
        event = self.revision.messages.ConnectedEvent(
            session_id=request.session_id,
            user_id=request.user_id,
            context_id=request.context_id,
            **_UNUSED,
            metadata=None,
        )
        self._out.append(self._codec.encode(event))
        assert request.session_id is not None  # noqa: S101 - receive has looked
        return [
            s.SessionStarted(
                session_id=request.session_id,
                user_id=self.user_id,
                context_id=self.context_id,
                metadata=request.metadata,
                repeated=repeated,
            )
        ]

    def _on_invoke(self, request: Request, _: float) -> list[e.Event]:
        if not self._machine.allows(self._triggers.INVOKE):
            return self._not_started(request)
        self._turn.receive(self._triggers.INVOKE)
        return [s.TurnAsked(request=request)]

    def _on_data(self, request: Request, now: float) -> list[e.Event]:
        """Hear audio (AIA-VAD-001, AIA-AUDIO-002)."""
        try:
            audio = decode_audio(request.audio_data or "")
        except ValueError as error:
            return self._malformed("closed_malformed", f"audio_data: {error}")
        if not audio or len(audio) % self.revision.constants.Audio.BYTES_PER_SAMPLE:
            return self._malformed("closed_malformed", f"audio_data of {len(audio)} bytes")
        if not self._machine.allows(self._triggers.DATA):
            return self._not_started(request)
        found = self._detector.feed(audio)
        if not self._detector.recording:
            self._silent_from = None
        elif not self._detector.silent or self._silent_from is None:
            self._silent_from = now
        return [self._heard(audio) for audio in found]

    def _on_config(self, request: Request, _: float) -> list[e.Event]:
        """Take another threshold, unless it is 0 or null (AIA-WS-013)."""
        key = self.revision.constants.MetadataKey.VOLUME_DB_THRESHOLD
        if request.metadata is None:
            return self._malformed("closed_malformed", "config without metadata")
        value = request.metadata.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            return self._malformed("closed_malformed", f"{key} is no number")
        if not self._machine.allows(self._triggers.CONFIG):
            return [_ignored(e.Reason.BEFORE_CONNECTED, request.type, "AIA-WS-002")]
        if not value:
            return []
        self._hearing.volume_db_threshold = float(value)
        return [s.ThresholdSet(volume_db_threshold=float(value))]

    def _on_stop(self, _request: Request, _now: float) -> list[e.Event]:
        self._machine.receive(self._triggers.LEAVE)
        self._close = (self.revision.constants.CloseCode.NORMAL, "")
        return [s.Left()]

    def _heard(self, audio: bytes) -> s.UtteranceHeard:
        self._turn.receive(self._triggers.UTTERANCE)
        return s.UtteranceHeard(audio=audio)

    # --- what the server sends ------------------------------------------------------------------

    def send(self, event: msgspec.Struct, *, late: bool = False) -> Messages:
        """Say part of an answer.

        Args:
            event: a generated event of a turn, or its stop.
            late: whether it ends a turn that another has replaced (AIA-INT-005).

        Returns:
            The message, or nothing where the session is not open.

        Raises:
            LocalProtocolError: this event is not due (AIA-SSE-002).
        """
        if not self.is_ready:
            return []
        name = str(event.__struct_config__.tag)
        if name == self._triggers.STOP:
            self._machine.send(self._triggers.STOP_PLAYBACK)
        else:
            self._machine.send(self._triggers.TURN_EVENT)
        if not late:
            self._turn.send(name)
        return [self._codec.encode(event)]

    def nothing_heard(self) -> None:
        """Nothing was recognised in an utterance; nothing is sent."""
        if self._turn.allows(self._triggers.NOTHING_HEARD):
            self._turn.send(self._triggers.NOTHING_HEARD)

    # --- time -----------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None for never."""
        if self._silent_from is None or not self._config.silence_by_clock:
            return None
        return self._silent_from + self._hearing.silence

    def timeout(self, now: float) -> list[e.Event]:
        """Time has passed; harmless if nothing was due."""
        due = self.deadline()
        if due is None or now < due:
            return []
        self._silent_from = None
        audio = self._detector.finish()
        return [self._heard(audio)] if audio else []

    # --- faults ---------------------------------------------------------------------------------

    def _malformed(self, error: str, detail: str) -> list[e.Event]:
        close = self.revision.errors.CATALOGUE[error].close
        self._close = DROP if self._config.drops_malformed else (close.code, close.reason)
        return [s.Malformed(error=error, detail=detail)]

    def _not_started(self, request: Request) -> list[e.Event]:
        """Answer invoke and data before start (OP-4)."""
        if not self._config.drops_malformed:
            return self._refuse("session_not_started", request)
        if request.type == self.revision.constants.RequestType.INVOKE:
            return self._malformed("closed_abnormal", "invoke before start")
        return [_ignored(e.Reason.BEFORE_CONNECTED, request.type, "AIA-WS-002")]

    def _refuse(self, error: str, request: Request) -> list[e.Event]:
        row = self.revision.errors.CATALOGUE[error]
        m = self.revision.messages
        event = m.FinalEvent(
            session_id=request.session_id,
            user_id=request.user_id,
            context_id=request.context_id,
            **_UNUSED,
            metadata=m.FinalMetadata(error=row.message["metadata"]["error"]),
        )
        self._machine.send(self._triggers.REJECTED)
        self._out.append(self._codec.encode(event))
        self._close = (row.close.code, row.close.reason)
        return [s.Refused(error=error)]


_UNUSED: Final[dict[str, Any]] = {
    "text": None,
    "voice_text": None,
    "language": None,
    "avatar_control_request": None,
    "audio_data": None,
}


def _hearing(revision: Revision, config: ServerConfig) -> _Hearing:
    vad = revision.constants.Vad
    defaults = {
        "sample_rate": revision.constants.Audio.SAMPLE_RATE,
        "volume_db_threshold": vad.VOLUME_DB_THRESHOLD,
        "silence": vad.SILENCE,
        "min_speech": vad.MIN_SPEECH,
        "max_recording": vad.MAX_RECORDING,
    }
    given = {name: getattr(config, name) for name in defaults}
    return _Hearing(**{k: defaults[k] if v is None else v for k, v in given.items()})


def _ignored(reason: e.Reason, name: str, requirement: str) -> e.Ignored:
    return e.Ignored(reason=reason, name=name, requirement=requirement)
