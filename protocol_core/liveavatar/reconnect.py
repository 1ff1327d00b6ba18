"""Whether and when an agent dials again (LAC-RECON-001 to -005).

Pure: the policy counts failures and names delays; the session decides when it is asked.
"""

from __future__ import annotations

from protocol_core.backoff import delay_after

__all__ = ["ReconnectPolicy"]


class ReconnectPolicy:
    """min(base · factor^n, longest) seconds, n the failed attempts since the last open socket.

    Args:
        enabled: whether there is any reconnecting (LAC-RECON-001).
        base: seconds before the first attempt.
        factor: by how much each failure stretches the delay; at least 1.
        longest: longest delay, seconds.

    Attributes:
        failures: failed attempts since the last open socket.
    """

    __slots__ = ("_base", "_factor", "_longest", "enabled", "failures")

    def __init__(self, *, enabled: bool, base: float, factor: float, longest: float) -> None:
        self.enabled = enabled
        self._base = base
        self._factor = factor
        self._longest = longest
        self.failures = 0

    def opened(self) -> None:
        """A socket opened: the next delay is the first one again (LAC-RECON-002)."""
        self.failures = 0

    def failed(self) -> None:
        """An attempt failed."""
        self.failures += 1

    @property
    def delay(self) -> float:
        """Seconds to wait before the next attempt."""
        return delay_after(self.failures, base=self._base, factor=self._factor, cap=self._longest)
