"""What the drivers share: settings, error records, and time that moves from timer to timer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import selectors
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from protocol_core.clock import ShiftableClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Actor",
    "CountingSelector",
    "Driver",
    "Handler",
    "Params",
    "ServerDriver",
    "Tell",
    "Travel",
    "UnsupportedError",
    "encoded",
    "given_bytes",
    "present",
    "settings_of",
]

Params = dict[str, Any]
Handler = Callable[[Params], Awaitable[Params]]
Tell = Callable[[str, Params], None]

_QUIET_TURNS = 12
"""Turns of the event loop without traffic after which nothing is left to do."""
_PEER_SECONDS = 0.025
"""How long a peer may take to react to what a timer made us send, in real seconds."""
_GLANCE_SECONDS = 0.002
"""How often it is looked whether something has arrived, in real seconds."""


class UnsupportedError(Exception):
    """The implementation, or this adapter, cannot do what a command asks."""


class CountingSelector(selectors.DefaultSelector):
    """Counts how often something arrived."""

    traffic = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self.traffic += bool(ready)
        return ready


class Travel:
    """Time for what is driven: a clock, and a way to move it without outrunning the network.

    Args:
        selector: the selector of the running event loop.
    """

    def __init__(self, selector: CountingSelector) -> None:
        self._selector = selector
        self.clock = ShiftableClock(asyncio.get_running_loop())

    def restart(self) -> None:
        """Drop every timer and begin with a new clock."""
        self.clock.stop()
        self.clock = ShiftableClock(asyncio.get_running_loop())

    async def quiet(self) -> None:
        """Return once nothing is runnable and nothing readable."""
        still, seen = 0, self._selector.traffic
        while still < _QUIET_TURNS:
            await asyncio.sleep(0)
            still = still + 1 if seen == self._selector.traffic else 0
            seen = self._selector.traffic

    async def advance(self, seconds: float) -> int:
        """Move the clock, stopping at every timer until its consequences are through; how many."""
        clock, fired = self.clock, 0
        end = clock.now() + seconds
        await self.quiet()
        while (due := clock.next_deadline()) is not None and due <= end:
            fired += 1
            clock.advance(max(0.0, due - clock.now()))
            await self._consequences()
        clock.advance(max(0.0, end - clock.now()))
        await self.quiet()
        return fired

    async def _consequences(self) -> None:
        """Let what a timer set off happen: our own tasks, then what the peer says to it."""
        seen = self._selector.traffic
        await self.quiet()
        limit = time.monotonic() + _PEER_SECONDS
        while self._selector.traffic == seen and time.monotonic() < limit:
            await self._arrival(limit - time.monotonic())
        await self.quiet()

    async def _arrival(self, seconds: float) -> None:
        """Wait until something arrives; real time, which no client of ours sees."""
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        # Whenever the loop wakes up it looks for what has arrived; this bounds how long it waits.
        timer = loop.call_later(min(seconds, _GLANCE_SECONDS), woken.set_result, None)
        try:
            await woken
        finally:
            timer.cancel()


class Client(Protocol):
    """What every reference client has."""

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""


class Actor(ABC):
    """An implementation of one protocol, driven by commands.

    Args:
        travel: the implementation's time.
        tell: reports an event.
    """

    protocol: ClassVar[str]

    def __init__(self, travel: Travel, tell: Tell) -> None:
        self.travel = travel
        self._tell = tell
        self._faults: Mapping[str, Any] = {}
        self._muted = False

    @property
    @abstractmethod
    def commands(self) -> Mapping[str, Handler]:
        """What it can do besides the commands of every adapter."""

    @abstractmethod
    def record(self, error: BaseException) -> Params:
        """The error record of an exception of the implementation."""

    @abstractmethod
    async def settle(self) -> None:
        """Wait until everything that is due has been done."""

    @abstractmethod
    async def end(self) -> None:
        """End everything."""

    def mute(self) -> None:
        """Report nothing any more: the scenario is over."""
        self._muted = True

    def configure(self, settings: Params) -> None:
        """Take the options that every protocol has."""
        self._faults = settings.get("callbacks") or {}

    def tell(self, event: str, data: Params) -> None:
        """Report something that is no callback."""
        if not self._muted:
            self._tell(event, data)

    def report(self, event: str, data: Params) -> None:
        """Report a callback, and fail in it if the scenario wants that."""
        self.tell(event, data)
        if self._faults.get(event) == "raise":
            raise RuntimeError(f"the scenario lets the callback behind {event!r} fail")


class ServerDriver(Actor):
    """One protocol's reference server.

    ``serve`` is its first command; other commands, such as ``act``, are the protocol's choice.
    """

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {"serve": self.serve}

    @abstractmethod
    async def serve(self, params: Params) -> Params:
        """Begin to serve, or join the room that is named.

        Args:
            params: those of the contract: ``revision``, ``options``, ``urls``, ``credentials``,
                ``room``.

        Returns:
            ``urls`` and ``credentials`` for those who want to use the server.

        Raises:
            UnsupportedError: it cannot be set up like this.
        """


ClientT = TypeVar("ClientT", bound=Client)


class Driver(Actor, Generic[ClientT]):
    """One protocol's reference client.

    Attributes:
        clients: every client of the scenario so far; commands go to the last.
    """

    def __init__(self, travel: Travel, tell: Tell) -> None:
        super().__init__(travel, tell)
        self.clients: list[ClientT] = []

    @abstractmethod
    async def leave(self, client: ClientT) -> None:
        """End a client as its users do."""

    @property
    def client(self) -> ClientT:
        """The client that commands go to.

        Raises:
            RuntimeError: there is none yet.
        """
        if not self.clients:
            raise RuntimeError("there is no session: `open` comes first")
        return self.clients[-1]

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        for client in self.clients:
            await client.settle()

    async def end(self) -> None:
        """End every client."""
        clients, self.clients = self.clients, []
        for client in clients:
            await self.leave(client)


def settings_of(params: Params) -> Params:
    """One flat table of settings: options win over credentials, credentials over URLs."""
    merged: Params = {}
    for group in ("urls", "credentials", "options"):
        merged.update(params.get(group) or {})
    return merged


def given_bytes(params: Params, name: str) -> bytes:
    """A member in base64.

    Raises:
        UnsupportedError: it is missing or not base64: the runner's mistake, not the client's.
    """
    try:
        return base64.b64decode(params[name], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise UnsupportedError(f"`{name}` must be base64: {error!r}") from error


def encoded(data: bytes) -> str:
    """Bytes as the contract carries them."""
    return base64.b64encode(data).decode()


def present(settings: Params, names: Sequence[str]) -> Params:
    """The settings of these names that were given; null counts as given."""
    return {name: settings[name] for name in names if name in settings}
