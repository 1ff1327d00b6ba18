"""A streaming avatar instance's session: who may connect, parameters, audio, leaving. No I/O.

It knows nothing of accounts, channels or media: its owner decides about keys, joins the channel,
renders the audio, and answers.

    session.open(now)                          a socket was accepted
    session.accept(now) -> messages            the client may stay; or session.refuse(name)
    session.receive(data, now) -> events       then send data_to_send()
    session.acknowledge(mid, now) -> messages  set-params, interrupt, leave: done, or failed
    session.joined(channel_id, now) -> messages
    session.close_to_send()                    code and reason, once the socket is to be closed
    session.deadline(), session.timeout(now)   the silence limit
    session.closed(code, reason, now) -> events

Nothing precedes websocket_connected (AKO-CONN-005): pongs and answers to illegal frames wait for
`accept`, and come out of `data_to_send` after it. An illegal frame has no effect: it is answered by
an error frame, and the session stays where it is (OP-5, OP-6, OP-8). Which frames are legal when
says the state table; the documented dialect has another one (OP-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from protocol_core.akool import platform_events as p
from protocol_core.akool.codec import Unfit
from protocol_core.akool.platform_receiving import PlatformReceiving
from protocol_core.akool.revision import PROTOCOL, Revision, load
from protocol_core.errors import ConfigurationError, LocalProtocolError

if TYPE_CHECKING:
    from avatar_protocols.tables import WireError

__all__ = ["ServerConfig", "ServerSession"]


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a platform's session.

    Attributes:
        silence: seconds without a frame of the client until the connection is closed
            (AKO-HB-005); None for never.
        error_number: number in the error frames that answer illegal frames (OP-5, OP-6); None as
            catalogued.
    """

    silence: float | None = None
    error_number: int | None = None

    def __post_init__(self) -> None:
        if self.silence is not None and not self.silence > 0:
            raise ConfigurationError(
                "must be above 0 s, or None", setting="silence", value=self.silence
            )


