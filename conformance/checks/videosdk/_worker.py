"""What the checks of the worker share: the story of a room, as the documents tell it.

The probe plays the agent. A worker shows what it made of speech by its acknowledgements alone, so
the story follows the payloads of a room by the rules of the documents, says which segments there
were, which interrupts hit what, and puts every acknowledgement where it belongs. Checks compare.

Time in a room is real time plus what the scenario let pass; a chunk near the end of a cooldown,
where the two cannot decide, makes its segment uncertain, and nobody judges that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols.trace import Record
from avatar_protocols.videosdk.v1_0 import constants
from conformance.trace import Room, members_of, payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.trace import Trace

__all__ = [
    "NEVER",
    "TOLERANCE",
    "Ack",
    "Cut",
    "Noise",
    "Segment",
    "Story",
    "control_of",
    "server_messages",
    "size_of",
    "stories",
]

NEVER: Final = 1 << 62
"""The seq of what never comes."""
TOLERANCE: Final = constants.Tolerance.PLAYBACK_POSITION
"""Seconds that a position may be off (OP-14)."""

_AUDIO: Final = constants.Audio
_COOLDOWN: Final = constants.Timeout.INTERRUPT_COOLDOWN
_PCM: Final = constants.Payload.PCM
_INTERRUPT: Final = constants.Control.INTERRUPT
_TYPE: Final = constants.MessageType
_MEMBER: Final = constants.Member


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """One stream_ended of the worker.

    Attributes:
        record: where it stands.
        position: seconds; None if it is no number.
        interrupted: None if it is no boolean.
    """

    record: Record
    position: float | None
    interrupted: bool | None


class Segment(msgspec.Struct, kw_only=True):
    """Audio and the mark that ends it.

    Attributes:
        chunks: its audio, in order of arrival.
        mark: its end mark; None while it is open.
        cut: the interrupt that hit it; None if none did.
        acks: its acknowledgements; one is right.
        late: whether it begins with audio that came behind an end mark.
        uncertain: whether a chunk of it came too near to the end of a cooldown to say.
    """

    chunks: list[Record]
    mark: Record | None = None
    cut: Record | None = None
    acks: list[Ack] = []
    late: bool = False
    uncertain: bool = False

    @property
    def seconds(self) -> float:
        """How long its audio is."""
        return sum(_whole(size_of(chunk)) for chunk in self.chunks) / _AUDIO.BYTES_PER_SECOND

    @property
    def short(self) -> bool:
        """Whether its first acknowledgement tells of less audio than there was (OP-14)."""
        position = self.acks[0].position if self.acks else None
        return position is None or position < self.seconds - TOLERANCE

    @property
    def judged(self) -> bool:
        """Whether the documents say for sure that it is acknowledged as rendered."""
        return self.mark is not None and self.cut is None and not self.uncertain


class Cut(msgspec.Struct, kw_only=True):
    """One interrupt.

    Attributes:
        record: where it stands.
        segments: what it hit that had audio and was not acknowledged, oldest first.
        acks: what the worker acknowledged for it; one is right if it hit audio that played.
    """

    record: Record
    segments: list[Segment]
    acks: list[Ack] = []


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that a worker has to pass over.

    Attributes:
        record: where it stands.
        kind: ``foreign`` (meant for others), ``unknown`` (a type that nobody knows), ``text``
            (no JSON) or ``malformed`` (anything else).
    """

    record: Record
    kind: str


class Story(msgspec.Struct, kw_only=True):
    """What happened in a room.

    Attributes:
        room: the room.
        segments: every segment that had audio, in order.
        cuts: every interrupt, in order.
        silent: end marks without audio before them.
        dropped: audio that a cooldown must have swallowed, with the interrupt that began it.
        noise: what was to be passed over.
        strays: acknowledgements that belong to nothing.
        marks: every end mark.
    """

    room: Room
    segments: list[Segment] = []
    cuts: list[Cut] = []
    silent: list[Record] = []
    dropped: list[tuple[Record, Record]] = []
    noise: list[Noise] = []
    strays: list[Ack] = []
    marks: list[Record] = []

    def sealed(self) -> list[Segment]:
        """The segments that must be acknowledged as rendered."""
        return [segment for segment in self.segments if segment.judged]

    def stray_after(self, record: Record, *, until: int = NEVER) -> Ack | None:
        """The first stray acknowledgement behind a record."""
        found = (a for a in self.strays if record.seq < a.record.seq < until)
        return next(found, None)

    def next_sealed(self, record: Record) -> Segment | None:
        """The first such segment whose mark comes behind a record."""
        found = (s for s in self.sealed() if s.mark is not None and s.mark.seq > record.seq)
        return next(found, None)


def size_of(chunk: Record) -> int:
    """Bytes of a chunk of audio, as it was sent."""
    size = (chunk.data or {}).get("bytes")
    return size if isinstance(size, int) else len(payload(chunk))


