"""The Akool reference client.

    config = ClientConfig(api_key=…, avatar_id=…, discovery_url=…)
    async with connect(config) as client:
        await client.set_parameters(Parameters(app_id=…, channel=…, token=…, uid=…))
        await client.send_audio(pcm)             # 16 kHz mono signed 16-bit little-endian
        await client.interrupt()

Picture and voice come through the Agora channel, outside of this protocol. The dialect is the
revision's: ``AkoolClient(config, revision="0.1.8-documented")`` speaks README's other one.

What may be sent when, what arrives and whom to dial next is decided in `protocol_core.akool`; here
are the sockets, the callbacks and the order of things.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import msgspec

from protocol_core.akool import events as e
from protocol_core.akool.addresses import Instance
from protocol_core.akool.client import ClientSession
from protocol_core.akool.revision import PROTOCOL, load
from protocol_core.errors import LocalProtocolError
from reference_client.akool.link import Link
from reference_client.akool.listener import Listener, report
from reference_client.callbacks import Callbacks
from reference_client.http import HttpClient, RequestFailed
from reference_client.timers import clock_or_loop
from reference_client.websocket import SocketClosed

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import AsyncGenerator, Callable
    from random import Random

    from protocol_core.akool.config import ClientConfig
    from protocol_core.akool.parameters import Parameters
    from protocol_core.akool.requests import Order
    from protocol_core.akool.revision import Revision
    from protocol_core.clock import Clock

__all__ = ["AkoolClient", "ConnectionInfo", "connect"]

Audio = bytes | bytearray | memoryview


class ConnectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How the client stands.

    Attributes:
        connected: whether the server has confirmed the connection and nobody has ended it.
        ready: whether the parameters are set, so that audio may flow.
        session_id: the session's id.
        avatar_id: the avatar.
        instance: the instance that is connected to, or tried; None before discovery.
        candidates: whom discovery left to try, in this order.
    """

    connected: bool
    ready: bool
    session_id: str
    avatar_id: str
    instance: Instance | None
    candidates: tuple[Instance, ...]


class _Run:
    """What belongs to one connect: session, link, callbacks, and how far it has come."""

    def __init__(
        self, session: ClientSession, link: Link, callbacks: Callbacks, ended: asyncio.Event
    ) -> None:
        self.session = session
        self.link = link
        self.callbacks = callbacks
        self.requests: dict[str, asyncio.Future[None]] = {}
        self.ended = ended
        self.leaving = False
        self.left = asyncio.Event()
        self.last: e.Closed | None = None


