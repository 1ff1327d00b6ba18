"""The worker's session: input queue, interrupts and their cooldown, acknowledgements. No I/O.

It knows no room and renders nothing: its owner hands over what arrives in the room, takes frames
and end marks out for a renderer, and says what the renderer did with them.

    session.joined(now)                        the worker is in the room and listens
    session.receive(payload, now) -> events    then send data_to_send()
    session.take(now) -> Frame | Mark | None   the next thing for the renderer
    session.rendered(seconds)                  so much audio went to the tracks
    session.finished(now) -> events            the renderer has passed the oldest mark on
    session.reset_done(now) -> events          the renderer has thrown away what it held
    session.deadline(), session.timeout(now)   the end of the cooldown
    session.left(now)                          the room is left; an open segment is lost (OP-6)

`protocol_core.videosdk.playout` is a renderer that passes audio through in real time.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from protocol_core.errors import ConfigurationError
from protocol_core.machine import StateMachine
from protocol_core.videosdk import worker_events as w
from protocol_core.videosdk.codec import Codec, Dropped, Interrupt, Outgoing, Pcm, SegmentEnd
from protocol_core.videosdk.events import Ignored, Reason
from protocol_core.videosdk.revision import PROTOCOL, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.videosdk.events import Event
    from protocol_core.videosdk.revision import Revision

__all__ = ["Frame", "Mark", "WorkerConfig", "WorkerSession"]


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed outside of the wire.

    Attributes:
        sample_rate: of the audio, in Hz; None for the protocol's default (VSD-PCM-007).
        agent_id: act on payloads of this participant only (VSD-CHAN-014); None acts on any sender.
    """

    sample_rate: int | None = None
    agent_id: str | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Audio for the renderer.

    Attributes:
        pcm: whole samples, signed 16-bit little-endian, mono.
        seconds: how long it lasts.
    """

    pcm: bytes
    seconds: float


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a segment, for the renderer to pass on behind the audio before it."""


@dataclass
class _Segment:
    """Audio and, in the end, a mark that the renderer has taken.

    Attributes:
        position: seconds of it that were rendered.
        marked: whether its mark was taken, too.
    """

    position: float = 0.0
    marked: bool = False


