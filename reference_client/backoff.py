"""Exponential backoff: how long to wait before the next attempt.

Pure arithmetic; who waits, and on which clock, is the caller's business. Jitter is off unless asked
for, because the documents of some platforms fix the delays.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from protocol_core.backoff import delay_after
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backoff", "BackoffSettings"]


class BackoffSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a backoff.

    Attributes:
        base: seconds before the first attempt.
        factor: by how much each failure stretches the delay; at least 1.
        cap: longest delay in seconds, before jitter.
        jitter: share of each delay that is left to chance, 0 to 1: a delay d becomes a random
            one between d·(1 - jitter) and d.
        attempts: how many attempts there are in all; None for no limit.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: float = 0.0
    attempts: int | None = None

    def __post_init__(self) -> None:
        problems = {
            "base": (self.base, self.base < 0, "must not be negative"),
            "factor": (self.factor, self.factor < 1, "must be at least 1"),
            "cap": (self.cap, self.cap < self.base, "must not be below the base delay"),
            "jitter": (self.jitter, not 0 <= self.jitter <= 1, "must be between 0 and 1"),
            "attempts": (
                self.attempts,
                self.attempts is not None and self.attempts < 1,
                "must be at least 1, or None for no limit",
            ),
        }
        for setting, (value, wrong, problem) in problems.items():
            if wrong:
                raise ConfigurationError(problem, setting=setting, value=value)


class Backoff:
    """Counts failed attempts since the last success.

    Args:
        settings: the shape.
        chance: source of randomness in [0, 1); only used with jitter.

    Attributes:
        failures: how many delays were handed out since the last `reset`.
    """

    __slots__ = ("_chance", "_settings", "failures")

    def __init__(
        self,
        settings: BackoffSettings | None = None,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings or BackoffSettings()
        self._chance = chance
        self.failures = 0

    def next_delay(self) -> float | None:
        """Seconds to wait before the next attempt; None if all attempts are used up."""
        shape = self._settings
        if shape.attempts is not None and self.failures >= shape.attempts:
            return None
        delay = delay_after(self.failures, base=shape.base, factor=shape.factor, cap=shape.cap)
        self.failures += 1
        return delay - delay * shape.jitter * self._chance()

    def reset(self) -> None:
        """An attempt succeeded: the next delay is the first one again."""
        self.failures = 0
