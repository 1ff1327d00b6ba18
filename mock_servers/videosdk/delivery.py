"""How payloads get from one participant of a room to another: in order, or not, or not at all.

RELIABLE payloads arrive in order, each one. UNRELIABLE ones may be lost or overtaken; both are
drawn from a seeded source, so that a run can be repeated. An overtaken payload is handed over
behind the next UNRELIABLE one to the same participant, or after a while if none follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from protocol_core.clock import Timer

    Later = Callable[[float, Callable[[], None]], Timer]

__all__ = ["Air", "Delivery"]

#: Seconds that an overtaken payload waits for another one to be behind.
_PATIENCE = 0.05


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A payload on its way.

    Attributes:
        payload: bytes or text.
        sender: participant id.
        timestamp: when it was sent, in milliseconds since the epoch.
        reliability: the mode.
        lossy: whether the mode may lose and reorder.
    """

    payload: bytes | str
    sender: str
    timestamp: int
    reliability: str
    lossy: bool


class Air:
    """The way from a room to one participant.

    Args:
        deliver: hands a payload over.
        later: calls back after so many seconds of clock time.
        rng: source of losses and overtakings.
        loss: share of lossy payloads that are lost, 0 to 1.
        reorder: share of the others that are overtaken, 0 to 1.
        latency: seconds that every payload takes.
        on_loss: told of a payload that is lost.
    """

    def __init__(
        self,
        deliver: Callable[[Delivery], None],
        *,
        later: Later,
        rng: random.Random,
        loss: float = 0.0,
        reorder: float = 0.0,
        latency: float = 0.0,
        on_loss: Callable[[Delivery], None],
    ) -> None:
        self._deliver = deliver
        self._later = later
        self._rng = rng
        self._loss = loss
        self._reorder = reorder
        self._latency = latency
        self._on_loss = on_loss
        self._held: list[Delivery] = []
        self._patience: Timer | None = None
        self._closed = False

    def carry(self, delivery: Delivery) -> None:
        """Take a payload in; it may be handed over at once."""
        if not delivery.lossy:
            self._fly(delivery)
        elif self._rng.random() < self._loss:
            self._on_loss(delivery)
        elif self._rng.random() < self._reorder:
            self._held.append(delivery)
            if self._patience is None:
                self._patience = self._later(_PATIENCE, self._release)
        else:
            self._fly(delivery)
            self._release()

    def close(self) -> None:
        """Nothing is handed over any more."""
        self._closed = True
        self._held.clear()
        self._calm()

    def _fly(self, delivery: Delivery) -> None:
        if self._latency > 0:
            self._later(self._latency, lambda: self._land(delivery))
        else:
            self._land(delivery)

    def _land(self, delivery: Delivery) -> None:
        if not self._closed:
            self._deliver(delivery)

    def _release(self) -> None:
        self._calm()
        held, self._held = self._held, []
        for delivery in held:
            self._fly(delivery)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
