"""A room as a place where sessions send, with the interface of every other channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_servers.channel import Channel

if TYPE_CHECKING:
    from mock_servers.videosdk.delivery import Delivery
    from mock_servers.videosdk.platform import VideoSdkPlatform
    from mock_servers.videosdk.session import RoomSession

__all__ = ["Deaf", "RoomChannel"]


class RoomChannel(Channel):
    """One room; its participants have connections of their own.

    Args:
        platform: the platform.
        session: the room's session.
        number: number of the channel in the journal.
    """

    def __init__(self, platform: VideoSdkPlatform, session: RoomSession, number: int) -> None:
        endpoint: str = platform.modules.constants.Endpoint.ROOM.name
        super().__init__(number, platform.journal, platform.wire, platform.limits, endpoint)
        self._session = session

    @property
    def writable(self) -> bool:
        """A room is there as long as its platform."""
        return True

    def send(self, message: bytes | str) -> bool:
        """Let the worker say something."""
        return self._session.send(message)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """End the meeting: everybody is sent out. Who has a token may come again."""
        del code
        self._session.clear(reason)

    def fail(self, reason: str) -> None:
        """End the meeting because the platform itself has failed."""
        self._session.clear(reason)

    def abort(self, reason: str = "") -> None:
        """Break everybody's connection off."""
        self._note("reset", sender="server", reason=reason)
        self._session.clear(reason, abrupt=True)

    def hang_up(self) -> None:
        """Participants hang up by themselves."""


class Deaf:
    """Somebody whom nothing of the room reaches: a bystander whom a plan has made."""

    def deliver(self, delivery: Delivery) -> None:
        """Nothing follows from it."""

    def participant_joined(self, participant_id: str) -> None:
        """Nothing follows from it."""

    def participant_left(self, participant_id: str) -> None:
        """Nothing follows from it."""

    def track_changed(self, participant_id: str, kind: str, state: str) -> None:
        """Nothing follows from it."""

    def removed(self, reason: str, *, abrupt: bool) -> None:
        """Nothing follows from it."""
