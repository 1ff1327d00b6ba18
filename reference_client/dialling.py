"""Dialling on behalf of a session, which says whom to dial, when, and when to give up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from reference_client.timers import Alarm
from reference_client.websocket import ConnectFailed, Socket, UpgradeRejected

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Callable, Iterable

    from protocol_core.clock import Clock
    from protocol_core.http import UpgradeRequest

__all__ = ["DialSession", "dial", "wait_until_due"]

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)


class DialSession(Protocol[EventT_co]):
    """What a session that dials again has to say."""

    def deadline(self) -> float | None:
        """Clock time in seconds at which `timeout` is due; None for never."""
        ...

    def timeout(self, now: float) -> Iterable[EventT_co]:
        """Time has passed."""
        ...

    def dial_failed(
        self,
        reason: str,
        now: float,
        *,
        http_status: int | None = None,
        body: str = "",
        timed_out: bool = False,
    ) -> Iterable[EventT_co]:
        """The upgrade did not succeed."""
        ...


async def dial(
    session: DialSession[EventT],
    upgrade: UpgradeRequest,
    *,
    emit: Callable[[Iterable[EventT]], None],
    clock: Clock,
    open_limit: float | None,
    max_message_bytes: int | None,
    ssl: ssl_module.SSLContext | None,
) -> Socket | None:
    """A new socket; None if this failed, and ``emit`` got what follows from it.

    Args:
        session: is told of a failure, which it may raise.
        upgrade: what to ask for.
        emit: takes the session's events.
        clock: the clock of the limit.
        open_limit: seconds for DNS, TCP, TLS and the upgrade together; None for no limit.
        max_message_bytes: a longer message from the peer closes the socket.
        ssl: TLS settings for ``wss``; None for the default trust store.
    """
    try:
        return await Socket.open(
            upgrade,
            clock=clock,
            open_limit=open_limit,
            max_message_bytes=max_message_bytes,
            ssl=ssl if upgrade.url.startswith("wss:") else None,
        )
    except UpgradeRejected as answer:
        events = session.dial_failed(
            f"the upgrade was answered with HTTP {answer.status}",
            clock.now(),
            http_status=answer.status,
            body=answer.body.decode(errors="replace"),
        )
    except ConnectFailed as failure:
        events = session.dial_failed(failure.reason, clock.now(), timed_out=failure.timed_out)
    emit(events)
    return None


async def wait_until_due(
    session: DialSession[EventT],
    due: type[EventT],
    *,
    emit: Callable[[Iterable[EventT]], None],
    clock: Clock,
) -> bool:
    """Let the session's deadlines pass until one of its events is ``due``: it is time to dial.

    Returns:
        False if the session has no deadline left, and there is to be no other attempt.
    """
    alarm = Alarm(clock)
    try:
        while (when := session.deadline()) is not None:
            alarm.set(when)
            await alarm.wait()
            events = tuple(session.timeout(clock.now()))
            emit(events)
            if any(isinstance(event, due) for event in events):
                return True
    finally:
        alarm.cancel()
    return False
