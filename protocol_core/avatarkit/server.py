"""The server's end of one AvatarKit WebSocket.

It keeps the rules of the wire: the handshake, the correlation of requests, what becomes of illegal
messages, idleness. It knows nothing of accounts, credits or media: its owner confirms or refuses
the configuration, makes the animation, and says when a session is over.

    session = ServerSession(connection_id="…")
    session.open(now)
    for event in session.receive(data, now): …      # SessionConfigured -> session.confirm(now)
    for data in session.data_to_send(): …           # answers that the rules demand
    session.close_to_send()                         # code and reason, once it is over

``receive`` never raises for what a peer sends: illegal messages arrive as `Malformed` or `Refused`,
with the specified answer queued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7 import states
from avatar_protocols.avatarkit.v0_1_7.constants import PROTOCOL, CloseCode, Limit, Timeout
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from avatar_protocols.avatarkit.v0_1_7.states import State, Trigger
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit import codec, configuration
from protocol_core.avatarkit.events import (
    AudioDiscarded,
    AudioReceived,
    DurationExceeded,
    IdleTimedOut,
    InterruptReceived,
    Malformed,
    PeerClosed,
    Refused,
    ServerEvent,
    SessionConfigured,
)
from protocol_core.avatarkit.requests import Requests
from protocol_core.errors import LocalProtocolError
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ServerSession"]

_HANDSHAKE: Final = frozenset({State.CONFIGURING, State.HANDSHAKE})

# Catalogue name of the answer to an illegal message, by state and by what is wrong with it; the
# rows without a state hold in all others (AVK-HS-007, AVK-FRAME-011, OP-24).
_ANSWERS: Final[dict[tuple[str, str], str]] = {
    (State.CONFIGURING, "text"): "configure_expected",
    (State.CONFIGURING, "undecodable"): "configure_undecodable",
    (State.CONFIGURING, "type"): "configure_expected",
    ("", "text"): "text_message",
    ("", "undecodable"): "message_undecodable",
    ("", "type"): "unexpected_message_type",
    ("", "audio"): "audio_without_request",
}


class ServerSession:
    """One connection, from the accepted upgrade to the end of the socket.

    Args:
        connection_id: this connection's id, not empty (AVK-HS-003).
        idle_limit: seconds without audio after which the session ends (OP-12); None for ever. A
            LiveKit configuration with an ``idle_timeout`` above 0 replaces it (AVK-EGRESS-009).
        duration_limit: seconds after the confirmation at which the session ends; None for never.
        max_message_bytes: a longer message ends the session with 1009 (OP-22).

    Attributes:
        connection_id: this connection's id.
        config: the client's configuration, once received.
    """

    def __init__(
        self,
        *,
        connection_id: str,
        idle_limit: float | None = Timeout.INPUT_IDLE,
        duration_limit: float | None = None,
        max_message_bytes: int = Limit.MESSAGE_BYTES,
    ) -> None:
        if not connection_id:
            raise LocalProtocolError(
                "a connection needs an id", protocol=PROTOCOL, requirement="AVK-HS-003"
            )
        self.connection_id = connection_id
        self.config: pb.ClientConfigureSession | None = None
        self._machine = StateMachine(states.CONNECTION, protocol=PROTOCOL)
        self._requests = Requests()
        self._idle_limit = idle_limit
        self._duration_limit = duration_limit
        self._max_message_bytes = max_message_bytes
        self._idle_at: float | None = None
        self._over_at: float | None = None
        self._outgoing: list[bytes] = []
        self._close: tuple[int, str] | None = None

    # -- what the owner asks -----------------------------------------------------------------------

    @property
    def state(self) -> str:
        """State of the connection, a `State`."""
        return self._machine.state

    @property
    def open_request(self) -> str:
        """Id of the request that still takes audio; "" for none."""
        return self._requests.open_id

    def data_to_send(self) -> list[bytes]:
        """Answers that the rules demand, in order; each is handed out once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def close_to_send(self) -> tuple[int, str] | None:
        """Close code and reason, once the session is over and its last data is handed out."""
        return None if self._outgoing else self._close

    def deadline(self) -> float | None:
        """When `timeout` is due (s on the owner's clock); None for never."""
        due = [moment for moment in (self._idle_at, self._over_at) if moment is not None]
        return min(due, default=None)

    # -- what happens ------------------------------------------------------------------------------

    def open(self, now: float) -> list[ServerEvent]:  # noqa: ARG002 - the shape of all sessions
        """The upgrade was accepted."""
        for trigger in (Trigger.TOKEN, Trigger.CONNECT, Trigger.UPGRADED):
            self._machine.send(trigger)
        return []

    def receive(self, data: bytes | str, now: float) -> list[ServerEvent]:
        """A message arrived."""
        if self._close is not None:
            return []
        size = len(data) if isinstance(data, bytes) else len(data.encode())
        if size > self._max_message_bytes:
            reason = f"the message has {size} bytes, more than {self._max_message_bytes}"
            self._finish(CloseCode.MESSAGE_TOO_BIG, "")
            return [_malformed(reason, "AVK-FRAME-010", "", data)]
        if isinstance(data, str):
            return self._illegal("a text message", "AVK-FRAME-001", data, kind="text")
        try:
            message = codec.decode(data)
        except codec.DecodeError as error:
            reason = f"not a serialized Message: {error}"
            return self._illegal(reason, "AVK-FRAME-001", data, kind="undecodable")
        handle = self._HANDLERS.get(message.type)
        if handle is None:
            reason = f"type {message.type} is not a client's to send"
            return self._illegal(reason, "AVK-FRAME-003", data)
        return handle(self, message, data, now)

    def closed(self, code: int | None, reason: str, now: float) -> list[ServerEvent]:  # noqa: ARG002 - the shape of all sessions
        """The socket has ended, whoever ended it."""
        self._machine.receive(Trigger.CLOSE)
        self._idle_at = self._over_at = None
        self._requests.clear()
        return [PeerClosed(code=code, reason=reason)]

    def timeout(self, now: float) -> list[ServerEvent]:
        """The deadline has passed: announce it, and end the session."""
        if self._over_at is not None and now >= self._over_at and self._duration_limit is not None:
            self._outgoing += self.send_error("session_duration_exceeded")
            return [DurationExceeded(limit=self._duration_limit)]
        if self._idle_at is not None and now >= self._idle_at and self._idle_limit is not None:
            self._outgoing += self.send_error("idle_timeout")
            return [IdleTimedOut(limit=self._idle_limit)]
        return []

    # -- what the owner sends ----------------------------------------------------------------------

    def confirm(self, now: float) -> list[bytes]:
        """Accept the configuration.

        Raises:
            LocalProtocolError: there is no configuration to accept.
        """
        self._machine.send(Trigger.CONFIRM, requirement="AVK-HS-002")
        self._over_at = None if self._duration_limit is None else now + self._duration_limit
        self._rest(now)
        return [codec.confirm(self.connection_id)]

    def send_animation(self, req_id: str, *, end: bool, frame: bytes = b"") -> list[bytes]:
        """Answer a request with one animation message.

        Args:
            req_id: the request.
            end: whether it is the last one (AVK-ANIM-002).
            frame: opaque frame content; its place on the wire is ours (OP-1).

        Raises:
            LocalProtocolError: output does not go over the WebSocket (AVK-ANIM-007), or the
                request is unknown, interrupted (AVK-INT-006) or answered already.
        """
        if self.config is not None and self.config.egress_type != pb.EGRESS_TYPE_UNSPECIFIED:
            raise LocalProtocolError(
                "with an egress no animation goes over the WebSocket",
                protocol=PROTOCOL,
                requirement="AVK-ANIM-007",
            )
        self._requests.answer(req_id, end=end)
        self._machine.send(Trigger.ANIMATION, requirement="AVK-ANIM-001")
        return [codec.animation(self.connection_id, req_id, end=end, frame=frame)]

    def send_error(
        self,
        name: str,
        *,
        req_id: str = "",
        code: int | None = None,
        message: str | None = None,
    ) -> list[bytes]:
        """Report an error of the catalogue, and close if it is a fatal one (OP-8).

        During the handshake it is the refusal, and the session is over whatever the error.

        Args:
            name: its name in the catalogue.
            req_id: the request concerned, if any (AVK-ERR-010).
            code: instead of the catalogued code.
            message: instead of the catalogued text.

        Raises:
            LocalProtocolError: the error is no in-band one, or may not be sent now.
        """
        error = CATALOGUE.get(name)
        if error is None or error.message is None:
            raise LocalProtocolError(
                "no error of the catalogue that travels on the WebSocket",
                protocol=PROTOCOL,
                value=name,
            )
        handshake = self.state in _HANDSHAKE
        self._machine.send(Trigger.ERROR, requirement="AVK-HS-002")
        if error.close is not None:
            self._finish(error.close.code, error.close.reason)
        elif handshake:
            self._finish(CloseCode.NORMAL, "")
        return [
            codec.error(
                self.connection_id,
                req_id,
                error.message["code"] if code is None else code,
                self._wording(error.message["text"]) if message is None else message,
            )
        ]

    def _wording(self, text: str) -> str:
        """A catalogued text; one that tells the default idle limit tells this session's own."""
        if self._idle_limit is None:
            return text
        default, own = (f"{limit:g} seconds" for limit in (Timeout.INPUT_IDLE, self._idle_limit))
        return text.replace(default, own)

    def end(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """The session is over; `close_to_send` says so from now on."""
        self._finish(code, reason)

    # -- messages ----------------------------------------------------------------------------------

    def _on_configure(self, message: pb.Message, data: bytes, now: float) -> list[ServerEvent]:  # noqa: ARG002 - the shape of all handlers
        if self.state != State.CONFIGURING:
            return self._illegal("a second configuration", "AVK-HS-011", data)
        if not message.HasField("client_configure_session"):
            return self._refuse(
                "configure_without_payload", "AVK-HS-007", "no configuration in the message"
            )
        self.config = config = message.client_configure_session
        self._machine.receive(Trigger.CONFIGURE)
        problem = configuration.find_problem(config)
        if problem is not None:
            return self._refuse(problem.error_name, problem.requirement, problem.reason)
        if config.livekit_egress.idle_timeout > 0:
            self._idle_limit = float(config.livekit_egress.idle_timeout)
        return [SessionConfigured(config=config)]

    def _on_audio(self, message: pb.Message, data: bytes, now: float) -> list[ServerEvent]:
        if self.state in _HANDSHAKE:
            return self._illegal("audio before the confirmation", "AVK-HS-006", data)
        chunk = message.client_audio_input
        if not chunk.req_id:
            return self._illegal("audio without req_id", "AVK-AUDIO-001", data, kind="audio")
        if chunk.audio:
            self._rest(now)
        spent = self._requests.spent(chunk.req_id)
        if spent:
            return [AudioDiscarded(req_id=chunk.req_id, audio=chunk.audio, reason=spent)]
        first = self._requests.audio(chunk.req_id, end=chunk.end)
        self._machine.receive(Trigger.AUDIO_END if chunk.end else Trigger.AUDIO)
        return [AudioReceived(req_id=chunk.req_id, audio=chunk.audio, first=first, end=chunk.end)]

    def _on_interrupt(self, message: pb.Message, data: bytes, now: float) -> list[ServerEvent]:  # noqa: ARG002 - the shape of all handlers
        if self.state in _HANDSHAKE:
            return self._illegal("an interrupt before the confirmation", "AVK-HS-006", data)
        req_id = message.client_interrupt.req_id
        was_open = self._requests.open_id == req_id
        effective = self._requests.interrupt(req_id)
        if effective and was_open:
            self._machine.receive(Trigger.INTERRUPT)
        return [InterruptReceived(req_id=req_id, effective=effective)]

    _HANDLERS: Final[
        dict[int, Callable[[ServerSession, pb.Message, bytes, float], list[ServerEvent]]]
    ] = {
        pb.MESSAGE_CLIENT_CONFIGURE_SESSION: _on_configure,
        pb.MESSAGE_CLIENT_AUDIO_INPUT: _on_audio,
        pb.MESSAGE_CLIENT_INTERRUPT: _on_interrupt,
    }

    # -- helpers -----------------------------------------------------------------------------------

    def _rest(self, now: float) -> None:
        """Start the idle time again (OP-12)."""
        self._idle_at = None if self._idle_limit is None else now + self._idle_limit

    def _refuse(self, name: str, requirement: str, reason: str) -> list[ServerEvent]:
        self._outgoing += self.send_error(name)
        return [Refused(error_name=name, requirement=requirement, reason=reason)]

    def _illegal(
        self, reason: str, requirement: str, data: bytes | str, *, kind: str = "type"
    ) -> list[ServerEvent]:
        """Answer an illegal message as OP-24 decided; in the handshake that ends the session."""
        name = _ANSWERS.get((self.state, kind)) or _ANSWERS["", kind]
        self._outgoing += self.send_error(name)
        return [_malformed(reason, requirement, name, data)]

    def _finish(self, code: int, reason: str) -> None:
        if self._close is None:
            self._close = (code, reason)
            self._idle_at = self._over_at = None


def _malformed(reason: str, requirement: str, error_name: str, data: bytes | str) -> Malformed:
    return Malformed(reason=reason, requirement=requirement, error_name=error_name, data=data)
