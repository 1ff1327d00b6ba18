"""Which instance to try next, when, and when to give up (AKO-RETRY-001 to AKO-RETRY-005)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.akool.errors import TooSoonError, failure
from protocol_core.backoff import delay_after

if TYPE_CHECKING:
    from protocol_core.akool.addresses import Instance
    from protocol_core.akool.config import ClientSettings
    from protocol_core.akool.errors import AkoolError
    from protocol_core.akool.revision import Revision

__all__ = ["Attempts"]


class Attempts:
    """Counts the attempts of one connect.

    The candidates are used in turn, and then round again: another one after each failure, if there
    is another one (AKO-RETRY-003).

    Args:
        revision: whose tables.
        settings: the limits.

    Attributes:
        made: attempts so far.
    """

    def __init__(self, revision: Revision, settings: ClientSettings) -> None:
        self._revision = revision
        self._settings = settings
        self._candidates: tuple[Instance, ...] = ()
        self._turn = 0
        self.made = 0

    @property
    def candidate(self) -> Instance:
        """Whom to dial now."""
        return self._candidates[self._turn % len(self._candidates)]

    @property
    def candidates(self) -> tuple[Instance, ...]:
        """All of them, in the order of their turns."""
        return self._candidates

    def begin(self, candidates: tuple[Instance, ...] | None = None) -> None:
        """Count from the start; None keeps the candidates, and whose turn it is."""
        self.made = 0
        if candidates is not None:
            self._candidates, self._turn = candidates, 0

    def dialled(self) -> None:
        """An attempt begins."""
        self.made += 1

    def after(self, error: AkoolError) -> float:
        """An attempt has failed: the seconds to wait before the next one.

        Raises:
            AkoolError: the error itself, where the table allows no retry (AKO-AUTH-006) or the
                server was given (AKO-RETRY-005).
            RetryError: the attempts are used up (AKO-RETRY-002).
        """
        settings = self._settings
        if not error.retry or settings.server is not None:
            raise error
        if self.made >= settings.max_attempts:
            raise self._used_up(error) from error
        self._turn += 1
        return self.delay(self.made - 1, pause=isinstance(error, TooSoonError))

    def delay(self, failures: int, *, pause: bool = False) -> float:
        """Seconds to wait after so many failures (AKO-RETRY-004).

        Args:
            failures: failures before this one.
            pause: the instance asked for it: there is a wait even where none is configured.
        """
        constants, settings = self._revision.constants, self._settings
        delay = delay_after(
            failures,
            base=settings.retry_base_delay,
            factor=constants.Backoff.FACTOR,
            cap=settings.retry_max_delay,
        )
        return max(delay, constants.Backoff.BASE) if pause else delay

    def _used_up(self, error: AkoolError) -> AkoolError:
        errors = self._revision.errors
        times = "1 attempt" if self.made == 1 else f"{self.made} attempts"
        return failure(
            self._revision,
            f"no connection after {times}: {error.message}",
            code=errors.ErrorCode.RETRIES_EXHAUSTED,
            phase=errors.Phase.CONNECT,
            kind=error.kind,
            http_status=error.http_status,
            server_code=error.server_code,
            server_text=error.server_text,
            raw_body=error.raw_body,
            close_code=error.close_code,
            close_reason=error.close_reason,
            requirement="AKO-RETRY-002",
            cause=error,
        )
