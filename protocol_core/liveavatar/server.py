"""The platform's session: session.init first, what is sent when, idle time, planned ends. No I/O.

It knows nothing of accounts, speech or pictures: its owner says what the user and the renderer do,
and learns from the events what the agent wants. One session outlives its sockets: `open` may follow
`closed`, and begins with session.init again (LAC-RECON-003).

    session.open(now) -> messages              a socket was accepted
    session.receive(data, now) -> events       then send data_to_send(), look at close_to_send()
    session.send_...(…) -> messages            what to send at once; [] while it is held
    session.happened(trigger, now) -> events   the renderer or the user's voice did something
    session.deadline(), session.timeout(now)   idle trigger, time limit, close
    session.closed(code, reason, now) -> events

Before session.ready everything but session.init is held, and comes out of `data_to_send` after it
(LAC-HS-006). What is held when a socket ends is dropped: nothing is replayed (OP-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from avatar_protocols.tables import FrameError
from protocol_core.errors import ConfigurationError
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p
from protocol_core.liveavatar.errors import refuse
from protocol_core.liveavatar.platform_receiving import PlatformReceiving
from protocol_core.liveavatar.revision import Revision, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.liveavatar.platform_turns import Messages

__all__ = ["ServerConfig", "ServerSession"]


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a platform's session.

    Attributes:
        session_id: as the REST start returned it.
        user_id: who the user is.
        developer_asr: the agent owns speech recognition: it gets audio, the platform never
            interrupts (LAC-INT-003).
        idle_after: seconds of inactivity before each idle trigger; None for no triggers
            (LAC-SYS-001).
        time_limit: seconds from the first socket to the planned end; None for no limit.
        closing_notice: seconds between session.closing and the close (LAC-CLOSE-001).
        epoch: epoch seconds at clock time 0, for the timestamps (LAC-STATE-003).
        jitter_patience: seconds that an audio frame waits for a missing one before it.
    """

    session_id: str
    user_id: str
    developer_asr: bool = True
    idle_after: float | None = None
    time_limit: float | None = None
    closing_notice: float = 1.0
    epoch: float = 0.0
    jitter_patience: float | None = None

    def __post_init__(self) -> None:
        for name in ("idle_after", "time_limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError("must be above 0 s, or None", setting=name, value=value)
        if not self.closing_notice >= 0:
            raise ConfigurationError(
                "must not be negative", setting="closing_notice", value=self.closing_notice
            )


class ServerSession(PlatformReceiving):
    """One session of the platform, over as many sockets as the agent opens.

    Args:
        config: who and how.
        revision: id, alias or modules of the revision; None for the default.
        now: the current time, seconds.

    Attributes:
        config: as given.
        conversation: state, current turn and idle time.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        revision: str | Revision | None = None,
        now: float = 0.0,
    ) -> None:
        modules = load(revision)
        patience = config.jitter_patience
        if patience is None:
            patience = modules.constants.Jitter.WINDOW_MIN_MS / 1000
        super().__init__(modules, now=now, epoch=config.epoch, jitter_patience=patience)
        self.config = config
        self._machine.send(self._triggers.START)
        self._limit_at: float | None = None
        self._close_at: float | None = None
        self._idle_from = now
        self._close_reason = ""
        self._close: tuple[int, str] | None = None
        self._ended = False

    @property
    def connection_state(self) -> str:
        """State of the connection, as in the state table."""
        return self._machine.state

    @property
    def is_ready(self) -> bool:
        """Whether the agent has answered session.init on the socket that is open."""
        return self._ready

    # --- the socket -----------------------------------------------------------------------------

    def open(self, now: float) -> Messages:
        """A socket was accepted; session.init goes first (LAC-HS-001).

        Raises:
            LocalProtocolError: the session has ended, or has a socket.
        """
        self._machine.send(self._triggers.OPEN)
        self._machine.send(self._triggers.INIT)
        self._socket_open = True
        self._ready = False
        self._close = None
        self.conversation.active_at = self._idle_from = now
        if self._limit_at is None and self.config.time_limit is not None:
            self._limit_at = now + self.config.time_limit
        m = self._messages
        data = m.SessionInitData(session_id=self.config.session_id, user_id=self.config.user_id)
        return [self._codec.encode(m.SessionInit(data=data))]

    def close_to_send(self) -> tuple[int, str] | None:
        """Code and reason, once the socket is to be closed (LAC-CLOSE-006)."""
        return self._close

    def closed(self, code: int | None, reason: str, now: float) -> list[e.Event]:
        """The socket has ended; what the agent had in progress is lost (LAC-RECON-006)."""
        if not self._socket_open:
            return []
        self._socket_open = False
        opened, self._ready = self._ready, False
        self._held.clear()
        self._out.clear()
        self._close_at = None
        events: list[e.Event] = []
        lost = tuple(self._responses)
        for response_id in lost:
            self._over.note(response_id, "lost")
        self._responses.clear()
        bracket = self._bracket
        if bracket is not None:
            events += self._end_bracket(bracket, complete=False)
        if lost or bracket is not None:
            events.append(e.ResponsesLost(response_ids=lost, bracket=bracket is not None))
            events += self._fire(self._triggers.AGENT_LOST, now)
        goes_on = not self._ended and self._machine.allows(self._triggers.DROPPED)
        self._machine.receive(self._triggers.DROPPED if goes_on else self._triggers.CLOSED)
        return [*events, e.Closed(code=code, reason=reason, opened=opened)]

    def begin_closing(
        self, now: float, *, reason: str | None = None, notice: float | None = None
    ) -> Messages:
        """Announce the end, then close with 1000 (LAC-CLOSE-001).

        Args:
            now: the current time, seconds.
            reason: such as ``timeout``; "" sends none; None for ``timeout``.
            notice: seconds until the close; None as configured.
        """
        self._ended = True
        if not self._socket_open or self._close_at is not None:
            return []
        words = self.revision.constants.CloseReason.TIMEOUT if reason is None else reason
        self._close_reason = words
        self._close_at = now + (self.config.closing_notice if notice is None else notice)
        self._held.clear()
        if not self._ready:
            return []  # OP-29: nothing but session.init precedes session.ready
        self._machine.send(self._triggers.CLOSING)
        m = self._messages
        data = {"data": m.SessionClosingData(reason=words)} if words else {}
        return [*self.data_to_send(), self._codec.encode(m.SessionClosing(**data))]

    def end(self, *, fault: str = "") -> None:
        """The session is over: close the socket at once (LAC-CLOSE-006).

        Args:
            fault: what broke, for a close with 1011; "" closes with 1000.
        """
        self._ended = True
        if self._socket_open:
            codes = self.revision.constants.CloseCode
            self._close = (codes.FAULT if fault else codes.NORMAL, fault)
        if self._machine.allows(self._triggers.STOP):
            self._machine.send(self._triggers.STOP)

    # --- what the platform sends ----------------------------------------------------------------

    def send_text(self, request_id: str, text: str, now: float) -> Messages:
        """Deliver user text, typed or recognised; whatever plays is over (LAC-INPUT-001, -003).

        A change of the conversation's state follows it at once.
        """
        m = self._messages
        message = m.InputText(request_id=request_id, data=m.InputTextData(text=text))

        def deliver(moment: float) -> Messages:
            self._new_turn(request_id)
            self._fire(self._triggers.TEXT_DELIVERED, moment)
            return [self._codec.encode(message)]

        return self._deliver(deliver, now)

    def send_scene_ready(self, now: float) -> Messages:
        """The frontend has joined and the scene is rendered."""
        return self._event(self._messages.SceneReady(), now)

    def send_audio(self, frame: Any, now: float) -> Messages:
        """Forward the user's audio; only where the agent owns recognition (LAC-ASR-003).

        Raises:
            SendRefused: the platform owns recognition, or the frame cannot be put on the wire.
        """
        if not self.config.developer_asr:
            refuse("the platform owns speech recognition", "LAC-ASR-003")
        return self._frame(frame, now)

    def send_image(self, frame: Any, now: float) -> Messages:
        """Forward an image (OP-13).

        Raises:
            SendRefused: the frame cannot be put on the wire.
        """
        return self._frame(frame, now)

    def send_idle_trigger(
        self, now: float, *, idle_time_ms: int | None = None, reason: str | None = None
    ) -> Messages:
        """Say that the user has been inactive.

        Args:
            now: the current time, seconds.
            idle_time_ms: how long; None for what the session measured.
            reason: open set; None for ``user_idle``.
        """
        measured = round((now - self.conversation.active_at) * 1000)
        words = self.revision.constants.IdleReason.USER_IDLE if reason is None else reason
        m = self._messages
        data = m.SystemIdleTriggerData(
            reason=words, idle_time_ms=measured if idle_time_ms is None else idle_time_ms
        )
        return self._event(m.SystemIdleTrigger(data=data), now)

    def send_interrupt(self, now: float, request_id: str | None = None) -> Messages:
        """Stop the agent's response, where the platform owns recognition (LAC-INT-004).

        Raises:
            SendRefused: the agent owns recognition (LAC-INT-003).
        """
        if self.config.developer_asr:
            refuse("the agent owns speech recognition", "LAC-INT-003")
        turn = {} if request_id is None else {"request_id": request_id}
        message = self._messages.ControlInterrupt(**turn)

        def deliver(moment: float) -> Messages:
            self._outdate()
            self._fire(self._triggers.INTERRUPT, moment)
            return [self._codec.encode(message)]

        return self._deliver(deliver, now)

    def send_error(
        self, code: str, message: str, now: float, *, request_id: str | None = None
    ) -> Messages:
        """Report a failure; the connection stays (LAC-ERR-003)."""
        turn = {} if request_id is None else {"request_id": request_id}
        m = self._messages
        return self._event(m.ErrorEvent(data=m.ErrorData(code=code, message=message), **turn), now)

    def happened(self, trigger: str, now: float) -> list[e.Event]:
        """The renderer, the synthesis or the user's voice did something.

        Args:
            trigger: one of the platform's triggers of the state table, such as ``rendered``,
                ``playout_finished``, ``prompt_prepared`` or ``platform_voice_start``.
            now: the current time, seconds.

        Returns:
            `StateEntered`, if the state changed; session.state is in `data_to_send` then.

        Raises:
            SendRefused: this trigger is not the platform's, or not a trigger of the conversation.
        """
        if self.revision.states.SESSION.events.get(trigger) == "client":
            refuse("this is the agent's doing", "LAC-STATE-001", value=trigger)
        if trigger not in self.revision.states.SESSION.events:
            refuse("the conversation has no such trigger", "LAC-STATE-001", value=trigger)
        if trigger == self._triggers.PLATFORM_VOICE_START:
            self._outdate()
        return self._fire(trigger, now)

    # --- time -----------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None for never."""
        times = [self._audio.deadline(), self._idle_at(), self._close_at]
        if self._socket_open and not self._ended:
            times.append(self._limit_at)
        return min((time for time in times if time is not None), default=None)

    def timeout(self, now: float) -> list[e.Event]:
        """Time has passed; harmless if nothing was due."""
        bracket = self._bracket
        events = [] if bracket is None else self._count(bracket, self._audio.due(now))
        limit = self._limit_at
        if self._socket_open and not self._ended and limit is not None and now >= limit:
            self._out = self.begin_closing(now)
            notice = self.config.closing_notice
            events.append(p.ClosingAnnounced(reason=self._close_reason, close_in=notice))
        if self._close_at is not None and now >= self._close_at:
            self._close_at = None
            self._close = (self.revision.constants.CloseCode.NORMAL, self._close_reason)
        idle_at = self._idle_at()
        if idle_at is not None and now >= idle_at:
            self._idle_from = now
            self._out = self.send_idle_trigger(now)
            idle = round((now - self.conversation.active_at) * 1000)
            events.append(p.IdleTriggerSent(idle_time_ms=idle))
        return events

    def _idle_at(self) -> float | None:
        """When the next idle trigger is due: prompts do not put it off (LAC-SYS-004)."""
        after = self.config.idle_after
        if after is None or not self._ready or self._ended or not self.conversation.idle:
            return None
        return max(self.conversation.active_at, self._idle_from) + after

    # --- common ---------------------------------------------------------------------------------

    def _event(self, message: msgspec.Struct, now: float) -> Messages:
        return self._deliver(lambda _: [self._codec.encode(message)], now)

    def _frame(self, frame: Any, now: float) -> Messages:
        try:
            packed: bytes = frame.pack()
        except FrameError as error:
            refuse(str(error), "LAC-FRAME-002")
        return self._deliver(lambda _: [packed], now)

    def _deliver(self, deliver: Callable[[float], Messages], now: float) -> Messages:
        """Send now, hold until session.ready (LAC-HS-006), or drop: nobody listens."""
        if not self._socket_open or self._ended:
            return []
        if not self._ready:
            self._held.append(deliver)
            return []
        return self._in_order(deliver, now)
