"""Answers: which animation messages a request gets, and when.

Requests are answered first-in first-out (AVK-REQ-007). The audio is cut into chunks of a fifth of
a second; each chunk becomes one message with five frames of 25 frames per second. The last message,
and only it, says ``end`` (AVK-ANIM-002), so a chunk leaves only when more audio is known to follow
or the request has ended. Paced answers leave at the speed of the audio, others as soon as they
can.
"""

from __future__ import annotations

import math
import random
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_servers.avatarkit.audio import AudioMeter
    from protocol_core.clock import Timer

__all__ = ["CHUNK_SECONDS", "FRAMES_PER_SECOND", "Answer", "Responder", "frame_content"]

#: Length of audio that one animation message stands for, in seconds.
CHUNK_SECONDS = 0.2
FRAMES_PER_SECOND = 25
#: A usual number of facial blend shapes.
_BLEND_SHAPES = 52
#: Two samples of audio may be missing to a whole chunk: resampling and rounding.
_ROUNDING = 1e-6


@dataclass
class Answer:
    """One request and how far it is answered.

    Attributes:
        req_id: the request.
        meter: measures its audio.
        number: its number on the connection, from 0.
        sent: animation messages sent.
        ended: whether its audio is complete.
    """

    req_id: str
    meter: AudioMeter
    number: int
    sent: int = 0
    ended: bool = False

    @property
    def messages(self) -> int:
        """Messages that the audio so far makes; never less than one."""
        return max(1, math.ceil(self.meter.seconds / CHUNK_SECONDS - _ROUNDING))

    @property
    def available(self) -> bool:
        """Whether the next message may leave."""
        return self.ended or self.sent + 1 < self.messages

    @property
    def next_is_last(self) -> bool:
        return self.ended and self.sent + 1 >= self.messages


@dataclass
class Responder:
    """Sends the answers of one connection.

    Attributes:
        send: sends one message: request, whether it is the last, frame content.
        later: calls back at a clock time.
        now: the clock.
        seed: seed of the content.
        pace: whether answers take as long as their audio.
    """

    send: Callable[[str, bool, bytes], None]
    later: Callable[[float, Callable[[], None]], Timer]
    now: Callable[[], float]
    seed: str
    pace: bool
    queue: deque[Answer] = field(default_factory=deque[Answer])
    _due: float = -math.inf
    _timer: Timer | None = None

    def add(self, answer: Answer) -> None:
        self.queue.append(answer)

    def drop(self, req_id: str) -> None:
        """Answer a request no further (AVK-INT-006)."""
        if self.queue and self.queue[0].req_id == req_id:
            self._disarm()
            self._due = self.now()
        self.queue = deque(answer for answer in self.queue if answer.req_id != req_id)
        self.run()

    def clear(self) -> None:
        """Answer nothing any more."""
        self._disarm()
        self.queue.clear()

    def run(self) -> None:
        """Send what may leave now; come back for the rest."""
        while self._timer is None and self.queue and self.queue[0].available:
            now = self.now()
            if self.pace and now < self._due:
                self._timer = self.later(self._due, self._on_timer)
                return
            answer = self.queue[0]
            last = answer.next_is_last
            content = frame_content(f"{self.seed}/{answer.number}", answer.sent)
            length = CHUNK_SECONDS
            if last:
                length = max(0.0, answer.meter.seconds - answer.sent * CHUNK_SECONDS)
                self.queue.popleft()
            # A timer that fires late delays nothing else; a gap in the audio does.
            behind = now - self._due
            self._due = (self._due if 0 <= behind < CHUNK_SECONDS else now) + length
            answer.sent += 1
            self.send(answer.req_id, last, content)

    def _on_timer(self) -> None:
        self._timer = None
        self.run()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def frame_content(seed: str, chunk: int) -> bytes:
    """Plausible animation for one chunk: times in ms, and blend shape weights in [0, 1).

    The vendor does not publish the content (OP-1); clients pass it through. The same seed gives the
    same bytes.
    """
    rng = random.Random(f"{seed}/{chunk}")  # noqa: S311 - reproducible on purpose
    frames = round(CHUNK_SECONDS * FRAMES_PER_SECOND)
    parts: list[bytes] = []
    for index in range(frames):
        moment = round(1000 * (chunk * frames + index) / FRAMES_PER_SECOND)
        weights = rng.randbytes(_BLEND_SHAPES)
        parts.append(struct.pack("<I", moment) + weights)
    return b"".join(parts)
