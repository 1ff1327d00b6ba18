"""How long to wait before trying again: the arithmetic of exponential backoff."""

from __future__ import annotations

__all__ = ["delay_after"]


def delay_after(failures: int, *, base: float, factor: float, cap: float) -> float:
    """min(base · factor^failures, cap) seconds, without overflowing.

    Args:
        failures: failed attempts since the last success.
        base: seconds before the first attempt.
        factor: by how much each failure stretches the delay; at least 1.
        cap: longest delay, seconds.
    """
    delay = base
    for _ in range(failures):
        if factor == 1 or not 0 < delay < cap:
            break
        delay *= factor
    return min(delay, cap)
