"""A participant of a local room: the socket that stands in for VideoSDK's transport.

    async with await RoomSocket.join(url, room_id, token, participant_id, clock=clock) as room:
        room.add_event_listener(listener)
        await room.send(b"…", {"reliability": "UNRELIABLE"})

It behaves as the vendor's meeting does: what it cannot send it refuses with the transport's own
words (VSD-ERR-001). The frames are those of
``schemas/room/v1``, a format of our own.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import logging
from typing import TYPE_CHECKING, Any, Literal, Self, cast
from urllib.parse import quote, urlencode

import msgspec

from avatar_protocols.room import v1 as room
from protocol_core.http import UpgradeRequest
from protocol_core.videosdk.errors import failure
from protocol_core.videosdk.revision import Revision, load
from reference_client.timers import timeout
from reference_client.websocket import ConnectFailed, Socket, SocketClosed, UpgradeRejected

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable, Mapping

    from protocol_core.clock import Clock
    from protocol_core.videosdk.errors import VideoSdkError
    from reference_client.videosdk.meeting import MeetingListener

__all__ = ["Participant", "RoomSocket"]

Kind = Literal["audio", "video"]

#: Real seconds in which the room answers a frame; it is on this machine, or near.
ANSWER_LIMIT = 30.0

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(room.FromRoom).decode


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in the room.

    Attributes:
        id: participant id.
    """

    id: str


