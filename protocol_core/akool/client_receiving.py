"""Everything a server may send, each with its meaning for a client.

Nothing here raises for what arrives. Every JSON frame is handed on (AKO-CONN-010); what has no
effect comes out as `Ignored`, too. `ClientSession` adds the connection's life around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from protocol_core.akool import events as e
from protocol_core.akool.client_sending import ClientSending
from protocol_core.akool.codec import Fault, Frame, Unfit
from protocol_core.akool.errors import AkoolError, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.akool.config import ClientSettings
    from protocol_core.akool.requests import Pending
    from protocol_core.akool.revision import Revision

__all__ = ["ClientReceiving"]


class ClientReceiving(ClientSending):
    """The receiving half of a client's session, on top of the sending one.

    Args:
        revision: which revision's messages.
        settings: the limits.
        session_id: the session's id.
        epoch: seconds since 1970 at the session's time 0, for message ids.

    Attributes:
        session_id: as given; the same over all attempts (AKO-CONN-002).
    """

    def __init__(
        self, revision: Revision, settings: ClientSettings, *, session_id: str, epoch: float
    ) -> None:
        super().__init__(revision, settings, epoch=epoch)
        self.session_id = session_id
        self._socket_open = False
        self._once_open = False
        self._greeted = False
        self._greet_until: float | None = None
        self._refusal: AkoolError | None = None
        self._last_number: int | None = None
        m = revision.messages
        self._handlers: dict[type, Callable[[Frame, float], list[e.Event]]] = {
            m.SystemMessage: self._on_system,
            m.AckMessage: self._on_foreign if revision.documented else self._on_ack,
            m.PongMessage: self._on_pong,
            m.ErrorMessage: self._on_error,
        }

    def receive(self, data: bytes | str, now: float) -> list[e.Event]:
        """What a frame means. Never raises for what the server sends."""
        if not self._socket_open:
            return [e.Ignored(reason=e.Reason.AFTER_CLOSE, data=data)]
        read = self._codec.decode_server(data)
        if isinstance(read, Unfit):
            return self._on_unfit(read)
        received = e.MessageReceived(name=read.name, message=read.document)
        return [received, *self._handlers[type(read.message)](read, now)]

    # --- system ---------------------------------------------------------------------------------

    def _on_system(self, frame: Frame, now: float) -> list[e.Event]:
        if isinstance(frame.message.pld, self._messages.WebsocketConnectedPayload):
            return self._on_connected(frame, now)
        return self._on_agora(frame)

    def _on_connected(self, frame: Frame, now: float) -> list[e.Event]:
        if self._close is not None or not self._admit(self._triggers.CONNECTED):
            return [self._untimely(frame)]  # too late where the socket is about to be closed
        again, self._once_open = self._once_open, True
        self._open = self._greeted = True
        self._greet_until = None
        if again and self.parameters is not None:  # AKO-RETRY-006
            order = self._order_parameters(self.parameters, now, automatic=True)
            self._out += order.messages
        return [e.Connected(session_id=self.session_id, reconnected=again)]

    def _on_agora(self, frame: Frame) -> list[e.Event]:
        if not self._admit(self._triggers.AGORA):
            return [self._untimely(frame)]
        joined = e.AgoraConnected(channel_id=frame.message.pld.channel_id)
        return [joined, *self._completed()]

    def _completed(self) -> list[e.Event]:
        """Whether the parameters are set now: in v2 by ack and join together (AKO-PARAM-009)."""
        pending = self._book.first(e.Request.PARAMETERS)
        if pending is None or self.state != self._states.READY:
            return []
        return [self._done(pending)]

    # --- acks -----------------------------------------------------------------------------------

    def _on_ack(self, frame: Frame, now: float) -> list[e.Event]:
        payload = frame.message.pld
        pending = self._book.find(payload.original_mid)
        if pending is None or pending.acknowledged:  # AKO-ACK-005
            return [
                e.Ignored(
                    reason=e.Reason.UNMATCHED_ACK,
                    name=frame.name,
                    detail=f"nothing pending has the mid {payload.original_mid!r}",
                    requirement="AKO-ACK-005",
                )
            ]
        success = payload.status in {UNSET, self.revision.constants.AckStatus.SUCCESS}
        if pending.request is e.Request.PARAMETERS:
            return (
                self._parameters_acked(pending, now) if success else self._refused(pending, payload)
            )
        trigger = self._triggers.ACK
        if pending.request is e.Request.LEAVE:
            trigger = self._triggers.LEAVE_ACK
        self._machine.receive(trigger)
        if pending.request is e.Request.LEAVE:
            return self._left(pending)
        return [self._done(pending)] if success else self._refused(pending, payload)

    def _parameters_acked(self, pending: Pending, now: float) -> list[e.Event]:
        self._machine.receive(self._triggers.PARAMS_ACK)
        pending.acknowledged = True
        pending.until = now + self.settings.connection_timeout
        return self._completed()

    def _refused(self, pending: Pending, payload: Any) -> list[e.Event]:
        """An ack says that its request failed (AKO-ACK-004)."""
        if pending.request is e.Request.PARAMETERS:
            self._machine.receive(self._triggers.PARAMS_FAILED)
        words = f"the server acknowledged it with status {payload.status!r}"
        return self._failed(pending, words, requirement="AKO-ACK-004")

    # --- errors ---------------------------------------------------------------------------------

    def _on_error(self, frame: Frame, _: float) -> list[e.Event]:
        payload = frame.message.pld
        number, text = payload.error_code, payload.error_message
        facts: dict[str, Any] = {"server_code": number, "server_text": text}
        if not self._greeted:
            return self._on_refusal(frame, text, facts)
        self._last_number = number
        error = failure(
            self.revision,
            text,
            phase=self._phases.SESSION,
            requirement="AKO-ERR-002",
            **facts,
        )
        raised = e.ErrorRaised(error=error)
        pending = self._book.first()
        v2 = not self.revision.documented
        if v2 and pending is not None and pending.request is e.Request.PARAMETERS:
            self._machine.receive(self._triggers.PARAMS_FAILED)
        else:
            self._machine.receive(self._triggers.ERROR)
        if pending is None:
            return [raised]
        if pending.request is e.Request.LEAVE:
            return [raised, *self._left(pending)]
        return [raised, *self._failed(pending, text, cause=error, requirement="AKO-ERR-004")]

    def _on_refusal(self, frame: Frame, text: str, facts: dict[str, Any]) -> list[e.Event]:
        """An error frame instead of websocket_connected; the close is due (OP-2)."""
        if not self._admit(self._triggers.REFUSED):
            return [self._untimely(frame)]
        self._heartbeat.stop()
        self._refusal = failure(
            self.revision,
            text,
            phase=self._phases.CONNECT,
            requirement="AKO-ERR-006",
            **facts,
        )
        return []

    # --- the rest -------------------------------------------------------------------------------

    def _on_pong(self, frame: Frame, _: float) -> list[e.Event]:
        self._heartbeat.answered()  # whatever its mid is (AKO-HB-003)
        return [] if self._admit(self._triggers.PONG) else [self._untimely(frame)]

    def _on_foreign(self, frame: Frame, _: float) -> list[e.Event]:
        """A frame that the dialect does not have."""
        return [e.Ignored(reason=e.Reason.UNKNOWN, name=frame.name, requirement="AKO-CONN-011")]

    def _on_unfit(self, unfit: Unfit) -> list[e.Event]:
        """A frame without a message: passed over, and reported if it is faulty (AKO-ERR-007)."""
        events: list[e.Event] = []
        if unfit.fault not in {Fault.BINARY, Fault.NOT_JSON}:
            events.append(e.MessageReceived(name=unfit.name, message=unfit.document))
        unknown = unfit.fault is Fault.UNKNOWN
        requirement = "AKO-CONN-011" if unknown else "AKO-ERR-007"
        events.append(
            e.Ignored(
                reason=e.Reason(unfit.fault),
                name=unfit.name,
                detail=unfit.detail,
                requirement=requirement,
                data=unfit.data,
            )
        )
        if not unknown:
            self._admit(self._triggers.MALFORMED)
            error = failure(
                self.revision,
                f"the server sent what is no message: {unfit.detail}",
                code=self._codes.INVALID_MESSAGE,
                phase=self._phases.SESSION,
                requirement=requirement,
            )
            events.append(e.ErrorRaised(error=error))
        return events

    # --- common ---------------------------------------------------------------------------------

    def _done(self, pending: Pending) -> e.Event:
        self._book.settle(pending)
        return e.RequestDone(request=pending.request, key=pending.key)

    def _failed(
        self,
        pending: Pending,
        words: str,
        *,
        code: str = "",
        kind: str = "protocol",
        requirement: str,
        cause: AkoolError | None = None,
    ) -> list[e.Event]:
        """A request has failed: the error that its call reports, naming the cause (AKO-ERR-008)."""
        self._book.settle(pending)
        asked, phase = {
            e.Request.PARAMETERS: ("setting the parameters", self._phases.PARAMETERS),
            e.Request.INTERRUPT: ("the interrupt", self._phases.INTERRUPT),
        }[pending.request]
        error = failure(
            self.revision,
            f"{asked} failed: {words}",
            phase=phase,
            code=code,
            requirement=requirement,
            cause=cause,
            **{"kind": kind, **_facts(cause)},
        )
        events: list[e.Event] = [
            e.RequestFailed(request=pending.request, key=pending.key, error=error)
        ]
        if pending.automatic:
            events.append(e.ErrorRaised(error=error))
        return events

    def _left(self, pending: Pending) -> list[e.Event]:
        """The leave is answered, or is not going to be: now the socket (AKO-LEAVE-005)."""
        self._book.settle(pending)
        self._hang_up()
        return []

    def _hang_up(self) -> None:
        """The socket is to be closed; nothing is sent any more."""
        self._heartbeat.stop()
        if self._close is None:
            self._close = (self.revision.constants.CloseCode.NORMAL, "")

    def _admit(self, trigger: str) -> bool:
        """Whether the state table takes this now; takes it."""
        return self._machine.allows(trigger) and self._machine.receive(trigger)

    def _untimely(self, frame: Frame) -> e.Ignored:
        return e.Ignored(
            reason=e.Reason.OUT_OF_TURN, name=frame.name, detail=f"in state {self.state}"
        )


def _facts(cause: AkoolError | None) -> dict[str, Any]:
    """What an error inherits from the one behind it."""
    names = ("kind", "server_code", "server_text", "close_code", "close_reason")
    return {} if cause is None else {name: getattr(cause, name) for name in names}
