"""One implementation under test, behind its adapter.

`Adapter` numbers commands, matches answers, hands events on and contains every fault. A fault ends
the adapter's usefulness: whoever waits is told at once, and the owner starts a new one for the
next scenario. Whose fault it was stands in the type: `ImplementationFault` (it crashed or hung;
judged as the implementation's behaviour) or `ContractFault` (the adapter itself is broken; nothing
is judged).
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import msgspec

from conformance.contract import (
    Answer,
    ContractError,
    Description,
    Event,
    parse_description,
    parse_line,
)
from conformance.process import LinkError, attach, spawn

if TYPE_CHECKING:
    from conformance.process import Link

__all__ = [
    "Adapter",
    "AdapterFault",
    "AdapterListener",
    "AdapterTarget",
    "ContractFault",
    "ImplementationFault",
    "parse_address",
]

MAX_EVENTS = 100_000
"""Events an adapter may print between two resets; more is a flood."""

START_SECONDS = 30.0
"""How long an adapter may take to answer `describe`, in seconds: interpreters, SDKs load slowly."""

_QUOTED = 300
"""Characters quoted of an adapter's log."""


NOBODY = Description(contract=1, name="?", version="", language="", implementations=[])
"""The description of an adapter that has not described itself yet."""


class AdapterFault(Exception):  # noqa: N818 - whose fault it is, is what the name is about
    """The adapter is of no further use."""


class ImplementationFault(AdapterFault):
    """The implementation crashed, hung or left."""


class ContractFault(AdapterFault):
    """The adapter broke the adapter contract."""


