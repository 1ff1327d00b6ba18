"""Book-keeping of what the agent has begun: responses, audio brackets, utterances.

Each book refuses what its rules forbid, before anything is sent. Ids that are over are remembered,
so that nothing is sent for them again; the memory is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from protocol_core.liveavatar.errors import refuse
from protocol_core.liveavatar.events import Bracket, BracketKind

__all__ = ["REMEMBERED", "Kind", "Memory", "Response", "ResponseBook", "UtteranceBook"]

#: How many finished ids a book remembers.
REMEMBERED = 4096


class Kind(StrEnum):
    """Who voices a response."""

    TEXT = "text"
    AUDIO = "audio"


@dataclass(slots=True)
class Response:
    """A response that has begun and is not over.

    Attributes:
        request_id: the turn it answers.
        response_id: its id.
        kind: text for the platform's TTS, or our own audio.
        next_seq: number of the next chunk.
    """

    request_id: str
    response_id: str
    kind: Kind
    next_seq: int = 0


class Memory:
    """The most recent ids, with a word on each.

    Args:
        limit: how many; the oldest is forgotten first.
    """

    __slots__ = ("_ids", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: dict[str, str] = {}

    def note(self, item: str, fate: str) -> None:
        """Remember an id as the most recent one."""
        self._ids.pop(item, None)
        self._ids[item] = fate
        if len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]

    def get(self, item: str) -> str | None:
        """The word on an id; None if it is not remembered."""
        return self._ids.get(item)


class ResponseBook:
    """Responses and the one audio bracket of a socket.

    Args:
        first_seq: number of a response's first chunk (OP-3).
        remembered: how many finished responses are remembered.

    Attributes:
        open: responses that have begun and are not over, by id.
        bracket: the audio bracket that is open, if any (LAC-TTS-002).
    """

    def __init__(self, *, first_seq: int, remembered: int = REMEMBERED) -> None:
        self.open: dict[str, Response] = {}
        self.bracket: Bracket | None = None
        self._first_seq = first_seq
        self._over = Memory(remembered)

    def start(self, request_id: str, response_id: str) -> None:
        """response.start comes at most once, before the first chunk (LAC-RESP-001)."""
        if response_id in self.open:
            refuse(
                "response.start comes once, before the first chunk",
                "LAC-RESP-001",
                value=response_id,
                hint="mint a new response id",
            )
        self._begin(request_id, response_id, Kind.TEXT)

    def chunk(self, request_id: str, response_id: str, seq: int | None) -> int:
        """The chunk's number: the next one; ``seq``, if given, must be it (LAC-RESP-005)."""
        response = self._find(request_id, response_id, Kind.TEXT)
        expected = self._first_seq if response is None else response.next_seq
        if seq is not None and seq != expected:
            refuse(f"the next chunk is number {expected}", "LAC-RESP-005", value=seq)
        if response is None:
            response = self._begin(request_id, response_id, Kind.TEXT)
        response.next_seq = expected + 1
        return expected

    def done(self, request_id: str, response_id: str) -> None:
        """The text is complete (LAC-RESP-007)."""
        if self._find(request_id, response_id, Kind.TEXT) is None:
            refuse("this response has not begun", "LAC-RESP-007", value=response_id)
        self._end(response_id, "done")

    def cancel(self, response_id: str) -> Bracket | None:
        """The response is abandoned; returns the bracket that has to be finished first, if any."""
        if self._over.get(response_id) == "cancelled":
            refuse("this response has been cancelled", "LAC-RESP-007", value=response_id)
        bracket = self.bracket
        if bracket is None or bracket.response_id != response_id:
            bracket = None
        else:
            self.bracket = None
        self._end(response_id, "cancelled")
        return bracket

    def open_bracket(self, bracket: Bracket) -> None:
        """Frames of this bracket follow (LAC-TTS-001, LAC-TTS-003)."""
        if self.bracket is not None:
            refuse(
                f"a {self.bracket.kind} audio bracket is open",
                "LAC-TTS-002",
                hint="finish it first: frames carry no id",
            )
        if bracket.request_id is not None and bracket.response_id is not None:
            self._begin(bracket.request_id, bracket.response_id, Kind.AUDIO)
        self.bracket = bracket

    def close_bracket(self, bracket: Bracket) -> None:
        """The last frame of this bracket has been sent."""
        if self.bracket != bracket:
            rule = "LAC-TTS-003" if bracket.kind is BracketKind.PROMPT else "LAC-TTS-001"
            refuse("this audio bracket is not open", rule, value=bracket.response_id)
        self.bracket = None
        if bracket.response_id is not None:
            self._end(bracket.response_id, "done")

    def lose(self) -> tuple[tuple[str, ...], bool]:
        """The socket is gone, and with it what was open (LAC-RECON-006)."""
        lost = tuple(self.open)
        bracket = self.bracket is not None
        for response_id in lost:
            self._end(response_id, "lost")
        self.bracket = None
        return lost, bracket

    def _find(self, request_id: str, response_id: str, kind: Kind) -> Response | None:
        fate = self._over.get(response_id)
        if fate is not None:
            refuse(
                f"this response is over ({fate})",
                "LAC-RESP-008",
                value=response_id,
                hint="mint a new response id",
            )
        response = self.open.get(response_id)
        if response is None:
            return None
        if response.request_id != request_id:
            refuse(
                f"this response answers turn {response.request_id!r}",
                "LAC-RESP-004",
                value=request_id,
            )
        if response.kind is not kind:
            refuse(
                f"this response is made of {response.kind}",
                "LAC-RESP-003",
                value=response_id,
                hint="text and self-made speech do not mix in one response",
            )
        return response

    def _begin(self, request_id: str, response_id: str, kind: Kind) -> Response:
        self._find(request_id, response_id, kind)
        response = Response(request_id, response_id, kind, self._first_seq)
        self.open[response_id] = response
        return response

    def _end(self, response_id: str, fate: str) -> None:
        self.open.pop(response_id, None)
        self._over.note(response_id, fate)