class RoomSocket:
    """One participant in one room. Made by `join`; whoever joined leaves in the end.

    Attributes:
        participants: ids of the others.
    """

    def __init__(
        self,
        socket: Socket,
        joined: room.Joined,
        revision: Revision,
        drain: Callable[[], Awaitable[None]] | None,
        on_frame: Callable[[room.FromRoom], None] | None,
    ) -> None:
        self.participants = set(joined.participants)
        self._socket = socket
        self._joined = joined
        self._revision = revision
        self._drain = drain
        self._on_frame = on_frame
        self._listeners: list[MeetingListener] = []
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._open = True
        self._task = asyncio.create_task(self._listen(), name="room socket")

    @classmethod
    async def join(
        cls,
        url: str,
        room_id: str,
        token: str,
        participant_id: str,
        *,
        clock: Clock,
        revision: str | Revision | None = None,
        drain: Callable[[], Awaitable[None]] | None = None,
        on_frame: Callable[[room.FromRoom], None] | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> Self:
        """Join a room, and return once the room has let us in.

        Args:
            url: base of the rooms; the room's id is appended.
            room_id: which one.
            token: a JWT that grants it.
            participant_id: as whom (VSD-AUTH-007).
            clock: the clock of the time limit.
            revision: protocol revision or its modules; None for the default.
            drain: awaited before each further frame is read; where slow listeners slow the room.
            on_frame: told of every frame as it comes; for those who watch the room itself.
            ssl: TLS settings; None for the default trust store.

        Raises:
            JoinError: the room refused, or gave no answer in time.
        """
        tables = load(revision)
        query = urlencode({"token": token, "participant_id": participant_id})
        request = UpgradeRequest(url=f"{url.rstrip('/')}/{quote(room_id, safe='')}?{query}")
        limit: float = tables.constants.Timeout.JOIN
        try:
            async with timeout(clock, limit):
                socket = await Socket.open(
                    request, clock=clock, open_limit=None, ssl=ssl, max_message_bytes=None
                )
                try:
                    joined = await _first(socket)
                except BaseException:
                    await socket.abort()
                    raise
        except UpgradeRejected as error:
            raise _refused(tables, error) from error
        except TimeoutError as error:
            text = f"not in the room within {limit:g} s"
            raise _not_joined(tables, text, kind="timeout") from error
        except (ConnectFailed, SocketClosed, ValueError, RecursionError) as error:
            raise _not_joined(tables, f"the room gave no answer: {error}") from error
        return cls(socket, joined, tables, drain, on_frame)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    @property
    def id(self) -> str:
        """The room's id."""
        return self._joined.room_id

    @property
    def participant_id(self) -> str:
        """Who we are in it."""
        return self._joined.participant_id

    @property
    def is_open(self) -> bool:
        """Whether we are in the room."""
        return self._open

    def add_event_listener(self, event_listener: MeetingListener, /) -> None:
        """Tell a listener what happens from now on."""
        self._listeners.append(event_listener)

    def remove_event_listener(self, event_listener: MeetingListener, /) -> None:
        """Tell it no more.

        Raises:
            ValueError: it was not told.
        """
        self._listeners.remove(event_listener)

    async def send(self, payload: bytes | str, options: Mapping[str, Any] | None = None, /) -> None:
        """Broadcast a payload, and return once the room has taken it.

        Args:
            payload: bytes as binary, text as text.
            options: ``{"reliability": mode}``; RELIABLE where it names none.

        Raises:
            TypeError: the payload is neither.
            ValueError: it is longer than the transport takes (VSD-CHAN-006).
            ConnectionError: we are not in the room, the room could not send, or it says nothing.
        """
        self._check(payload)
        constants = self._revision.constants
        mode = (options or {}).get(constants.Received.RELIABILITY)
        reliability = str(mode or constants.Reliability.DEFAULT)
        number = next(self._numbers)
        if isinstance(payload, str):
            frame = room.Send(id=number, text=payload, reliability=reliability)
        else:
            binary = base64.b64encode(payload).decode()
            frame = room.Send(id=number, binary=binary, reliability=reliability)
        await self._say(number, frame)

    async def publish(self, kind: str) -> None:
        """Publish a track (VSD-MEDIA-001).

        Args:
            kind: ``audio`` or ``video``.

        Raises:
            ConnectionError: we are not in the room, or the room refused.
        """
        number = next(self._numbers)
        await self._say(number, room.Publish(id=number, kind=cast("Kind", kind)))

    async def unpublish(self, kind: str) -> None:
        """Take a track back.

        Raises:
            ConnectionError: we are not in the room, or the room refused.
        """
        number = next(self._numbers)
        await self._say(number, room.Unpublish(id=number, kind=cast("Kind", kind)))

    async def ping(self, limit: float) -> None:
        """Wait for a pong behind everything that the room has sent so far.

        Args:
            limit: seconds.

        Raises:
            TimeoutError: there was none.
            ConnectionError: we are not in the room.
        """
        try:
            await self._socket.ping(limit)
        except SocketClosed as end:
            raise self._gone() from end

    async def leave(self) -> None:
        """Leave the room; harmless if we are not in it. Nobody is told of it any more."""
        self._listeners.clear()
        try:
            if self._open:
                try:
                    await self._socket.send(_encode(room.Leave()).decode())
                    await self._socket.close()
                except SocketClosed:
                    pass  # gone all the same
        finally:
            self._task.cancel()
            await self._socket.abort()
            await asyncio.gather(self._task, return_exceptions=True)
            self._end()

    def _check(self, payload: object) -> None:
        constants = self._revision.constants
        if not isinstance(payload, bytes | str):
            kind = type(payload).__name__
            raise TypeError(constants.ErrorText.PAYLOAD_TYPE.format(type=kind))
        size = len(payload.encode()) if isinstance(payload, str) else len(payload)
        if size > constants.Limit.PAYLOAD:
            raise ValueError(constants.ErrorText.PAYLOAD_TOO_LARGE.format(bytes=size))

    async def _say(self, number: int, frame: room.ToRoom) -> None:
        """Send a frame and wait for the room's word on it."""
        if not self._open:
            raise self._gone()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await self._socket.send(_encode(frame).decode())
                await answer
        except (SocketClosed, TimeoutError) as end:
            raise self._gone() from end
        finally:
            self._waiting.pop(number, None)

    def _gone(self) -> ConnectionError:
        return ConnectionError(self._revision.constants.ErrorText.NETWORK)

    async def _listen(self) -> None:
        try:
            while True:
                data = await self._socket.receive()
                try:
                    frame = _decode(data)
                except (ValueError, RecursionError) as fault:
                    logger.warning("the room sent what is no frame: %s", fault)
                    continue
                if self._on_frame is not None:
                    self._on_frame(frame)
                self._hear(frame)
                if self._drain is not None:
                    await self._drain()
        except SocketClosed:
            self._end()
            self._tell(self._revision.constants.MeetingEvent.MEETING_LEFT, None)
        finally:
            self._end()  # whatever has ended it: nobody may wait for ever

    def _end(self) -> None:
        """Nobody gets an answer any more."""
        self._open = False
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._gone())

    def _hear(self, frame: room.FromRoom) -> None:
        names = self._revision.constants.MeetingEvent
        match frame:
            case room.Message():
                self._tell(names.DATA, self._received(frame))
            case room.ParticipantJoined(participant_id=who):
                self.participants.add(who)
                self._tell(names.PARTICIPANT_JOINED, Participant(id=who))
            case room.ParticipantLeft(participant_id=who):
                self.participants.discard(who)
                self._tell(names.PARTICIPANT_LEFT, Participant(id=who))
            case room.Done(id=number):
                self._answer(number, None)
            case room.Error(id=int(number)):
                self._answer(number, ConnectionError(frame.message))
            case room.Error():
                self._tell(names.ERROR, {"code": frame.code, "message": frame.message})
            case room.Left() | room.Track() | room.Joined():
                pass  # the end of the socket follows; media is not ours to play; we are in

    def _received(self, frame: room.Message) -> dict[str, Any]:
        received = self._revision.constants.Received
        binary = frame.binary
        payload = frame.text if isinstance(binary, msgspec.UnsetType) else base64.b64decode(binary)
        return {
            received.PAYLOAD: payload,
            received.FROM: frame.from_,
            received.TIMESTAMP: frame.timestamp,
            received.RELIABILITY: frame.reliability,
        }

    def _answer(self, number: int, error: Exception | None) -> None:
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    def _tell(self, action: str, data: object) -> None:
        for listener in tuple(self._listeners):
            try:
                listener.handle_event(action, data)
            except Exception:
                logger.exception("a listener failed: %r", listener)


async def _first(socket: Socket) -> room.Joined:
    frame = _decode(await socket.receive())
    if isinstance(frame, room.Joined):
        return frame
    raise msgspec.DecodeError(f"the room began with {type(frame).__name__}")


def _refused(revision: Revision, error: UpgradeRejected) -> VideoSdkError:
    text = error.body.decode(errors="replace")
    return failure(
        revision,
        revision.errors.Phase.JOIN,
        f"the room refused us: HTTP {error.status} {text}".strip(),
        status=error.status,
        body=text,
    )


def _not_joined(revision: Revision, text: str, *, kind: str = "transport") -> VideoSdkError:
    return failure(revision, revision.errors.Phase.JOIN, text, kind=kind)
