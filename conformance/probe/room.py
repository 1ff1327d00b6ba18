"""A room as the probe sees it: one or more participants of ours, and everything that the others do.

The first participant plays the agent; the trace is what it sees. Further ones are third parties:
what they send is written down where it is sent. The frames of the local room socket stand in no
trace; joins, payloads and tracks do.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from avatar_protocols.room import v1 as room
from conformance.stage.base import StepUnmetError
from protocol_core.videosdk.errors import JoinError
from reference_client.videosdk import RoomSocket

if TYPE_CHECKING:
    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from protocol_core.clock import Clock

__all__ = ["AGENT", "Entry", "ProbeRoom"]

AGENT = "agent"
"""Name of the participant that plays the agent."""
_PATIENCE = 5.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How to get into a room.

    Attributes:
        url: base of the rooms.
        room_id: which one.
        token: what lets us in.
        participant_id: as whom.
    """

    url: str
    room_id: str
    token: str
    participant_id: str


class ProbeRoom:
    """One room; a channel of the probe.

    Args:
        number: number of the channel in the trace.
        journal: where everything is written down.
        codec: explains payloads.
        clock: the clock of the time limits.
        option: name of the option of a send that carries its mode.

    Attributes:
        number: number of the channel in the trace.
        workers: ids of those who count as the server's side.
    """

    def __init__(
        self, number: int, journal: Journal, codec: Codec, clock: Clock, option: str
    ) -> None:
        self.number = number
        self.workers: set[str] = set()
        self._option = option
        self._journal = journal
        self._codec = codec
        self._clock = clock
        self._members: dict[str, RoomSocket] = {}
        self._ours: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether the agent's participant is in the room."""
        agent = self._members.get(AGENT)
        return agent is not None and agent.is_open

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Rooms are left by `leave`.

        Raises:
            StepUnmetError: always.
        """
        raise StepUnmetError(f"a room is not closed ({code} {reason}): leave it")

    def reset(self) -> None:
        """Rooms are left by `leave`.

        Raises:
            StepUnmetError: always.
        """
        raise StepUnmetError("a room is not reset: leave it")

    def drop(self) -> None:
        """Nothing to do at once; see `aclose`."""

    async def aclose(self) -> None:
        """Leave with everybody; nothing is written down."""
        members, self._members = self._members, {}
        for member in members.values():
            await member.leave()

    async def join(self, name: str, entry: Entry) -> bool:
        """Let a participant of ours in; whether the room did.

        Args:
            name: what steps call it.
            entry: how it gets in.
        """
        self._ours.add(entry.participant_id)
        role = _side(name)
        try:
            member = await RoomSocket.join(
                entry.url,
                entry.room_id,
                entry.token,
                entry.participant_id,
                clock=self._clock,
                on_frame=self._hear if name == AGENT else None,
            )
        except JoinError as error:
            self._journal.note(f"{entry.participant_id} is not let in: {error.message}")
            return False
        self._members[name] = member
        own = {"probe": name}
        self._note("join", entry.participant_id, role, name=entry.room_id, data=own)
        if name == AGENT:
            for other in sorted(member.participants - self._ours):
                self._note("join", other, self._side_of(other), name=entry.room_id)
        return True

    def participants(self) -> set[str]:
        """Who is in the room besides the agent's participant."""
        return self._member(AGENT).participants

    async def leave(self, name: str) -> None:
        """A participant of ours leaves."""
        member = self._member(name)
        self._note("leave", member.participant_id, _side(name), name=member.id)
        await member.leave()
        del self._members[name]

    async def send(self, payload: bytes | str, reliability: str, *, name: str = AGENT) -> None:
        """A participant of ours broadcasts; returns once the room has taken it.

        Raises:
            StepUnmetError: it is not in the room, or the room refused.
        """
        member, role = self._member(name), _side(name)
        codec = self._codec
        self._note(
            "message",
            member.participant_id,
            role,
            opcode="text" if isinstance(payload, str) else "binary",
            reliability=reliability,
            payload=payload,
            explain=lambda: codec.decode(payload, role),
        )
        try:
            await member.send(payload, {self._option: reliability})
        except (ConnectionError, ValueError) as error:
            raise StepUnmetError(f"the room did not take it: {error}") from error

    async def settle(self) -> None:
        """Everything that the room has sent to the agent's participant is here."""
        agent = self._members.get(AGENT)
        if agent is not None and agent.is_open:
            await agent.ping(_PATIENCE)

    def _member(self, name: str) -> RoomSocket:
        if name not in self._members:
            raise StepUnmetError(f"{name} is not in the room")
        return self._members[name]

    def _hear(self, frame: room.FromRoom) -> None:
        match frame:
            case room.Message() if frame.from_ not in self._ours:
                self._heard(frame)
            case room.ParticipantJoined(participant_id=who) if who not in self._ours:
                self._note("join", who, self._side_of(who), name=self._member(AGENT).id)
            case room.ParticipantLeft(participant_id=who) if who not in self._ours:
                self._note("leave", who, self._side_of(who), name=self._member(AGENT).id)
            case room.Track():
                who = frame.participant_id
                data = {"state": frame.state}
                self._note("track", who, self._side_of(who), name=frame.kind, data=data)
            case _:
                pass  # our own doing, or the socket's affair

    def _heard(self, frame: room.Message) -> None:
        codec, role = self._codec, self._side_of(frame.from_)
        payload = _payload(frame)
        self._note(
            "message",
            frame.from_,
            role,
            opcode="text" if isinstance(payload, str) else "binary",
            reliability=frame.reliability,
            payload=payload,
            explain=lambda: codec.decode(payload, role),
        )

    def _side_of(self, participant_id: str) -> str:
        return "server" if participant_id in self.workers else ""

    def _note(self, kind: str, participant: str, role: str, **fields: Any) -> None:  # noqa: ANN401 - members of Record
        self._journal.add(
            kind, connection=self.number, sender=role, participant=participant, **fields
        )


def _side(name: str) -> str:
    return "client" if name == AGENT else ""


def _payload(frame: room.Message) -> bytes | str:
    if isinstance(frame.binary, str):
        return base64.b64decode(frame.binary)
    return frame.text if isinstance(frame.text, str) else ""
