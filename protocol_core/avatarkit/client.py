"""The client's end of one AvatarKit session: token, upgrade, handshake, audio, interrupt, end.

    session = ClientSession(config, mint=…)
    request = session.token_request()                   # HTTP, by the shell
    session.receive_token_response(response)
    upgrade = session.upgrade_request()                 # WebSocket, by the shell
    session.opened(now)                                 # what to send at once
    session.receive(data, now)                          # events
    session.send_audio(pcm, end=True).messages          # what to send
    session.closed(code, reason, now)                   # events; then upgrade_request() again

What may be done when stands in the generated state table; a call that it does not allow raises
`LocalProtocolError` and nothing was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7 import states
from avatar_protocols.avatarkit.v0_1_7.constants import (
    PROTOCOL,
    CloseCode,
    Text,
    Timeout,
)
from avatar_protocols.avatarkit.v0_1_7.states import State, Trigger
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit import codec, tokens
from protocol_core.avatarkit.errors import (
    AvatarKitError,
    ErrorCode,
    Phase,
    closed_error,
    server_error,
)
from protocol_core.avatarkit.events import (
    AnimationReceived,
    ClientEvent,
    ErrorReported,
    HandshakeFailed,
    MessageIgnored,
    SessionClosed,
    SessionConfirmed,
)
from protocol_core.avatarkit.outgoing import Outgoing, OutgoingRequests
from protocol_core.errors import LocalProtocolError
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.avatarkit.config import SessionConfig
    from protocol_core.avatarkit.encoding import OpusEncoder
    from protocol_core.http import HttpRequest, HttpResponse, UpgradeRequest

__all__ = ["ClientSession", "Outgoing"]

_OPEN: Final = frozenset({State.READY, State.STREAMING})
_HANDSHAKE: Final = frozenset({State.CONFIGURING, State.HANDSHAKE})


class ClientSession:
    """One session, over any number of connections one after the other.

    Args:
        config: the session's settings.
        mint: makes a fresh request id (AVK-REQ-002).
        make_encoder: makes an Opus encoder from rate, bitrate and application; needed if
            ``config.encoder`` is set.
        make_serial: makes the serial number of an Ogg stream, 0 to 2**32 - 1.
        confirm_limit: seconds to wait for the answer to the configuration (AVK-HS-012).

    Attributes:
        token: the session token, once there is one; kept over connections (AVK-AUTH-016).
        connection_id: id of the open connection; "" without one.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        mint: Callable[[], str],
        make_encoder: Callable[[int, int, str], OpusEncoder] | None = None,
        make_serial: Callable[[], int] = lambda: 0,
        confirm_limit: float | None = Timeout.CONFIRM,
    ) -> None:
        config.check()
        self.config = config
        self.token = ""
        self.connection_id = ""
        self._confirm_limit = confirm_limit
        self._confirm_by: float | None = None
        self._machine = StateMachine(states.CONNECTION, protocol=PROTOCOL)
        self._requests = OutgoingRequests(
            config, mint=mint, make_encoder=make_encoder, make_serial=make_serial
        )
        self._unsent: tuple[Outgoing, str] | None = None
        self._closing = False
        self._close: tuple[int, str] | None = None

    # -- what the owner asks -----------------------------------------------------------------------

    @property
    def state(self) -> str:
        """State of the session, a `State`."""
        return self._machine.state

    @property
    def ready(self) -> bool:
        """Whether audio may be sent."""
        return self.state in _OPEN

    @property
    def connected(self) -> bool:
        """Whether there is a socket whose end the session has not been told of."""
        return self.state in _OPEN | _HANDSHAKE

    @property
    def open_request(self) -> str:
        """Id of the request that takes the next audio; "" if that will start a new one."""
        return self._requests.open_id

    @property
    def latest_request(self) -> str:
        """Id of the most recent request of this connection, which `interrupt` stops; or ""."""
        return self._requests.latest

    def data_to_send(self) -> list[bytes]:
        """Nothing: a client of this protocol answers no message."""
        return []

    def close_to_send(self) -> tuple[int, str] | None:
        """Close code and reason, once the session wants the socket closed (AVK-HS-005)."""
        return self._close

    def deadline(self) -> float | None:
        """When `timeout` is due (s on the owner's clock); None for never."""
        return self._confirm_by

    # -- token and upgrade -------------------------------------------------------------------------

    def token_request(self) -> HttpRequest:
        """The call that obtains a session token.

        Raises:
            ConfigurationError: API key, console base or expiry is missing (AVK-AUTH-012).
            LocalProtocolError: a connection is open.
        """
        self._check(Trigger.TOKEN, "AVK-STATE-001", "close the session first")
        return tokens.token_request(self.config)

    def receive_token_response(self, response: HttpResponse) -> str:
        """Take the answer; returns the token, which is also kept.

        Raises:
            SessionTokenError: the call failed, and says how.
        """
        try:
            token = tokens.read_token_response(response)
        except AvatarKitError:
            self._machine.receive(Trigger.TOKEN_REFUSED)
            raise
        self.use_token(token)
        return token

    def token_call_failed(self, reason: str) -> AvatarKitError:
        """There was no answer; returns the error to raise."""
        self._machine.receive(Trigger.TOKEN_REFUSED)
        return tokens.token_call_failed(reason)

    def use_token(self, token: str) -> None:
        """Take a token that was obtained earlier (AVK-AUTH-016).

        Raises:
            LocalProtocolError: the token is empty, or a connection is open.
        """
        if not token:
            raise LocalProtocolError(
                "empty session token", protocol=PROTOCOL, requirement="AVK-AUTH-001"
            )
        self._machine.send(Trigger.TOKEN, requirement="AVK-AUTH-001")
        self.token = token

    def upgrade_request(self) -> UpgradeRequest:
        """The WebSocket upgrade.

        Raises:
            ConfigurationError: a setting is missing or cannot work (AVK-CONN-012).
            LocalProtocolError: no token yet (AVK-AUTH-001), or a connection is open.
        """
        if self.token:
            self._check(Trigger.CONNECT, "AVK-CONN-012", Text.ALREADY_STARTED)
        else:
            self._check(Trigger.CONNECT, "AVK-AUTH-001", "obtain a session token first")
        request = tokens.upgrade_request(self.config, self.token)
        self._machine.send(Trigger.CONNECT)
        self._close, self._closing = None, False
        return request

    def rejected(self, response: HttpResponse) -> AvatarKitError:
        """The upgrade was answered with another status than 101; returns the error to raise."""
        self._machine.receive(Trigger.REJECTED)
        return tokens.upgrade_rejection(response)

    def connect_failed(self, reason: str) -> AvatarKitError:
        """The upgrade got no HTTP answer; returns the error to raise."""
        self._machine.receive(Trigger.REJECTED)
        return tokens.connect_failed(reason)

    # -- what happens ------------------------------------------------------------------------------

    def opened(self, now: float) -> list[bytes]:
        """The socket is open; returns the configuration, to be sent at once (AVK-HS-001)."""
        self._machine.receive(Trigger.UPGRADED)
        self._machine.send(Trigger.CONFIGURE)
        self._confirm_by = None if self._confirm_limit is None else now + self._confirm_limit
        return [codec.configure(self.config)]

    def receive(self, data: bytes | str, now: float) -> list[ClientEvent]:  # noqa: ARG002 - the shape of all sessions
        """A message arrived."""
        if self.state in _HANDSHAKE:
            return [self._receive_handshake(data)]
        if self.state not in _OPEN:
            return [MessageIgnored(reason="the session is over", type=None)]
        return [self._receive_runtime(data)]

    def timeout(self, now: float) -> list[ClientEvent]:
        """The deadline has passed: the server did not answer the configuration."""
        if self._confirm_by is None or now < self._confirm_by:
            return []
        error = AvatarKitError(
            ErrorCode.CONNECTION_FAILED,
            f"{Text.HANDSHAKE_REJECTED}: no answer within {self._confirm_limit:g} s",
            phase=Phase.WEBSOCKET_HANDSHAKE,
        )
        return [self._fail_handshake(Trigger.VIOLATION, error)]

    def closed(self, code: int | None, reason: str, now: float) -> list[ClientEvent]:  # noqa: ARG002 - the shape of all sessions
        """The socket has ended, whoever ended it."""
        before = self.state
        self._machine.receive(Trigger.CLOSE)
        self._confirm_by = None
        self._requests.clear()  # AVK-REQ-008
        self._unsent = None
        self.connection_id = ""
        if before in _HANDSHAKE:
            return [HandshakeFailed(error=closed_error(Phase.WEBSOCKET_HANDSHAKE, code, reason))]
        if before not in _OPEN:
            return []
        events: list[ClientEvent] = []
        if not self._closing and code not in CloseCode.CLEAN:  # AVK-CLOSE-002, AVK-CLOSE-003
            error = closed_error(Phase.WEBSOCKET_RUNTIME, code, reason)
            events.append(ErrorReported(error=error))
        events.append(SessionClosed(code=code, reason=reason))
        return events

    # -- what the owner sends ----------------------------------------------------------------------

    def send_audio(self, audio: bytes, *, end: bool = False) -> Outgoing:
        """Audio for the open request, or for a new one.

        Args:
            audio: bytes of the configured format, or PCM if the session has an encoder.
            end: whether the request's audio ends with it (AVK-AUDIO-005).

        Raises:
            LocalProtocolError: not connected (AVK-AUDIO-011), or an odd number of PCM bytes.
        """
        trigger = Trigger.AUDIO_END if end else Trigger.AUDIO
        self._check(trigger, "AVK-AUDIO-011", "not connected")
        return self._sent(trigger, self._requests.audio(audio, end=end))

    def interrupt(self) -> Outgoing:
        """Stop the most recent request, whether or not its audio has ended (AVK-INT-001).

        Raises:
            LocalProtocolError: not connected, or there was no request yet (AVK-INT-003).
        """
        self._check(Trigger.INTERRUPT, "AVK-INT-003", "not connected")
        return self._sent(Trigger.INTERRUPT, self._requests.interrupt())

    def send_failed(self, outgoing: Outgoing, code: int | None, reason: str) -> AvatarKitError:
        """What a call wanted sent did not go out, because the socket has ended.

        The requests are again what they were before it (AVK-AUDIO-012, AVK-INT-008), until
        `closed` is told.

        Args:
            outgoing: what the call returned.
            code: close code; None if the connection was lost without one.
            reason: close reason.

        Returns:
            The error to raise.
        """
        if self._unsent is not None and self._unsent[0] is outgoing:
            self._machine.state = self._unsent[1]
            self._requests.undo()
            self._unsent = None
        return closed_error(Phase.WEBSOCKET_SEND, code, reason, req_id=outgoing.req_id)

    def close(self) -> None:
        """The owner wants the end; how the socket then closes is no error any more."""
        self._closing = True
        self._close = (CloseCode.NORMAL, "")

    # -- helpers -----------------------------------------------------------------------------------

    def _receive_handshake(self, data: bytes | str) -> ClientEvent:
        if isinstance(data, str):
            return self._violation(Text.HANDSHAKE_TEXT_MESSAGE)
        try:
            message = codec.decode(data)
        except codec.DecodeError as problem:
            return self._violation(f"{Text.HANDSHAKE_UNDECODABLE} ({problem})")
        if message.type == pb.MESSAGE_SERVER_ERROR:
            error = server_error(message.server_error, Phase.WEBSOCKET_HANDSHAKE)
            return self._fail_handshake(Trigger.ERROR, error)
        if message.type != pb.MESSAGE_SERVER_CONFIRM_SESSION:
            return self._violation(f"{Text.HANDSHAKE_UNEXPECTED_TYPE}{message.type}")
        connection_id = message.server_confirm_session.connection_id
        if not connection_id:
            return self._violation("the server confirmed without a connection_id")
        self._machine.receive(Trigger.CONFIRM)
        self._confirm_by = None
        self.connection_id = connection_id
        return SessionConfirmed(connection_id=connection_id)

    def _violation(self, problem: str) -> ClientEvent:
        error = AvatarKitError(ErrorCode.PROTOCOL_ERROR, problem, phase=Phase.WEBSOCKET_HANDSHAKE)
        return self._fail_handshake(Trigger.VIOLATION, error)

    def _fail_handshake(self, trigger: Trigger, error: AvatarKitError) -> ClientEvent:
        self._machine.receive(trigger)
        self._confirm_by = None
        self._close = (CloseCode.NORMAL, "")
        return HandshakeFailed(error=error)

    def _receive_runtime(self, data: bytes | str) -> ClientEvent:
        if isinstance(data, str):
            self._machine.receive(Trigger.UNKNOWN)
            return MessageIgnored(reason="a text message", type=None)  # AVK-FRAME-008
        try:
            message = codec.decode(data)
        except codec.DecodeError as problem:
            self._machine.receive(Trigger.UNDECODABLE)
            error = AvatarKitError(
                ErrorCode.PROTOCOL_ERROR,
                f"{Text.SESSION_ERROR}: undecodable message ({problem})",
                phase=Phase.WEBSOCKET_RUNTIME,
            )
            return ErrorReported(error=error)  # AVK-FRAME-009
        if message.type == pb.MESSAGE_SERVER_RESPONSE_ANIMATION:
            self._machine.receive(Trigger.ANIMATION)
            body = message.server_response_animation
            return AnimationReceived(
                data=data, end=body.end, req_id=body.req_id, connection_id=body.connection_id
            )
        if message.type == pb.MESSAGE_SERVER_ERROR:
            self._machine.receive(Trigger.ERROR)  # AVK-ERR-008: the connection stays
            error = server_error(message.server_error, Phase.WEBSOCKET_RUNTIME)
            return ErrorReported(error=error)
        self._machine.receive(Trigger.UNKNOWN)
        return MessageIgnored(reason="an unexpected type", type=message.type)  # AVK-FRAME-007

    def _check(self, trigger: Trigger, requirement: str, hint: str) -> None:
        if not self._machine.allows(trigger):
            self._machine.send(trigger, requirement=requirement, hint=hint)

    def _sent(self, trigger: Trigger, outgoing: Outgoing) -> Outgoing:
        self._unsent = (outgoing, self.state)
        self._machine.send(trigger)
        return outgoing
