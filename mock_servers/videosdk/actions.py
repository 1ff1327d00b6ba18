"""What a plan or a test can make the room, the worker and bystanders do, besides common actions."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from mock_servers.actions import SESSION_POINTS, ActionSpec

__all__ = ["ACTIONS", "Bystander", "DenyJoins", "FailSends", "Saying"]

#: A bystander's id, where a plan names none.
_BYSTANDER: Final = "participant-2"

Count = Annotated[int, msgspec.Meta(ge=1)]
RoomId = Annotated[str, msgspec.Meta(min_length=1)]
Row = Annotated[str, msgspec.Meta(pattern="^(join|send)_[a-z_]+$")]


class Bystander(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is neither agent nor worker.

    Attributes:
        participant_id: who.
    """

    participant_id: Annotated[str, msgspec.Meta(min_length=1)] = _BYSTANDER


class Saying(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bystander sends a payload; one who is not in the room joins first.

    Attributes:
        participant_id: who.
        message: a payload by its name, with ``data``; or
        text: a text payload; or
        binary: a binary payload, in hexadecimal.
        data: members of the message; of audio, its number of ``bytes``.
        reliability: the mode; None takes UNRELIABLE for binary payloads and RELIABLE for text.
    """

    participant_id: Annotated[str, msgspec.Meta(min_length=1)] = _BYSTANDER
    message: str | None = None
    text: str | None = None
    binary: str | None = None
    data: dict[str, Any] = {}
    reliability: str | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.message, self.text, self.binary) if each is not None]
        if len(given) != 1:
            raise ValueError("give one of message, text and binary")
        bytes.fromhex(self.binary or "")


class FailSends(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sends fail, as they do in the vendor's transport (VSD-ERR-001).

    Attributes:
        error: row of the error catalogue: ``send_failed``, ``send_not_connected``, …
        who: whose sends.
        after: how many still succeed.
        times: how many fail; None until the sender joins again.
    """

    error: Row = "send_failed"
    who: Literal["agent", "worker"] = "agent"
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    times: Count | None = None


class DenyJoins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The room lets nobody in (OP-8).

    Attributes:
        error: row of the error catalogue: ``join_token_expired``, …
        who: who is meant.
        times: how many joins; None for all from now on.
    """

    error: Row = "join_token_invalid"
    who: Literal["agent", "worker", "anybody"] = "anybody"
    times: Count | None = None


ACTIONS: Final = {
    "worker_joins": ActionSpec(Literal[True], SESSION_POINTS),
    "worker_leaves": ActionSpec(Literal[True], SESSION_POINTS),
    "worker_moves": ActionSpec(RoomId, SESSION_POINTS),
    "participant_joins": ActionSpec(Bystander, SESSION_POINTS),
    "participant_leaves": ActionSpec(Bystander, SESSION_POINTS),
    "participant_says": ActionSpec(Saying, SESSION_POINTS),
    "fail_sends": ActionSpec(FailSends, SESSION_POINTS),
    "deny_joins": ActionSpec(DenyJoins, SESSION_POINTS),
}
