"""Who may enter a room, and as whom (OP-8).

A token is judged by its signature, its claims and its expiry on the platform's clock. Whose side
somebody is on follows from it, too: a worker's token names a participant, an agent's does not. The
room knows one of each; whoever comes besides is a bystander.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from mock_servers.documents import is_object
from mock_servers.videosdk.rejection import JoinRefusedError
from mock_servers.videosdk.room import Role
from protocol_core.videosdk import credentials
from protocol_core.videosdk.errors import TokenFault, TokenRefused

if TYPE_CHECKING:
    from mock_servers.videosdk.platform import VideoSdkPlatform
    from mock_servers.videosdk.room import Room

__all__ = ["JOIN_REFUSED", "Admission", "Gate"]

#: Name of the note that somebody was not let in.
JOIN_REFUSED: Final = "join_refused"
#: Why a token is refused -> row of the error catalogue.
_ROWS: Final = {
    TokenFault.HEADER: "join_token_invalid",
    TokenFault.SIGNATURE: "join_token_invalid",
    TokenFault.CLAIMS: "join_token_invalid",
    TokenFault.EXPIRED: "join_token_expired",
    TokenFault.PARTICIPANT: "join_participant_mismatch",
}


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """As whom somebody is let in.

    Attributes:
        participant_id: who.
        role: whose side they are on.
        token: what their token says, for the journal.
    """

    participant_id: str
    role: Role
    token: dict[str, Any] | None = None


class _Denial(msgspec.Struct, kw_only=True):
    """Joins that are refused: which row, whose, and how many; None for any and for ever."""

    row: str
    role: Role | None
    times: int | None


class Gate:
    """The entrance to every room of a platform.

    Args:
        platform: whose accounts, clock and journal.
    """

    def __init__(self, platform: VideoSdkPlatform) -> None:
        self._platform = platform
        self._denials: list[_Denial] = []

    def reset(self) -> None:
        """Refuse nobody any more who has a good token."""
        self._denials.clear()

    def deny(self, row: str, role: Role | None, *, times: int | None = None) -> None:
        """Refuse joins from now on.

        Args:
            row: row of the error catalogue.
            role: whose; None for everybody's.
            times: how many; None for all.
        """
        self._denials.append(_Denial(row=row, role=role, times=times))

    def verify(
        self, token: str, participant_id: str | None = None, *, worker: bool = True
    ) -> credentials.Claims:
        """Check a token against the account that it names.

        Args:
            token: a compact JWT.
            participant_id: who comes with it; None where that is not known yet.
            worker: whether it must name a participant, as a worker's does.

        Raises:
            TokenRefused: it is not accepted.
        """
        platform = self._platform
        claims = credentials.verify(
            platform.modules,
            token,
            secret=platform.options.secret,
            now=platform.wall(),
            participant_id=participant_id,
            worker=worker,
        )
        if platform.accounts.by_key(claims.api_key) is None:
            raise TokenRefused(TokenFault.CLAIMS, "its API key is unknown")
        return claims

    def judge(self, room: Room, token: str, participant_id: str) -> Admission:
        """Decide whether somebody may enter; a refusal is journaled.

        Args:
            room: where to.
            token: what they come with.
            participant_id: whom they want to be; "" leaves it to the token, or to us.

        Raises:
            JoinRefusedError: they may not.
        """
        try:
            owner = self._owner(token, participant_id)
        except JoinRefusedError as refusal:
            self._note(room, refusal, participant_id)
            raise
        identity = participant_id or owner or self._new_participant()
        return Admission(
            participant_id=identity,
            role=_role(room, owner, identity),
            token=self._platform.wire.describe_token(token),
        )

    def _owner(self, token: str, participant_id: str) -> str | None:
        """The participant that a good token names."""
        try:
            claims = self.verify(token, participant_id or None, worker=False)
        except TokenRefused as refused:
            raise JoinRefusedError(_ROWS[refused.fault], str(refused)) from None
        role: Role = "client" if claims.participant_id is None else "server"
        for denial in self._denials:
            if denial.role in {None, role}:
                if denial.times is not None:
                    denial.times -= 1
                    if denial.times <= 0:
                        self._denials.remove(denial)
                raise JoinRefusedError(denial.row, self._words(denial.row))
        return claims.participant_id

    def _words(self, name: str) -> str:
        """What a row of the error catalogue says."""
        reply = self._platform.modules.errors.CATALOGUE[name].http
        document: object = None if reply is None else reply.json
        return str(document["error"]) if is_object(document) else name

    def _note(self, room: Room, refusal: JoinRefusedError, participant_id: str) -> None:
        code = self._platform.modules.errors.CATALOGUE[refusal.row].code
        self._platform.journal.add(
            "note",
            source="platform",
            connection=room.number,
            name=JOIN_REFUSED,
            participant=participant_id,
            data={"error": refusal.row, "code": str(code), "message": refusal.detail},
            reason=refusal.detail,
        )

    def _new_participant(self) -> str:
        return self._platform.mint.identifier("participant")


def _role(room: Room, owner: str | None, identity: str) -> Role:
    """Whose side somebody is on; who comes again under the same id takes their own place."""
    role: Role = "client" if owner is None else "server"
    there = room.of_role(role)
    return role if there is None or there.id == identity else ""