class ServerSession(PlatformReceiving):
    """One connection to an instance, from the accepted upgrade to the end of the socket.

    Args:
        config: how.
        revision: id, alias or modules of the revision; None for the default.

    Attributes:
        config: as given.
    """

    def __init__(
        self, config: ServerConfig | None = None, *, revision: str | Revision | None = None
    ) -> None:
        self.config = config or ServerConfig()
        super().__init__(load(revision), error_number=self.config.error_number)
        self._quiet_since = 0.0
        self._close: tuple[int, str] | None = None
        self._over = False

    # -- the socket ------------------------------------------------------------------------------

    def open(self, now: float) -> None:
        """A socket was accepted."""
        for trigger in (self._triggers.LOCATED, self._triggers.DIAL, self._triggers.OPENED):
            self._machine.send(trigger)
        self._quiet_since = now

    def close_to_send(self) -> tuple[int, str] | None:
        """Code and reason, once the socket is to be closed."""
        return self._close

    def closed(self, code: int | None, reason: str, now: float) -> list[p.PlatformEvent]:  # noqa: ARG002 - the shape of all sessions
        """The socket has ended; a bare close is a leave (AKO-LEAVE-006)."""
        if self._over:
            return []
        self._over = True
        announced = self.state == getattr(self._states, "LEAVING", None)
        self._machine.receive(self._triggers.CLOSE)
        self._held.clear()
        self._out.clear()
        self._fail_parameters()
        self._pending.clear()
        return [p.ConnectionEnded(code=code, reason=reason, announced=announced)]

    def end(self, code: int | None = None, reason: str = "") -> None:
        """The connection is to be closed: `close_to_send` says so from now on.

        Args:
            code: the close code; None for a normal close.
            reason: its reason.
        """
        if self._close is None:
            normal: int = self.revision.constants.CloseCode.NORMAL
            self._close = (normal if code is None else code, reason)

    def deadline(self) -> float | None:
        """When `timeout` is due (s on the owner's clock); None for never."""
        if self.config.silence is None or self._close is not None or self._over:
            return None
        return self._quiet_since + self.config.silence

    def timeout(self, now: float) -> list[p.PlatformEvent]:
        """The deadline has passed: a client that is silent for so long has gone (OP-4)."""
        due = self.deadline()
        if due is None or now < due or self.config.silence is None:
            return []
        self._end_as(self._row("closed_silence"))
        return [p.SilenceExceeded(limit=self.config.silence)]

    def receive(self, data: bytes | str, now: float) -> list[p.PlatformEvent]:
        """What a frame means. Never raises for what the client sends."""
        if self._close is not None or self._over:
            return []
        self._quiet_since = now
        return super().receive(data, now)

    # -- what the owner decides ------------------------------------------------------------------

    def accept(self, now: float) -> list[str]:  # noqa: ARG002 - the shape of all sessions
        """The client may stay: websocket_connected, then what has waited for it (AKO-CONN-005).

        Raises:
            LocalProtocolError: the session was accepted or refused before.
        """
        self._machine.send(self._triggers.CONNECTED, requirement="AKO-CONN-005")
        m = self._messages
        greeting = self._encode(m.SystemMessage, "system", m.WebsocketConnectedPayload())
        return [greeting, *self._release()]

    def refuse(self, name: str) -> list[str]:
        """Turn the client away: an error frame, then a close with the same number (OP-2).

        Args:
            name: row of the catalogue, such as ``socket_occupied``.

        Raises:
            LocalProtocolError: the session was accepted or refused before, or the row is no
                refusal.
        """
        row = self._row(name)
        if row.message is None or row.close is None:
            raise LocalProtocolError(
                "this row of the catalogue refuses nobody", protocol=PROTOCOL, value=name
            )
        self._machine.send(self._triggers.REFUSED, requirement="AKO-CONN-005")
        self._held.clear()
        self._fail_parameters()
        self._end_as(row)
        return [self._error(row)]

    def acknowledge(self, mid: str, now: float, *, status: str | None = None) -> list[str]:  # noqa: ARG002 - the shape of all sessions
        """Answer a command or an event (AKO-ACK-001).

        Args:
            mid: id of the request.
            now: the current time, seconds.
            status: None for success (AKO-ACK-003); anything else says that it failed (OP-7).

        Raises:
            LocalProtocolError: no such request waits for an answer, or none may be sent now.
        """
        if mid not in self.waiting:
            raise LocalProtocolError(
                "no request with this mid waits for an ack",
                protocol=PROTOCOL,
                requirement="AKO-ACK-001",
                value=mid,
            )
        said: str = self.revision.constants.AckStatus.SUCCESS if status is None else status
        self._machine.send(self._answered(mid, said), requirement="AKO-ACK-001")
        self._answer_given(mid, said)
        m = self._messages
        return [self._encode(m.AckMessage, "ack", m.AckPayload(original_mid=mid, status=said))]

    def joined(self, channel_id: str, now: float) -> list[str]:  # noqa: ARG002 - the shape of all sessions
        """The RTC channel was joined (AKO-PARAM-008).

        Raises:
            LocalProtocolError: no parameters were asked for.
        """
        self._machine.send(self._triggers.AGORA, requirement="AKO-PARAM-008")
        self._joining = False
        m = self._messages
        payload = m.AgoraConnectedPayload(channel_id=channel_id)
        return [self._encode(m.SystemMessage, "system", payload)]

    def send_error(
        self, name: str, *, number: int | None = None, text: str | None = None
    ) -> list[str]:
        """Report an error of the catalogue; the connection stays unless the row closes it.

        Parameters that are pending have failed by it (OP-7): `joining` is false then.

        Args:
            name: row of the catalogue that is an error frame.
            number: instead of the catalogued ``error_code``.
            text: instead of the catalogued ``error_message``.

        Raises:
            LocalProtocolError: the row is no error frame, or none may be sent now.
        """
        row = self._row(name)
        if not self._is_error(row):
            raise LocalProtocolError(
                "no error frame of the catalogue", protocol=PROTOCOL, value=name
            )
        self._report()
        self._end_as(row)
        return [self._error(row, number=number, text=text)]

    def took(self, text: str) -> None:
        """The owner has sent a message of its own making; what it says to the client counts.

        What the state table does not know at this point changes nothing.
        """
        frame = self._codec.decode_server(text)
        if isinstance(frame, Unfit):
            return
        m, message = self._messages, frame.message
        if isinstance(message, m.AckMessage):
            self._took_ack(message.pld)
        elif isinstance(message, m.ErrorMessage):
            if self.accepted and self._machine.allows(self._trigger_of_error()):
                self._report()
        elif isinstance(message, m.SystemMessage):
            self._took_status(message.pld)

    # -- helpers -----------------------------------------------------------------------------------

    def _took_ack(self, payload: Any) -> None:
        mid, status = payload.original_mid, payload.status
        if status is UNSET:
            status = self.revision.constants.AckStatus.SUCCESS
        if mid in self._pending and self._machine.allows(self._answered(mid, status)):
            self._machine.send(self._answered(mid, status))
            self._answer_given(mid, status)

    def _took_status(self, payload: Any) -> None:
        greeting = isinstance(payload, self._messages.WebsocketConnectedPayload)
        trigger = self._triggers.CONNECTED if greeting else self._triggers.AGORA
        if not self._machine.allows(trigger):
            return
        self._machine.send(trigger)
        if greeting:
            self._out += self._release()
        else:
            self._joining = False

    def _row(self, name: str) -> WireError:
        row: WireError | None = self.revision.errors.CATALOGUE.get(name)
        if row is None:
            raise LocalProtocolError("no row of the error catalogue", protocol=PROTOCOL, value=name)
        return row

    def _end_as(self, row: WireError) -> None:
        if row.close is not None:
            self.end(row.close.code, row.close.reason)

    def _is_error(self, row: WireError) -> bool:
        member = self.revision.constants.Member
        kinds = self.revision.constants.MessageType
        return row.message is not None and row.message.get(member.TYPE) == kinds.ERROR

    def _answered(self, mid: str, status: str) -> str:
        """The trigger of an ack."""
        to = self._triggers
        if self._pending[mid] == to.SET_PARAMS:
            trigger: str = to.PARAMS_ACK if self._means_success(status) else to.PARAMS_FAILED
        else:
            trigger = to.LEAVE_ACK if self._pending[mid] == to.LEAVE else to.ACK
        return trigger

    def _answer_given(self, mid: str, status: str) -> None:
        kind = self._pending.pop(mid)
        if kind == self._triggers.SET_PARAMS and not self._means_success(status):
            self._fail_parameters()

    def _means_success(self, status: str) -> bool:
        return bool(status == self.revision.constants.AckStatus.SUCCESS)

    def _trigger_of_error(self) -> str:
        """What an error frame does here: while parameters are pending, it fails them (OP-7)."""
        failed: str | None = getattr(self._triggers, "PARAMS_FAILED", None)
        if failed is not None and self._machine.allows(failed):
            return failed
        error: str = self._triggers.ERROR
        return error

    def _report(self) -> None:
        before = self.state
        self._machine.send(self._trigger_of_error(), requirement="AKO-ERR-001")
        if self.state != before:
            self._fail_parameters()
