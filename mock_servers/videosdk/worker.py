"""The mock worker: joins a room when it is asked to, renders what the agent says, acknowledges.

The protocol's rules are in `protocol_core.videosdk.worker`; here are its ears and its voice in the
room, and the timers that let audio take its time on the platform's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mock_servers.timers import Alarm
from mock_servers.videosdk.rejection import JoinRefusedError
from protocol_core.videosdk import worker_events as w
from protocol_core.videosdk.playout import Playout
from protocol_core.videosdk.worker import WorkerConfig, WorkerSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mock_servers.videosdk.delivery import Delivery
    from mock_servers.videosdk.platform import VideoSdkPlatform
    from mock_servers.videosdk.room import Participant
    from mock_servers.videosdk.session import RoomSession
    from protocol_core.videosdk.events import Event

__all__ = ["MockWorker"]

_TRACKS = ("audio", "video")


class MockWorker:
    """One worker for one room.

    Args:
        platform: the platform that starts it.
        session: the room it is to join.
        participant_id: whom it joins as (VSD-AUTH-007).
        token: what it joins with.

    Attributes:
        id: participant id.
        participant: its place in the room; None while it is not there.
        wanted: whether it is in the room, or on its way.
        core: the protocol's session.
        played: seconds of audio that were handed to its tracks.
    """

    def __init__(
        self, platform: VideoSdkPlatform, session: RoomSession, participant_id: str, token: str
    ) -> None:
        self.id = participant_id
        self.participant: Participant | None = None
        self.wanted = False
        self.core = WorkerSession(
            WorkerConfig(
                sample_rate=platform.options.sample_rate, agent_id=platform.options.strict_sender
            ),
            revision=platform.modules,
        )
        self.played = 0.0
        self._platform = platform
        self._session = session
        self._token = token
        self._playout = Playout(self.core, pace=platform.pace)
        self._alarm = Alarm(session.at, self._on_deadline)
        self._solitude = Alarm(session.at, self.leave)

    @property
    def present(self) -> bool:
        """Whether it is in the room."""
        return self.participant is not None

    # -- life --------------------------------------------------------------------------------------

    def join(self) -> None:
        """Join, and publish both tracks (VSD-MEDIA-001). A refusal is final (OP-8)."""
        if self.present:
            return
        try:
            self.participant = self._session.admit(self, self._token, self.id)
        except JoinRefusedError:
            self.wanted = False
            return
        self.wanted = True
        self.core.joined()
        for kind in _TRACKS:
            self._session.room.publish(self.participant, kind)

    def leave(self) -> None:
        """Leave; what plays is lost without an acknowledgement. Harmless if it is not there."""
        if self.participant is not None:
            self._session.room.leave(self.participant)
            self._gone()
            alarms = {"playout": self._alarm, "solitude": self._solitude}
            pending = [name for name, alarm in alarms.items() if alarm.pending]
            self._platform.tell("closed", {"pending": pending})

    def follow(self, session: RoomSession) -> MockWorker:
        """The same participant in another room, where it has still to join."""
        return session.start_worker(self.id, self._token)

    def removed(self, reason: str, *, abrupt: bool) -> None:
        """The room has sent it out."""
        del reason, abrupt
        self._gone()

    def _gone(self) -> None:
        self.participant = None
        self.wanted = False
        self.core.left()
        self._playout.stop()
        self._enjoy_company()
        self._alarm.cancel()

    # -- ears --------------------------------------------------------------------------------------

    def deliver(self, delivery: Delivery) -> None:
        """Something was said in the room."""
        now = self._platform.now()
        self._follow(self.core.receive(delivery.payload, now, sender=delivery.sender))

    def participant_joined(self, participant_id: str) -> None:
        """Somebody has come."""
        del participant_id
        self._enjoy_company()

    def participant_left(self, participant_id: str) -> None:
        """Somebody has gone."""
        del participant_id
        self._await_company()

    def track_changed(self, participant_id: str, kind: str, state: str) -> None:
        """Nothing follows from it."""

    # -- voice -------------------------------------------------------------------------------------

    def say(self, payload: bytes | str, mode: str) -> bool:
        """Send something by way of the worker; whether it went out."""
        if self.participant is None:
            return False
        return self._session.room.send(self.participant, payload, mode) is None

    def _follow(self, events: Sequence[Event]) -> None:
        now = self._platform.now()
        self._conclude([*events, *self._playout.follow(events, now)])

    def _conclude(self, events: Iterable[Event]) -> None:
        for event in events:
            handler = self._TOLD.get(type(event))
            if handler is not None:
                handler(self, event)
        for outgoing in self.core.data_to_send():
            self.say(outgoing.payload, outgoing.reliability)  # lost if it fails (VSD-END-008)
        self._arm()

    def _tell_frame(self, event: w.FrameAccepted) -> None:
        self._platform.tell("frame", {"bytes": len(event.pcm)})

    def _tell_segment_end(self, _: w.SegmentEndAccepted) -> None:
        self._platform.tell("segment_end")

    def _tell_reset(self, _: w.StreamReset) -> None:
        self._platform.tell("reset")

    def _note_played(self, event: w.SegmentEnded) -> None:
        self.played += event.playback_position

    # -- time --------------------------------------------------------------------------------------

    def _arm(self) -> None:
        self._alarm.set(self._playout.deadline() if self.present else None)

    def _on_deadline(self) -> None:
        self._conclude(self._playout.timeout(self._platform.now()))

    def _await_company(self) -> None:
        """Nobody is left to render for: leave, unless somebody comes back."""
        alone = all(each.role == "server" for each in self._session.room.participants)
        if alone and not self._solitude.pending:
            self._solitude.set(self._platform.now() + self._platform.options.linger)

    def _enjoy_company(self) -> None:
        self._solitude.cancel()

    _TOLD: Final[dict[type, Callable[[Any, Any], None]]] = {
        w.FrameAccepted: _tell_frame,
        w.SegmentEndAccepted: _tell_segment_end,
        w.StreamReset: _tell_reset,
        w.SegmentEnded: _note_played,
    }
