"""A client's session on the WebSocket: start, connected, turns, stop. No I/O.

A shell drives it, see `reference_client.websocket.Pump`:

    session.upgrade_request()                  dial; session.opened(now) or session.dial_failed(…)
    session.receive(data, now) -> events       look at close_to_send()
    session.invoke(…), audio(…), configure(…)  messages to send
    session.stop(now)                          the server closes; after a while, we do
    session.closed(code, reason, now) -> events
    session.deadline(), session.timeout(now)   wait for connected, wait for the close

A session outlives its sockets: after the end of one, `upgrade_request` may be dialled again, and
the conversation goes on (AIA-ERR-004).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import rest
from protocol_core.aiavatar.codec import Codec, encode_audio
from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.errors import AIAvatarError, classify, make_error, refuse
from protocol_core.aiavatar.reading import Reader
from protocol_core.aiavatar.revision import PROTOCOL, Revision, load
from protocol_core.aiavatar.turns import Turns
from protocol_core.aiavatar.voice import Framer
from protocol_core.errors import RemoteProtocolError
from protocol_core.http import UpgradeRequest
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from protocol_core.aiavatar.config import ClientConfig

__all__ = ["SocketSession"]

Messages = list[bytes | str]


class SocketSession:
    """One session, over as many sockets as it takes.

    Args:
        config: identity and URLs; needs a session_id.
        revision: id, alias or modules of the revision; None for the default.

    Attributes:
        config: as given.
        settings: the same with its defaults filled in.
        context_id: the conversation; None before the first turn (AIA-CTX-001).

    Raises:
        ConfigurationError: the settings cannot work.
        SendRefused: there is no session_id (AIA-REQ-001).
    """

    def __init__(self, config: ClientConfig, *, revision: str | Revision | None = None) -> None:
        self.revision = load(revision)
        self.config = config
        self.settings = settle(config, self.revision)
        if config.session_id is None:
            refuse("a client has a session_id", "AIA-REQ-001")
        self.session_id: str = config.session_id
        self.context_id = config.context_id
        self._states = self.revision.states.State
        self._triggers = self.revision.states.Trigger
        self._machine = StateMachine(self.revision.states.CONNECTION, protocol=PROTOCOL)
        self._turns = Turns(self.revision)
        self._codec = Codec(self.revision)
        self._reader = Reader(self.revision)
        self._framer = Framer(self.revision)
        self._connected = False
        self._failed = False
        self._until: float | None = None
        self._close: tuple[int, str] | None = None
        names = self.revision.constants.EventType
        self._receivers: dict[str, Callable[[e.Response], list[e.Event]]] = {
            names.CONNECTED: self._on_connected,
            names.STOP: self._on_stop,
        }

    @property
    def state(self) -> str:
        """State of the connection, as in the state table."""
        return self._machine.state

    @property
    def is_open(self) -> bool:
        """Whether connected has come and the session has not ended."""
        return bool(self.state == self._states.READY)

    # --- connection -----------------------------------------------------------------------------

    def upgrade_request(self) -> UpgradeRequest:
        """The socket to ask for; 0.7 has no key on it.

        Raises:
            SendRefused: there is a socket.
        """
        if not self._machine.allows(self._triggers.OPEN):
            refuse("this session has a socket", "AIA-WS-002")
        return UpgradeRequest(url=self.settings.websocket + self.settings.websocket_path)

    def opened(self, now: float) -> Messages:
        """The socket is open: start comes before everything (AIA-WS-002)."""
        self._machine.send(self._triggers.OPEN)
        self._connected = self._failed = False
        self._close = None
        self._framer = Framer(self.revision)
        self._until = now + self.settings.handshake_timeout
        self._machine.send(self._triggers.START)
        messages = self.revision.messages
        start = messages.StartRequest(
            session_id=self.session_id,
            user_id=self.config.user_id,
            context_id=self.context_id,
            metadata=self.config.metadata,
        )
        out: Messages = [self._codec.encode(start)]
        if self.config.volume_db_threshold:
            out += self.configure(volume_db_threshold=self.config.volume_db_threshold)
        return out

    def dial_failed(
        self,
        reason: str,
        *,
        http_status: int | None = None,
        body: str = "",
        timed_out: bool = False,
    ) -> AIAvatarError:
        """The socket could not be opened: what that means.

        Args:
            reason: why, in words.
            http_status: what the upgrade was answered with, if it was.
            body: body of that answer.
            timed_out: whether the time limit ended the attempt.
        """
        self._machine.receive(self._triggers.REFUSED)
        phase = self.revision.errors.Phase.WEBSOCKET_CONNECT
        code = None
        if http_status is not None:
            code = classify(self.revision, phase=phase, http=http_status, text=body)
        return make_error(
            self.revision,
            reason,
            code=code or self.revision.errors.ErrorCode.CONNECT_FAILED,
            phase=phase,
            http_status=http_status,
            raw_body=body,
            timed_out=timed_out,
        )

    def stop(self, now: float) -> Messages:
        """Leave: the server closes (AIA-WS-009); if it does not, `timeout` will say so.

        Harmless without a socket.
        """
        if not self._machine.allows(self._triggers.LEAVE):
            return []
        self._machine.send(self._triggers.LEAVE)
        self._until = now + self.settings.handshake_timeout
        return [self._codec.encode(self.revision.messages.StopRequest(session_id=self.session_id))]

    def closed(self, code: int | None, reason: str, now: float) -> list[e.Event]:  # noqa: ARG002 - shells hand it to every session
        """The socket has ended; `Closed` comes once for every socket."""
        if self.state in {self._states.CLOSED, self._states.NEW}:
            return []
        codes = self.revision.constants.CloseCode
        leaving = self.state == self._states.LEAVING
        normal = code == codes.NORMAL
        self._machine.receive(self._triggers.CLOSED if normal else self._triggers.DROPPED)
        self._turns.lose()
        self._until = self._close = None
        lost = not normal and not leaving and not self._failed
        return [
            e.Closed(
                code=codes.ABNORMAL if code is None else code,
                reason=reason,
                opened=self._connected,
                lost=lost,
            )
        ]

    def ended_error(self, event: e.Closed) -> AIAvatarError:
        """What the end of the socket means where it was not wanted (AIA-ERR-004)."""
        phases = self.revision.errors.Phase
        phase = phases.RUNTIME if event.opened else phases.HANDSHAKE
        code = classify(self.revision, phase=phase, close=event.code)
        return make_error(
            self.revision,
            "the socket ended" if event.opened else "the socket ended before connected",
            code=code or self.revision.errors.ErrorCode.CONNECTION_LOST,
            phase=phase,
            close_code=event.code,
            close_reason=event.reason,
            requirement="AIA-ERR-004",
        )

    def failure_error(self, event: e.SessionFailed) -> AIAvatarError:
        """The error that a failed session means."""
        return make_error(
            self.revision,
            event.message,
            code=event.code,
            phase=event.phase,
            raw_body="" if event.response is None else event.response.raw,
            detail=event.detail,
            requirement=event.requirement,
        )

    def close_to_send(self) -> tuple[int, str] | None:
        """Code and reason, once this side wants the socket closed."""
        return self._close

    def data_to_send(self) -> Messages:
        """Nothing is ever answered of itself (AIA-TOOL-003, AIA-HB-001)."""
        return []

    # --- sending --------------------------------------------------------------------------------

    def invoke(
        self,
        *,
        text: str | None = None,
        audio: bytes | None = None,
        files: Sequence[Mapping[str, str]] | None = None,
        system_prompt_params: Mapping[str, object] | None = None,
    ) -> Messages:
        """One turn from text, files or complete audio (AIA-WS-005).

        Raises:
            SendRefused: there is no session, or it must not be put on the wire.
        """
        self._require_session()
        params = system_prompt_params or self.config.system_prompt_params
        content = rest.content_of(
            self.revision, text=text, audio=audio, files=files, system_prompt_params=params
        )
        self._machine.send(self._triggers.INVOKE)
        self._turns.invoke()
        request = self.revision.messages.InvokeRequest(
            session_id=self.session_id,
            user_id=self.config.user_id,
            context_id=self.context_id,
            text=content.text,
            audio_data=content.audio_data,
            files=content.files,
            system_prompt_params=content.system_prompt_params,
        )
        return [self._codec.encode(request)]

    def picture(self, url: str) -> Messages:
        """The turn that answers vision (AIA-VISION-002, AIA-VISION-003).

        Raises:
            SendRefused: there is no session, or the URL is none that a server takes.
        """
        kind = self.revision.constants.FileType.IMAGE
        return self.invoke(files=[{"type": kind, "url": url}])

    def audio(self, pcm: bytes, *, playing: bool = False) -> Messages:
        """Microphone audio of any length (AIA-WS-006, AIA-AUDIO-002).

        Args:
            pcm: signed 16-bit little-endian, mono.
            playing: whether something is being played just now: then this may be its echo.

        Raises:
            SendRefused: there is no session.
        """
        self._require_session()
        if playing and self.settings.cancel_echo:
            return []
        data = self.revision.messages.DataRequest
        out: Messages = []
        for piece in self._framer.feed(pcm):
            self._machine.send(self._triggers.DATA)
            message = data(session_id=self.session_id, audio_data=encode_audio(piece))
            out.append(self._codec.encode(message))
        return out

    def configure(self, *, volume_db_threshold: float) -> Messages:
        """Change settings of the session (AIA-WS-013).

        Args:
            volume_db_threshold: dB above which a frame holds voice; 0 changes nothing.

        Raises:
            SendRefused: there is no session.
        """
        self._require_session()
        self._machine.send(self._triggers.CONFIG)
        messages = self.revision.messages
        metadata = messages.ConfigRequestMetadata(volume_db_threshold=volume_db_threshold)
        request = messages.ConfigRequest(session_id=self.session_id, metadata=metadata)
        return [self._codec.encode(request)]

    def _require_session(self) -> None:
        if self.state not in {self._states.STARTING, self._states.READY}:
            refuse(
                "no session is open",
                "AIA-WS-002",
                code=self.revision.errors.ErrorCode.NOT_CONNECTED,
                value=self.state,
            )

    # --- receiving ------------------------------------------------------------------------------

    def receive(self, data: bytes | str, now: float) -> list[e.Event]:  # noqa: ARG002 - shells hand it to every session
        """A message has come."""
        if isinstance(data, bytes):
            binary = e.Ignored(
                reason=e.Reason.BINARY_MESSAGE,
                detail=f"{len(data)} bytes",
                requirement="AIA-WS-001",
            )
            return [binary]
        response = self._codec.decode_event(data)
        if isinstance(response, e.Ignored):
            return [response]
        try:
            return self._receivers.get(response.type, self._on_turn_event)(response)
        except RemoteProtocolError as error:
            return [_ignored(e.Reason.OUT_OF_TURN, response, "AIA-WS-003", error.problem)]

    def _on_connected(self, response: e.Response) -> list[e.Event]:
        if not self._machine.receive(self._triggers.CONNECTED):
            return [_ignored(e.Reason.OUT_OF_TURN, response, "AIA-WS-003")]
        self._connected = True
        self._until = None
        return [e.Connected(response=response)]

    def _on_stop(self, response: e.Response) -> list[e.Event]:
        if not self._machine.receive(self._triggers.STOP_PLAYBACK):
            return [self._early_or_late(response)]
        self._turns.stop()
        return [e.PlaybackStopped(response=response)]

    def _on_turn_event(self, response: e.Response) -> list[e.Event]:
        text = self._reader.error_text(response)
        if text is not None and response.type == self.revision.constants.EventType.FINAL:
            refused = self._refused(response, text)
            if refused is not None:
                return [refused]
        if not self._machine.receive(self._triggers.TURN_EVENT):
            return [self._early_or_late(response)]
        event = self._turns.receive(response)
        if isinstance(event, e.TurnStarted) and event.context_id is not None:
            self.context_id = event.context_id  # AIA-CTX-003
        return [event]

    def _refused(self, response: e.Response, text: str) -> e.SessionFailed | None:
        """Whether a final with metadata.error refuses the session, or is a turn's (AIA-ERR-003)."""
        errors = self.revision.errors
        phase = errors.Phase.RUNTIME if self._connected else errors.Phase.HANDSHAKE
        code = errors.ErrorCode.SESSION_REFUSED
        if classify(self.revision, phase=phase, text=text) != code:
            return None
        self._machine.receive(self._triggers.REJECTED, requirement="AIA-ERR-003")
        return self._fail(code, phase, text, "AIA-ERR-003", response)

    def _fail(
        self, code: str, phase: str, message: str, requirement: str, response: e.Response | None
    ) -> e.SessionFailed:
        self._failed = True
        self._until = None
        self._close = (self.revision.constants.CloseCode.NORMAL, "")
        return e.SessionFailed(
            code=code,
            phase=phase,
            message=message,
            detail="" if response is None else message,
            requirement=requirement,
            response=response,
        )

    def _early_or_late(self, response: e.Response) -> e.Ignored:
        early = self.state == self._states.STARTING
        reason = e.Reason.BEFORE_CONNECTED if early else e.Reason.AFTER_STOP
        return _ignored(reason, response, "AIA-WS-003" if early else "AIA-WS-008")

    # --- time -----------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None for never."""
        return self._until

    def timeout(self, now: float) -> list[e.Event]:
        """Time has passed; harmless if nothing was due."""
        if self._until is None or now < self._until:
            return []
        self._until = None
        if self.state == self._states.LEAVING:
            self._close = (self.revision.constants.CloseCode.NORMAL, "")
            return []
        errors = self.revision.errors
        message = f"no connected within {self.settings.handshake_timeout:g} s"
        code, phase = errors.ErrorCode.HANDSHAKE_TIMEOUT, errors.Phase.HANDSHAKE
        return [self._fail(code, phase, message, "AIA-WS-003", None)]


def _ignored(
    reason: e.Reason, response: e.Response, requirement: str, detail: str = ""
) -> e.Ignored:
    return e.Ignored(
        reason=reason,
        name=response.type,
        detail=detail,
        requirement=requirement,
        data=response.raw,
    )
