"""An agent's session: the way into the room, speech, interrupts, acknowledgements.

    session = AgentSession(AgentConfig(…))
    request = session.rooms_request(wall)             # only where no room id is known
    request = session.dispatch_request(wall)          # None: nobody is to be called
    session.joined(now)                               # the shell has joined and listens
    turn = session.begin_turn()
    for chunk in session.cut(pcm):
        outgoing = session.pcm(turn, chunk, now)      # None: dropped
    outgoing = session.end_turn(turn)                 # None for a cancelled turn
    outgoing = session.interrupt(now)
    events = session.receive(payload, sender, now)

What is said outside of ATTACHED is dropped without an error, as the documents want it: a voice
agent talks on whether or not an avatar moves its lips (VSD-CHAN-015, VSD-ERR-001). Two clocks are
parameters: ``now`` is monotonic, ``wall`` counts seconds since the epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from protocol_core.errors import LocalProtocolError
from protocol_core.machine import StateMachine
from protocol_core.videosdk import calls
from protocol_core.videosdk.chunking import cut
from protocol_core.videosdk.codec import Codec, Dropped
from protocol_core.videosdk.config import AgentConfig, check
from protocol_core.videosdk.credentials import Credentials, agent_token, mint, new_participant_id
from protocol_core.videosdk.errors import failure
from protocol_core.videosdk.events import (
    AckReceived,
    CooledDown,
    Detached,
    Event,
    Ignored,
    ParticipantJoined,
    ParticipantLeft,
    Reason,
)
from protocol_core.videosdk.revision import PROTOCOL, Revision, load
from protocol_core.videosdk.segments import Segments
from protocol_core.videosdk.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protocol_core.http import HttpRequest, HttpResponse
    from protocol_core.videosdk.codec import Outgoing
    from protocol_core.videosdk.errors import SendError, VideoSdkError

__all__ = ["AgentSession"]


class AgentSession:
    """An agent's handle on the avatar channel.

    Args:
        config: what to do and how.
        revision: protocol revision or its modules; None for the default.

    Attributes:
        revision: the generated modules that the session runs on.
        config: as given.
        participant_id: the avatar's identity (VSD-AUTH-005).
        room_id: the room to meet in; None while none is known.
        participants: who else is in the room, as far as the room has told.
        segments: what was sent and is still to be acknowledged.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(self, config: AgentConfig, *, revision: str | Revision | None = None) -> None:
        check(config)
        self.revision = load(revision)
        self.config = config
        self.participant_id = config.participant_id or new_participant_id(self.revision)
        self.room_id = config.room_id
        self.participants: set[str] = set()
        self.segments = Segments(self.revision)
        self._codec = Codec(self.revision)
        self._machine = StateMachine(self.revision.states.AGENT, protocol=PROTOCOL)
        self._trigger = self.revision.states.Trigger
        self._states = self.revision.states.State
        self._phase = self.revision.errors.Phase
        audio = self.revision.constants.Audio
        self._bytes_per_second: int = audio.BYTES_PER_SAMPLE * (
            config.sample_rate or audio.SAMPLE_RATE
        )
        self._token = config.token
        self._credentials: Credentials | None = None
        if config.avatar_token is not None:
            self._credentials = Credentials(
                participant_id=self.participant_id, token=config.avatar_token
            )
        self._cool_at: float | None = None
        self._turns: list[Turn] = []
        self._audible_until = 0.0

    # --- state ----------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """State of the handle, a member of the generated ``State``."""
        return self._machine.state

    @property
    def is_attached(self) -> bool:
        """Whether what is said goes out."""
        attached: str = self._states.ATTACHED
        return self.state == attached

    @property
    def avatar_present(self) -> bool:
        """Whether the avatar's participant is in the room, as far as the room has told."""
        return self.participant_id in self.participants

    # --- the way into the room ------------------------------------------------------------------

    def credentials(self, wall: float) -> Credentials:
        """The worker's credentials, minted once (VSD-AUTH-001 to VSD-AUTH-006).

        Raises:
            CredentialsError: there is no key with its secret, or no library that signs.
        """
        if self._credentials is None:
            key, secret = self._account(self._phase.CREDENTIALS)
            self._credentials = mint(
                self.revision,
                api_key=key,
                secret=secret,
                now=wall,
                participant_id=self.participant_id,
                ttl=self.config.ttl,
            )
        return self._credentials

    def token(self, wall: float) -> str:
        """The agent's own token: as given, or minted once.

        Raises:
            CredentialsError: there is neither a token nor a key with its secret.
        """
        if self._token is None:
            key, secret = self._account(self._phase.ROOM_CREATION)
            self._token = agent_token(
                self.revision, api_key=key, secret=secret, now=wall, ttl=self.config.ttl
            )
        return self._token

    def rooms_request(self, wall: float) -> HttpRequest | None:
        """The request that makes a room; None where one is known, or none is to be made.

        Raises:
            CredentialsError: see `token`.
        """
        if self.room_id is not None or not self.config.create_room:
            return None
        return calls.rooms_request(self.revision, self.token(wall), self.config.signaling_base_url)

    def receive_room_response(self, response: HttpResponse) -> str:
        """Take the room that was made; its id.

        Raises:
            RoomCreationError: none was made, or the answer names none.
        """
        self.room_id = calls.parse_room_response(self.revision, response)
        return self.room_id

    def room_unanswered(self, reason: str, *, timed_out: bool) -> VideoSdkError:
        """The error of a room service that gave no answer."""
        phase = self._phase.ROOM_CREATION
        return calls.unanswered(self.revision, phase, reason, timed_out=timed_out)

    def dispatch_request(self, wall: float) -> HttpRequest | None:
        """The request that starts the worker; None where nobody is to be called (VSD-DISP-006).

        Raises:
            DispatchError: no room id is known (VSD-DISP-003).
            CredentialsError: see `credentials`.
            LocalProtocolError: the worker was asked for already.
        """
        if self.state != self._states.CREATED:
            raise LocalProtocolError(
                f"the worker was asked for already, state {self.state}", protocol=PROTOCOL
            )
        url = self.config.dispatcher_url
        if url is None:
            self._machine.send(self._trigger.UNDISPATCHED)
            return None
        if self.room_id is None:
            self._machine.send(self._trigger.DISPATCH_FAILED)
            raise calls.unset_room(self.revision)
        return calls.dispatch_request(
            self.revision,
            url,
            self.credentials(wall),
            self.room_id,
            signaling_base_url=self.config.signaling_base_url,
        )

    def receive_dispatch_response(self, response: HttpResponse) -> None:
        """Take the dispatcher's answer: any 2xx will do (VSD-DISP-005).

        Raises:
            DispatchError: any other status.
        """
        try:
            calls.parse_dispatch_response(self.revision, response)
        except Exception:
            self._machine.send(self._trigger.DISPATCH_FAILED)
            raise
        self._machine.send(self._trigger.DISPATCHED)

    def dispatch_unanswered(self, reason: str, *, timed_out: bool) -> VideoSdkError:
        """The error of a dispatcher that gave no answer."""
        self._machine.send(self._trigger.DISPATCH_FAILED)
        return calls.unanswered(self.revision, self._phase.DISPATCH, reason, timed_out=timed_out)

    def join_refused(self, reason: str) -> VideoSdkError:
        """The error of a room that did not let us in (OP-8)."""
        return failure(self.revision, self._phase.JOIN, reason)

    def joined(self, participants: Iterable[str] = ()) -> list[Event]:
        """The room reported our join and we listen; also after a rejoin (VSD-LIFE-001).

        Args:
            participants: who else is there.

        Raises:
            LocalProtocolError: the worker was not asked for yet, or the session is closed.
        """
        self._machine.send(self._trigger.JOINED, requirement="VSD-LIFE-001")
        self.segments.lose()
        self._turns.clear()
        self._cool_at = None
        self.participants = set()
        return [event for other in participants for event in self.participant_joined(other)]

    # --- speech ---------------------------------------------------------------------------------

    def begin_turn(self, *, interruptible: bool = True) -> Turn:
        """Begin an utterance."""
        turn = Turn(interruptible=interruptible)
        self._turns.append(turn)
        return turn

    def cut(self, pcm: bytes) -> list[bytes]:
        """The chunks of one buffer of speech (VSD-PCM-002 to VSD-PCM-006)."""
        return cut(self.revision, pcm)

    def pcm(self, turn: Turn, chunk: bytes, now: float) -> Outgoing | None:
        """One chunk to send; None if it is to be dropped.

        Raises:
            LocalProtocolError: the turn is over, or the cooldown is not (VSD-INT-009).
        """
        if turn.over:
            raise LocalProtocolError("the turn is over", protocol=PROTOCOL)
        if turn.interrupted or not self._sends(self._trigger.PCM):
            return None
        if self.config.patient and self.cooling(now):
            raise LocalProtocolError(
                "the worker drops audio after an interrupt",
                protocol=PROTOCOL,
                requirement="VSD-INT-009",
                hint=f"wait until {self._cool_at} s",
            )
        seconds = len(chunk) / self._bytes_per_second
        self._audible_until = max(now, self._audible_until) + seconds
        turn.segment = self.segments.pcm()
        turn.audible_until = self._audible_until
        return self._codec.pcm(chunk)

    def end_turn(self, turn: Turn, *, completed: bool = True) -> Outgoing | None:
        """End an utterance; its end mark, if it has one to send (VSD-SEG-001, VSD-SEG-002).

        Args:
            turn: which one; ending it again is harmless.
            completed: whether all of it was said. A cancelled or failed one just stops.
        """
        if turn.over:
            return None
        turn.over = True
        said = completed and not turn.interrupted
        if not said or not self._sends(self._trigger.SEGMENT_END):
            return None
        self.segments.end()
        return self._codec.segment_end()

    def interrupt(self, now: float) -> Outgoing | None:
        """Stop the avatar; None if nothing is to be sent.

        Legal at any time, also while nothing plays and repeatedly (VSD-INT-010). An utterance that
        is not interruptible is left alone until it was played (VSD-INT-011).
        """
        waiting = self.segments.unfinished
        patience: float = self.revision.constants.Tolerance.PLAYBACK_POSITION
        self._turns = [t for t in self._turns if t.concerns(now, waiting, patience)]
        if any(not turn.interruptible for turn in self._turns):
            return None
        for turn in self._turns:
            turn.interrupted = True
        if not self._sends(self._trigger.INTERRUPT):
            return None
        self.segments.interrupt()
        self._audible_until = now
        self._cool_at = now + self.revision.constants.Timeout.INTERRUPT_COOLDOWN
        return self._codec.interrupt()

    def cooling(self, now: float) -> bool:
        """Whether the worker still drops audio after our last interrupt (VSD-INT-005)."""
        return self._cool_at is not None and now < self._cool_at

    def send_failed(self, error: BaseException | str) -> list[Event]:
        """The transport refused or lost a send, or the room is gone (VSD-ERR-001, VSD-ERR-005)."""
        if not self.is_attached:
            return []
        self._machine.send(self._trigger.SEND_FAILED)
        self.segments.lose()
        self._cool_at = None
        found = failure(
            self.revision,
            self._phase.SEND,
            str(error) or type(error).__name__,
            kind="transport",
            requirement="VSD-ERR-001",
        )
        return [Detached(error=cast("SendError", found))]

    # --- what arrives ---------------------------------------------------------------------------

    def receive(self, payload: object, sender: str = "") -> list[Event]:
        """What a payload means; never raises for what somebody sent (VSD-CHAN-012)."""
        if not self.is_attached:
            return [self._ignored(Dropped(reason=Reason.NOT_ATTACHED), payload, sender)]
        if self.config.strict_sender and sender != self.participant_id:
            foreign = Dropped(reason=Reason.FOREIGN_SENDER, requirement="VSD-CHAN-014")
            return [self._ignored(foreign, payload, sender)]
        meaning = self._codec.for_agent(payload)
        if isinstance(meaning, Dropped):
            self._machine.receive(self._trigger.FOREIGN)
            return [self._ignored(meaning, payload, sender)]
        self._machine.receive(self._trigger.STREAM_ENDED)
        return [
            AckReceived(
                playback_position=meaning.playback_position,
                interrupted=meaning.interrupted,
                segment=self.segments.acknowledged(interrupted=meaning.interrupted),
                sender=sender,
            )
        ]

    def participant_joined(self, participant_id: str) -> list[Event]:
        """The room tells of somebody who is in it."""
        self.participants.add(participant_id)
        counterpart = participant_id == self.participant_id
        return [ParticipantJoined(participant_id=participant_id, counterpart=counterpart)]

    def participant_left(self, participant_id: str) -> list[Event]:
        """The room tells of somebody who left it; sends go on succeeding (OP-6)."""
        self.participants.discard(participant_id)
        counterpart = participant_id == self.participant_id
        return [ParticipantLeft(participant_id=participant_id, counterpart=counterpart)]

    # --- time and end ---------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` is due: the end of the cooldown, or None."""
        return self._cool_at

    def timeout(self, now: float) -> list[Event]:
        """Let time have passed."""
        if self._cool_at is None or self.cooling(now):
            return []
        self._cool_at = None
        return [CooledDown()]

    def close(self) -> None:
        """The end: nothing is sent, nothing is reported any more. Repeatable (VSD-LIFE-003)."""
        self._machine.receive(self._trigger.CLOSE)
        self.segments.lose()
        self._turns.clear()
        self._cool_at = None

    # --- inside ---------------------------------------------------------------------------------

    def _account(self, phase: str) -> tuple[str, str]:
        key, secret = self.config.api_key, self.config.secret
        if key is None or secret is None:
            text = self.revision.constants.ErrorText.NO_AUTH
            raise failure(self.revision, phase, text, kind="local")
        return key, secret

    def _sends(self, trigger: str) -> bool:
        """Fire the trigger of something to send; False where it is dropped (VSD-CHAN-015)."""
        return self._machine.receive(trigger)

    def _ignored(self, why: Dropped, payload: object, sender: str) -> Ignored:
        return Ignored(
            reason=why.reason,
            detail=why.detail,
            code=why.code,
            requirement=why.requirement,
            sender=sender,
            data=payload if isinstance(payload, str | bytes) else "",
        )
