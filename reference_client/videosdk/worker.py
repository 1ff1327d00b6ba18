"""The VideoSDK reference worker: the side that renders the avatar.

    async with AvatarWorker(renderer=make_renderer) as worker:
        await worker.join(room_url, room_id, credentials)
        await worker.wait_lost()

Audio that arrives goes to the renderer, what it renders goes to two tracks, and each segment is
acknowledged when it has been rendered to its end or was cut. What a payload means, and when what is
acknowledged, is decided in `protocol_core.videosdk.worker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Self

from protocol_core.videosdk.worker import Frame, Mark, WorkerConfig, WorkerSession
from protocol_core.videosdk.worker_events import StreamReset
from reference_client.callbacks import Callbacks
from reference_client.timers import clock_or_loop
from reference_client.videosdk.listener import WorkerListener, report
from reference_client.videosdk.meeting import Ears, Publisher
from reference_client.videosdk.renderer import PassThrough
from reference_client.videosdk.room_socket import RoomSocket
from reference_client.videosdk.tracks import AudioTrack, VideoTrack

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Callable, Coroutine, Iterable

    from protocol_core.clock import Clock
    from protocol_core.videosdk.codec import Outgoing
    from protocol_core.videosdk.credentials import Credentials
    from protocol_core.videosdk.events import Event
    from protocol_core.videosdk.revision import Revision
    from reference_client.videosdk.meeting import Meeting
    from reference_client.videosdk.renderer import Renderer

__all__ = ["KINDS", "AvatarWorker"]

#: Kinds of the tracks that a worker publishes (VSD-MEDIA-001).
KINDS = ("audio", "video")

logger = logging.getLogger(__name__)


class AvatarWorker:
    """One avatar; an asynchronous context manager that closes it.

    Args:
        config: what was agreed with the agent; None for the documents' defaults.
        renderer: makes the renderer, once for each room; None passes speech through in real time.
        listener: callbacks; None for none.
        frame_rate: pictures a second.
        revision: protocol revision or its modules; None for the default.
        clock: the clock of cooldown and pacing; real time by default.
        ssl: TLS settings; None for the default trust store.

    Attributes:
        audio: rendered audio, to be carried to the room.
        video: rendered pictures, likewise.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(
        self,
        config: WorkerConfig | None = None,
        *,
        renderer: Callable[[], Renderer] | None = None,
        listener: WorkerListener | None = None,
        frame_rate: float = 25.0,
        revision: str | Revision | None = None,
        clock: Clock | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self.listener = WorkerListener() if listener is None else listener
        self._session = WorkerSession(config, revision=revision)
        self._make_renderer = renderer
        self._given_clock = clock
        self._ssl = ssl
        self.audio = AudioTrack(self._session.revision, self._session.sample_rate)
        self.video = VideoTrack(self._session.revision, frame_rate)
        self._callbacks = Callbacks()
        self._ears = Ears(
            self._session.revision,
            on_payload=self._hear,
            on_joined=lambda _: None,
            on_left=lambda _: None,
            on_gone=self._gone,
        )
        self._meeting: Meeting | None = None
        self._socket: RoomSocket | None = None
        self._renderer: Renderer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._arrived = asyncio.Event()
        self._outbox: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._interrupts = 0
        self._resets: set[asyncio.Task[None]] = set()
        self._lost = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def session(self) -> WorkerSession:
        """The worker's rules and state."""
        return self._session

    @property
    def is_attached(self) -> bool:
        """Whether it listens in a room."""
        return self._meeting is not None

    # --- life cycle -----------------------------------------------------------------------------

    async def join(self, room_url: str, room_id: str, credentials: Credentials) -> None:
        """Join a room with exactly what was given, and work in it (VSD-AUTH-007).

        A room that it was in before is left first (VSD-LIFE-004).

        Args:
            room_url: base of the rooms; see `RoomSocket.join`.
            room_id: which one.
            credentials: of the join request; its attributes are not needed (VSD-AUTH-008).

        Raises:
            JoinError: the room refused, or gave no answer.
        """
        await self.leave()
        socket = await RoomSocket.join(
            room_url,
            room_id,
            credentials.token,
            credentials.participant_id,
            clock=self._clock,
            revision=self._session.revision,
            drain=self._callbacks.drain,
            ssl=self._ssl,
        )
        self._socket = socket
        try:
            await self.attach(socket)
        except BaseException:
            await self.leave()
            raise

    async def attach(self, meeting: Meeting) -> None:
        """Work in a meeting that was joined; one that it worked in before is let go.

        Raises:
            ConnectionError: the meeting takes no tracks, because it is gone already.
        """
        await self._detach()
        self._session.joined()
        self._lost.clear()
        self._meeting = meeting
        make = self._make_renderer
        renderer = self._renderer = PassThrough(self._clock) if make is None else make()
        meeting.add_event_listener(self._ears)
        self._start(self._feed(renderer), "feed")
        self._start(self._forward(renderer), "forward")
        self._start(self._acknowledge(meeting), "acknowledge")
        if isinstance(meeting, Publisher):
            for kind in KINDS:
                await meeting.publish(kind)
        self._callbacks.call(self.listener.on_attached, meeting.id)

    async def leave(self) -> None:
        """Stop working, and leave a room that `join` joined. An open segment is lost (OP-6)."""
        await self._detach()
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.leave()

    async def close(self) -> None:
        """Leave, and end every task (VSD-LIFE-004, VSD-LIFE-005). Repeatable."""
        try:
            await self.leave()
        except BaseException:
            self._callbacks.abort()  # cancelled: nothing may outlive it
            raise
        finally:
            self._lost.set()
            await self._callbacks.close()

    async def wait_lost(self) -> None:
        """Wait until the worker is in no room any more."""
        await self._lost.wait()

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        await self._callbacks.settle()

    # --- inside ---------------------------------------------------------------------------------

    @cached_property
    def _clock(self) -> Clock:
        return clock_or_loop(self._given_clock)

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=f"worker {name}"))

    async def _detach(self) -> None:
        meeting, self._meeting = self._meeting, None
        if meeting is not None:
            with contextlib.suppress(ValueError):  # the room may have dropped its listeners
                meeting.remove_event_listener(self._ears)
        self._session.left()
        self.audio.clear()
        tasks, self._tasks = [*self._tasks, *self._resets], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._outbox = asyncio.Queue()

    def _gone(self) -> None:
        self._lost.set()
        self._callbacks.call(self.listener.on_lost)

    def _hear(self, payload: object, sender: str) -> None:
        events = self._session.receive(payload, self._clock.now(), sender=sender)
        self._report(events)
        if any(isinstance(event, StreamReset) for event in events):
            # Section 6, step 4: the track at once, the renderer, and the track once more.
            self.audio.clear()
            self._interrupts += 1
            task = asyncio.create_task(self._reset(self._interrupts), name="worker reset")
            self._resets.add(task)
            task.add_done_callback(self._resets.discard)
        self._arrived.set()

    async def _reset(self, interrupt: int) -> None:
        if self._renderer is None:
            raise AssertionError("nobody listens without a renderer")
        try:
            await self._renderer.reset()
        except Exception:
            logger.exception("the renderer could not be reset")
        if interrupt != self._interrupts:
            return  # a further interrupt came meanwhile; its own reset has the last word
        self.audio.clear()
        self._report(self._session.reset_done())
        self._post()
        self._arrived.set()

    async def _feed(self, renderer: Renderer) -> None:
        """From the input queue to the renderer, in order (VSD-PCM-008)."""
        while True:
            item, events = self._session.take()
            self._report(events)
            if item is None:
                self._arrived.clear()
                await self._arrived.wait()
            else:
                await renderer.push(item)

    async def _forward(self, renderer: Renderer) -> None:
        """From the renderer to the tracks."""
        async for item in renderer:
            match item:
                case Frame():
                    self.audio.put(item.pcm)
                    self._session.rendered(item.seconds)
                case Mark():
                    self._report(self._session.finished())
                    self._post()
                case _:
                    self.video.put(item)

    def _post(self) -> None:
        for outgoing in self._session.data_to_send():
            self._outbox.put_nowait(outgoing)

    async def _acknowledge(self, meeting: Meeting) -> None:
        """To the room, in order; an acknowledgement that fails is not repeated (VSD-END-008)."""
        constants = self._session.revision.constants
        while True:
            outgoing = await self._outbox.get()
            options = {constants.Received.RELIABILITY: outgoing.reliability}
            try:
                await meeting.send(outgoing.payload, options)
            except Exception as error:  # noqa: BLE001 - whatever the transport raises
                code = self._session.revision.errors.ErrorCode.ACK_LOST
                logger.warning("%s: an acknowledgement could not be sent: %s", code, error)

    def _report(self, events: Iterable[Event]) -> None:
        for event in events:
            report(self.listener, event, self._callbacks.call)
