"""Payloads to meanings and back, for both ends.

The two ends discriminate differently (VSD-CHAN-010, VSD-CHAN-013), each by a
fixed order of tests. Nothing here raises for what somebody in the room sent: the reason comes back
as `Dropped`.

`Codec.for_worker` gives Pcm, Interrupt, SegmentEnd or Dropped; `Codec.for_agent` Ended or Dropped.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import msgspec

from protocol_core.videosdk.chunking import completed
from protocol_core.videosdk.events import Reason

if TYPE_CHECKING:
    from protocol_core.videosdk.revision import Revision

__all__ = [
    "AgentMeaning",
    "Codec",
    "Dropped",
    "Ended",
    "Interrupt",
    "Outgoing",
    "Pcm",
    "SegmentEnd",
    "WorkerMeaning",
]


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One payload to be broadcast.

    Attributes:
        payload: bytes go out as binary, text as text.
        reliability: the mode, a value of the generated ``Reliability``.
    """

    payload: bytes | str
    reliability: str


class Pcm(msgspec.Struct, frozen=True, kw_only=True):
    """Audio.

    Attributes:
        pcm: whole samples, signed 16-bit little-endian; completed by a zero byte if it was odd.
        received: bytes that arrived.
    """

    pcm: bytes
    received: int


class Interrupt(msgspec.Struct, frozen=True, kw_only=True):
    """Stop at once."""


