"""A room: participants, and a data channel that broadcasts to all others.

The room decides nothing about who may enter; that is the platform's business. It journals who
comes and goes, what is sent and which tracks there are, and refuses sends as the vendor's transport
does (VSD-CHAN-006, VSD-ERR-001). What an agent sends goes through `relay` first, where a
plan may keep it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from mock_servers.videosdk.delivery import Air, Delivery

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from mock_servers.journal import Journal
    from mock_servers.videosdk.delivery import Later
    from mock_servers.videosdk.wire import VideoSdkCodec
    from protocol_core.videosdk.revision import Revision

__all__ = [
    "SEND_FAILED",
    "Conditions",
    "Failing",
    "Member",
    "Participant",
    "Refusal",
    "Role",
    "Room",
    "Sent",
]

#: Whose side a participant is on, as the journal's ``sender`` has it: agent, worker, anybody else.
Role = Literal["client", "server", ""]
#: Name of the note that a send was refused.
SEND_FAILED = "send_failed"


class Member(Protocol):
    """A participant's own end: what the room tells it."""

    def deliver(self, delivery: Delivery) -> None:
        """Somebody else has sent something."""

    def participant_joined(self, participant_id: str) -> None:
        """Somebody else has come."""

    def participant_left(self, participant_id: str) -> None:
        """Somebody else has gone."""

    def track_changed(self, participant_id: str, kind: str, state: str) -> None:
        """Somebody else's track was published or unpublished."""

    def removed(self, reason: str, *, abrupt: bool) -> None:
        """It is not in the room any more; ``abrupt`` if the connection just breaks."""


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """How well a room carries.

    Attributes:
        loss: share of unreliable payloads that are lost.
        reorder: share of the others that are overtaken.
        latency: seconds that every payload takes.
        utf8_text_decoding: hand binary payloads that are UTF-8 over as text (OP-1).
    """

    loss: float = 0.0
    reorder: float = 0.0
    latency: float = 0.0
    utf8_text_decoding: bool = False


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a send failed.

    Attributes:
        name: row of the error catalogue.
        code: stable code.
        message: the transport's words.
    """

    name: str
    code: str
    message: str


class Failing(msgspec.Struct, kw_only=True):
    """Sends that are going to fail.

    Attributes:
        row: row of the error catalogue.
        role: whose sends.
        after: how many still succeed.
        times: how many fail then; None until the sender joins again.
    """

    row: str
    role: Role = "client"
    after: int = 0
    times: int | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that a participant sends.

    Attributes:
        payload: bytes or text.
        sender: the participant.
        reliability: the mode, as it counts.
    """

    payload: bytes | str
    sender: Participant
    reliability: str


class Participant:
    """Somebody in a room, as the room sees them.

    Attributes:
        id: participant id.
        role: whose side they are on.
        member: their own end.
        tracks: kinds of the tracks that they publish.
        present: whether they are still in the room.
    """

    __slots__ = ("air", "id", "member", "present", "role", "tracks")

    def __init__(self, participant_id: str, role: Role, member: Member, air: Air) -> None:
        self.id = participant_id
        self.role: Role = role
        self.member = member
        self.air = air
        self.tracks: set[str] = set()
        self.present = True