class _Stage(StrEnum):
    SPEAKING = "speaking"
    FINISHED = "finished"
    RECOGNISED = "recognised"


class UtteranceBook:
    """The order of voice and asr events within each utterance (LAC-ASR-004).

    Args:
        first_seq: number of an utterance's first partial result.
        remembered: how many utterances are remembered.
    """

    #: event -> (stages it may follow, stage after it); "" is an utterance not heard of.
    ORDER: ClassVar[dict[str, tuple[tuple[str, ...], _Stage]]] = {
        "voice start": (("",), _Stage.SPEAKING),
        "partial result": ((_Stage.SPEAKING,), _Stage.SPEAKING),
        "voice finish": ((_Stage.SPEAKING,), _Stage.FINISHED),
        "final result": ((_Stage.FINISHED,), _Stage.RECOGNISED),
    }

    def __init__(self, *, first_seq: int, remembered: int = REMEMBERED) -> None:
        self._first_seq = first_seq
        self._stages = Memory(remembered)
        self._partials: dict[str, int] = {}

    def voice_start(self, request_id: str) -> None:
        """The first event of an utterance."""
        self._step("voice start", request_id)
        self._partials[request_id] = self._first_seq - 1

    def partial(self, request_id: str, seq: int | None) -> int:
        """The partial result's number; ``seq``, if given, must be above the last (LAC-ASR-006)."""
        self._step("partial result", request_id)
        last = self._partials[request_id]
        if seq is not None and seq <= last:
            refuse(f"seq must be above {last}", "LAC-ASR-006", value=seq)
        number = last + 1 if seq is None else seq
        self._partials[request_id] = number
        return number

    def voice_finish(self, request_id: str) -> None:
        """The user has stopped speaking."""
        self._step("voice finish", request_id)
        del self._partials[request_id]

    def final(self, request_id: str) -> None:
        """The result, after the end of the speech."""
        self._step("final result", request_id)

    def lose(self) -> None:
        """The socket is gone; utterances do not go on over another one."""
        for request_id in list(self._partials):
            self._stages.note(request_id, _Stage.RECOGNISED)
        self._partials.clear()

    def _step(self, event: str, request_id: str) -> None:
        allowed, after = self.ORDER[event]
        stage = self._stages.get(request_id) or ""
        if stage not in allowed:
            refuse(
                f"{event} cannot follow here",
                "LAC-ASR-004",
                value=request_id,
                hint="one utterance: voice start, partial*, voice finish, final, under one new id",
            )
        self._stages.note(request_id, after)
