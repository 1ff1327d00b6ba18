"""The room socket: a participant of a room in another process, by WebSocket.

Its frames are described in ``schemas/room/v1``. They only carry what the room journals by itself,
so they are no part of a trace.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from avatar_protocols.room import v1
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mock_servers.connection import Connection
    from mock_servers.videosdk.delivery import Delivery
    from mock_servers.videosdk.gate import Admission
    from mock_servers.videosdk.platform import VideoSdkPlatform
    from mock_servers.videosdk.room import Participant
    from mock_servers.videosdk.session import RoomSession

__all__ = ["INVALID_FRAME", "SocketSession"]

#: Code of an error about a frame that is not in the schema.
INVALID_FRAME: Final = "INVALID_FRAME"

_DECODER: Final = msgspec.json.Decoder(v1.ToRoom)
_ENCODER: Final = msgspec.json.Encoder()
_ID_ONLY: Final = msgspec.json.Decoder(dict[str, Any])


class SocketSession(LiveSession):
    """One participant who has come by the room socket.

    Args:
        platform: the platform.
        connection: the carrier.
        session: the room.
        admission: as whom they were let in.
    """

    platform: VideoSdkPlatform

    def __init__(
        self,
        platform: VideoSdkPlatform,
        connection: Connection,
        session: RoomSession,
        admission: Admission,
    ) -> None:
        super().__init__(platform, connection, admission.participant_id)
        self._session = session
        self._admission = admission
        self._participant: Participant | None = None

    # -- the carrier -------------------------------------------------------------------------------

    def opened(self) -> None:
        """A carrier is none of the plan's business."""
        self.default_open()

    def received(self, message: bytes | str) -> None:
        """A carrier is none of the plan's business."""
        self.default_message(message)

    def default_open(self) -> None:
        """The socket is open: the participant is in the room."""
        room, admission = self._session.room, self._admission
        others = [each.id for each in room.participants if each.id != admission.participant_id]
        self._tell(
            v1.Joined(room_id=room.id, participant_id=admission.participant_id, participants=others)
        )
        self._participant = self._session.enter(
            self, admission.participant_id, admission.role, admission.token
        )

    def default_message(self, message: bytes | str) -> None:
        """Take a frame."""
        try:
            frame = _DECODER.decode(message)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            self._tell(v1.Error(code=INVALID_FRAME, message=str(error), id=_id_of(message)))
            return
        problem = self._FRAMES[type(frame)](self, frame)
        identity = None if frame.id is msgspec.UNSET else frame.id
        if problem is not None:
            self._tell(msgspec.structs.replace(problem, id=identity))
        elif identity is not None:
            self._tell(v1.Done(id=identity))
        if isinstance(frame, v1.Leave):
            self._goodbye("left")

    def default_end(self, code: int | None, reason: str) -> None:
        """The socket is gone, and with it the participant."""
        del code, reason
        if self._participant is not None:
            self._session.room.leave(self._participant)

    def observe_open(self) -> None:
        """A carrier is none of the plan's business."""

    def observe_message(self, message: bytes | str) -> None:
        """A carrier is none of the plan's business."""

    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """A carrier is none of the plan's business."""

    def send_error(self, name: str) -> None:
        """Errors happen in the room.

        Raises:
            ConfigurationError: always.
        """
        fail("error", "this is a participant's connection; act on the room", name)

    # -- frames to the room ------------------------------------------------------------------------

    def _take_send(self, frame: v1.Send) -> v1.Error | None:
        if self._participant is None:
            return None
        payload: object = None  # neither, and both, are the transport's to refuse
        if isinstance(frame.text, str) and frame.binary is msgspec.UNSET:
            payload = frame.text
        elif isinstance(frame.binary, str) and frame.text is msgspec.UNSET:
            payload = base64.b64decode(frame.binary)
        refusal = self._session.room.send(self._participant, payload, frame.reliability)
        return None if refusal is None else v1.Error(code=refusal.code, message=refusal.message)

    def _take_publish(self, frame: v1.Publish) -> None:
        if self._participant is not None:
            self._session.room.publish(self._participant, frame.kind)

    def _take_unpublish(self, frame: v1.Unpublish) -> None:
        if self._participant is not None:
            self._session.room.unpublish(self._participant, frame.kind)

    def _take_leave(self, _: v1.Leave) -> None:
        if self._participant is not None:
            self._session.room.leave(self._participant)

    # -- frames from the room ----------------------------------------------------------------------

    def deliver(self, delivery: Delivery) -> None:
        """Somebody else has sent something."""
        payload = delivery.payload
        content = (
            {"text": payload}
            if isinstance(payload, str)
            else {"binary": base64.b64encode(payload).decode()}
        )
        about: dict[str, Any] = {"reliability": delivery.reliability, **content}
        self._tell(v1.Message(from_=delivery.sender, timestamp=delivery.timestamp, **about))

    def participant_joined(self, participant_id: str) -> None:
        """Somebody else has come."""
        self._tell(v1.ParticipantJoined(participant_id=participant_id))

    def participant_left(self, participant_id: str) -> None:
        """Somebody else has gone."""
        self._tell(v1.ParticipantLeft(participant_id=participant_id))

    def track_changed(self, participant_id: str, kind: str, state: str) -> None:
        """Somebody else's track was published or unpublished."""
        about: dict[str, Any] = {"kind": kind, "state": state}
        self._tell(v1.Track(participant_id=participant_id, **about))

    def removed(self, reason: str, *, abrupt: bool) -> None:
        """The room has sent the participant out."""
        if abrupt:
            self.connection.abort(reason)
        else:
            self._goodbye(reason)

    def _goodbye(self, reason: str) -> None:
        self._tell(v1.Left(reason=reason))
        self.connection.close(reason=reason)

    def _tell(self, frame: v1.FromRoom) -> None:
        self.connection.send(_ENCODER.encode(frame).decode())

    _FRAMES: ClassVar[Mapping[type, Callable[[Any, Any], v1.Error | None]]] = {
        v1.Send: _take_send,
        v1.Publish: _take_publish,
        v1.Unpublish: _take_unpublish,
        v1.Leave: _take_leave,
    }


def _id_of(message: bytes | str) -> int | None:
    """The id of a frame that is not in the schema, if it has one all the same."""
    try:
        found = _ID_ONLY.decode(message).get("id")
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None
