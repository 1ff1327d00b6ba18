"""A driver without its adapter: commands are called, events are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.drivers.base import CountingSelector, Travel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conformance.drivers.base import Driver, Params


class Driven:
    """One driver; ``events`` is what it has reported."""

    def __init__(self, kind: Callable[..., Driver], travel: Travel) -> None:
        self.events: list[tuple[str, Params]] = []
        self.driver = kind(travel, lambda event, data: self.events.append((event, data)))

    async def do(self, command: str, **params: Any) -> Params:
        return await self.driver.commands[command](params)

    def told(self, event: str) -> list[Params]:
        return [data for name, data in self.events if name == event]


@pytest.fixture
async def drive() -> AsyncIterator[Callable[[Callable[..., Driver]], Driven]]:
    """Makes drivers of a class; every one is ended with the test."""
    made: list[Driven] = []
    # Nothing is waiting behind this selector: these tests leave time where it is.
    selector = CountingSelector()
    travel = Travel(selector)

    def make(kind: Callable[..., Driver]) -> Driven:
        made.append(Driven(kind, travel))
        return made[-1]

    yield make
    for driven in made:
        await driven.driver.end()
    travel.clock.stop()
    selector.close()