def server_messages(trace: Trace) -> list[Record]:
    """Everything that the worker sent into rooms."""
    return [r for room in trace.rooms() for r in room.messages("server")]


def control_of(record: Record) -> Any:  # noqa: ANN401 - any JSON document
    """The JSON document of a payload; None if it is none."""
    if record.opcode == "text" and record.data is not None:
        return record.data
    try:
        return json.loads(payload(record))
    except (ValueError, RecursionError):
        return None


def stories(trace: Trace) -> list[Story]:
    """The story of each room; only of the agent's payloads where the scenario is strict."""
    strict = bool(trace.expect.get("strict"))
    return [_Teller(room, trace, strict=strict).tell() for room in trace.rooms()]


class _Teller:
    def __init__(self, room: Room, trace: Trace, *, strict: bool) -> None:
        self._story = Story(room=room)
        self._records = [r for r in trace.records if r.connection == room.number or _passes(r)]
        self._strict = strict
        self._waiting: list[Segment] = []
        self._ahead = 0.0
        self._cooling: tuple[Record, float, float] | None = None
        self._unanswered: Cut | None = None
        self._ended = False
        self._table: dict[str, Callable[[Record], None]] = {
            _PCM: self._on_pcm,
            _INTERRUPT: self._on_interrupt,
            _TYPE.SEGMENT_END: self._on_mark,
        }

    def tell(self) -> Story:
        for record in self._records:
            if record.kind == "step":
                self._ahead += _seconds(record)
            elif record.kind == "message" and record.sender == "server":
                if record.name == _TYPE.STREAM_ENDED:
                    self._on_ack(record)
            elif record.kind == "message" and not (self._strict and not record.sender):
                self._table.get(record.name, self._on_noise)(record)
        return self._story

    def _on_pcm(self, record: Record) -> None:
        if not size_of(record):
            self._on_noise(record)
            return
        inside = self._inside(record)
        if inside is True and self._cooling is not None:
            self._story.dropped.append((record, self._cooling[0]))
            return
        segment = self._open()
        if segment is None:
            segment = Segment(chunks=[], late=self._ended)
            self._waiting.append(segment)
            self._story.segments.append(segment)
        segment.uncertain |= inside is None
        segment.chunks.append(record)

    def _on_mark(self, record: Record) -> None:
        self._story.marks.append(record)
        self._ended = True
        segment = self._open()
        if segment is None:
            self._story.silent.append(record)
        else:
            segment.mark = record

    def _on_interrupt(self, record: Record) -> None:
        hit, self._waiting = self._waiting, []
        cut = Cut(record=record, segments=hit)
        for segment in hit:
            segment.cut = record
        self._story.cuts.append(cut)
        if hit:
            self._unanswered = cut
        self._cooling = (record, record.time, self._ahead)
        self._ended = False

    def _on_noise(self, record: Record) -> None:
        self._story.noise.append(Noise(record=record, kind=_kind_of(record)))

    def _on_ack(self, record: Record) -> None:
        data = members_of(members_of(control_of(record)).get(_MEMBER.DATA))
        position, interrupted = data.get(_MEMBER.PLAYBACK_POSITION), data.get(_MEMBER.INTERRUPTED)
        ack = Ack(
            record=record,
            position=float(position) if isinstance(position, int | float) else None,
            interrupted=interrupted if isinstance(interrupted, bool) else None,
        )
        if ack.interrupted is True and self._unanswered is not None:
            self._unanswered.acks.append(ack)
            self._unanswered = None
        elif ack.interrupted is False and self._waiting and self._waiting[0].mark is not None:
            self._waiting.pop(0).acks.append(ack)
        else:
            self._story.strays.append(ack)

    def _open(self) -> Segment | None:
        """The segment that more audio belongs to."""
        if self._waiting and self._waiting[-1].mark is None:
            return self._waiting[-1]
        return None

    def _inside(self, record: Record) -> bool | None:
        """Whether a record lies in a cooldown; None if that cannot be said."""
        if self._cooling is None:
            return False
        _, since, ahead = self._cooling
        passed = self._ahead - ahead
        if passed >= _COOLDOWN:
            return False
        return True if passed + record.time - since < _COOLDOWN else None


def _passes(record: Record) -> bool:
    return record.kind == "step" and record.name == "trigger"


def _seconds(step: Record) -> float:
    """Seconds that a step let pass for the worker."""
    seconds = members_of(members_of(step.data).get("args")).get("advance", 0)
    return float(seconds) if _is_number(seconds) else 0.0


def _kind_of(record: Record) -> str:
    if record.opcode == "binary":
        return "malformed"
    document = control_of(record)
    if document is None and record.raw.strip() != "null":
        return "text"
    if not isinstance(document, dict):
        return "malformed"
    return "foreign" if record.name == _TYPE.STREAM_ENDED else "unknown"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(size: int) -> int:
    """Bytes of whole samples."""
    return size + size % _AUDIO.BYTES_PER_SAMPLE
