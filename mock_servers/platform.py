"""What every mock platform has: a journal, a plan, accounts, a clock, sessions, and a way in.

A platform answers requests and upgrades that a `Server` hands to it, and runs one session for each
WebSocket and each event stream. It knows no sockets besides its connections. What a
protocol adds is a `PlayedProtocol`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import TYPE_CHECKING, Any

from mock_servers.accounts import Accounts
from mock_servers.actions import Action
from mock_servers.clockwork import CLOCK_ACTIONS
from mock_servers.journal import Journal
from mock_servers.mistakes import fail
from mock_servers.options import convert_limits
from mock_servers.plan import Plan
from mock_servers.protocol import PlayedProtocol
from mock_servers.redaction import Mint, Redactor
from protocol_core.clock import ShiftableClock
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    from avatar_protocols.tables import RevisionInfo
    from mock_servers.limits import Limits
    from mock_servers.server import Server
    from mock_servers.session import LiveSession
    from protocol_core.clock import Clock

    Listener = Callable[[str, Mapping[str, Any]], None]

__all__ = ["CONTROL_PATH", "SESSION_ENDED", "Platform"]

logger = logging.getLogger("understudy.mock")

#: First path segment of the control API.
CONTROL_PATH = "_understudy"
#: Name of the note that a session has ended and is no longer among the live ones.
SESSION_ENDED = "session_ended"
#: Real time that peers have at the end to take what is left, in seconds.
_LAST_FLUSH = 0.2


class Platform(PlayedProtocol):
    """One mock platform.

    Args:
        revision: the protocol revision to play.
        name: where the platform is mounted; the first segment of every path.
        seed: makes ids, secrets, content and faults reproducible.
        plan: rules that change the default behaviour.
        pace: whether answers take as long as the audio they carry; otherwise they come at once.
        clock: the clock to run on; by default a shiftable one on the running event loop.
        frozen: whether the clock stands still until `advance` moves it.
        host: address to listen on, when the platform runs on a server of its own.
        port: port to listen on; 0 takes a free one.
        compression: whether permessage-deflate is negotiated when a client offers it.
        limits: bounds on what peers may use.

    Attributes:
        journal: everything that crossed the wire.
        plan: the rules.
        accounts: keys, tokens, credits and quotas.
        sessions: the live sessions, oldest first.
    """

    def __init__(
        self,
        revision: RevisionInfo,
        *,
        name: str = "",
        seed: int = 0,
        plan: Iterable[object] = (),
        pace: bool = True,
        clock: Clock | None = None,
        frozen: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        compression: bool = False,
        limits: Limits | Mapping[str, Any] | None = None,
    ) -> None:
        self.revision = revision.id
        self.name = name or self.protocol
        self.seed = seed
        self.pace = pace
        self.compression = compression
        self.limits = convert_limits(limits)
        self.accounts = Accounts()
        self.redactor = Redactor(self.secret_positions())
        self.mint = Mint(self.rng("mint"))
        self.journal = Journal(self.now, self.redactor, self.limits)
        self.codec = self.make_codec()
        self._first_plan = list(plan)
        self.plan = Plan(self.vocabulary(), self._first_plan)
        self.sessions: list[LiveSession] = []
        self.server: Server | None = None
        self._clock = clock
        self._own_clock = clock is None
        self._frozen = frozen
        self._where = (host, port)
        self._epoch = time.time()
        self._channels = 0
        self._listeners: list[Listener] = []
        self._owns_server = False

    # Life.

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on a server of its own.

        Raises:
            OSError: the address is not free.
        """
        from mock_servers.server import Server

        host, port = self._where
        server = Server(host=host, port=port)
        server.mount(self)
        await server.start()
        self._owns_server = True

    async def stop(self) -> None:
        """End every session and stop listening. Harmless if it does not run."""
        if self.server is not None and self._owns_server:
            await self.server.stop()

    def attach(self, server: Server) -> None:
        """Become part of a server; its event loop runs by now."""
        self.server = server
        if self._clock is None:
            self._clock = ShiftableClock(asyncio.get_running_loop())
        if self._frozen:
            self.perform(Action("freeze"))

    async def detach(self) -> None:
        """Leave the server: sessions end, timers are dropped."""
        for session in tuple(self.sessions):
            session.connection.close(1001, "platform stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_FLUSH):
                await self.flush()
        for session in tuple(self.sessions):
            session.connection.hang_up()
        if self._own_clock and isinstance(self._clock, ShiftableClock):
            self._clock.stop()

    @property
    def control_url(self) -> str:
        """Base of the control calls to this platform."""
        address = self.mount_address.removesuffix(self.name)
        return f"http://{address}{CONTROL_PATH}/{self.name}"

    @property
    def mount_address(self) -> str:
        """Host, port and mount path, for URLs.

        Raises:
            ConfigurationError: the platform has not started yet.
        """
        return f"{self.addresses[0]}/{self.name}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """``host:port`` of the shared address, and then of each one of the platform's own.

        The position is that of `Exchange.listener`.

        Raises:
            ConfigurationError: the platform has not started yet.
        """
        if self.server is None:
            raise ConfigurationError("the platform has not started yet", setting="urls")
        return self.server.addresses(self)

    # Time.

    @property
    def clock(self) -> Clock:
        """The clock that everything here runs on.

        Raises:
            ConfigurationError: the platform has not started yet.
        """
        if self._clock is None:
            raise ConfigurationError("the platform has not started yet", setting="clock")
        return self._clock

    def now(self) -> float:
        """Seconds on the platform's clock; 0 before it starts."""
        return self._clock.now() if self._clock is not None else 0.0

    def wall(self) -> float:
        """Unix time in seconds as the platform sees it: `advance` moves it, too."""
        return self._epoch + self.now()

    async def advance(self, seconds: float) -> None:
        """Let time pass now: every timer on the way fires, in order, at its own moment.

        Raises:
            ConfigurationError: this platform's clock cannot be moved.
            ValueError: ``seconds`` is negative.
        """
        self.perform(Action("advance", seconds))
        await self.flush()

    def freeze(self) -> None:
        """Stop the clock; only `advance` moves it."""
        self.perform(Action("freeze"))

    def resume(self) -> None:
        """Let the clock run again."""
        self.perform(Action("resume"))

    async def flush(self) -> None:
        """Wait until everything that was sent is with the operating system."""
        for session in tuple(self.sessions):
            await session.connection.flushed()

    def perform(self, action: Action) -> None:
        """Do an action that needs no session.

        Raises:
            ConfigurationError: it cannot be done here.
        """
        handler = CLOCK_ACTIONS.get(action.name)
        if handler is None:
            fail(action.name, "cannot be done here", action.value)
        self.journal.add(
            "clock", source="platform", name=action.name, data={action.name: action.value}
        )
        handler(self.clock, action.value)

    # Sessions.

    def session(self, which: int | str = -1) -> LiveSession:
        """A live session by position (-1 is the newest) or by id.

        Raises:
            ConfigurationError: there is no such session.
        """
        if isinstance(which, str):
            found = next((session for session in self.sessions if session.id == which), None)
        else:
            inside = -len(self.sessions) <= which < len(self.sessions)
            found = self.sessions[which] if inside else None
        if found is None:
            fail("session", "no such live session", which, [each.id for each in self.sessions])
        return found

    async def act(
        self, action: Mapping[str, Any] | Sequence[Mapping[str, Any]], session: int | str = -1
    ) -> None:
        """Do an action now: on a live session, or on the platform if it needs none.

        Args:
            action: one action, such as ``{"error": "idle_timeout"}``, or several in order.
            session: which session: position or id.

        Raises:
            ConfigurationError: no such action or session, or it cannot be done here.
        """
        items = [action] if isinstance(action, dict) else list(action)
        checked = [self.plan.action(item) for item in items]
        if all(each.name in CLOCK_ACTIONS for each in checked):
            for each in checked:
                self.perform(each)
        else:
            self.session(session).act(checked)
        await self.flush()

    def forget(self, session: LiveSession) -> None:
        """Drop a session that has ended."""
        if session in self.sessions:
            self.sessions.remove(session)
            self.journal.add(
                "note",
                source="platform",
                name=SESSION_ENDED,
                connection=session.connection.number,
                reason=session.id,
            )

    def report(self, error: Exception, connection: int | None) -> None:
        """Make a failure of the platform itself visible: in the journal and in the log."""
        self.journal.note(f"{type(error).__name__}: {error}", connection=connection, problem=True)
        logger.error("%s: %s", self.name, error, exc_info=error)

    def reset(self) -> None:
        """Start afresh: sessions end; journal, plan and accounts are as they were at first."""
        for session in tuple(self.sessions):
            session.connection.abort("platform reset")
        self.journal.clear()
        self.plan.replace(self._first_plan)
        self.reset_accounts()

    def describe(self) -> dict[str, Any]:
        """The platform for the port file: what a client needs to know to use it."""
        return {
            "protocol": self.protocol,
            "revision": self.revision,
            "urls": self.urls,
            "credentials": self.credentials,
            "seed": self.seed,
            "pace": self.pace,
            "control": self.control_url,
        }

    def trace_header(self) -> dict[str, Any]:
        """The first line of a trace file of this platform's journal."""
        return {
            "protocol": self.protocol,
            "revision": self.revision,
            "role": "client",
            "scenario": "",
            "implementation": "",
        }

    def rng(self, purpose: str) -> random.Random:
        """Randomness that depends on the seed and on what it is for."""
        return random.Random(f"{self.seed}/{self.protocol}/{purpose}")  # noqa: S311 - reproducible on purpose

    # What happens beside the wire.

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call back with name and data of everything that `tell` reports from now on.

        Returns:
            A function that ends it.
        """
        self._listeners.append(callback)

        def stop() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return stop

    def tell(self, name: str, data: Mapping[str, Any] | None = None) -> None:
        """Report something that no message shows, such as a frame that was accepted."""
        for callback in tuple(self._listeners):
            callback(name, data or {})

    # Requests, for the server.

    def next_channel(self) -> int:
        """The number of the next WebSocket, event stream or room, counted from 1."""
        self._channels += 1
        return self._channels
