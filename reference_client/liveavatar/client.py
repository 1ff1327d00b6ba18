"""The Live Avatar reference client: an agent.

    class Echo(Listener):
        async def on_text_input(self, text, request_id):
            async with self.client.respond(request_id) as response:
                await response.write(text)

    async with LiveAvatarClient(ClientConfig(api_key=…, avatar_id=…), Echo()) as client:
        result = await client.start()        # REST, WebSocket, handshake
        give_to_frontend(result.frontend)
        await client.wait_ended()

Or with an iterator instead of callbacks: ``async for event in client.events(TextReceived)``.

What may be sent when, what arrives and whether to dial again is decided in
`protocol_core.liveavatar`; here are the sockets, the callbacks and the order of things. Errors of
the start are raised by it; later ones go to callbacks; a failed stop is logged. Each one
surfaces once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from protocol_core.errors import LocalProtocolError
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar.client import ClientSession
from protocol_core.liveavatar.errors import LiveAvatarError, StartError
from protocol_core.liveavatar.revision import PROTOCOL, load
from reference_client.backoff import Backoff
from reference_client.callbacks import Callbacks
from reference_client.http import HttpClient, RequestFailed
from reference_client.liveavatar.link import Link
from reference_client.liveavatar.listener import Listener, report
from reference_client.liveavatar.speaking import Speaking
from reference_client.streams import EventStream
from reference_client.timers import clock_or_loop, sleep

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import AsyncGenerator, Callable, Iterable

    from protocol_core.clock import Clock
    from protocol_core.http import HttpRequest, HttpResponse
    from protocol_core.liveavatar.config import ClientConfig
    from protocol_core.liveavatar.rest import StartResult
    from protocol_core.liveavatar.revision import Revision
    from reference_client.backoff import BackoffSettings

__all__ = ["LiveAvatarClient", "connect"]

logger = logging.getLogger(__name__)

EventT = TypeVar("EventT", bound=e.Event)


class _Run:
    """What belongs to one start: session, link, callbacks, and whether it is being stopped."""

    def __init__(self, session: ClientSession, link: Link, callbacks: Callbacks) -> None:
        self.session = session
        self.link = link
        self.callbacks = callbacks
        self.ended = False
        self.stopping = False
        self.stopped = asyncio.Event()
        self.news = asyncio.Event()
        self.last: e.Closed | None = None


class LiveAvatarClient(Speaking):
    """One agent; an asynchronous context manager that stops it.

    Args:
        config: what to start and how.
        listener: callbacks; None for none.
        revision: protocol revision or its modules; None for the default.
        clock: the clock of all time limits; real time by default.
        ssl: TLS settings for REST and socket; None for the default trust store.
        retry_start: retry a start that failed with a code that allows it (LAC-AUTH-010), with
            these delays; None for one attempt only.
        ping_interval: seconds between pings (LAC-IDLE-002); None for the documents' 5.
        pong_limit: seconds without pong that end a socket; None for the documents' 20.
        wall_clock: seconds since 1970, for timestamps.

    After `stop`, `start` may be called again; it starts a new session.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(
        self,
        config: ClientConfig,
        listener: Listener | None = None,
        *,
        revision: str | Revision | None = None,
        clock: Clock | None = None,
        ssl: ssl_module.SSLContext | None = None,
        retry_start: BackoffSettings | None = None,
        ping_interval: float | None = None,
        pong_limit: float | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.revision = load(revision)
        self.config = config
        self.listener = Listener() if listener is None else listener
        self._session = ClientSession(config, revision=self.revision)
        self._given_clock = clock
        self._ssl = ssl
        self._retry_start = retry_start
        constants = self.revision.constants
        self._ping_interval: float = (
            constants.Heartbeat.PING_INTERVAL if ping_interval is None else ping_interval
        )
        self._pong_limit: float = constants.Timeout.PONG if pong_limit is None else pong_limit
        self._wall_clock = wall_clock
        self._starting: asyncio.Task[StartResult] | None = None
        self._run: _Run | None = None
        self._streams: list[EventStream[Any]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def session(self) -> ClientSession:
        """The session's rules and state; a new one with each start."""
        return self._session

    @property
    def result(self) -> StartResult | None:
        """What the start returned; None before."""
        return self._session.result

    @property
    def is_open(self) -> bool:
        """Whether events can be sent."""
        return self._session.is_open

    @property
    def is_running(self) -> bool:
        """Whether a session was started and neither stopped nor given up."""
        return self._run is not None and not self._run.ended

    def epoch_ms(self) -> int:
        """The time of day, in milliseconds since 1970."""
        return round(self._wall_clock() * 1000)

    # --- life cycle -----------------------------------------------------------------------------

    async def start(self) -> StartResult:
        """Start the session, dial, and wait for the handshake. Harmless while one is running.

        Raises:
            LiveAvatarError: a call, the upgrade or the handshake failed; the session has been
                stopped on the platform (LAC-CLOSE-005).
            LocalProtocolError: another start is under way, or `stop` came in between.
        """
        if self._starting is not None:
            raise _local("a start is under way")
        if self.is_running and self.result is not None:
            return self.result
        task = self._starting = asyncio.create_task(self._start(), name="liveavatar start")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise _local("the client was stopped while it started") from None
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is None:
                await self.stop()
            raise
        finally:
            self._starting = None

    async def stop(self) -> None:
        """Close the socket, then stop the session on the platform (LAC-CLOSE-002).

        Idempotent (LAC-CLOSE-003). Failures are logged, not raised. When it returns, nothing of
        the session is running; inside a callback, nothing but that callback.
        """
        run, starting = self._run, self._starting
        if starting is not None:
            starting.cancel()
            if run is None or not run.callbacks.inside:
                await asyncio.wait({starting})
        if self._run is None:
            self._end_streams()
        else:
            await self._stop(self._run)

    async def wait_ended(self) -> e.Closed | None:
        """Wait until the session has no socket and will not dial again.

        Returns:
            How its last socket ended; None if no session was started.
        """
        run = self._run
        if run is None:
            return None
        while not run.ended:
            await run.news.wait()
        return run.last

    async def wait_open(self) -> bool:
        """Wait until events can be sent, for instance after a reconnect.

        Returns:
            False if the session is over.
        """
        return await self._wait(lambda: self._session.is_open)

    async def wait_scene_ready(self) -> bool:
        """Wait for scene.ready: speech that nobody asked for begins after it (LAC-HS-009).

        Returns:
            False if the session is over.
        """
        return await self._wait(lambda: self._session.scene_ready)

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        if self._run is not None:
            await self._run.callbacks.settle()

    @overload
    def events(self, *, limit: int | None = None) -> EventStream[e.Event]: ...

    @overload
    def events(self, *kinds: type[EventT], limit: int | None = None) -> EventStream[EventT]: ...

    def events(self, *kinds: type[e.Event], limit: int | None = None) -> EventStream[Any]:
        """The events from now on, of some kinds or all, until the session is over.

        May be called before `start`; the stream then begins with the handshake.

        Args:
            kinds: classes of `protocol_core.liveavatar.events`; none for all.
            limit: read no further from the socket while more events than this wait to be taken.
        """
        stream: EventStream[Any] = EventStream(*kinds, limit=limit)
        run = self._run
        if run is not None and run.ended and not run.stopping:
            stream.end()
        else:
            self._streams.append(stream)
        return stream

    # --- inside ---------------------------------------------------------------------------------

    @cached_property
    def _clock(self) -> Clock:
        return clock_or_loop(self._given_clock)

    async def _send(self, messages: Iterable[bytes | str]) -> None:
        if self._run is None:
            raise AssertionError("the session lets nothing be sent before it is open")
        await self._run.link.send(messages)

    async def _stop(self, run: _Run) -> None:
        if not run.stopping:
            run.stopping = True
            try:
                run.session.stop()
                await run.link.close()
                await self._stop_by_rest(run.session)
            except BaseException:
                run.stopping = False  # cancelled: the platform is yet to be told
                run.callbacks.abort()
                raise
            finally:
                self._end(run)
                run.stopped.set()
                await run.callbacks.close()
        elif not run.callbacks.inside:
            await run.stopped.wait()
        await run.callbacks.close()

    async def _start(self) -> StartResult:
        if self._run is not None:
            await self._stop(self._run)  # what is left of an earlier session
        backoff = None if self._retry_start is None else Backoff(self._retry_start)
        while True:
            self._session = session = ClientSession(self.config, revision=self.revision)
            try:
                result = await self._start_by_rest(session)
                break
            except StartError as error:
                delay = backoff.next_delay() if backoff is not None and error.retry else None
                if delay is None:
                    raise
                logger.info("the start failed, again in %.1f s: %s", delay, error)
                await sleep(self._clock, delay)
        run = self._run = self._make_run(session)
        try:
            await run.link.open()
        except BaseException:
            await self._stop(run)  # LAC-CLOSE-005
            raise
        return result

    def _make_run(self, session: ClientSession) -> _Run:
        callbacks = Callbacks()

        def deliver(event: e.Event) -> None:
            self._report(run, event)

        async def drain() -> None:
            await callbacks.drain()
            for stream in tuple(self._streams):
                await stream.drain()

        link = Link(
            session,
            clock=self._clock,
            deliver=deliver,
            drain=drain,
            ended=lambda: self._end(run),
            ssl=self._ssl,
            ping_interval=self._ping_interval,
            pong_limit=self._pong_limit,
        )
        run = _Run(session, link, callbacks)
        return run

    def _report(self, run: _Run, event: e.Event) -> None:
        if isinstance(event, e.Closed):
            run.last = event
        report(self.listener, event, run.callbacks.call)
        if isinstance(event, e.HandshakeFailed) and self._starting is None:
            # Of a reconnect: nobody waits in `start` for it to be raised.
            error = run.session.handshake_error(event)
            run.callbacks.call(self.listener.on_session_failed, error)
        for stream in tuple(self._streams):
            stream.add(event)
        self._tell(run)

    def _end(self, run: _Run) -> None:
        """The session is over: whoever waits for more waits in vain."""
        run.ended = True
        self._end_streams()
        self._tell(run)

    def _end_streams(self) -> None:
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.end()

    def _tell(self, run: _Run) -> None:
        run.news.set()
        run.news = asyncio.Event()
        self._streams = [stream for stream in self._streams if not stream.ended]

    async def _wait(self, reached: Callable[[], bool]) -> bool:
        run = self._run
        while not reached():
            if run is None or run.ended:
                return False
            await run.news.wait()
        return True

    async def _start_by_rest(self, session: ClientSession) -> StartResult:
        request = session.start_request()
        try:
            response = await self._call(request)
        except RequestFailed as failure:
            timed_out = failure.timed_out
            raise session.start_unanswered(failure.reason, timed_out=timed_out) from failure
        return session.receive_start_response(response)

    async def _stop_by_rest(self, session: ClientSession) -> None:
        request = session.stop_request()
        if request is None:
            return
        try:
            session.receive_stop_response(await self._call(request))
        except (RequestFailed, LiveAvatarError) as error:
            logger.warning("the platform did not confirm the stop: %s", error)

    async def _call(self, request: HttpRequest) -> HttpResponse:
        limit = self._session.settings.timeout
        async with HttpClient(clock=self._clock, time_limit=limit, ssl=self._ssl) as http:
            return await http.request(request)


@asynccontextmanager
async def connect(
    config: ClientConfig,
    listener: Listener | None = None,
    **options: Any,  # noqa: ANN401 - the same as those of the client, each typed there
) -> AsyncGenerator[LiveAvatarClient, None]:
    """A session that is open: start, socket and handshake are done; stopped at the end.

    Args:
        config: what to start and how.
        listener: callbacks; None for none.
        options: see `LiveAvatarClient`.

    Raises:
        LiveAvatarError: a call, the upgrade or the handshake failed.
    """
    async with LiveAvatarClient(config, listener, **options) as client:
        await client.start()
        yield client


def _local(problem: str) -> LocalProtocolError:
    return LocalProtocolError(problem, protocol=PROTOCOL, requirement="LAC-CLOSE-003")
