"""What an agent or a worker needs of a room, and how a room's news reach them.

The surface is the vendor's: a live ``videosdk`` meeting fits it, our own in-process stand-in does,
and so does `reference_client.videosdk.room_socket.RoomSocket`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protocol_core.videosdk.revision import Revision

__all__ = ["Ears", "Meeting", "MeetingListener", "Publisher"]


class MeetingListener(Protocol):
    """Hears what a meeting tells."""

    def handle_event(self, action: str, data: Any) -> None:  # noqa: ANN401 - one type for each action
        """Something happened: an action of ``MeetingEvent``, and what comes with it."""
        ...


class Meeting(Protocol):
    """A room that somebody has joined."""

    @property
    def id(self) -> str:
        """The room's id."""
        ...

    def add_event_listener(self, event_listener: Any, /) -> None:  # noqa: ANN401 - the vendor's base class is not ours to name
        """Tell a `MeetingListener` from now on."""
        ...

    def remove_event_listener(self, event_listener: Any, /) -> None:  # noqa: ANN401 - see above
        """Tell it no more."""
        ...

    async def send(self, payload: bytes | str, options: Any = None, /) -> Any:  # noqa: ANN401 - the vendor types neither
        """Broadcast a payload in the mode that ``options`` names; raises where it cannot."""
        ...


@runtime_checkable
class Publisher(Protocol):
    """A meeting that takes tracks by their kind, ``audio`` or ``video``."""

    async def publish(self, kind: str) -> None: ...

    async def unpublish(self, kind: str) -> None: ...


class Ears:
    """A meeting's listener that sorts what it hears.

    Args:
        revision: whose names.
        on_payload: gets payload and sender's participant id.
        on_joined: gets the id of somebody who came.
        on_left: gets the id of somebody who went.
        on_gone: called when we are in the room no more.
    """

    def __init__(
        self,
        revision: Revision,
        *,
        on_payload: Callable[[object, str], None],
        on_joined: Callable[[str], None],
        on_left: Callable[[str], None],
        on_gone: Callable[[], None],
    ) -> None:
        names = revision.constants.MeetingEvent
        self._received = revision.constants.Received
        self._on_payload = on_payload
        self._table: dict[str, Callable[[Any], None]] = {
            names.DATA: self._data,
            names.PARTICIPANT_JOINED: lambda who: on_joined(str(who.id)),
            names.PARTICIPANT_LEFT: lambda who: on_left(str(who.id)),
            names.AGENT_JOINED: lambda who: on_joined(str(who.id)),
            names.AGENT_LEFT: lambda who: on_left(str(who.id)),
            names.MEETING_LEFT: lambda _: on_gone(),
        }

    def handle_event(self, action: str, data: Any = None) -> None:  # noqa: ANN401 - one type for each action
        """Pass on what concerns us; all else in a room is somebody else's."""
        handler = self._table.get(action)
        if handler is not None:
            handler(data)

    def _data(self, data: Mapping[str, Any]) -> None:
        sender = str(data.get(self._received.FROM) or "")
        self._on_payload(data.get(self._received.PAYLOAD), sender)