class AkoolClient:
    """One client; an asynchronous context manager that disconnects it.

    Args:
        config: what to connect to and how.
        listener: callbacks; None for none.
        revision: protocol revision or its modules, and with it the dialect; None for the default.
        clock: the clock of all time limits; real time by default.
        ssl: TLS settings for discovery and socket; None for the default trust store.
        rng: where chance comes from (the instance, the session id); None for the system's.
        wall_clock: seconds since 1970, for message ids.

    After `disconnect`, `connect` may be called again; it opens a new session (AKO-CONN-015).

    Raises:
        AuthenticationError: the API key or the avatar id is empty.
        ServerUrlError: the given server URL cannot be used.
        ConfigurationError: another setting cannot work.
    """

    def __init__(
        self,
        config: ClientConfig,
        listener: Listener | None = None,
        *,
        revision: str | Revision | None = None,
        clock: Clock | None = None,
        ssl: ssl_module.SSLContext | None = None,
        rng: Random | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.revision = load(revision)
        self.config = config
        self.listener = Listener() if listener is None else listener
        self._given_clock = clock
        self._ssl = ssl
        self._rng = rng
        self._wall_clock = wall_clock
        self._session = ClientSession(config, revision=self.revision, rng=rng)
        self._connecting: asyncio.Task[None] | None = None
        self._run: _Run | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    @property
    def session(self) -> ClientSession:
        """The session's rules and state; a new one with each connect."""
        return self._session

    @property
    def session_id(self) -> str:
        """The session's id (AKO-CONN-002)."""
        return self._session.session_id

    @property
    def is_connected(self) -> bool:
        """Whether the server has confirmed the connection, and nobody has ended it."""
        return self._session.is_open

    @property
    def is_ready(self) -> bool:
        """Whether the parameters are set, so that audio may flow."""
        return self._session.is_ready

    @property
    def info(self) -> ConnectionInfo:
        """How the client stands."""
        session = self._session
        return ConnectionInfo(
            connected=session.is_open,
            ready=session.is_ready,
            session_id=session.session_id,
            avatar_id=self.config.avatar_id,
            instance=session.instance,
            candidates=session.candidates,
        )

    # --- life cycle -----------------------------------------------------------------------------

    async def connect(self) -> str:
        """Discover, dial, and wait until the server confirms; harmless while connected.

        Returns:
            The session's id.

        Raises:
            AkoolError: discovery failed, no attempt succeeded, or another would be useless.
            LocalProtocolError: another connect is under way, or `disconnect` came in between.
        """
        if self._connecting is not None:
            raise _local("a connect is under way")
        if self._run is not None and not self._run.ended.is_set():
            return self.session_id
        task = self._connecting = asyncio.create_task(self._connect(), name="akool connect")
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise _local("the client was disconnected while it connected") from None
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is None:
                await self.disconnect()
            raise
        finally:
            self._connecting = None
        return self.session_id

    async def disconnect(self) -> None:
        """Leave, wait for the answer up to 5 s, and close (AKO-LEAVE-001 to AKO-LEAVE-005).

        Idempotent. When it returns, nothing of the session is running; inside a callback, nothing
        but that callback.
        """
        run, connecting = self._run, self._connecting
        if connecting is not None:
            connecting.cancel()
            if run is None or not run.callbacks.inside:
                await asyncio.wait({connecting})
        if self._run is not None:
            await self._leave(self._run)

    async def wait_disconnected(self) -> e.Closed | None:
        """Wait until the session has no connection and will not dial again.

        Returns:
            How its last connection ended; None if there was none.
        """
        run = self._run
        if run is None:
            return None
        await run.ended.wait()
        return run.last

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        if self._run is not None:
            await self._run.callbacks.settle()

    # --- what it is for -------------------------------------------------------------------------

    async def set_parameters(self, parameters: Parameters) -> None:
        """Name the Agora channel and the rest, and wait until the server has joined it.

        Raises:
            AudioStreamError: it failed, or took too long (AKO-PARAM-010).
            SendRefused: there is no connection, parameters are being set, or the dialect cannot
                say it.
            ConfigurationError: a parameter cannot be sent.
        """
        await self._request(self._session.set_parameters(parameters, self._clock.now()))

    async def send_audio(self, audio: Audio) -> None:
        """Send speech, in frames of whole samples; waits while the connection is congested.

        Args:
            audio: 16 kHz mono signed 16-bit little-endian PCM of any length; an odd byte at the end
                waits for the next call.

        Raises:
            AudioStreamError: the connection ended meanwhile (AKO-ERR-008).
            SendRefused: there is no connection, or the parameters are not set.
        """
        await self._send_audio(audio)

    async def send_audio_stream(self, chunks: Iterable[Audio] | AsyncIterable[Audio]) -> None:
        """Send several chunks, one after another (AKO-AUDIO-005).

        Raises:
            AudioStreamError: the connection ended meanwhile; the message says at which chunk.
            SendRefused: there is no connection, or the parameters are not set.
        """
        index = 0
        if isinstance(chunks, AsyncIterable):
            async for chunk in chunks:
                await self._send_audio(chunk, index)
                index += 1
            return
        for index, chunk in enumerate(chunks):
            await self._send_audio(chunk, index)

    async def interrupt(self) -> None:
        """Stop what the avatar is saying, and wait for the ack.

        Raises:
            AckTimeoutError: no ack within 10 s (AKO-INT-005).
            CommandError: the server answered with a failure, or the connection ended.
            SendRefused: there is no connection, the parameters are not set, or the dialect has no
                interrupt.
        """
        await self._request(self._session.interrupt(self._clock.now()))

    # --- inside ---------------------------------------------------------------------------------

    @cached_property
    def _clock(self) -> Clock:
        return clock_or_loop(self._given_clock)

    @property
    def _link(self) -> Link:
        if self._run is None:
            raise AssertionError("the session lets nothing be sent before it is open")
        return self._run.link

    async def _request(self, order: Order) -> None:
        """Send a request and wait for its end."""
        run = self._run
        if run is None:
            raise AssertionError("the session lets nothing be sent before it is open")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_heard)
        run.requests[order.key] = answer
        try:
            with contextlib.suppress(SocketClosed):  # the end of the socket fails the request
                await run.link.send(order.messages)
            await answer
        finally:
            del run.requests[order.key]

    async def _send_audio(self, audio: Audio, index: int | None = None) -> None:
        session = self._session
        messages = session.send_audio(audio, self._clock.now())
        try:
            await self._link.send(messages)
        except SocketClosed as end:
            raise session.audio_failed(end.code, end.reason, chunk=index) from end

    async def _connect(self) -> None:
        if self._run is not None:
            await self._leave(self._run)  # what is left of an earlier session
        epoch = self._wall_clock() - self._clock.now()
        session = self._session = ClientSession(
            self.config, revision=self.revision, rng=self._rng, epoch=epoch
        )
        session.begin()
        if session.settings.server is None:
            await self._discover(session)
        run = self._run = self._make_run(session)
        try:
            await run.link.open()
        except BaseException:
            await self._leave(run)
            raise

    async def _discover(self, session: ClientSession) -> None:
        request = session.discovery_request()
        limit = session.settings.discovery_timeout
        try:
            async with HttpClient(clock=self._clock, time_limit=limit, ssl=self._ssl) as http:
                response = await http.request(request)
        except RequestFailed as failure:
            timed_out = failure.timed_out
            raise session.discovery_unanswered(failure.reason, timed_out=timed_out) from failure
        session.receive_discovery_response(response)

    def _make_run(self, session: ClientSession) -> _Run:
        callbacks, ended = Callbacks(), asyncio.Event()

        def deliver(event: e.Event) -> None:
            self._deliver(run, event)

        link = Link(
            session,
            clock=self._clock,
            deliver=deliver,
            drain=callbacks.drain,
            ended=ended.set,
            ssl=self._ssl,
        )
        run = _Run(session, link, callbacks, ended)
        return run

    def _deliver(self, run: _Run, event: e.Event) -> None:
        if isinstance(event, e.Closed):
            run.last = event
        if isinstance(event, e.RequestDone | e.RequestFailed):
            answer = run.requests.get(event.key)
            if answer is not None and not answer.done():
                if isinstance(event, e.RequestFailed):
                    answer.set_exception(event.error)
                else:
                    answer.set_result(None)
        report(self.listener, event, run.callbacks.call)

    async def _leave(self, run: _Run) -> None:
        if not run.leaving:
            run.leaving = True
            try:
                await run.link.leave()
            except BaseException:
                run.callbacks.abort()  # cancelled: nothing may outlive it
                raise
            finally:
                run.ended.set()
                run.left.set()
                await run.callbacks.close()
        elif not run.callbacks.inside:
            await run.left.wait()
        await run.callbacks.close()


@contextlib.asynccontextmanager
async def connect(
    config: ClientConfig,
    listener: Listener | None = None,
    **options: Any,  # noqa: ANN401 - the same as those of the client, each typed there
) -> AsyncGenerator[AkoolClient, None]:
    """A connected client; disconnected at the end.

    Args:
        config: what to connect to and how.
        listener: callbacks; None for none.
        options: see `AkoolClient`.

    Raises:
        AkoolError: see `AkoolClient.connect`.
    """
    async with AkoolClient(config, listener, **options) as client:
        await client.connect()
        yield client


def _heard(answer: asyncio.Future[None]) -> None:
    """Its failure is no news where nobody waits for it any more."""
    if not answer.cancelled():
        answer.exception()


def _local(problem: str) -> LocalProtocolError:
    return LocalProtocolError(problem, protocol=PROTOCOL, requirement="AKO-CONN-015")
