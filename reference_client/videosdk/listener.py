"""The callbacks of an agent and of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.videosdk import events as e
from protocol_core.videosdk import worker_events as w

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.videosdk.errors import SendError

__all__ = ["AgentListener", "WorkerListener", "report"]


class _Room:
    """What both ends hear of a room."""

    def on_participant_joined(self, participant_id: str, counterpart: bool) -> object:  # noqa: FBT001 - a callback's fact
        """Somebody is in the room; whether it is the other end, as far as that is known."""

    def on_participant_left(self, participant_id: str, counterpart: bool) -> object:  # noqa: FBT001 - a callback's fact
        """Somebody left the room."""

    def on_ignored(self, ignored: e.Ignored) -> object:
        """Something arrived that has no effect."""


class AgentListener(_Room):
    """Callbacks of an agent; override those you care about, as functions or coroutine functions.

    They run one after the other, beside the room, in the order of what they report. One that fails
    is logged and disturbs nothing. They may call back into the agent.
    """

    def on_attached(self, participant_id: str, room_id: str) -> object:
        """The room was joined; what is said now reaches the avatar of this id."""

    def on_ack(self, ack: e.AckReceived) -> object:
        """The worker ended a segment. Nothing has to wait for it (VSD-END-006)."""

    def on_detached(self, error: SendError) -> object:
        """The channel is lost; what is said is dropped until we attach again (VSD-ERR-005)."""


class WorkerListener(_Room):
    """Callbacks of a worker; see `AgentListener`."""

    def on_attached(self, room_id: str) -> object:
        """The worker listens in this room."""

    def on_frame(self, frame: w.FrameAccepted) -> object:
        """A chunk of audio is in the input queue."""

    def on_segment_end(self) -> object:
        """An end mark is in the input queue."""

    def on_reset(self, reset: w.StreamReset) -> object:
        """An interrupt: queue and renderer are emptied."""

    def on_segment_over(self, ended: w.SegmentEnded) -> object:
        """A segment is over; its acknowledgement is on the way."""

    def on_lost(self) -> object:
        """The worker is in the room no more, without our doing."""


_ROOM: dict[type[e.Event], tuple[str, tuple[str, ...] | None]] = {
    e.ParticipantJoined: ("on_participant_joined", ("participant_id", "counterpart")),
    e.ParticipantLeft: ("on_participant_left", ("participant_id", "counterpart")),
    e.Ignored: ("on_ignored", None),
}
#: Event -> name of its callback and of the event's members that it gets; None: the event itself.
_CALLBACKS: dict[type[e.Event], tuple[str, tuple[str, ...] | None]] = {
    **_ROOM,
    e.AckReceived: ("on_ack", None),
    e.Detached: ("on_detached", ("error",)),
    w.FrameAccepted: ("on_frame", None),
    w.SegmentEndAccepted: ("on_segment_end", ()),
    w.StreamReset: ("on_reset", None),
    w.SegmentEnded: ("on_segment_over", None),
}


def report(listener: object, event: e.Event, call: Callable[..., None]) -> None:
    """Hand the callback of an event, and its arguments, to ``call``; some events have none."""
    name, members = _CALLBACKS.get(type(event), ("", None))
    if name:
        arguments = (event,) if members is None else [getattr(event, item) for item in members]
        call(getattr(listener, name), *arguments)
