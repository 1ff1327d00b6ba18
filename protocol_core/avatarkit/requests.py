"""Request ids: how a client mints them, and how a server keeps track of them."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from avatar_protocols.avatarkit.v0_1_7.constants import PROTOCOL, RequestId
from protocol_core.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["Requests", "mint_request_id"]

#: Ended requests that a server remembers, so that a long session does not grow for ever.
REMEMBERED: Final = 4096


class Chooser(Protocol):
    """Picks one of several; `random.Random` and `random.SystemRandom` do."""

    def choice(self, seq: Sequence[str], /) -> str: ...


def mint_request_id(moment: datetime, randomness: Chooser) -> str:
    """A fresh request id in the documented form, 27 characters (AVK-REQ-002).

    Args:
        moment: the time, in UTC.
        randomness: where the last 12 characters come from.
    """
    suffix = "".join(randomness.choice(RequestId.ALPHABET) for _ in range(RequestId.SUFFIX_LENGTH))
    return f"{moment.strftime(RequestId.TIME_FORMAT)}{RequestId.SEPARATOR}{suffix}"


class _Stage(Enum):
    OPEN = auto()
    ENDED = auto()
    INTERRUPTED = auto()
    ANSWERED = auto()


class Requests:
    """A server's view of the requests of one connection.

    Attributes:
        open_id: the request that still takes audio; "" for none.
    """

    def __init__(self) -> None:
        self.open_id = ""
        self._stages: dict[str, _Stage] = {}

    def spent(self, req_id: str) -> str:
        """Why the request takes no more audio: ``interrupted``, ``ended``; "" if it does."""
        stage = self._stages.get(req_id, _Stage.OPEN)
        if stage is _Stage.INTERRUPTED:
            return "interrupted"
        return "" if stage is _Stage.OPEN else "ended"

    def audio(self, req_id: str, *, end: bool) -> bool:
        """Note audio of a request that is not spent; returns whether it is its first."""
        first = req_id not in self._stages
        self._stages[req_id] = _Stage.ENDED if end else _Stage.OPEN
        self.open_id = "" if end else req_id
        while len(self._stages) > REMEMBERED:
            self._stages.pop(next(iter(self._stages)))
        return first

    def interrupt(self, req_id: str) -> bool:
        """Note an interrupt; returns whether there was something to stop (AVK-INT-007)."""
        if self._stages.get(req_id) not in {_Stage.OPEN, _Stage.ENDED}:
            return False
        self._stages[req_id] = _Stage.INTERRUPTED
        if self.open_id == req_id:
            self.open_id = ""
        return True

    def answer(self, req_id: str, *, end: bool) -> None:
        """Note an answer, ``end`` being the last one.

        Raises:
            LocalProtocolError: the request takes no answer (any more).
        """
        stage = self._stages.get(req_id)
        if stage is None:
            problem, requirement = "no such request", "AVK-REQ-004"
        elif stage is _Stage.INTERRUPTED:
            problem, requirement = "the request was interrupted", "AVK-INT-006"
        elif stage is _Stage.ANSWERED:
            problem, requirement = "the request has had its last answer", "AVK-ANIM-002"
        elif end and stage is _Stage.OPEN:
            problem, requirement = "the request's audio has not ended", "AVK-ANIM-002"
        else:
            if end:
                self._stages[req_id] = _Stage.ANSWERED
            return
        raise LocalProtocolError(problem, protocol=PROTOCOL, requirement=requirement, value=req_id)

    def clear(self) -> None:
        """Forget everything; ids end with the connection (OP-29)."""
        self.open_id = ""
        self._stages.clear()
