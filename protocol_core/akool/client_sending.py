"""Everything a client may send on an open connection, each with its rules.

Every method checks first, then books, then returns what is to be sent; if it raises, nothing was
booked and nothing is to be sent. `ClientSession` adds the connection's life around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from protocol_core.akool.audio import Chunker, encoded
from protocol_core.akool.codec import Codec
from protocol_core.akool.errors import SendRefused
from protocol_core.akool.events import Request
from protocol_core.akool.heartbeat import Heartbeat
from protocol_core.akool.mids import Mids
from protocol_core.akool.parameters import (
    Parameters,
    agora_params_message,
    set_params_message,
)
from protocol_core.akool.requests import Order, Pending, RequestBook
from protocol_core.akool.revision import PROTOCOL, Revision
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    import msgspec

    from protocol_core.akool.config import ClientSettings

__all__ = ["ClientSending"]

_MID_ROOM = 20
"""How many characters longer than the first one a mid may get."""


class ClientSending:
    """The sending half of a client's session.

    Args:
        revision: which revision's messages.
        settings: the limits.
        epoch: seconds since 1970 at the session's time 0, for message ids.

    Attributes:
        revision: as given.
        settings: as given.
        parameters: what was chosen last; None before.
    """

    def __init__(self, revision: Revision, settings: ClientSettings, *, epoch: float) -> None:
        self.revision = revision
        self.settings = settings
        self.parameters: Parameters | None = None
        self._epoch = epoch
        self._machine = StateMachine(revision.states.CONNECTION, protocol=PROTOCOL)
        self._codec = Codec(revision)
        self._messages = revision.messages
        self._triggers = revision.states.Trigger
        self._states = revision.states.State
        self._codes = revision.errors.ErrorCode
        self._phases = revision.errors.Phase
        self._mids = None if revision.documented else Mids(revision)
        self._book = RequestBook()
        self._heartbeat = Heartbeat(settings.heartbeat_interval, settings.missed_pongs)
        frame = self._audio_frame(b"", 0.0)
        self._chunker = Chunker(revision, envelope=len(frame) + _MID_ROOM)
        self._open = False
        self._out: list[str] = []
        self._close: tuple[int, str] | None = None

    @property
    def state(self) -> str:
        """State of the connection, as in the state table."""
        return self._machine.state

    @property
    def is_open(self) -> bool:
        """Whether the server has confirmed the connection, and nobody has ended it."""
        return self._open

    @property
    def is_ready(self) -> bool:
        """Whether the parameters are set, so that audio may flow."""
        return self._open and self._machine.allows(self._triggers.AUDIO)

    # --- parameters -----------------------------------------------------------------------------

    def set_parameters(self, parameters: Parameters, now: float) -> Order:
        """Name the Agora channel and the rest; in v2 again at will (AKO-PARAM-012).

        Raises:
            SendRefused: there is no connection (NOT_CONNECTED), parameters are being set
                (NOT_READY), or the dialect cannot say it (UNSUPPORTED).
            ConfigurationError: a parameter cannot be sent.
        """
        return self._order_parameters(parameters, now)

    def _order_parameters(
        self, parameters: Parameters, now: float, *, automatic: bool = False
    ) -> Order:
        documented = self.revision.documented
        if documented:
            trigger = self._triggers.AGORA_PARAMS
            message = agora_params_message(self.revision, parameters)
            key = str(self.revision.constants.MessageType.AGORA_PARAMS)
            wait = self.settings.connection_timeout  # AKO-PARAM-102
        else:
            trigger = self._triggers.SET_PARAMS
            key = self._mid(self.revision.constants.MidPrefix.SET_PARAMS, now)
            message = set_params_message(self.revision, parameters, key)
            wait = self.revision.constants.Timeout.ACK  # AKO-PARAM-010
        if self.is_ready and not self._machine.allows(trigger):
            self._unsupported("parameters can be set only once", self._phases.PARAMETERS)
        self._take(trigger, self._phases.PARAMETERS, "AKO-PARAM-012")
        self.parameters = parameters
        pending = Pending(
            request=Request.PARAMETERS, key=key, until=now + wait, automatic=automatic
        )
        self._book.add(pending)
        return Order(key=key, messages=[self._codec.encode(message)])

    # --- speech ---------------------------------------------------------------------------------

    def send_audio(self, audio: bytes | bytearray | memoryview, now: float) -> list[str]:
        """Speech for the avatar, in frames of whole samples; an odd byte waits for the next call.

        Args:
            audio: 16 kHz mono signed 16-bit little-endian PCM (AKO-AUDIO-001).
            now: the current time, seconds.

        Raises:
            SendRefused: there is no connection (AKO-AUDIO-007), or the parameters are not set
                (AKO-PARAM-001).
        """
        self._take(self._triggers.AUDIO, self._phases.AUDIO, "AKO-PARAM-001")
        return [self._audio_frame(chunk, now) for chunk in self._chunker.cut(audio)]

    def _audio_frame(self, chunk: bytes, now: float) -> str:
        m, text = self._messages, encoded(chunk)
        if self.revision.documented:
            return self._codec.encode(m.AudioDataMessage(data=text))
        mid = self._mid(self.revision.constants.MidPrefix.AUDIO, now)
        return self._enveloped(m.ChatMessage, mid, m.ChatPayload(audio=text))

    # --- interrupt ------------------------------------------------------------------------------

    def interrupt(self, now: float) -> Order:
        """Stop what the avatar is saying; the server drops what it has not said yet (OP-9).

        Raises:
            SendRefused: there is no connection, the parameters are not set, or the dialect has no
                such frame (AKO-INT-101).
        """
        phase = self._phases.INTERRUPT
        if self.revision.documented:
            self._unsupported("the documented dialect has no interrupt", phase)
        self._take(self._triggers.INTERRUPT, phase, "AKO-INT-001")
        self._chunker.forget()
        constants, m = self.revision.constants, self._messages
        key = self._mid(constants.MidPrefix.INTERRUPT, now)
        until = now + constants.Timeout.ACK  # AKO-INT-005
        self._book.add(Pending(request=Request.INTERRUPT, key=key, until=until))
        frame = self._enveloped(m.CommandMessage, key, m.InterruptPayload())
        return Order(key=key, messages=[frame])

    # --- common ---------------------------------------------------------------------------------

    def data_to_send(self) -> list[str]:
        """What `receive`, `timeout` and `leave` made due, in order; each is handed out once."""
        out, self._out = self._out, []
        return out

    def close_to_send(self) -> tuple[int, str] | None:
        """Code and reason, once the session wants its socket closed."""
        return self._close

    def _ping(self, now: float) -> None:
        """A heartbeat goes out (AKO-HB-001)."""
        self._machine.send(self._triggers.PING)
        self._heartbeat.sent(now)
        m = self._messages
        if self.revision.documented:
            self._out.append(self._codec.encode(m.PingMessage()))
        else:
            mid = self._mid(self.revision.constants.MidPrefix.PING, now)
            self._out.append(self._enveloped(m.PingMessage, mid, m.EmptyPayload()))

    def _leave_event(self, now: float) -> str:
        """The leave event (AKO-LEAVE-001, AKO-LEAVE-002), pending for 5 s (AKO-LEAVE-004)."""
        constants, m = self.revision.constants, self._messages
        key = self._mid(constants.MidPrefix.LEAVE, now)
        until = now + constants.Timeout.LEAVE_ACK
        self._book.add(Pending(request=Request.LEAVE, key=key, until=until))
        payload = m.LeaveChannelPayload(
            event=constants.ClientEvent.LEAVE_CHANNEL,
            reason=constants.LeaveReason.CLIENT_DISCONNECT,
        )
        return self._enveloped(m.EventMessage, key, payload)

    def _take(self, trigger: str, phase: str, requirement: str) -> None:
        """Take the transition of what is to be sent, or refuse it."""
        if not self._open:
            raise SendRefused(
                f"there is no connection (state {self.state})",
                protocol=PROTOCOL,
                code=self._codes.NOT_CONNECTED,
                phase=phase,
                requirement="AKO-AUDIO-007",
                hint="connect first",
            )
        if not self._machine.allows(trigger):
            raise SendRefused(
                f"this is not possible in state {self.state}",
                protocol=PROTOCOL,
                code=self._codes.NOT_READY,
                phase=phase,
                requirement=requirement,
                hint="set the parameters first, and let that complete",
            )
        self._machine.send(trigger)

    def _unsupported(self, problem: str, phase: str) -> NoReturn:
        raise SendRefused(
            problem,
            protocol=PROTOCOL,
            code=self._codes.UNSUPPORTED,
            phase=phase,
            requirement="AKO-INT-101",
        )

    def _mid(self, prefix: str, now: float) -> str:
        if self._mids is None:
            raise AssertionError("frames of the documented dialect have no ids")
        return self._mids.next(prefix, self._epoch + now)

    def _enveloped(self, kind: Any, mid: str, payload: msgspec.Struct) -> str:
        version = self.revision.constants.Envelope.VERSION
        return self._codec.encode(kind(v=version, mid=mid, pld=payload))
