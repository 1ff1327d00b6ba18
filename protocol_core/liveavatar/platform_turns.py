"""What the agent has in progress, as the platform sees it: responses, one bracket, the turn.

The conversation moves on when the user speaks, types or is interrupted. What the agent still sends
for an earlier turn is stale: it is told of, but not spoken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p
from protocol_core.liveavatar.audio import AudioOrder, FrameReader
from protocol_core.liveavatar.codec import Codec
from protocol_core.liveavatar.conversation import Conversation
from protocol_core.liveavatar.reassembly import Reassembly
from protocol_core.liveavatar.revision import PROTOCOL
from protocol_core.liveavatar.turns import REMEMBERED, Memory
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from protocol_core.liveavatar.revision import Revision

__all__ = ["Messages", "PlatformTurns", "Speech"]

Messages = list[bytes | str]


@dataclass(slots=True)
class Speech:
    """A text response that has begun and is not over.

    Attributes:
        request_id: the turn it answers.
        stale: whether the conversation has moved on; nothing more of it is spoken.
    """

    request_id: str
    stale: bool
    chunks: Reassembly = field(default_factory=Reassembly)


@dataclass(slots=True)
class OpenBracket:
    """The audio bracket that is open.

    Attributes:
        bracket: which speech it is.
        stale: whether the conversation has moved on; its frames are dropped.
    """

    bracket: e.Bracket
    stale: bool
    frames: int = 0
    seconds: float = 0.0


class PlatformTurns:
    """State of a platform's session, and what handlers do with it.

    Args:
        revision: which revision's messages.
        now: the current time, seconds.
        epoch: epoch seconds at clock time 0, for timestamps.
        jitter_patience: seconds that an audio frame waits for a missing one.
    """

    def __init__(
        self, revision: Revision, *, now: float, epoch: float, jitter_patience: float
    ) -> None:
        self.revision = revision
        self.conversation = Conversation(revision, now)
        self._epoch = epoch
        self._machine = StateMachine(revision.states.CONNECTION, protocol=PROTOCOL)
        self._codec = Codec(revision)
        self._messages = revision.messages
        self._triggers = revision.states.Trigger
        self._states = revision.states.State
        self._frames = FrameReader(revision)
        self._audio = AudioOrder(revision, jitter_patience)
        self._out: Messages = []
        self._held: list[Callable[[float], Messages]] = []
        self._ready = False
        self._socket_open = False
        self._state_seq = revision.constants.Counter.STATE_FIRST
        self._responses: dict[str, Speech] = {}
        self._over = Memory(REMEMBERED)
        self._turns = Memory(REMEMBERED)
        self._bracket: OpenBracket | None = None

    @property
    def bracket(self) -> e.Bracket | None:
        """The audio bracket that is open."""
        return None if self._bracket is None else self._bracket.bracket

    def data_to_send(self) -> Messages:
        """What became due, in order; each message is handed out once."""
        out, self._out = self._out, []
        return out

    # --- turns and states ---

    def _new_turn(self, request_id: str | None) -> None:
        self._outdate()
        self.conversation.turn = request_id

    def _outdate(self) -> None:
        """What is in progress will not be spoken any more."""
        for speech in self._responses.values():
            speech.stale = True
        if self._bracket is not None:
            self._bracket.stale = True
            self._audio.end()

    def _is_stale(self, request_id: str) -> bool:
        talk = self.conversation
        return request_id != talk.turn and not talk.idle

    def _speaks(self, turn: str) -> bool:
        """Whether a response to this turn is in progress and heard."""
        bracket = self._bracket
        return any(
            speech.request_id == turn and not speech.stale for speech in self._responses.values()
        ) or (bracket is not None and bracket.bracket.request_id == turn and not bracket.stale)

    def _answer(self, request_id: str, response_id: str) -> bool:
        """A response to this turn begins; whether the conversation has moved on already."""
        self._turns.note(response_id, request_id)
        stale = self._is_stale(request_id)
        if not stale:
            self.conversation.turn = request_id
        return stale

    def _begin(self, message: Any, config: p.AudioConfig, *, explicit: bool) -> e.Event:
        stale = self._answer(message.request_id, message.response_id)
        self._responses[message.response_id] = Speech(message.request_id, stale=stale)
        return p.ResponseStarted(
            request_id=message.request_id,
            response_id=message.response_id,
            audio_config=config,
            explicit=explicit,
            current=not stale,
        )

    def _texts(
        self, response_id: str, speech: Speech, pieces: list[tuple[int, int, str]]
    ) -> list[e.Event]:
        return [
            p.ResponseText(
                request_id=speech.request_id,
                response_id=response_id,
                seq=seq,
                timestamp=timestamp,
                text=text,
                current=not speech.stale,
            )
            for seq, timestamp, text in pieces
        ]

    def _fire(self, trigger: str, now: float) -> list[e.Event]:
        """Let something happen in the conversation; a change of state is broadcast."""
        change = self.conversation.fire(trigger, now)
        if change is None:
            return []
        before, after = change
        if self._ready and self._machine.allows(self._triggers.STATE):
            m = self._messages
            message = m.SessionStateEvent(
                seq=self._state_seq,  # LAC-STATE-002
                timestamp=round((self._epoch + now) * 1000),  # LAC-STATE-003
                data=m.SessionStateData(state=after),
            )
            self._state_seq += 1
            self._out.append(self._codec.encode(message))
        return [p.StateEntered(state=after, previous=before, trigger=str(trigger))]

    def _in_order(self, deliver: Callable[[float], Messages], now: float) -> Messages:
        """What waits, then what ``deliver`` sends, then what that brings about."""
        earlier = self.data_to_send()
        messages = deliver(now)
        return [*earlier, *messages, *self.data_to_send()]

    def _admit(self, trigger: str) -> bool:
        """Whether the state table of the connection takes this now; takes it."""
        return self._machine.allows(trigger) and self._machine.receive(trigger)

    # --- what has no effect ---------------------------------------------------------------------

    def _response_over(self, response_id: str, name: str) -> e.Ignored:
        return e.Ignored(
            reason=e.Reason.RESPONSE_OVER,
            name=name,
            detail=f"response {response_id} is {self._over.get(response_id)}",
            requirement="LAC-RESP-008",
        )

    def _out_of_turn(self, name: str, detail: str, requirement: str) -> e.Ignored:
        return e.Ignored(
            reason=e.Reason.OUT_OF_TURN, name=name, detail=detail, requirement=requirement
        )

    def _stale(self, name: str, data: bytes) -> e.Ignored:
        return e.Ignored(
            reason=e.Reason.OUT_OF_TURN,
            name=name,
            detail="the conversation has moved on from this audio",
            requirement="LAC-INPUT-004",
            data=data,
        )

    def _untimely(self, name: str, data: bytes | str) -> e.Ignored:
        waiting = self._machine.state in {self._states.INIT_WAIT, self._states.READY_WAIT}
        return e.Ignored(
            reason=e.Reason.BEFORE_HANDSHAKE if waiting else e.Reason.OUT_OF_TURN,
            name=name,
            detail=f"in state {self._machine.state}",
            requirement="LAC-HS-007" if waiting else "",
            data=data,
        )

    def _open_bracket(self, bracket: e.Bracket, *, stale: bool) -> list[e.Event]:
        before = [] if self._bracket is None else self._end_bracket(self._bracket, complete=False)
        self._bracket = OpenBracket(bracket, stale=stale)
        return [*before, p.BracketOpened(bracket=bracket, current=not stale)]

    def _end_bracket(self, ended: OpenBracket, *, complete: bool) -> list[e.Event]:
        rest = self._count(ended, [*self._audio.end()])
        self._bracket = None
        return [
            *rest,
            p.BracketClosed(
                bracket=ended.bracket,
                frames=ended.frames,
                seconds=ended.seconds,
                complete=complete,
            ),
        ]

    def _count(self, bracket: OpenBracket, arrived: Iterable[e.Event]) -> list[e.Event]:
        events = list(arrived)
        for event in events:
            if isinstance(event, e.AudioReceived):
                bracket.frames += 1
                bracket.seconds += event.duration
        return events
