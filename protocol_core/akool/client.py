"""The client's session: discovery, attempts, commands, heartbeat, leaving, reconnecting. No I/O.

A shell drives it:

    session.begin()                            then, unless the server is given:
    request = session.discovery_request()      HTTP; session.receive_discovery_response(response)
    session.upgrade_request(now)               dial; session.opened(now) or session.dial_failed(...)
    session.receive(data, now) -> events       then send data_to_send(), look at close_to_send()
    session.closed(code, reason, now) -> events
    session.deadline(), session.timeout(now)   heartbeat, limits, time to dial again
    session.leave(now) -> events               then the same as after `receive`

Trying again is part of the session: a failed attempt is reported as `AttemptFailed`, and `timeout`
reports `DialDue` when it is time for `upgrade_request`; or as `GivenUp`. The same goes for a drop
within the session, where reconnecting is configured (AKO-RETRY-006).
"""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

from protocol_core.akool import discovery
from protocol_core.akool import events as e
from protocol_core.akool.addresses import Instance, websocket_url
from protocol_core.akool.attempts import Attempts
from protocol_core.akool.client_receiving import ClientReceiving
from protocol_core.akool.config import settle
from protocol_core.akool.errors import AkoolError, AudioStreamError, failure
from protocol_core.akool.revision import PROTOCOL, Revision, load
from protocol_core.errors import LocalProtocolError
from protocol_core.http import UpgradeRequest

if TYPE_CHECKING:
    from protocol_core.akool.config import ClientConfig
    from protocol_core.akool.requests import Pending
    from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["ClientSession"]


