"""Message ids of a client: a prefix and the milliseconds of the day, never twice the same.

The package's ids repeat within a millisecond, and two pending requests with one id are the client's
fault (OP-7); here the number counts on instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol_core.akool.revision import Revision

__all__ = ["Mids"]


class Mids:
    """Hands out message ids.

    Args:
        revision: whose separator.
    """

    def __init__(self, revision: Revision) -> None:
        self._separator: str = revision.constants.MidPrefix.SEPARATOR
        self._last = -1

    def next(self, prefix: str, epoch: float) -> str:
        """A new id.

        Args:
            prefix: what it is for.
            epoch: seconds since 1970.
        """
        self._last = max(self._last + 1, round(epoch * 1000))
        return f"{prefix}{self._separator}{self._last}"
