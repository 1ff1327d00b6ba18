"""A stand-in for the vendor's meeting object, in the same process as the mock room.

It has the surface that the vendor's avatar classes use, so that they run against the mock platform
unmodified: `send`, event listeners, and the local participant. What a listener raises does not
reach the room; it is kept in `failures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from mock_servers.videosdk.delivery import Delivery
    from mock_servers.videosdk.room import Participant as Place
    from mock_servers.videosdk.session import RoomSession
    from protocol_core.videosdk.revision import Revision

__all__ = ["LocalParticipant", "Meeting", "RemoteParticipant"]


class Listener(Protocol):
    """What the vendor's event handlers look like from the meeting."""

    def handle_event(self, action: str, data: Any, /) -> object:  # noqa: ANN401 - the vendor's own
        """Something has happened."""
        ...


class RemoteParticipant:
    """Somebody else in the meeting.

    Attributes:
        id: participant id.
        local: False.
    """

    local: Final = False

    def __init__(self, participant_id: str) -> None:
        self.id = participant_id


class LocalParticipant:
    """Whoever holds the meeting object.

    Attributes:
        id: participant id; "" before the meeting was joined, if none was asked for.
        local: True.
    """

    local: Final = True

    def __init__(self, participant_id: str) -> None:
        self.id = participant_id


class Meeting:
    """One participant's view of a room.

    Args:
        session: the room.
        revision: the generated modules.
        token: what to join with.
        participant_id: whom to join as; "" leaves it to the token, or to the room.

    Attributes:
        local_participant: oneself.
        participants: everybody else, by id.
        failures: what listeners have raised, oldest first.
    """

    def __init__(
        self, session: RoomSession, revision: Revision, token: str, participant_id: str = ""
    ) -> None:
        self.local_participant = LocalParticipant(participant_id)
        self.participants: dict[str, RemoteParticipant] = {}
        self.failures: list[Exception] = []
        self._session = session
        self._token = token
        self._listeners: list[Listener] = []
        self._place: Place | None = None
        constants = revision.constants
        self._events = constants.MeetingEvent
        self._received = constants.Received
        self._default_mode: str = constants.Reliability.DEFAULT
        codes = revision.errors.ErrorCode
        #: As the vendor's transport has it; the caller gets these, with the transport's words.
        self._exceptions: dict[str, type[Exception]] = {
            codes.PAYLOAD_TOO_LARGE: ValueError,
            codes.NO_PRODUCER: ValueError,
            codes.PAYLOAD_TYPE: TypeError,
            codes.NOT_CONNECTED: ConnectionError,
        }

    @property
    def id(self) -> str:
        """Id of the room."""
        return self._session.id

    @property
    def joined(self) -> bool:
        """Whether one is in the room."""
        return self._place is not None and self._place.present

    # -- the vendor's surface ----------------------------------------------------------------------

    def join(self) -> None:
        """Join the room.

        Raises:
            JoinRefusedError: the room does not let one in.
        """
        if self.joined:
            return
        others = [each.id for each in self._session.room.participants]
        self._place = self._session.admit(self, self._token, self.local_participant.id)
        self.local_participant = LocalParticipant(self._place.id)
        self.participants = {each: RemoteParticipant(each) for each in others}
        self._emit(self._events.MEETING_JOINED, {})
        for participant in tuple(self.participants.values()):
            self._emit(self._events.PARTICIPANT_JOINED, participant)

    async def async_join(self) -> None:
        """Join the room; see `join`."""
        self.join()

    def leave(self) -> None:
        """Leave the room; harmless if one is not there."""
        if self._place is not None and self._place.present:
            self._session.room.leave(self._place)
            self._emit(self._events.MEETING_LEFT, None)

    def add_event_listener(self, event_listener: Listener) -> None:
        """Tell this one of everything from now on."""
        self._listeners.append(event_listener)

    def remove_event_listener(self, event_listener: Listener) -> None:
        """Tell it no more.

        Raises:
            ValueError: it was not there.
        """
        self._listeners.remove(event_listener)

    def remove_all_listeners(self) -> None:
        """Tell nobody any more."""
        self._listeners.clear()

    async def send(self, payload: object, options: dict[str, Any] | None = None) -> bool:
        """Broadcast a payload.

        Args:
            payload: bytes or text.
            options: ``reliability``; by default RELIABLE.

        Raises:
            ConnectionError: one is not in the room, or the network is gone.
            TypeError: the payload is neither bytes nor text.
            ValueError: it is too large, or the data stream is not open.
            RuntimeError: the send fails in another way.
        """
        mode = (options or {}).get(self._received.RELIABILITY, self._default_mode)
        if self._place is None:
            raise ConnectionError(self._session.platform.modules.constants.ErrorText.NETWORK)
        refusal = self._session.room.send(self._place, payload, str(mode))
        if refusal is not None:
            raise self._exceptions.get(refusal.code, RuntimeError)(refusal.message)
        return True

    # -- the room ----------------------------------------------------------------------------------

    def deliver(self, delivery: Delivery) -> None:
        """Somebody else has sent something."""
        received = self._received
        self._emit(
            self._events.DATA,
            {
                received.PAYLOAD: delivery.payload,
                received.FROM: delivery.sender,
                received.TIMESTAMP: delivery.timestamp,
                received.RELIABILITY: delivery.reliability,
            },
        )

    def participant_joined(self, participant_id: str) -> None:
        """Somebody else has come."""
        participant = self.participants[participant_id] = RemoteParticipant(participant_id)
        self._emit(self._events.PARTICIPANT_JOINED, participant)

    def participant_left(self, participant_id: str) -> None:
        """Somebody else has gone."""
        participant = self.participants.pop(participant_id, None)
        self._emit(self._events.PARTICIPANT_LEFT, participant or RemoteParticipant(participant_id))

    def track_changed(self, participant_id: str, kind: str, state: str) -> None:
        """Media do not travel here; nobody is told."""

    def removed(self, reason: str, *, abrupt: bool) -> None:
        """The room has sent one out."""
        del reason, abrupt
        self._emit(self._events.MEETING_LEFT, None)

    def _emit(self, event: str, data: object) -> None:
        for listener in tuple(self._listeners):
            try:
                listener.handle_event(event, data)
            except Exception as error:  # noqa: BLE001 - kept, and journaled: a listener is foreign code
                self.failures.append(error)
                self._session.platform.journal.note(
                    f"a listener of {self.local_participant.id} raised "
                    f"{type(error).__name__}: {error}",
                    connection=self._session.connection.number,
                )
