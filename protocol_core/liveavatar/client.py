"""The agent's session: REST start, handshake, events both ways, reconnect, stop. No I/O.

A shell drives it:

    request = session.start_request()          HTTP; session.receive_start_response(response)
    session.upgrade_request()                  dial; session.opened(now) or session.dial_failed(now)
    session.receive(data, now) -> events       then send data_to_send(), look at close_to_send()
    session.closed(code, reason, now) -> events
    session.deadline(), session.timeout(now)   handshake limit, jitter buffer, time to dial again
    session.stop(); session.stop_request()     close the socket, then HTTP

Reconnecting is part of the session: when a socket is lost and the policy says so, `closed` reports
`ReconnectScheduled`, and `timeout` reports `ReconnectDue` when it is time for `upgrade_request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.errors import LocalProtocolError
from protocol_core.http import UpgradeRequest
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import rest
from protocol_core.liveavatar.agent_receiving import AgentReceiving
from protocol_core.liveavatar.config import settle
from protocol_core.liveavatar.errors import (
    ConnectError,
    ConnectionEndedError,
    HandshakeError,
    LiveAvatarError,
    TransportError,
)
from protocol_core.liveavatar.reconnect import ReconnectPolicy
from protocol_core.liveavatar.revision import PROTOCOL, Revision, load

if TYPE_CHECKING:
    from protocol_core.http import HttpRequest, HttpResponse
    from protocol_core.liveavatar.agent_sending import Messages
    from protocol_core.liveavatar.config import ClientConfig

__all__ = ["ClientSession"]


class ClientSession(AgentReceiving):
    """One session of an agent, over as many sockets as it takes.

    Args:
        config: what to start and how.
        revision: id, alias or modules of the revision; None for the default.

    Attributes:
        config: as given.
        settings: the same with its defaults filled in.
        result: what the start returned; None before.
        scene_ready: whether scene.ready has come (LAC-HS-009).
    """

    def __init__(self, config: ClientConfig, *, revision: str | Revision | None = None) -> None:
        modules = load(revision)
        self.config = config
        self.settings = settle(config, modules)
        super().__init__(
            modules,
            developer_asr=self.settings.developer_asr,
            abandon_responses=config.abandon_responses,
            check_session_id=config.check_session_id,
            jitter_patience=self.settings.jitter_patience,
        )
        self._policy = ReconnectPolicy(
            enabled=self.settings.reconnect,
            base=self.settings.reconnect_base_delay,
            factor=modules.constants.Backoff.FACTOR,
            longest=self.settings.reconnect_max_delay,
        )
        self._dial_at: float | None = None

    @property
    def state(self) -> str:
        """State of the connection, as in the state table."""
        return self._machine.state

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and events may be sent."""
        return bool(self.state == self._states.OPEN)

    # --- REST -----------------------------------------------------------------------------------

    def start_request(self) -> HttpRequest:
        """The request that starts the session (LAC-AUTH-001).

        Raises:
            LocalProtocolError: the session has been started.
        """
        if not self._machine.allows(self._triggers.START):
            raise LocalProtocolError(
                "this session has been started", protocol=PROTOCOL, requirement="LAC-AUTH-001"
            )
        return rest.start_request(self.revision, self.config, self.settings)

    def receive_start_response(self, response: HttpResponse) -> rest.StartResult:
        """Judge the answer to the start.

        Raises:
            LiveAvatarError: the session was not started; see `rest.parse_start_response`.
        """
        self.result = None
        try:
            result = rest.parse_start_response(self.revision, response)
        except LiveAvatarError:
            self._machine.send(self._triggers.START_FAILED)
            raise
        self._machine.send(self._triggers.START)
        self.result = result
        self.scene_ready = self._once_open = False
        return result

    def start_unanswered(self, reason: str, *, timed_out: bool = False) -> TransportError:
        """The error for a start that got no answer (LAC-AUTH-007)."""
        self._machine.send(self._triggers.START_FAILED)
        phase = self.revision.errors.Phase.SESSION_START
        return rest.unanswered(self.revision, reason, phase=phase, timed_out=timed_out)

    def stop(self) -> bool:
        """End the session, for good: nothing is sent or dialled any more (LAC-CLOSE-003).

        The shell then closes the socket, if there is one, and sends `stop_request`
        (LAC-CLOSE-002).

        Returns:
            Whether there was anything to end.
        """
        machine, triggers = self._machine, self._triggers
        self._dial_at = self._init_until = None
        self._out.clear()
        if not machine.allows(triggers.STOP):
            return False
        machine.send(triggers.STOP)
        return True

    def stop_request(self) -> HttpRequest | None:
        """The request that ends the session on the platform; None if none was started.

        Due after every end, also after a failed handshake (LAC-CLOSE-005).
        """
        if self.result is None:
            return None
        return rest.stop_request(self.revision, self.config, self.settings, self.result.session_id)

    def receive_stop_response(self, response: HttpResponse) -> None:
        """Judge the answer to the stop; a failure is for the log only (LAC-CLOSE-002).

        Raises:
            LiveAvatarError: the platform did not confirm.
        """
        rest.parse_stop_response(self.revision, response)

    # --- the socket -----------------------------------------------------------------------------

    def upgrade_request(self) -> UpgradeRequest:
        """Where to dial: agentWsUrl as it came, nothing added (LAC-CONN-001, LAC-CONN-003).

        Raises:
            LocalProtocolError: this is not the moment to dial.
        """
        if self.result is None or not self._machine.allows(self._triggers.OPEN):
            raise LocalProtocolError(
                f"nothing is to be dialled in state {self.state}",
                protocol=PROTOCOL,
                requirement="LAC-CONN-001",
            )
        return UpgradeRequest(url=self.result.agent_ws_url)

    def opened(self, now: float) -> Messages:
        """The socket is open. Nothing is sent before session.init (LAC-HS-007).

        Raises:
            LocalProtocolError: no socket was to be opened.
        """
        self._machine.send(self._triggers.OPEN)
        self._policy.opened()
        self._socket_open = True
        self._handshaken = False
        self._close = None
        self._init_until = now + self.settings.timeout
        return []

    def dial_failed(
        self,
        reason: str,
        now: float,
        *,
        http_status: int | None = None,
        body: str = "",
        timed_out: bool = False,
    ) -> list[e.Event]:
        """The socket could not be opened.

        Args:
            reason: why, in words.
            now: the current time, seconds.
            http_status: what the upgrade was answered with, if it was.
            body: body of that answer.
            timed_out: whether the time limit ended the attempt.

        Returns:
            `ReconnectScheduled`, if this was an attempt to reconnect.

        Raises:
            ConnectError: it was the first attempt; that is not retried (LAC-RECON-004).
        """
        self._machine.send(self._triggers.DIAL_FAILED)
        if self.state == self._states.RECONNECT:
            self._policy.failed()
            return [self._schedule(now)]
        raise ConnectError(
            reason,
            code=self.revision.errors.ErrorCode.CONNECT_FAILED,
            phase=self.revision.errors.Phase.WEBSOCKET_CONNECT,
            kind="timeout" if timed_out else "transport",
            http_status=http_status,
            raw_body=body,
            requirement="LAC-RECON-004",
        )

    def closed(self, code: int | None, reason: str, now: float) -> list[e.Event]:
        """The socket has ended; `Closed` comes once for every socket (LAC-CLOSE-004)."""
        if not self._socket_open:
            return []
        self._socket_open = False
        self._init_until = None
        self._out.clear()
        events: list[e.Event] = [*self._audio.end()]
        opened, self._handshaken = self._handshaken, False
        lost, bracket = self._responses.lose()
        self._utterances.lose()
        if lost or bracket:
            events.append(e.ResponsesLost(response_ids=lost, bracket=bracket))
        if code is None:
            code = self.revision.constants.CloseCode.ABNORMAL
        events.append(e.Closed(code=code, reason=reason, opened=opened))
        triggers = self._triggers
        again = self._policy.enabled and self._once_open
        if again and self._machine.allows(triggers.DROPPED):
            self._machine.receive(triggers.DROPPED)
            events.append(self._schedule(now))
        else:
            self._machine.receive(triggers.CLOSED)
        return events

    def handshake_error(self, event: e.Event) -> HandshakeError | None:
        """The error that an event means for a `start` that waits for the handshake, if it does."""
        codes, phase = self.revision.errors.ErrorCode, self.revision.errors.Phase.HANDSHAKE
        if isinstance(event, e.HandshakeFailed):
            timed_out = event.code == codes.HANDSHAKE_TIMEOUT
            return HandshakeError(
                event.message,
                code=event.code,
                phase=phase,
                kind="timeout" if timed_out else "protocol",
                requirement=event.requirement,
            )
        if isinstance(event, e.Closed) and not event.opened:
            return HandshakeError(
                "the socket ended before the session was open",
                code=codes.HANDSHAKE_CLOSED,
                phase=phase,
                kind="transport",
                close_code=event.code,
                close_reason=event.reason,
                requirement="LAC-HS-003",
            )
        return None

    def send_failed(self, code: int | None, reason: str) -> ConnectionEndedError:
        """The error for a socket that ended during a send."""
        return ConnectionEndedError(
            "the socket ended while something was being sent",
            code=self.revision.errors.ErrorCode.NOT_CONNECTED,
            phase=self.revision.errors.Phase.RUNTIME,
            kind="transport",
            close_code=self.revision.constants.CloseCode.ABNORMAL if code is None else code,
            close_reason=reason,
            requirement="LAC-CONN-005",
        )

    # --- time -----------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None for never."""
        times = (self._init_until, self._dial_at, self._audio.deadline())
        return min((time for time in times if time is not None), default=None)

    def timeout(self, now: float) -> list[e.Event]:
        """Time has passed; harmless if nothing was due."""
        events: list[e.Event] = [*self._audio.due(now)]
        if self._init_until is not None and now >= self._init_until:
            self._machine.send(self._triggers.INIT_TIMEOUT)
            codes = self.revision.errors.ErrorCode
            message = f"no session.init within {self.settings.timeout:g} s"
            close = self.revision.constants.CloseCode.NORMAL
            events.append(self._fail(codes.HANDSHAKE_TIMEOUT, message, "LAC-HS-004", close))
        if self._dial_at is not None and now >= self._dial_at:
            self._dial_at = None
            events.append(e.ReconnectDue(attempt=self._policy.failures + 1))
        return events

    def _schedule(self, now: float) -> e.ReconnectScheduled:
        delay = self._policy.delay
        self._dial_at = now + delay
        return e.ReconnectScheduled(attempt=self._policy.failures + 1, delay=delay)