class WorkerSession:
    """One worker in one room.

    Args:
        config: what was agreed.
        revision: which revision to speak; None is the default one.

    Attributes:
        config: what was agreed.
        revision: the generated modules.
        sample_rate: in Hz.

    Raises:
        ConfigurationError: no such revision, or a rate that cannot work.
    """

    def __init__(
        self, config: WorkerConfig | None = None, *, revision: Revision | str | None = None
    ) -> None:
        self.config = config or WorkerConfig()
        self.revision = load(revision)
        constants = self.revision.constants
        rate = self.config.sample_rate
        self.sample_rate: int = constants.Audio.SAMPLE_RATE if rate is None else rate
        if self.sample_rate <= 0:
            raise ConfigurationError("must be positive", setting="sample_rate", value=rate)
        self._bytes_per_second = (
            self.sample_rate * constants.Audio.BYTES_PER_SAMPLE * constants.Audio.CHANNELS
        )
        self._cooldown: float = constants.Timeout.INTERRUPT_COOLDOWN
        self._codec = Codec(self.revision)
        self._machine = StateMachine(self.revision.states.WORKER, protocol=PROTOCOL)
        self._trigger = self.revision.states.Trigger
        self._queue: deque[Frame | Mark] = deque()
        self._rendering: deque[_Segment] = deque()
        self._cut: _Segment | None = None
        self._resetting = False
        self._silent_until = -math.inf
        self._outgoing: list[Outgoing] = []

    @property
    def state(self) -> str:
        """A state of the table ``worker``."""
        return self._machine.state

    @property
    def queued(self) -> int:
        """Frames and marks that wait to be taken."""
        return len(self._queue)

    # -- the room ----------------------------------------------------------------------------------

    def joined(self) -> None:
        """The worker is in the room and listens (VSD-AUTH-007).

        Raises:
            LocalProtocolError: it is in a room already.
        """
        self._machine.send(
            self._trigger.JOINED, requirement="VSD-LIFE-004", hint="leave the old room first"
        )

    def left(self) -> None:
        """The room is left, or the worker closed; harmless if it was. Nothing is acknowledged."""
        self._machine.receive(self._trigger.LEFT)
        self._queue.clear()
        self._rendering.clear()
        self._outgoing.clear()
        self._cut = None
        self._resetting = False
        self._silent_until = -math.inf

    def receive(self, payload: object, now: float, *, sender: str = "") -> list[Event]:
        """Take what arrived in the room. Never raises for what somebody sent (VSD-CHAN-011).

        Args:
            payload: bytes or text.
            now: monotonic time, in seconds.
            sender: participant id of who sent it.
        """
        if self.state == self.revision.states.WORKER.initial:
            return [_ignored(payload, sender, Reason.NOT_ATTACHED, requirement="VSD-LIFE-004")]
        happened = self._cool(now)
        wanted = self.config.agent_id
        if wanted is not None and sender != wanted:
            reason = Reason.FOREIGN_SENDER
            return [*happened, _ignored(payload, sender, reason, requirement="VSD-CHAN-014")]
        meaning = self._codec.for_worker(payload)
        if isinstance(meaning, Dropped):
            self._machine.receive(self._trigger.FOREIGN)
            return [
                *happened,
                Ignored(
                    reason=meaning.reason,
                    detail=meaning.detail,
                    code=meaning.code,
                    requirement=meaning.requirement,
                    sender=sender,
                    data=_shown(payload),
                ),
            ]
        return [*happened, self._RECEIVERS[type(meaning)](self, meaning, now, sender)]

    def data_to_send(self) -> list[Outgoing]:
        """Payloads that wait to be broadcast; a send that fails is not repeated (VSD-END-008)."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # -- the renderer ------------------------------------------------------------------------------

    def take(self) -> tuple[Frame | Mark | None, list[Event]]:
        """The next thing for the renderer, in order of arrival (VSD-PCM-008, VSD-SEG-003).

        A mark without audio before it is swallowed here (VSD-SEG-005).

        Returns:
            None while nothing waits, or while the renderer has still to be reset; and what
            happened by taking it.
        """
        while self._queue and not self._resetting:
            item = self._queue.popleft()
            open_segment = bool(self._rendering) and not self._rendering[-1].marked
            if isinstance(item, Mark):
                if open_segment:
                    self._rendering[-1].marked = True
                    return item, []
            elif open_segment:
                return item, []
            else:
                self._rendering.append(_Segment())
                # Of a segment that is read ahead, the table hears when it is the oldest.
                return item, self._reading() if len(self._rendering) == 1 else []
        return None, []

    def rendered(self, seconds: float) -> None:
        """So much audio of the oldest segment was handed to the tracks (VSD-END-004).

        Args:
            seconds: of audio; while an interrupt is being carried out, of the segment that it cut.
        """
        segment = self._cut or (self._rendering[0] if self._rendering else None)
        if segment is not None:
            segment.position += seconds

    def finished(self) -> list[Event]:
        """The renderer has passed the oldest mark on (VSD-SEG-006); harmless if it was cleared."""
        if not self._rendering or not self._rendering[0].marked:
            return []
        segment = self._rendering.popleft()
        self._machine.send(self._trigger.ENDED)
        acknowledged = self._acknowledge(segment, interrupted=False)
        return [acknowledged, *(self._reading() if self._rendering else ())]

    def reset_done(self) -> list[Event]:
        """The renderer has thrown away what it held; a segment that was cut is acknowledged."""
        self._resetting = False
        segment, self._cut = self._cut, None
        if segment is None:
            return []
        self._machine.send(self._trigger.CUT)
        return [self._acknowledge(segment, interrupted=True)]

    # -- time --------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `timeout` wants to be called, in the caller's monotonic seconds."""
        return self._silent_until if self._silent_until > -math.inf else None

    def timeout(self, now: float) -> list[Event]:
        """Time has passed."""
        return self._cool(now)

    def _cool(self, now: float) -> list[Event]:
        """Audio that arrives at the very end of the cooldown counts (VSD-INT-005)."""
        if self._silent_until == -math.inf or now < self._silent_until:
            return []
        self._silent_until = -math.inf
        self._machine.send(self._trigger.COOLED)
        return [w.CooldownOver()]

    # -- what arrives ------------------------------------------------------------------------------

    def _on_pcm(self, meaning: Pcm, _now: float, sender: str) -> Event:
        if not self._machine.receive(self._trigger.PCM, requirement="VSD-INT-005"):
            reason = Reason.COOLDOWN
            return _ignored(meaning.pcm, sender, reason, requirement="VSD-INT-005")
        if not meaning.pcm:
            return _ignored(meaning.pcm, sender, Reason.EMPTY, requirement="VSD-CHAN-011")
        seconds = len(meaning.pcm) / self._bytes_per_second
        self._queue.append(Frame(pcm=meaning.pcm, seconds=seconds))
        return w.FrameAccepted(pcm=meaning.pcm, sender=sender)

    def _on_segment_end(self, _: SegmentEnd, _now: float, sender: str) -> Event:
        self._machine.receive(self._trigger.SEGMENT_END, requirement="VSD-SEG-004")
        self._queue.append(Mark())
        return w.SegmentEndAccepted(sender=sender)

    def _on_interrupt(self, _: Interrupt, now: float, sender: str) -> Event:
        """Silence, an empty queue, a reset; in this order (VSD-INT-003, VSD-INT-006)."""
        self._machine.receive(self._trigger.INTERRUPT, requirement="VSD-INT-007")
        self._silent_until = now + self._cooldown
        dropped = len(self._queue)
        self._queue.clear()
        if self._rendering:
            self._cut = self._rendering[0]
        self._rendering.clear()
        self._resetting = True
        return w.StreamReset(cut=self._cut is not None, dropped=dropped, sender=sender)

    def _reading(self) -> list[Event]:
        self._machine.send(self._trigger.READ)
        return [w.PlaybackStarted()]

    def _acknowledge(self, segment: _Segment, *, interrupted: bool) -> Event:
        self._outgoing.append(self._codec.stream_ended(segment.position, interrupted=interrupted))
        return w.SegmentEnded(playback_position=segment.position, interrupted=interrupted)

    _RECEIVERS: Final[dict[type, Callable[[Any, Any, float, str], Event]]] = {
        Pcm: _on_pcm,
        SegmentEnd: _on_segment_end,
        Interrupt: _on_interrupt,
    }


def _ignored(payload: object, sender: str, reason: Reason, *, requirement: str) -> Ignored:
    return Ignored(reason=reason, requirement=requirement, sender=sender, data=_shown(payload))


def _shown(payload: object) -> bytes | str:
    if isinstance(payload, bytes | str):
        return payload
    if isinstance(payload, bytearray):
        return bytes(payload)
    return payload.tobytes() if isinstance(payload, memoryview) else repr(payload)