class Room:
    """One room.

    Args:
        room_id: its id.
        number: number of the channel in the journal.
        revision: the generated modules.
        journal: where everything is written down.
        codec: names and explains payloads.
        conditions: how well it carries.
        later: calls back on the platform's clock.
        wall: seconds since the epoch.
        rng: source of losses and overtakings.
        relay: takes what an agent sends; broadcasts it, or not.

    Attributes:
        id: its id.
        number: number of the channel in the journal.
        participants: who is in it, in the order of their coming.
        failing: sends that are going to fail.
    """

    def __init__(
        self,
        room_id: str,
        number: int,
        *,
        revision: Revision,
        journal: Journal,
        codec: VideoSdkCodec,
        conditions: Conditions,
        later: Later,
        wall: Callable[[], float],
        rng: random.Random,
        relay: Callable[[Sent], Refusal | None],
    ) -> None:
        self.id = room_id
        self.number = number
        self.participants: list[Participant] = []
        self.failing: list[Failing] = []
        self._revision = revision
        self._journal = journal
        self._codec = codec
        self._conditions = conditions
        self._later = later
        self._wall = wall
        self._rng = rng
        self._relay = relay
        self._modes = revision.constants.Reliability

    def participant(self, participant_id: str) -> Participant | None:
        """Who is in the room under this id."""
        return next((each for each in self.participants if each.id == participant_id), None)

    def of_role(self, role: Role) -> Participant | None:
        """The first participant on this side."""
        return next((each for each in self.participants if each.role == role), None)

    # -- coming and going --------------------------------------------------------------------------

    def join(
        self,
        participant_id: str,
        member: Member,
        role: Role,
        *,
        token: dict[str, Any] | None = None,
    ) -> Participant:
        """Let somebody in. Whoever was there under the same id is replaced.

        Args:
            participant_id: who.
            member: their own end.
            role: whose side they are on.
            token: what the token says that they were admitted by.
        """
        previous = self.participant(participant_id)
        if previous is not None:
            self.remove(previous, "replaced by another connection")

        def land(delivery: Delivery) -> None:
            self._land(joined, delivery)

        air = Air(
            land,
            later=self._later,
            rng=self._rng,
            loss=self._conditions.loss,
            reorder=self._conditions.reorder,
            latency=self._conditions.latency,
            on_loss=lambda delivery: self._lost(joined, delivery),
        )
        joined = Participant(participant_id, role, member, air)
        self.failing = [
            each for each in self.failing if each.times is not None or each.role != role
        ]
        self._note("join", joined, data={"token": token} if token is not None else None)
        others = list(self.participants)
        self.participants.append(joined)
        for other in others:
            other.member.participant_joined(participant_id)
        return joined

    def leave(self, participant: Participant) -> None:
        """Somebody goes; harmless if they are gone."""
        if not participant.present:
            return
        participant.present = False
        participant.air.close()
        self.participants.remove(participant)
        self._note("leave", participant)
        for other in tuple(self.participants):
            other.member.participant_left(participant.id)

    def remove(self, participant: Participant, reason: str, *, abrupt: bool = False) -> None:
        """Send somebody out, and tell them; harmless if they are gone."""
        if participant.present:
            self.leave(participant)
            participant.member.removed(reason, abrupt=abrupt)

    # -- the data channel --------------------------------------------------------------------------

    def send(self, participant: Participant, payload: object, mode: str) -> Refusal | None:
        """Broadcast a payload; why it was refused, or None."""
        refusal = self._refusal(participant, payload)
        if refusal is not None or not isinstance(payload, bytes | str):
            return refusal
        reliable = mode == self._modes.RELIABLE
        reliability = self._modes.RELIABLE if reliable else self._modes.UNRELIABLE
        sent = Sent(payload=payload, sender=participant, reliability=reliability)
        if participant.role == "client":
            return self._relay(sent)
        self.record(sent)
        self.broadcast(sent)
        return None

    def record(self, sent: Sent) -> None:
        """Journal a payload that was sent."""
        codec, payload, role = self._codec, sent.payload, sent.sender.role
        self._note(
            "message",
            sent.sender,
            reliability=sent.reliability,
            opcode="text" if isinstance(payload, str) else "binary",
            payload=payload,
            explain=lambda: codec.decode(payload, role),
        )

    def broadcast(self, sent: Sent) -> None:
        """Carry a payload to everybody else; a sender does not hear itself (OP-2)."""
        delivery = Delivery(
            payload=sent.payload,
            sender=sent.sender.id,
            timestamp=int(self._wall() * 1000),
            reliability=sent.reliability,
            lossy=sent.reliability != self._modes.RELIABLE,
        )
        for other in tuple(self.participants):
            if other is not sent.sender:
                other.air.carry(delivery)

    def refuse(self, participant: Participant, row: str, payload: object) -> Refusal:
        """Refuse a send as a row of the error catalogue says, and journal it."""
        code = str(self._revision.errors.CATALOGUE[row].code)
        message = _words(self._revision, code, payload)
        shown = self._codec.decode(payload, "") if isinstance(payload, bytes | str) else None
        data = {
            "error": row,
            "code": code,
            "message": message,
            "name": shown.name if shown is not None else "",
            "bytes": _size(payload),
        }
        self._note(
            "note", participant, source="platform", name=SEND_FAILED, data=data, reason=message
        )
        return Refusal(name=row, code=code, message=message)

    # -- tracks ------------------------------------------------------------------------------------

    def publish(self, participant: Participant, kind: str) -> None:
        """A track appears; publishing it again changes nothing."""
        if kind not in participant.tracks:
            participant.tracks.add(kind)
            self._track(participant, kind, "published")

    def unpublish(self, participant: Participant, kind: str) -> None:
        """A track is gone; harmless if it was not there."""
        if kind in participant.tracks:
            participant.tracks.remove(kind)
            self._track(participant, kind, "unpublished")

    def _track(self, participant: Participant, kind: str, state: str) -> None:
        self._note("track", participant, name=kind, data={"state": state})
        for other in tuple(self.participants):
            if other is not participant:
                other.member.track_changed(participant.id, kind, state)

    # -- inside ------------------------------------------------------------------------------------

    def _refusal(self, participant: Participant, payload: object) -> Refusal | None:
        """The transport's own checks, in its own order."""
        if not isinstance(payload, bytes | str):
            return self.refuse(participant, "send_wrong_type", payload)
        if _size(payload) > self._revision.constants.Limit.PAYLOAD:
            return self.refuse(participant, "send_too_large", payload)
        if not participant.present:
            return self.refuse(participant, "send_not_connected", payload)
        for failing in self.failing:
            if failing.role != participant.role:
                continue
            if failing.after > 0:
                failing.after -= 1
                continue
            if failing.times is not None:
                failing.times -= 1
                if failing.times <= 0:
                    self.failing.remove(failing)
            return self.refuse(participant, failing.row, payload)
        return None

    def _land(self, participant: Participant, delivery: Delivery) -> None:
        payload = delivery.payload
        if self._conditions.utf8_text_decoding and isinstance(payload, bytes):
            with contextlib.suppress(UnicodeDecodeError):
                delivery = msgspec.structs.replace(delivery, payload=payload.decode())
        participant.member.deliver(delivery)

    def _lost(self, participant: Participant, delivery: Delivery) -> None:
        self._journal.note(
            f"an unreliable payload of {delivery.sender} is lost on its way to {participant.id}",
            connection=self.number,
        )

    def _note(self, kind: str, participant: Participant, **fields: Any) -> None:  # noqa: ANN401 - members of Record
        if kind in {"join", "leave"}:
            fields["name"] = self.id
        self._journal.add(
            kind,
            connection=self.number,
            sender=participant.role,
            participant=participant.id,
            **fields,
        )


def _size(payload: object) -> int:
    """Bytes that count against the transport's limit; text counts in UTF-8."""
    if isinstance(payload, str):
        return len(payload.encode(errors="surrogatepass"))
    return len(payload) if isinstance(payload, bytes) else 0


def _words(revision: Revision, code: str, payload: object) -> str:
    """The transport's words for a refused send."""
    text, codes = revision.constants.ErrorText, revision.errors.ErrorCode
    words: str = {
        codes.PAYLOAD_TOO_LARGE: text.PAYLOAD_TOO_LARGE,
        codes.PAYLOAD_TYPE: text.PAYLOAD_TYPE,
        codes.NOT_CONNECTED: text.NETWORK,
        codes.NO_PRODUCER: text.NO_PRODUCER,
    }.get(code, text.SEND_FAILED)
    return words.format(bytes=_size(payload), type=type(payload).__name__)
