"""Mock platforms for synchronous code: the event loop runs in a thread of its own.

Everything that touches the platform happens in that thread; this class passes calls over and waits
for their results. What it returns are plain values and immutable records.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import Self

    from avatar_protocols.trace import Record
    from mock_servers.journal import Match
    from mock_servers.platform import Platform

__all__ = ["ThreadedPlatform"]

T = TypeVar("T")


class ThreadedPlatform:
    """A mock platform in a thread, to be started by ``with``.

    Args:
        make: makes the platform; called in the thread.
    """

    def __init__(self, make: Callable[[], Platform]) -> None:
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._platform: Platform | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread and the platform.

        Raises:
            ConfigurationError: an option cannot work.
            OSError: the address is not free.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="understudy mock platform", daemon=True
        )
        self._thread.start()
        try:
            self._platform = self._call(self._start())
        except BaseException:
            self._end_thread()
            raise

    def stop(self) -> None:
        """Stop the platform and the thread. Harmless if it does not run."""
        if self._platform is not None:
            platform, self._platform = self._platform, None
            self._call(platform.stop())
            self._end_thread()

    @property
    def platform(self) -> Platform:
        """The platform itself; to be used in its own thread only.

        Raises:
            RuntimeError: it does not run.
        """
        if self._platform is None:
            raise RuntimeError("the mock platform does not run; use it inside `with`")
        return self._platform

    @property
    def urls(self) -> dict[str, str]:
        return self.platform.urls

    @property
    def credentials(self) -> dict[str, str]:
        return self.platform.credentials

    @property
    def records(self) -> list[Record]:
        """Everything in the journal."""
        return self.run(lambda platform: platform.journal.records)

    def messages(self, name: str = "", *, sender: str = "") -> list[Record]:
        """The WebSocket messages in the journal; see `Journal.messages`."""
        return self.run(lambda platform: platform.journal.messages(name, sender=sender))

    def wait_for(self, match: Match, count: int = 1, deadline: float = 5.0) -> list[Record]:
        """Wait until something was seen; see `Journal.wait_for`."""
        return self._call(self.platform.journal.wait_for(match, count, deadline))

    def advance(self, seconds: float) -> None:
        """Let time pass now; see `Platform.advance`."""
        self._call(self.platform.advance(seconds))

    def act(
        self, action: Mapping[str, Any] | Sequence[Mapping[str, Any]], session: int | str = -1
    ) -> None:
        """Do an action now; see `Platform.act`."""
        self._call(self.platform.act(action, session))

    def set_plan(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Take these rules from now on; see `Plan.replace`."""
        self.run(lambda platform: platform.plan.replace(rules))

    def reset(self) -> None:
        """Forget everything; see `Platform.reset`."""
        self.run(lambda platform: platform.reset())

    def describe(self) -> dict[str, Any]:
        return self.run(lambda platform: platform.describe())

    def sessions(self) -> list[dict[str, Any]]:
        """The live sessions, described."""
        return self.run(lambda platform: [session.describe() for session in platform.sessions])

    def run(self, function: Callable[[Platform], T]) -> T:
        """Call a function of the platform in its thread."""

        async def call() -> T:
            return function(self.platform)

        return self._call(call())

    async def _start(self) -> Platform:
        platform = self._make()
        await platform.start()
        return platform

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the mock platform does not run; use it inside `with`")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_thread(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
