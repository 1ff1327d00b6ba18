"""What lives as long as one AvatarKit connection: its pump, its callbacks, its frame iterators."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import Timeout
from protocol_core.avatarkit import events
from protocol_core.avatarkit.errors import AvatarKitError
from reference_client.avatarkit.frames import Frame, FrameStream
from reference_client.callbacks import Callbacks
from reference_client.websocket import Pump

if TYPE_CHECKING:
    from protocol_core.avatarkit.client import ClientSession
    from protocol_core.clock import Clock
    from reference_client.websocket import Socket

__all__ = ["Connection", "Listeners"]

logger = logging.getLogger(__name__)


class Listeners(msgspec.Struct, frozen=True, kw_only=True):
    """The user's callbacks; each a function, a coroutine function, or None.

    Attributes:
        on_frame: gets the bytes of each animation message, and whether it is its request's last.
        on_error: gets each error after the start.
        on_close: called once when a started session has ended.
        on_encoded_audio: gets request id and complete stream of audio encoded here.
    """

    on_frame: Callable[[bytes, bool], object] | None = None
    on_error: Callable[[AvatarKitError], object] | None = None
    on_close: Callable[[], object] | None = None
    on_encoded_audio: Callable[[str, bytes], object] | None = None


class Connection:
    """One connection, from the open socket until its last callback has returned.

    Attributes:
        confirmed: completes with the connection id, or with the error of the handshake.
        callbacks: where the user's callbacks run.
        pump: what messages are sent through.
    """

    def __init__(
        self, socket: Socket, session: ClientSession, listeners: Listeners, *, clock: Clock
    ) -> None:
        self._session = session
        self._listeners = listeners
        self._clock = clock
        self._streams: weakref.WeakValueDictionary[int, FrameStream] = weakref.WeakValueDictionary()
        self._socket_ended = asyncio.Event()
        self.callbacks = Callbacks()
        self.confirmed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.pump: Pump[events.ClientEvent] = Pump(
            socket,
            session,
            clock=clock,
            deliver=self._deliver,
            drain=self._drain,
            ping_interval=Timeout.PING_INTERVAL,
            pong_limit=Timeout.PONG,
        )
        self._task = asyncio.create_task(self._run(), name="avatarkit connection")

    async def wait_confirmed(self) -> str:
        """The connection id; if there will be none, returns only when nothing runs any more.

        Raises:
            AvatarKitError: the handshake failed.
        """
        try:
            return await self.confirmed
        except asyncio.CancelledError:
            await self.abort()
            self._raise_fault()
            raise
        except BaseException:
            await self.join()
            raise

    async def close(self) -> None:
        """Close the socket, and wait until nothing of the connection is running."""
        if not self._socket_ended.is_set():
            self._session.close()
            self._release()
            try:
                await self.pump.close()
                await self._socket_ended.wait()
            except asyncio.CancelledError:
                await self.abort()
                raise
        await self.join()

    async def join(self) -> None:
        """Wait until nothing of the connection is running; inside a callback it does not wait."""
        if self.callbacks.inside:
            return
        try:
            await asyncio.wait((self._task,))
        except asyncio.CancelledError:
            await self.abort()
            raise
        self._raise_fault()

    async def abort(self) -> None:
        """End everything at once; callbacks are run, but given no time to wait."""
        self.callbacks.abort()
        self._task.cancel()
        if not self.callbacks.inside:
            await asyncio.wait((self._task,))

    def listen(self, stream: FrameStream) -> None:
        """Feed a frame iterator from now on."""
        self._streams[id(stream)] = stream
        if self._socket_ended.is_set():
            stream.end()

    def encoded(self, req_id: str, audio: bytes) -> None:
        """Audio that was encoded here has been sent completely."""
        self.callbacks.call(self._listeners.on_encoded_audio, req_id, audio)

    def _raise_fault(self) -> None:
        """If the connection ended by a fault of our own, do not hide it."""
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        try:
            await self.pump.run()
        finally:
            self._socket_ended.set()
            if self._session.connected:  # the pump ended before the socket did: it was cancelled
                self._session.close()
                for event in self._session.closed(None, "", self._clock.now()):
                    self._deliver(event)
            if not self.confirmed.done():
                self.confirmed.cancel()
            self._release()
            await self.callbacks.close()

    def _release(self) -> None:
        """End all frame iterators, and let nothing hold up the receive loop any more."""
        self.callbacks.hurry()
        for stream in self._live():
            stream.end()

    async def _drain(self) -> None:
        await self.callbacks.drain()
        for stream in self._live():
            await stream.drain()

    def _live(self) -> list[FrameStream]:
        """The iterators that somebody still holds, in the order of their making."""
        return list(self._streams.values())

    def _deliver(self, event: events.ClientEvent) -> None:
        self._HANDLERS[type(event)](self, event)

    def _on_confirmed(self, event: events.SessionConfirmed) -> None:
        if not self.confirmed.done():
            self.confirmed.set_result(event.connection_id)

    def _on_handshake_failed(self, event: events.HandshakeFailed) -> None:
        if not self.confirmed.done():
            self.confirmed.set_exception(event.error)

    def _on_animation(self, event: events.AnimationReceived) -> None:
        self.callbacks.call(self._listeners.on_frame, event.data, event.end)
        frame = Frame(data=event.data, end=event.end, req_id=event.req_id)
        for stream in self._live():
            if stream.open and stream.req_id in {"", event.req_id}:
                stream.put(frame)

    def _on_error(self, event: events.ErrorReported) -> None:
        if self._listeners.on_error is not None:
            self.callbacks.call(self._listeners.on_error, event.error)
            return
        # Raised by the request's own iterator, else by one of the whole session; what concerns
        # the whole session may be raised by any.
        concerned = event.error.req_id or ""
        by_request = {stream.req_id: stream for stream in reversed(self._live()) if stream.open}
        stream = by_request.get(concerned) or by_request.get("")
        if stream is None and not concerned:
            stream = next(reversed(by_request.values()), None)
        if stream is not None:
            stream.fail(event.error)
        else:
            logger.warning("nobody listens for this error: %s", event.error)

    def _on_closed(self, event: events.SessionClosed) -> None:
        logger.debug("the session has ended (%s %s)", event.code, event.reason)
        self.callbacks.call(self._listeners.on_close)

    def _on_ignored(self, event: events.MessageIgnored) -> None:
        logger.debug("ignored: %s (type %s)", event.reason, event.type)

    _HANDLERS: Final[dict[type, Callable[[Connection, Any], None]]] = {
        events.SessionConfirmed: _on_confirmed,
        events.HandshakeFailed: _on_handshake_failed,
        events.AnimationReceived: _on_animation,
        events.ErrorReported: _on_error,
        events.SessionClosed: _on_closed,
        events.MessageIgnored: _on_ignored,
    }