class AdapterTarget(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach an implementation: a command to spawn, or an address to attach to.

    Attributes:
        command: program and arguments.
        host, port: where an adapter listens; used when ``command`` is empty.
        env: environment variables for the command, as pairs.
    """

    command: tuple[str, ...] = ()
    host: str = ""
    port: int = 0
    env: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join(self.command) or f"{self.host}:{self.port}"


class AdapterListener(Protocol):
    """Who is told what an adapter says, in the order in which it says it."""

    def answer_received(self, command: str, answer: Answer) -> None:
        """A command was answered."""

    def event_received(self, event: Event) -> None:
        """Something happened in the implementation."""

    def fault_occurred(self, fault: AdapterFault) -> None:
        """The adapter is of no further use; nothing more will come."""


class Adapter:
    """A conversation with one adapter. Open it with `Adapter.start`.

    Attributes:
        description: what the adapter said about itself.
        fault: why it is of no further use; None while it works.
    """

    def __init__(self) -> None:
        self.description: Description = NOBODY
        self.fault: AdapterFault | None = None
        self._link: Link | None = None
        self._ids = itertools.count(1)
        self._pending: dict[int, tuple[str, asyncio.Future[Answer]]] = {}
        self._listener: AdapterListener = _Nobody()
        self._events = 0

    @classmethod
    async def start(cls, target: AdapterTarget, *, deadline: float = START_SECONDS) -> Adapter:
        """Start or reach an adapter and have it describe itself.

        Raises:
            LinkError: it cannot be started or reached.
            AdapterFault: it does not answer ``describe`` as the contract says.
        """
        adapter = cls()
        if target.command:
            adapter._link = await spawn(target.command, adapter, env=dict(target.env))
        else:
            adapter._link = await attach(target.host, target.port, adapter)
        try:
            answer = await adapter.request("describe", deadline=deadline)
            if answer.answer != "done":
                adapter._fail(ContractFault(f"the answer to `describe` was {answer.answer!r}"))
            adapter.description = parse_description(answer.result)
        except ContractError as error:
            await adapter.close()
            raise ContractFault(str(error)) from error
        except AdapterFault as fault:
            await adapter.close()
            raise type(fault)(f"{fault}{_last_words(adapter.log())}") from fault
        except BaseException:
            await adapter.close()
            raise
        return adapter

    def listen(self, listener: AdapterListener | None) -> None:
        """Tell this listener everything from now on; None for nobody."""
        self._listener = listener or _Nobody()
        self._events = 0

    async def request(
        self, command: str, params: dict[str, Any] | None = None, *, deadline: float
    ) -> Answer:
        """Send a command and wait for its answer.

        Args:
            command: its name.
            params: its parameters.
            deadline: how long to wait, in seconds.

        Raises:
            ImplementationFault: no answer in time, or the adapter is gone.
            ContractFault: the adapter broke the contract.
        """
        number, future = self.send(command, params)
        try:
            async with asyncio.timeout(deadline):
                return await future
        except TimeoutError:
            self._pending.pop(number, None)
            self._fail(
                ImplementationFault(
                    f"no answer to `{command}` within {deadline:g} s; the implementation hangs"
                )
            )

    def send(
        self, command: str, params: dict[str, Any] | None = None
    ) -> tuple[int, asyncio.Future[Answer]]:
        """Send a command without waiting; returns its id and the future of its answer.

        Raises:
            AdapterFault: the adapter is of no further use.
        """
        if self.fault is not None:
            raise self.fault
        assert self._link is not None  # noqa: S101 - `start` made it
        number = next(self._ids)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[number] = (command, future)
        self._link.send(
            msgspec.json.encode({"id": number, "command": command, "params": params or {}})
        )
        return number, future

    def log(self) -> str:
        """The end of what the adapter wrote to stderr."""
        return self._link.log() if self._link is not None else ""

    async def close(self, grace: float = 0.0) -> None:
        """End the conversation; a spawned adapter is gone afterwards, with its process group."""
        if self._link is not None:
            await self._link.close(grace)
        self._drop(ImplementationFault("the adapter was closed"))

    # LinkListener

    def line_received(self, line: bytes) -> None:
        if self.fault is not None or not line.strip():
            return
        try:
            message = parse_line(line)
        except ContractError as error:
            self._drop(ContractFault(str(error)))
            return
        if isinstance(message, Event):
            self._events += 1
            if self._events > MAX_EVENTS:
                self._drop(
                    ContractFault(
                        f"the adapter floods: more than {MAX_EVENTS} events in a scenario"
                    )
                )
                return
            self._listener.event_received(message)
            return
        command, future = self._pending.pop(message.id, ("", None))
        if future is None:
            self._drop(
                ContractFault(
                    f"the adapter answered id {message.id}, which is no open command; "
                    "answer every command exactly once, with its id"
                )
            )
            return
        self._listener.answer_received(command, message)
        if not future.done():
            future.set_result(message)

    def line_too_long(self, size: int) -> None:
        self._drop(ContractFault(f"the adapter printed a line of at least {size} bytes"))

    def link_ended(self, reason: str) -> None:
        self._drop(ImplementationFault(reason))

    def _drop(self, fault: AdapterFault) -> None:
        if self.fault is not None:
            return
        self.fault = fault
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            if not future.done():
                future.set_exception(fault)
                future.exception()  # a command nobody waits for any more must not complain
        self._listener.fault_occurred(fault)

    def _fail(self, fault: AdapterFault) -> NoReturn:
        self._drop(fault)
        raise fault


def _last_words(log: str) -> str:
    """What the log of an adapter that never came up ends with: mostly, why."""
    lines = log.strip().splitlines()
    return f"; it last said: {lines[-1].strip()[:_QUOTED]}" if lines else ""


def parse_address(text: str) -> AdapterTarget:
    """Read ``host:port`` (or ``:port`` for this machine).

    Raises:
        LinkError: it is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise LinkError(f"--attach takes HOST:PORT, not {text!r}")
    return AdapterTarget(host=host or "127.0.0.1", port=int(port))


class _Nobody:
    """Listens between scenarios: whatever an implementation says then belongs to none of them."""

    def answer_received(self, command: str, answer: Answer) -> None:
        pass

    def event_received(self, event: Event) -> None:
        pass

    def fault_occurred(self, fault: AdapterFault) -> None:
        pass