class SegmentEnd(msgspec.Struct, frozen=True, kw_only=True):
    """All audio of a turn was sent."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A segment is over.

    Attributes:
        playback_position: seconds.
        interrupted: whether it was cut.
    """

    playback_position: float
    interrupted: bool


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A payload without effect.

    Attributes:
        reason: why.
        detail: what exactly is wrong, in words.
        code: the error code that a log line carries; "" for silence.
        requirement: id of the rule behind it.
    """

    reason: Reason
    detail: str = ""
    code: str = ""
    requirement: str = ""


WorkerMeaning = Pcm | Interrupt | SegmentEnd | Dropped
AgentMeaning = Ended | Dropped


class Codec:
    """Writes and reads the payloads of one revision.

    Args:
        revision: which one.
    """

    def __init__(self, revision: Revision) -> None:
        self._revision = revision
        constants = revision.constants
        self._modes = constants.Reliability
        self._member = constants.Member
        self._types = constants.MessageType
        self._default = constants.Default
        self._codes = revision.errors.ErrorCode
        self._literal: str = constants.Control.INTERRUPT
        self._literals: tuple[str, bytes] = (self._literal, self._literal.encode())
        self._decode = msgspec.json.Decoder().decode
        self._encode = msgspec.json.Encoder().encode
        messages = revision.messages
        self._segment_end = self._encode(messages.SegmentEnd()).decode()

    # --- writing ---------------------------------------------------------------------------------

    def pcm(self, chunk: bytes) -> Outgoing:
        """One chunk of audio (VSD-CHAN-003)."""
        return Outgoing(payload=chunk, reliability=self._modes.UNRELIABLE)

    def segment_end(self) -> Outgoing:
        """The end of a turn (VSD-CHAN-004, VSD-CHAN-007)."""
        return Outgoing(payload=self._segment_end, reliability=self._modes.RELIABLE)

    def interrupt(self) -> Outgoing:
        """The literal, binary (VSD-INT-001)."""
        return Outgoing(payload=self._literal.encode(), reliability=self._modes.RELIABLE)

    def stream_ended(self, playback_position: float, *, interrupted: bool) -> Outgoing:
        """The acknowledgement of a segment (VSD-CHAN-005, VSD-END-004).

        Args:
            playback_position: seconds of rendered audio; never negative.
            interrupted: whether an interrupt cut the segment.
        """
        messages = self._revision.messages
        data = messages.StreamEndedData(
            playback_position=max(0.0, playback_position), interrupted=interrupted
        )
        text = self._encode(messages.StreamEnded(data=data)).decode()
        return Outgoing(payload=text, reliability=self._modes.RELIABLE)

    # --- reading ---------------------------------------------------------------------------------

    def for_worker(self, payload: object) -> WorkerMeaning:
        """What a payload means to a worker: section 3.2, step by step."""
        if isinstance(payload, memoryview | bytearray):
            payload = bytes(cast("bytearray", payload))
        if payload in self._literals:
            return Interrupt()
        if isinstance(payload, bytes):
            return Pcm(pcm=completed(self._revision, payload), received=len(payload))
        if not isinstance(payload, str):
            return self._wrong_kind(payload)
        if not payload:
            return Dropped(reason=Reason.EMPTY, requirement="VSD-CHAN-010")
        document = self._read(payload, "VSD-CHAN-010")
        if isinstance(document, dict):
            return self._control_for_worker(cast("dict[str, Any]", document))
        return self._no_object(document, self._codes.MESSAGE_FAILED, "VSD-CHAN-011")

    def for_agent(self, payload: object) -> AgentMeaning:
        """What a payload means to an agent: section 3.3, step by step (VSD-CHAN-013)."""
        if isinstance(payload, bytes | bytearray | memoryview):
            try:
                payload = bytes(cast("bytes", payload)).decode()
            except UnicodeDecodeError as error:
                reason = Reason.NOT_UTF8
                return Dropped(reason=reason, detail=str(error), requirement="VSD-CHAN-002")
        if not isinstance(payload, str):
            return self._wrong_kind(payload)
        document = self._read(payload, "VSD-CHAN-002")
        if isinstance(document, dict):
            return self._control_for_agent(cast("dict[str, Any]", document))
        return self._no_object(document, self._codes.ACK_UNREADABLE, "VSD-CHAN-012")

    def _control_for_worker(self, document: dict[str, Any]) -> WorkerMeaning:
        kind = document.get(self._member.TYPE)
        if kind == self._types.SEGMENT_END:
            return SegmentEnd()
        if kind == self._types.STREAM_ENDED:
            return Dropped(reason=Reason.NOT_FOR_US, requirement="VSD-END-007")
        return self._unknown(kind)

    def _control_for_agent(self, document: dict[str, Any]) -> AgentMeaning:
        kind = document.get(self._member.TYPE)
        if kind == self._types.STREAM_ENDED:
            return self._ended(document.get(self._member.DATA, {}))
        if kind == self._types.SEGMENT_END:
            return Dropped(reason=Reason.NOT_FOR_US, requirement="VSD-CHAN-002")
        return self._unknown(kind)

    def _ended(self, data: object) -> AgentMeaning:
        if not isinstance(data, dict):
            return self._unreadable(f"{self._member.DATA} is not an object")
        members = cast("dict[str, Any]", data)
        position = members.get(self._member.PLAYBACK_POSITION, self._default.PLAYBACK_POSITION)
        interrupted = members.get(self._member.INTERRUPTED, self._default.INTERRUPTED)
        if not _number(position):
            name = self._member.PLAYBACK_POSITION
            return self._unreadable(f"{name} is not a number")
        if not isinstance(interrupted, bool):
            name = self._member.INTERRUPTED
            return self._unreadable(f"{name} is not a boolean")
        return Ended(playback_position=float(position), interrupted=interrupted)

    def _read(self, text: str, requirement: str) -> object:
        """The JSON document of a text, or `Dropped`, which says why there is none."""
        try:
            return self._decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return Dropped(reason=Reason.NOT_JSON, detail=str(error), requirement=requirement)

    def _no_object(self, document: object, code: str, requirement: str) -> Dropped:
        if isinstance(document, Dropped):
            return document
        detail = f"a JSON {type(document).__name__}"
        return Dropped(
            reason=Reason.NOT_AN_OBJECT, detail=detail, code=code, requirement=requirement
        )

    def _unreadable(self, detail: str) -> Dropped:
        code, reason = self._codes.ACK_UNREADABLE, Reason.UNREADABLE
        return Dropped(reason=reason, detail=detail, code=code, requirement="VSD-CHAN-012")

    def _unknown(self, kind: object) -> Dropped:
        detail = f"{self._member.TYPE} is {kind!r:.80}"
        return Dropped(reason=Reason.UNKNOWN_TYPE, detail=detail, requirement="VSD-CHAN-009")

    def _wrong_kind(self, payload: object) -> Dropped:
        detail = f"{type(payload).__name__} is neither text nor bytes"
        return Dropped(reason=Reason.WRONG_KIND, detail=detail, requirement="VSD-CHAN-011")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