class ClientSession(ClientReceiving):
    """One session of a client, over as many attempts and connections as it takes.

    Args:
        config: what to connect to and how.
        revision: id or modules of the revision; None for the default.
        rng: where chance comes from, for the choice of the instance and the session id; None for
            the system's.
        epoch: seconds since 1970 at the session's time 0, for message ids.

    Attributes:
        config: as given.

    Raises:
        AkoolError: see `protocol_core.akool.config.settle`.
        ConfigurationError: likewise.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        revision: str | Revision | None = None,
        rng: random.Random | None = None,
        epoch: float = 0.0,
    ) -> None:
        modules = load(revision)
        self.config = config
        self._rng = random.SystemRandom() if rng is None else rng
        minted = uuid.UUID(int=self._rng.getrandbits(128), version=4)
        super().__init__(
            modules,
            settle(config, modules),
            session_id=config.session_id or str(minted),
            epoch=epoch,
        )
        self._attempts = Attempts(modules, self.settings)
        self._dial_at: float | None = None
        self._told = False
        self._leaving = False
        self._lost: AkoolError | None = None

    @property
    def instance(self) -> Instance | None:
        """The instance that is or was connected to, or is dialled next; None before discovery."""
        return self._attempts.candidate if self._attempts.candidates else None

    @property
    def candidates(self) -> tuple[Instance, ...]:
        """Whom discovery left to try, in this order."""
        return self._attempts.candidates

    # --- finding an instance --------------------------------------------------------------------

    def begin(self) -> None:
        """Begin to connect; a given server is known at once (AKO-CONN-013).

        Raises:
            LocalProtocolError: the session has a connection, or had one.
            ConnectError: no attempt is allowed (`max_attempts` is 0).
        """
        if not self._machine.allows(self._triggers.LOCATED) or self._once_open:
            raise LocalProtocolError(
                f"this session has been connected (state {self.state})",
                protocol=PROTOCOL,
                requirement="AKO-CONN-015",
                hint="make a new session",
            )
        if self.settings.max_attempts == 0:
            raise failure(
                self.revision,
                "no attempt to connect is allowed",
                phase=self._phases.CONNECT,
                kind="local",
                requirement="AKO-RETRY-001",
            )
        self._leaving = False
        if self.settings.server is not None:
            self._machine.send(self._triggers.LOCATED)
            self._attempts.begin((self.settings.server,))

    def discovery_request(self) -> HttpRequest:
        """The call that asks for instances (AKO-DISC-001)."""
        return discovery.discovery_request(self.revision, self.config, self.settings)

    def receive_discovery_response(self, response: HttpResponse) -> tuple[Instance, ...]:
        """Judge the answer of discovery, and choose whom to try.

        Returns:
            The candidates, in the order of their turns.

        Raises:
            AkoolError: see `protocol_core.akool.discovery.read_discovery`.
        """
        try:
            found = discovery.read_discovery(self.revision, response)
        except AkoolError:
            self._machine.send(self._triggers.NOT_LOCATED)
            raise
        self._machine.send(self._triggers.LOCATED)
        limit = self.settings.max_attempts
        self._attempts.begin(discovery.choose(found, self.config.avatar_id, self._rng, limit))
        return self._attempts.candidates

    def discovery_unanswered(self, reason: str, *, timed_out: bool = False) -> AkoolError:
        """The error for a discovery call that got no answer (AKO-DISC-015)."""
        self._machine.send(self._triggers.NOT_LOCATED)
        return failure(
            self.revision,
            f"discovery did not answer: {reason}",
            phase=self._phases.DISCOVERY,
            kind="timeout" if timed_out else "transport",
            requirement="AKO-DISC-015" if timed_out else "AKO-ERR-005",
        )

    # --- the socket -----------------------------------------------------------------------------

    def upgrade_request(self, now: float) -> UpgradeRequest:
        """Where to dial; the time of the attempt begins (AKO-CONN-001, AKO-CONN-007).

        Raises:
            LocalProtocolError: no instance is known, or there is a connection.
        """
        self._machine.send(self._triggers.DIAL, requirement="AKO-CONN-001")
        self._attempts.dialled()
        self._greet_until = now + self.settings.connection_timeout
        query, headers = {}, {}
        if not self.revision.documented:  # OP-14
            names = self.revision.constants.Query
            query = {names.SESSION_ID: self.session_id, names.AVATAR_ID: self.config.avatar_id}
            headers = {self.revision.constants.Header.API_KEY: self.config.api_key}
        url = websocket_url(self.revision, self._attempts.candidate, query)
        return UpgradeRequest(url=url, headers=headers)

    def opened(self, now: float) -> list[str]:
        """The socket is open: auth in the documented dialect, and the first ping at once."""
        self._machine.send(self._triggers.OPENED)
        self._socket_open = True
        self._greeted = self._told = False
        self._close = self._refusal = self._lost = self._last_number = None
        self._chunker.forget()
        if self.revision.documented:
            self._machine.send(self._triggers.AUTH)
            auth = self._messages.AuthMessage(
                token=self.config.api_key, avatar_id=self.config.avatar_id
            )
            self._out.append(self._codec.encode(auth))
        self._heartbeat.start()
        self._ping(now)
        return self.data_to_send()

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
            `AttemptFailed` or `GivenUp`.
        """
        self._machine.send(self._triggers.REJECTED)
        error = failure(
            self.revision,
            reason,
            phase=self._phases.CONNECT,
            kind="timeout" if timed_out else "transport",
            http_status=http_status,
            raw_body=body,
            requirement="AKO-CONN-007" if timed_out else "AKO-RETRY-001",
        )
        return self._attempt_over(error, now)

    def closed(self, code: int | None, reason: str, now: float) -> list[e.Event]:
        """The socket has ended; `Closed` comes once for every socket."""
        if not self._socket_open:
            return []
        number: int = self.revision.constants.CloseCode.ABNORMAL if code is None else code
        greeted = self._greeted
        self._socket_open = self._open = self._greeted = False
        self._greet_until = None
        self._heartbeat.stop()
        self._out.clear()
        self._machine.receive(self._triggers.CLOSE)
        if self._leaving:
            self._book.clear()
            return [e.Closed(code=number, reason=reason, opened=greeted)]
        if greeted:
            return self._dropped(number, reason, now)
        error = self._refusal or self._closing(self._phases.CONNECT, number, reason)
        events = [] if self._told else self._attempt_over(error, now)
        return [e.Closed(code=number, reason=reason, opened=False, error=error), *events]

    def _dropped(self, code: int, reason: str, now: float) -> list[e.Event]:
        """The connection of an open session has ended, and not by a leave (AKO-CONN-016)."""
        told = self._lost is not None or self._last_number == code
        error = self._lost or self._closing(self._phases.SESSION, code, reason)
        events: list[e.Event] = []
        for pending in [*self._book]:
            events += self._failed(pending, error.message, cause=error, requirement="AKO-LEAVE-005")
        if not told:
            events.append(e.ErrorRaised(error=error))
        events.append(e.Closed(code=code, reason=reason, opened=True, error=error))
        if self.settings.reconnect and error.code != self._codes.AUTHENTICATION_FAILED:
            self._attempts.begin()
            pause = error.code == self._codes.RECONNECT_TOO_SOON
            delay = self._attempts.delay(0, pause=pause)
            self._dial_at = now + delay
            events.append(e.AttemptFailed(attempt=0, error=error, delay=delay))
        return events

    def _closing(self, phase: str, code: int, reason: str) -> AkoolError:
        """What an end of the connection means that no frame explains (AKO-ERR-006)."""
        words = f" ({reason})" if reason else ""
        lost = code == self.revision.constants.CloseCode.ABNORMAL
        message = "the connection was lost" if lost else f"the server closed with {code}{words}"
        facts: dict[str, Any] = {
            "phase": phase,
            "kind": "transport",
            "close_code": code,
            "close_reason": reason,
        }
        error = failure(self.revision, message, requirement="AKO-ERR-006", **facts)
        if error.code != self._codes.SERVER_ERROR:
            return error
        code_ = self._codes.CONNECTION_LOST
        return failure(self.revision, message, code=code_, requirement="AKO-CONN-016", **facts)

    def _attempt_over(self, error: AkoolError, now: float) -> list[e.Event]:
        """An attempt has failed: when there is another one, or why not."""
        attempt = self._attempts.made
        self._told = True
        self._greet_until = None
        if self._leaving:
            return [e.GivenUp(error=error)]
        try:
            delay = self._attempts.after(error)
        except AkoolError as final:
            given_up = e.GivenUp(error=final)
            return [e.ErrorRaised(error=final), given_up] if self._once_open else [given_up]
        self._dial_at = now + delay
        return [e.AttemptFailed(attempt=attempt, error=error, delay=delay)]

    # --- leaving --------------------------------------------------------------------------------

    def leave(self, now: float) -> list[e.Event]:
        """End the session, for good: nothing is sent or dialled any more (AKO-LEAVE-001 to -005).

        The socket is to be closed when the leave event is answered, at the latest after 5 s; at
        once where the session was not open, or the dialect has no such event. Pending requests
        fail now. Harmless when there is nothing to leave.
        """
        self._dial_at = None
        if self._leaving:
            return []
        self._leaving = True
        was_open, self._open = self._open, False
        events: list[e.Event] = []
        for pending in [*self._book]:
            events += self._failed(
                pending, "the client has left", kind="local", requirement="AKO-LEAVE-005"
            )
        self._out.clear()
        self._chunker.forget()
        if was_open and not self.revision.documented:
            self._machine.send(self._triggers.LEAVE)
            self._out.append(self._leave_event(now))
        elif self._socket_open:
            self._hang_up()
        return events

    def audio_failed(
        self, code: int | None, reason: str, *, chunk: int | None = None
    ) -> AudioStreamError:
        """The error for a connection that ended while audio was being sent (AKO-ERR-008).

        Args:
            code: close code, if there was one.
            reason: its reason.
            chunk: which chunk of a batch it was, from 0.
        """
        number: int = self.revision.constants.CloseCode.ABNORMAL if code is None else code
        cause = self._closing(self._phases.SESSION, number, reason)
        what = "the audio" if chunk is None else f"chunk {chunk} of the audio"
        return AudioStreamError(
            f"{what} could not be sent: {cause.message}",
            code=self._codes.AUDIO_STREAM_FAILED,
            phase=self._phases.AUDIO,
            kind="transport",
            close_code=number,
            close_reason=reason,
            requirement="AKO-ERR-008",
            cause=cause,
        )

    # --- time -----------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None for never."""
        if not self._socket_open:
            return self._dial_at
        times = (self._greet_until, self._heartbeat.due, self._book.deadline())
        return min((time for time in times if time is not None), default=None)

    def timeout(self, now: float) -> list[e.Event]:
        """Time has passed; harmless if nothing was due."""
        if not self._socket_open:
            if self._dial_at is None or now < self._dial_at:
                return []
            self._dial_at = None
            return [e.DialDue()]
        events: list[e.Event] = []
        if self._greet_until is not None and now >= self._greet_until:
            events += self._ungreeted(now)
        for pending in self._book.overdue(now):
            events += self._overdue(pending)
        if self._heartbeat.due is not None and now >= self._heartbeat.due:
            events += self._beat(now)
        return events

    def _ungreeted(self, now: float) -> list[e.Event]:
        """The socket is open, but the session is not, and the time is over (AKO-CONN-006)."""
        limit = self.settings.connection_timeout
        error = self._refusal or failure(
            self.revision,
            f"the server did not confirm the connection within {limit:g} s",
            phase=self._phases.CONNECT,
            kind="timeout",
            requirement="AKO-CONN-007",
        )
        self._refusal = error
        self._hang_up()
        return self._attempt_over(error, now)

    def _overdue(self, pending: Pending) -> list[e.Event]:
        """Nobody has answered in time (AKO-PARAM-010, AKO-INT-005, AKO-LEAVE-004)."""
        if pending.request is e.Request.LEAVE:
            return self._left(pending)
        constants = self.revision.constants
        if pending.acknowledged or self.revision.documented:
            due, limit = constants.SystemStatus.AGORA_CONNECTED, self.settings.connection_timeout
        else:
            due, limit = constants.MessageType.ACK, constants.Timeout.ACK
        words = f"no {due} within {limit:g} s"
        if pending.request is e.Request.INTERRUPT:
            code = self._codes.ACK_TIMEOUT
            return self._failed(
                pending, words, code=code, kind="timeout", requirement="AKO-INT-005"
            )
        self._machine.receive(self._triggers.PARAMS_TIMEOUT)
        requirement = "AKO-PARAM-102" if self.revision.documented else "AKO-PARAM-010"
        return self._failed(pending, words, kind="timeout", requirement=requirement)

    def _beat(self, now: float) -> list[e.Event]:
        """The next ping, unless too many went unanswered (AKO-HB-004)."""
        if not self._heartbeat.dead:
            self._ping(now)
            return []
        self._lost = failure(
            self.revision,
            f"{self._heartbeat.unanswered} pings were not answered",
            code=self._codes.CONNECTION_LOST,
            phase=self._phases.SESSION,
            kind="timeout",
            requirement="AKO-HB-004",
        )
        self._open = False
        self._hang_up()
        return [e.ErrorRaised(error=self._lost)]
