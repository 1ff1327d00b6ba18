"""Everything a platform may send, each with its meaning for an agent.

Nothing here raises for what arrives. What has no effect comes out as `Ignored`; what needs an
answer queues it. `ClientSession` adds the connection's life around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol_core.liveavatar import events as e
from protocol_core.liveavatar.agent_sending import AgentSending, Messages
from protocol_core.liveavatar.audio import AudioOrder, FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.liveavatar.rest import StartResult
    from protocol_core.liveavatar.revision import Revision

__all__ = ["AgentReceiving"]


class AgentReceiving(AgentSending):
    """The receiving half of an agent's session, on top of the sending one.

    Args:
        revision: which revision's messages.
        developer_asr: whether we own speech recognition.
        abandon_responses: cancel unfinished responses when the conversation moves on.
        check_session_id: refuse a session.init that names another session.
        jitter_patience: seconds that an audio frame waits for a missing one.
    """

    def __init__(
        self,
        revision: Revision,
        *,
        developer_asr: bool,
        abandon_responses: bool,
        check_session_id: bool,
        jitter_patience: float,
    ) -> None:
        super().__init__(revision, developer_asr=developer_asr)
        self.result: StartResult | None = None
        self.scene_ready = False
        self._abandon_responses = abandon_responses
        self._check_session_id = check_session_id
        self._frames = FrameReader(revision)
        self._audio = AudioOrder(revision, jitter_patience)
        self._out: Messages = []
        self._close: tuple[int, str] | None = None
        self._init_until: float | None = None
        self._socket_open = False
        self._handshaken = False
        self._once_open = False
        m, on = revision.messages, revision.states.Trigger
        self._handlers: dict[type, tuple[str, Callable[[Any], list[e.Event]]]] = {
            m.SessionInit: (on.INIT, self._on_init),
            m.SessionStateEvent: (on.STATE, self._on_state),
            m.SessionClosing: (on.CLOSING, self._on_closing),
            m.SceneReady: (on.PLATFORM_EVENT, self._on_scene_ready),
            m.InputText: (on.PLATFORM_EVENT, self._on_text),
            m.ControlInterrupt: (on.PLATFORM_EVENT, self._on_interrupt),
            m.SystemIdleTrigger: (on.PLATFORM_EVENT, self._on_idle),
            m.ErrorEvent: (on.PLATFORM_EVENT, self._on_error),
        }
        playback = (m.ResponseAudioStart, m.ResponseAudioFinish)
        recognition = (m.InputVoiceStart, m.InputVoiceFinish, m.InputAsrPartial, m.InputAsrFinal)
        #: What a platform may tell about its own work, and an agent has no use for.
        self._not_for_us: dict[type, str] = {
            **dict.fromkeys(playback, "LAC-TTS-005"),
            **dict.fromkeys(recognition, "LAC-ASR-009"),
        }

    def data_to_send(self) -> Messages:
        """What `receive` and `timeout` made due, in order; each message is handed out once."""
        out, self._out = self._out, []
        return out

    def close_to_send(self) -> tuple[int, str] | None:
        """Code and reason, once the session wants its socket closed."""
        return self._close

    def receive(self, data: bytes | str, now: float) -> list[e.Event]:
        """What a message means. Never raises for what the platform sends."""
        if not self._socket_open or self._machine.state == self._states.CLOSED:
            return [e.Ignored(reason=e.Reason.AFTER_CLOSE, data=data)]
        if isinstance(data, bytes):
            return self._receive_frame(data, now)
        message: Any = self._codec.decode(data)
        if isinstance(message, e.Ignored):
            return [self._on_unfit(message, data)]
        kind: type = type(message)  # pyright: ignore[reportUnknownVariableType] - generated
        name: str = message.__struct_config__.tag
        if kind not in self._handlers:
            return [self._on_foreign(kind, name, data)]
        if kind is self._messages.SessionInit:
            self._out += self._send(self._messages.SessionReady())  # LAC-HS-002
        trigger, handler = self._handlers[kind]
        return handler(message) if self._admit(trigger) else [self._untimely(name, data)]

    def _receive_frame(self, data: bytes, now: float) -> list[e.Event]:
        event = self._frames.read(data)
        if isinstance(event, e.Ignored):
            return [event]
        if not self._admit(self._triggers.PLATFORM_FRAME):
            return [self._untimely(type(event.frame).__name__, data)]
        if isinstance(event, e.ImageReceived):
            return [event]
        return [*self._audio.push(event, now)]

    def _on_init(self, message: Any) -> list[e.Event]:
        data, result = message.data, self.result
        session_id = data.session_id if result is None else result.session_id
        if self._check_session_id and data.session_id != session_id:
            codes, close = self.revision.errors.ErrorCode, self.revision.constants.CloseCode
            problem = "session.init names another session than the start"
            self._machine.receive(self._triggers.CLOSED)
            return [self._fail(codes.SESSION_MISMATCH, problem, "LAC-HS-005", close.POLICY)]
        self._machine.send(self._triggers.READY)
        self._init_until = None
        repeated, reconnected = self._handshaken, self._once_open and not self._handshaken
        self._handshaken = self._once_open = True
        return [
            e.SessionOpened(
                session_id=data.session_id,
                user_id=data.user_id,
                reconnected=reconnected,
                repeated=repeated,
            )
        ]

    def _on_state(self, message: Any) -> list[e.Event]:
        return [self._state_event(message.data.state, message.seq, message.timestamp)]

    def _state_event(self, state: str, seq: int | None, timestamp: int | None) -> e.StateChanged:
        known = state in self.revision.states.SESSION.states
        return e.StateChanged(state=state, known=known, seq=seq, timestamp=timestamp)

    def _on_closing(self, message: Any) -> list[e.Event]:
        reason = (message.data.reason if message.data else None) or None
        closing = e.SessionClosing(reason=reason)
        if self._handshaken:
            return [closing]
        codes, close = self.revision.errors.ErrorCode, self.revision.constants.CloseCode
        problem = "the platform closes the session before it was open"
        return [closing, self._fail(codes.HANDSHAKE_CLOSED, problem, "LAC-HS-003", close.NORMAL)]

    def _on_scene_ready(self, _: Any) -> list[e.Event]:
        self.scene_ready = True
        return [e.SceneReady()]  # never answered (LAC-HS-008)

    def _on_text(self, message: Any) -> list[e.Event]:
        turn = message.request_id
        earlier = [item.response_id for item in self._in_progress() if item.request_id != turn]
        return [
            *self._abandoned(earlier, e.Cause.INPUT),  # LAC-INPUT-004
            e.TextReceived(request_id=turn, text=message.data.text),
        ]

    def _on_interrupt(self, message: Any) -> list[e.Event]:
        turn = message.request_id or None
        meant = [
            item.response_id for item in self._in_progress() if turn in {None, item.request_id}
        ]
        return [
            *self._abandoned(meant, e.Cause.INTERRUPT),  # LAC-INT-007
            e.InterruptReceived(request_id=turn),
        ]

    def _on_idle(self, message: Any) -> list[e.Event]:
        data = message.data
        return [e.IdleTriggered(reason=data.reason, idle_time_ms=data.idle_time_ms)]

    def _on_error(self, message: Any) -> list[e.Event]:
        data, turn = message.data, message.request_id or None
        return [e.ErrorReceived(code=data.code, message=data.message, request_id=turn)]

    def _on_unfit(self, ignored: e.Ignored, text: str) -> e.Event:
        """No event that fits its schema; two of them have an effect all the same."""
        names = self._messages.MessageName
        if ignored.reason is not e.Reason.MALFORMED_EVENT:
            return ignored
        if ignored.name == names.SESSION_INIT:
            # LAC-HS-002: every one is answered at once; LAC-HS-003: this one opens nothing.
            self._out += self._send(self._messages.SessionReady())
        if ignored.name == names.SESSION_STATE:
            known = self._codec.state(text)  # LAC-STATE-006
            if known is not None and self._admit(self._triggers.STATE):
                return self._state_event(*known)
        return ignored

    def _on_foreign(self, kind: type, name: str, text: str) -> e.Ignored:
        """An event that has nothing to say to an agent."""
        rule = self._not_for_us.get(kind)
        if rule is not None:
            return e.Ignored(reason=e.Reason.NOT_FOR_US, name=name, requirement=rule, data=text)
        return e.Ignored(
            reason=e.Reason.WRONG_DIRECTION, name=name, requirement="LAC-MSG-003", data=text
        )

    def _abandoned(self, response_ids: list[str], cause: e.Cause) -> list[e.Event]:
        if not response_ids or not self._abandon_responses:
            return []
        self._out += self._abandon(response_ids)
        return [e.ResponsesAbandoned(response_ids=tuple(response_ids), cause=cause)]

    def _admit(self, trigger: str) -> bool:
        """Whether the state table takes this now; takes it."""
        return self._machine.allows(trigger) and self._machine.receive(trigger)

    def _untimely(self, name: str, data: bytes | str) -> e.Ignored:
        early = self._machine.state == self._states.INIT_WAIT
        return e.Ignored(
            reason=e.Reason.BEFORE_HANDSHAKE if early else e.Reason.OUT_OF_TURN,
            name=name,
            detail=f"in state {self._machine.state}",
            data=data,
        )

    def _fail(self, code: str, message: str, requirement: str, close: int) -> e.HandshakeFailed:
        self._init_until = None
        self._close = (close, message)
        return e.HandshakeFailed(code=code, message=message, requirement=requirement)
