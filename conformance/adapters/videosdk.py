"""Adapter for the `videosdk-agents` package: the adapter contract on one side, the SDK, unmodified,
on the other: as the agent `AvatarAudioOut`, as the worker `AvatarAudioIn` in an `AvatarServer`.

Runs in any environment that has `videosdk-agents` (Python 3.12 or newer); of its dependencies it
uses `websockets` and `jwt`, and the standard library besides:

    python conformance/adapters/videosdk.py                          on stdin and stdout
    python conformance/adapters/videosdk.py --listen 127.0.0.1:9000    on one TCP connection

The classes run in a stand-in for VideoSDK's `Meeting`: a room behind a local socket
(docs/reference/room-socket.md). What each command calls:

    describe     -
    open         generate_avatar_credentials(...); AvatarAudioOut(...); connect(); then, as the
                 framework does once the room is joined, _set_meeting(meeting)
    join         joins the room (again) and attaches the handle
    send_audio   handle_audio_input(audio)
    end_turn     send_segment_end()
    interrupt    interrupt()
    lose_channel the nth send from now on raises what the transport would raise
    leave        leaves the room; the handle stays attached
    serve        joins the named room; AvatarAudioIn(meeting), AvatarServer(...).start() with a
                 renderer that passes through what it is given, and publishes its tracks
    act          worker_leaves: aclose() of the AvatarServer, which stays in the room;
                 worker_moves: set_meeting(...) with another room
    close        aclose() of the handle, or of the AvatarServer; leaves the room
    advance      moves the event loop's clock and `time.monotonic`, on which the cooldown runs
    settle       waits until the room has answered and the event loop has nothing to do
    reset        close, for everything that is open; reports and cancels the tasks that are left
    send_text, send_event, send_frame   unsupported: the SDK has no such calls

The renderer is the adapter's: what it is told becomes the events frame, segment_end and reset. The
handle has no callbacks: it only logs a stream_ended.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import contextlib
import heapq
import itertools
import json
import logging
import os
import platform
import selectors
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from contextvars import Context

# This file has the name of the SDK's package: its own folder must not be searched for it.
HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]

# Standard output belongs to the contract; what the SDK prints, even at import, goes to stderr.
CONTRACT_OUTPUT: BinaryIO = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import httpx  # noqa: E402 - see above
import jwt  # noqa: E402 - see above
import websockets  # noqa: E402 - see above
from av import AudioFrame  # noqa: E402 - see above
from videosdk.agents import avatar as sdk  # noqa: E402 - see above
from videosdk.agents.avatar.avatar_controller import AvatarSettings  # noqa: E402 - see above

# --- the contract's side; the same in every Python adapter of this folder ------------------------

QUIET_TURNS = 20  # turns of the event loop without traffic after which nothing is left to do
PEER_SILENCE = 0.1  # real seconds given to the peer, after each timer that fired, to answer
END_LIMIT = 60.0  # seconds on the moved clock that a session may take to end
RESET = {"kind": "local", "type": "Reset", "message": "dropped by a reset"}

monotonic = time.monotonic  # an adapter may lend its moved clock to the SDK under this name

log = logging.getLogger("adapter")

Json = dict[str, Any]
Handler = Callable[[Json], Awaitable[Json]]


class UnsupportedError(Exception):
    """The implementation, or this adapter, cannot do what a command asks."""


class ResetError(Exception):
    """The command was still running when the session was reset."""


class _CountingSelector(selectors.DefaultSelector):
    """Counts how often something arrived or a socket became writable."""

    traffic = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self.traffic += bool(ready)
        return ready


class TravellingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be moved forward, from timer to timer.

    Everything that runs on it (sleep, wait_for, keepalive pings, back-off) follows, because all
    timers of asyncio pass through `call_at` and read `time`.

    Attributes:
        peer_silence: real seconds given to the peer, after each timer that fired, to answer.
    """

    peer_silence = PEER_SILENCE

    def __init__(self) -> None:
        self._moved = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._serial = itertools.count()
        self._watched = _CountingSelector()
        self._advancing = asyncio.Lock()
        super().__init__(self._watched)

    def time(self) -> float:
        return monotonic() + self._moved

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        self._forget_past_timers()
        heapq.heappush(self._timers, (when, next(self._serial), timer))
        return timer

    def _forget_past_timers(self) -> None:
        now = self.time()
        while self._timers and (self._timers[0][0] <= now or self._timers[0][2].cancelled()):
            heapq.heappop(self._timers)

    async def pause(self, seconds: float) -> None:
        """Wait in real time, invisible to `advance`."""
        waiter = self.create_future()
        super().call_at(self.time() + seconds, _wake, waiter)
        await waiter

    async def quiet(self) -> None:
        """Return once nothing is runnable and nothing readable."""
        still, seen = 0, self._watched.traffic
        while still < QUIET_TURNS:
            await asyncio.sleep(0)
            still = still + 1 if seen == self._watched.traffic else 0
            seen = self._watched.traffic

    async def silence(self) -> None:
        """Return once nothing has arrived for `peer_silence` seconds of real time."""
        seen, since = -1, monotonic()
        while monotonic() - since < self.peer_silence:
            await self.quiet()
            if seen != self._watched.traffic:
                seen, since = self._watched.traffic, monotonic()
            await self.pause(0.002)

    async def advance(self, seconds: float) -> int:
        """Move the clock by ``seconds``, stopping at every timer; how many stops it took."""
        async with self._advancing:
            end, stops = self.time() + seconds, 0
            await self.quiet()
            self._forget_past_timers()
            while self._timers and self._timers[0][0] <= end:
                self._moved += max(0.0, self._timers[0][0] - self.time())
                stops += 1
                await self.silence()
                self._forget_past_timers()
            self._moved += max(0.0, end - self.time())
            await self.quiet()
            return stops


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Session:
    """What the implementation needs for one client object; muted once it has been reset."""

    def __init__(self, adapter: Adapter, faults: Json) -> None:
        self._adapter = adapter
        self._faults = faults
        self.muted = False

    def report(self, event: str, data: Json) -> None:
        """Report a callback of the implementation, and fail in it if the scenario asks for that."""
        self.tell(event, data)
        if self._faults.get(event) == "raise":
            raise RuntimeError(f"the scenario lets the callback behind {event!r} fail")

    def tell(self, event: str, data: Json) -> None:
        """Report something that is no callback."""
        if not self.muted:
            self._adapter.write({"event": event, "data": data})

    async def end(self) -> None:
        """End the session as the implementation's users do."""
        raise NotImplementedError


class Adapter:
    """Reads commands, runs each as a task of its own, answers each once."""

    name: ClassVar[str]
    version: ClassVar[str]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        self.loop = loop
        self._sink = sink
        self._running: set[asyncio.Task[None]] = set()
        self.sessions: list[Session] = []
        self.commands: dict[str, Handler] = {
            "describe": self._describe,
            "advance": self._advance,
            "settle": self._settle,
        }

    def claim(self) -> Json:
        """The `implementations` row of `describe`."""
        raise NotImplementedError

    def record(self, error: BaseException) -> Json:
        """The ErrorRecord of an exception of the implementation, without what is null."""
        raise NotImplementedError

    def write(self, line: Json) -> None:
        self._sink.write(json.dumps(line, separators=(",", ":"), default=str).encode() + b"\n")
        self._sink.flush()

    def error_record(self, error: BaseException) -> Json:
        known = {"kind": "local", "type": type(error).__name__, "message": str(error)}
        known.update(self.record(error))
        return {member: value for member, value in known.items() if value is not None}

    async def serve(self, source: BinaryIO) -> None:
        """Obey until the end of input."""
        lines: asyncio.Queue[bytes] = asyncio.Queue()

        def read() -> None:
            for line in source:
                self.loop.call_soon_threadsafe(lines.put_nowait, line)
            self.loop.call_soon_threadsafe(lines.put_nowait, b"")

        threading.Thread(target=read, daemon=True, name="commands").start()
        while line := await lines.get():
            await self._begin(line)
        await self._reset()

    async def _begin(self, line: bytes) -> None:
        try:
            order = json.loads(line)
            number, command = order["id"], order["command"]
        except (ValueError, TypeError, KeyError) as error:
            log.warning("not a command (%r): %.200r", error, line)
            return
        if type(number) is not int or type(command) is not str:
            log.warning("not a command (`id` or `command` has the wrong type): %.200r", line)
            return
        if command == "reset":
            self.write({"id": number, "answer": "done", "result": await self._reset()})
            return
        task = self.loop.create_task(self._obey(number, command, order.get("params")))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.sleep(0)  # it begins before the next command is read

    async def _obey(self, number: int, command: str, params: object) -> None:
        answer: Json
        try:
            answer = {"answer": "done", "result": await self._handler(command)(parameters(params))}
        except UnsupportedError as error:
            answer = {"answer": "unsupported", "reason": str(error)}
        except asyncio.CancelledError:
            answer = {"answer": "error", "error": dict(RESET)}
        except Exception as error:  # noqa: BLE001 - whatever the implementation raises is its answer
            answer = {"answer": "error", "error": self.error_record(error)}
        self.write({"id": number, **answer})

    def _handler(self, command: str) -> Handler:
        if command not in self.commands:
            raise UnsupportedError(f"{self.name} has nothing for the command {command!r}")
        return self.commands[command]

    async def _describe(self, _: Json) -> Json:
        return {
            "contract": 1,
            "name": self.name,
            "version": self.version,
            "language": f"python {platform.python_version()}",
            "implementations": [self.claim()],
        }

    async def _advance(self, params: Json) -> Json:
        seconds = take(params, "seconds", (int, float))
        return {"fired": await self.loop.advance(float(seconds))}

    async def _settle(self, _: Json) -> Json:
        await self.loop.quiet()
        await self.loop.pause(0.002)
        await self.loop.quiet()
        return {}

    async def _reset(self) -> Json:
        """Drop everything; the names of the tasks that the implementation did not end itself."""
        commands = list(self._running)
        for task in commands:
            task.cancel()
        await asyncio.gather(*commands, return_exceptions=True)
        for session in self.sessions:
            session.muted = True
            await self._end(session)
        self.sessions.clear()
        await self.loop.quiet()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)
        return {"pending": sorted(_task_name(task) for task in left)}

    async def _end(self, session: Session) -> None:
        ending = self.loop.create_task(session.end())
        await asyncio.wait({ending}, timeout=0.3)
        if not ending.done():  # it waits for the peer: let its own time limit end that
            await self.loop.advance(END_LIMIT)
        if ending.done() and (error := ending.exception()) is not None:
            log.warning("ending the session failed: %r", error)


def _task_name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


def parameters(value: object) -> Json:
    """The `params` of a command."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnsupportedError(f"`params` is no object: {value!r:.200}")
    return value


REQUIRED = object()


def take(
    params: Json,
    name: str,
    kind: type | tuple[type, ...],
    default: Any = REQUIRED,  # noqa: ANN401 - of that kind, or None
) -> Any:  # noqa: ANN401 - of that kind
    """A parameter of the right type; `UnsupportedError` says what is wrong with it."""
    value = params.get(name, default)
    if value is REQUIRED:
        raise UnsupportedError(f"`{name}` is missing")
    boolean = isinstance(value, bool) and kind is not bool  # Python counts them as integers
    if value is not default and (boolean or not isinstance(value, kind)):
        raise UnsupportedError(f"`{name}` has the wrong type: {value!r:.200}")
    return value


def take_bytes(params: Json, name: str) -> bytes:
    """A base64 parameter."""
    try:
        return base64.b64decode(take(params, name, str), validate=True)
    except binascii.Error as error:
        raise UnsupportedError(f"`{name}` is not base64: {error}") from error


def encoded(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode()


def settings_of(params: Json) -> Json:
    """One flat table of settings: options win over credentials, credentials over urls."""
    merged: Json = {}
    for group in ("urls", "credentials", "options"):
        merged.update(parameters(params.get(group)))
    return merged


def run(adapter: type[Adapter]) -> None:
    """Serve the contract until the end of input."""
    arguments = argparse.ArgumentParser(description=adapter.__doc__)
    arguments.add_argument("--listen", metavar="HOST:PORT", help="wait for one TCP connection")
    address: str | None = arguments.parse_args().listen
    sink = CONTRACT_OUTPUT
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    source: BinaryIO = sys.stdin.buffer
    if address is not None:
        host, _, port = address.rpartition(":")
        with socket.create_server((host or "127.0.0.1", int(port))) as server:
            log.warning("listening on %s", server.getsockname())
            connection, _ = server.accept()
        source, sink = connection.makefile("rb"), connection.makefile("wb")
    loop = TravellingLoop()
    asyncio.set_event_loop(loop)
    status = 0
    try:
        loop.run_until_complete(adapter(loop, sink).serve(source))
    except (BrokenPipeError, ConnectionError, KeyboardInterrupt) as error:
        log.warning("the runner has gone: %r", error)
    except Exception:
        log.exception("the adapter failed")
        status = 1
    sys.stderr.flush()
    os._exit(status)  # the thread that reads commands may still wait for one


# --- the implementation's side -------------------------------------------------------------------

TOKEN_SECONDS = 3600
SAMPLE_RATE, CHANNELS = 24000, 1
PIECE = 0.02  # seconds of audio that the renderer passes on at once, when it keeps time
TRACKS = ("audio", "video")
#: The classes that the transport raises, by the code of its room's error; others are RuntimeErrors.
TRANSPORT_ERRORS: dict[str, type[Exception]] = {
    "PAYLOAD_TOO_LARGE": ValueError,
    "PAYLOAD_TYPE": TypeError,
    "NOT_CONNECTED": ConnectionError,
    "NO_PRODUCER": ValueError,
}
#: What `lose_channel` may ask for: the transport's exception.
LOSSES: dict[str, Exception] = {
    "send_not_connected": ConnectionError("Cannot send message, Network is not available."),
    "send_no_producer": ValueError("Data producer not initialized."),
    "send_too_large": ValueError("Payload too large: 15361 bytes. Max allowed is 15360 bytes"),
    "send_wrong_type": TypeError(
        "Invalid payload type current type is: list only string and bytes are allowed"
    ),
    "send_failed": RuntimeError("the send failed"),
}


class JoinRefusedError(Exception):
    """The room refused to be joined."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"the room refused the join: HTTP {status}: {body}")
        self.status = status
        self.body = body


class Meeting:
    """A stand-in for VideoSDK's `Meeting`: a room behind a local socket."""

    def __init__(self, link: websockets.ClientConnection, room_id: str, owner: Session) -> None:
        self.id = room_id
        self._link = link
        self._owner = owner
        self._handlers: list[Any] = []
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self.losses: list[Exception | None] = []
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="room")

    @classmethod
    async def join(
        cls, owner: Session, base: str, room_id: str, token: str, participant_id: str | None
    ) -> Meeting:
        """Join a room, and wait until it says so."""
        query = {"token": token, **({"participant_id": participant_id} if participant_id else {})}
        try:
            link = await websockets.connect(
                f"{base.rstrip('/')}/{room_id}?{urlencode(query)}",
                ping_interval=None,
                max_size=None,
                proxy=None,
            )
        except websockets.InvalidStatus as error:
            body = bytes(error.response.body or b"").decode(errors="replace")
            raise JoinRefusedError(error.response.status_code, body) from error
        json.loads(await link.recv())  # joined
        return cls(link, room_id, owner)

    # What the SDK uses of a meeting.

    async def send(self, payload: str | bytes, options: Json | None = None) -> None:
        if self.losses and (loss := self.losses.pop(0)) is not None:
            raise loss
        frame: Json = {"type": "send", **(options or {})}
        if isinstance(payload, str):
            frame["text"] = payload
        elif isinstance(payload, bytes):
            frame["binary"] = encoded(payload)
        else:
            raise TypeError(
                f"Invalid payload type current type is: {type(payload).__name__} "
                "only string and bytes are allowed"
            )
        await self._ask(frame)

    def add_event_listener(self, handler: Any) -> None:  # noqa: ANN401 - the SDK's
        self._handlers.append(handler)

    def remove_event_listener(self, handler: Any) -> None:  # noqa: ANN401 - the SDK's
        self._handlers.remove(handler)

    # What the adapter uses.

    async def publish(self, kind: str) -> None:
        """Publish a track."""
        await self._ask({"type": "publish", "kind": kind})

    async def leave(self) -> None:
        """Leave the room. Harmless if it was left."""
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._link.send(json.dumps({"type": "leave"}))
        await self._link.close()
        await asyncio.wait({self._reader})

    async def heard(self) -> None:
        """Return once everything that the room had for us has been looked at."""
        with contextlib.suppress(websockets.ConnectionClosed):
            await (await self._link.ping())

    async def _ask(self, frame: Json) -> None:
        number = next(self._numbers)
        done = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._link.send(json.dumps({**frame, "id": number}))
            await done
        except websockets.ConnectionClosed as error:
            raise LOSSES["send_not_connected"] from error
        finally:
            self._waiting.pop(number, None)

    async def _read(self) -> None:
        try:
            async for line in self._link:
                self._take(json.loads(line))
        except websockets.ConnectionClosed:
            log.warning("the room has gone")
        for done in self._waiting.values():
            if not done.done():
                done.set_exception(LOSSES["send_not_connected"])

    def _take(self, frame: Json) -> None:
        done = self._waiting.get(frame.get("id", -1))
        if frame["type"] == "message":
            self._deliver(frame)
        elif frame["type"] == "done" and done is not None and not done.done():
            done.set_result(None)
        elif frame["type"] == "error" and done is not None and not done.done():
            kind = TRANSPORT_ERRORS.get(frame.get("code", ""), RuntimeError)
            done.set_exception(kind(frame.get("message", "")))

    def _deliver(self, frame: Json) -> None:
        payload = frame["text"] if "text" in frame else base64.b64decode(frame["binary"])
        data = {name: frame.get(name) for name in ("from", "timestamp", "reliability")}
        for handler in tuple(self._handlers):
            try:
                handler.on_data({**data, "payload": payload})
            except Exception as error:  # noqa: BLE001 - what escapes is what is looked for
                said = {"type": type(error).__name__, "message": str(error)}
                self._owner.tell("fault", {"where": "listener", **said})


class Agent(Session):
    """One `AvatarAudioOut`."""

    def __init__(self, adapter: Adapter, settings: Json) -> None:
        super().__init__(adapter, take(settings, "callbacks", dict, {}))
        self.settings = settings
        given = settings.get("credentials")
        if isinstance(given, dict):
            self.credentials = sdk.AvatarAuthCredentials(**given)
        else:
            lifetime = {"ttl_seconds": settings["ttl"]} if "ttl" in settings else {}
            self.credentials = sdk.generate_avatar_credentials(
                settings["api_key"],
                settings["secret"],
                participant_id=settings.get("participant_id"),
                **lifetime,
            )
        self.handle = sdk.AvatarAudioOut(
            credentials=self.credentials,
            avatar_dispatcher_url=settings.get("dispatcher"),
            room_id=settings.get("room_id"),
        )
        self.meeting: Meeting | None = None

    async def join(self) -> None:
        """What the framework does once the agent is in the room."""
        settings = self.settings
        await self.leave()
        self.meeting = await Meeting.join(
            self,
            settings["room"],
            settings["room_id"],
            _agent_token(settings),
            settings.get("agent_id"),
        )
        self.handle._set_meeting(self.meeting)  # noqa: SLF001 - as the framework does
        self.tell("opened", self.known)

    @property
    def known(self) -> Json:
        return {"participant_id": self.handle.participant_id, "room_id": self.settings["room_id"]}

    async def leave(self) -> None:
        meeting, self.meeting = self.meeting, None
        if meeting is not None:
            await meeting.leave()

    async def end(self) -> None:
        await self.handle.aclose()
        await self.leave()


class Renderer(sdk.AvatarRenderer):
    """Passes audio through, at once or as long as it takes; there is no picture."""

    def __init__(self, owner: Session, *, pace: bool) -> None:
        self._owner = owner
        self._pace = pace
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._cut = asyncio.Event()

    async def push_stream_chunk(self, frame: Any) -> None:  # noqa: ANN401 - the SDK's
        if isinstance(frame, AudioFrame):
            pcm = frame.to_ndarray().tobytes() if frame.samples else b""
            self._owner.tell("frame", {"bytes": len(pcm), "audio": encoded(pcm)})
        else:
            self._owner.tell("segment_end", {})
        self._queue.put_nowait(frame)

    def reset_stream(self) -> None:
        self._owner.tell("reset", {})
        while not self._queue.empty():
            self._queue.get_nowait()
        self._cut.set()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            frame = await self._queue.get()
            self._cut.clear()
            if not (self._pace and isinstance(frame, AudioFrame) and frame.samples):
                yield frame
                continue
            for piece in _pieces(frame):
                if self._cut.is_set():
                    break
                yield piece
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._cut.wait(), piece.samples / piece.sample_rate)


class Worker(Session):
    """One `AvatarServer` with an `AvatarAudioIn`."""

    def __init__(self, adapter: Adapter, base: str) -> None:
        super().__init__(adapter, {})
        self._base = base
        self.credentials: Json = {}
        self.meeting: Meeting | None = None
        self.left: list[Meeting] = []
        self.audio: sdk.AvatarAudioIn | None = None
        self.server: sdk.AvatarServer | None = None

    async def begin(self, room: str, credentials: Json, *, pace: bool) -> None:
        """Join the room and start."""
        self.credentials = credentials
        self.meeting = await self._join(room, credentials)
        self.audio = sdk.AvatarAudioIn(self.meeting, channels=CHANNELS, sample_rate=SAMPLE_RATE)
        settings = AvatarSettings(
            video_width=64,
            video_height=64,
            video_fps=25.0,
            audio_sample_rate=SAMPLE_RATE,
            audio_channels=CHANNELS,
        )
        renderer = Renderer(self, pace=pace)
        self.server = sdk.AvatarServer(
            self.meeting, audio_recv=self.audio, video_gen=renderer, options=settings
        )
        await self.server.start()
        for kind in TRACKS:
            await self.meeting.publish(kind)

    async def move(self, room: str) -> None:
        """Go on in another room. The old one is left at the end: who listens there still hears."""
        if self.meeting is not None:
            self.left.append(self.meeting)
        self.meeting = await self._join(room, self.credentials)
        if self.audio is not None:
            self.audio.set_meeting(self.meeting)

    async def _join(self, room: str, credentials: Json) -> Meeting:
        token, identity = take(credentials, "token", str), take(credentials, "participant_id", str)
        return await Meeting.join(self, self._base, room, token, identity)

    async def retire(self) -> list[str]:
        """Close the server but stay in the room; the tasks that go on."""
        server, self.server = self.server, None
        if server is None:
            return []
        before = asyncio.all_tasks() - {asyncio.current_task()}
        own = [task for task in before if "Avatar" in task.get_coro().__qualname__]
        await server.aclose()
        for _ in range(QUIET_TURNS):
            await asyncio.sleep(0)
        return sorted(task.get_coro().__qualname__ for task in own if not task.done())

    async def end(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            await server.aclose()
        meeting, self.meeting = self.meeting, None
        for room in (*self.left, meeting):
            if room is not None:
                await room.leave()
        self.left.clear()


class VideoSdkAdapter(Adapter):
    """Drives `videosdk-agents`."""

    name = "videosdk-agents"
    version = version("videosdk-agents")
    sessions: list[Agent | Worker]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        super().__init__(loop, sink)
        self.commands.update(
            describe=self._describe_both,
            open=self._open,
            join=self._join,
            send_audio=self._send_audio,
            end_turn=self._end_turn,
            interrupt=self._interrupt,
            lose_channel=self._lose_channel,
            leave=self._leave,
            serve=self._serve,
            act=self._act,
            close=self._close,
            settle=self._settle_room,
        )
        # The cooldown after an interrupt runs on the system's monotonic clock.
        time.monotonic = loop.time

    def claim(self) -> Json:
        return {
            "protocol": "videosdk",
            "revisions": [self.version],
            "roles": ["client"],
            "features": ["clock", "credentials", "dispatch", "reattach", "repeated_interrupts"],
            "missing": {
                "acks": "the handle logs a stream_ended and tells nobody",
                "detach_notice": "the handle forgets the meeting silently",
                "room_creation": "rooms are created by the SDK's job, which needs the real service",
                "strict_sender": "the handle takes payloads from everybody",
                "turns": "the SDK's pipeline ends turns; the handle is told to",
                "uninterruptible": "the SDK's pipeline knows of it; the handle does not",
            },
        }

    async def _describe_both(self, _: Json) -> Json:
        described = await self._describe(_)
        worker = {
            "name": f"{self.name} worker",
            "protocol": "videosdk",
            "revisions": [self.version],
            "roles": ["server"],
            "features": ["clock", "input_events", "triggers", "worker"],
            "missing": {
                "dispatcher": "the SDK has no dispatcher",
                "token_check": "the SDK has no dispatcher",
                "faults": "the SDK cannot be made to fail",
                "strict_sender": "AvatarAudioIn takes payloads from everybody",
            },
        }
        return {**described, "implementations": [self.claim(), worker]}

    def record(self, error: BaseException) -> Json:
        for kinds, describe in RECORDS:
            if isinstance(error, kinds):
                return describe(error)
        return {"kind": "local"}

    # The agent.

    async def _open(self, params: Json) -> Json:
        settings = settings_of(params)
        for name in ("create_room", "strict_sender"):
            if settings.get(name):
                raise UnsupportedError(f"AvatarAudioOut has no {name}")
        if not (settings.get("same_client") and self.sessions):
            self.sessions.append(Agent(self, settings))
        agent = self._agent()
        await agent.handle.connect()
        attached = bool(settings.get("join", True))
        if attached:
            await agent.join()
        return {**agent.known, "attached": attached}

    def _agent(self) -> Agent:
        session = self.sessions[-1] if self.sessions else None
        if not isinstance(session, Agent):
            raise UnsupportedError("there is no agent: `open` comes first")
        return session

    async def _join(self, _: Json) -> Json:
        await self._agent().join()
        return {"attached": True}

    async def _send_audio(self, params: Json) -> Json:
        if params.get("uninterruptible"):
            raise UnsupportedError("AvatarAudioOut knows no turns")
        await self._agent().handle.handle_audio_input(take_bytes(params, "audio"))
        return {}

    async def _end_turn(self, params: Json) -> Json:
        if params.get("outcome", "completed") != "completed":
            raise UnsupportedError("AvatarAudioOut knows no turns")
        await self._agent().handle.send_segment_end()
        return {}

    async def _interrupt(self, _: Json) -> Json:
        await self._agent().handle.interrupt()
        return {}

    async def _lose_channel(self, params: Json) -> Json:
        loss = LOSSES.get(take(params, "error", str, "send_failed"))
        meeting = self._agent().meeting
        if loss is None or meeting is None:
            raise UnsupportedError("no such loss, or no room to lose")
        meeting.losses = [None] * (take(params, "nth", int, 1) - 1) + [loss]
        return {}

    async def _leave(self, _: Json) -> Json:
        await self._agent().leave()
        return {}

    # The worker.

    async def _serve(self, params: Json) -> Json:
        options = dict(take(params, "options", dict, {}))
        pace = bool(options.pop("pace", False))
        if options:
            raise UnsupportedError(f"AvatarServer has no {', '.join(sorted(options))}")
        worker = Worker(self, take(take(params, "urls", dict), "room", str))
        self.sessions.append(worker)
        await worker.begin(take(params, "room", str), take(params, "credentials", dict), pace=pace)
        return {"urls": {}, "credentials": {}}

    async def _act(self, params: Json) -> Json:
        session = self.sessions[-1] if self.sessions else None
        action = take(params, "action", dict)
        if not isinstance(session, Worker) or len(action) != 1:
            raise UnsupportedError("there is no worker: `serve` comes first")
        if "worker_leaves" in action:
            session.tell("closed", {"pending": await session.retire()})
        elif "worker_moves" in action:
            await session.move(take(action, "worker_moves", str))
        else:
            raise UnsupportedError("a worker can be closed or moved")
        return {}

    # Both.

    async def _close(self, _: Json) -> Json:
        session = self.sessions[-1] if self.sessions else None
        if session is None:
            raise UnsupportedError("there is nothing to close")
        await session.end()
        session.tell("closed", {})
        return {}

    async def _settle_room(self, params: Json) -> Json:
        for session in self.sessions:
            if session.meeting is not None:
                await session.meeting.heard()
        return await self._settle(params)


def _agent_token(settings: Json) -> str:
    """The agent's own token: the framework mints it, without a participant."""
    now = int(time.time())
    claims = {
        "apikey": settings["api_key"],
        "permissions": ["allow_join"],
        "version": 2,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    }
    return jwt.encode(claims, settings["secret"], algorithm="HS256")


def _pieces(frame: AudioFrame) -> list[AudioFrame]:
    """A frame in pieces of 20 ms; the last one may be shorter."""
    samples, size = frame.to_ndarray(), int(frame.sample_rate * PIECE)
    found: list[AudioFrame] = []
    for start in range(0, samples.shape[1], size):
        piece = AudioFrame.from_ndarray(
            samples[:, start : start + size], format="s16", layout=frame.layout.name
        )
        piece.sample_rate = frame.sample_rate
        found.append(piece)
    return found


def _refused(error: httpx.HTTPStatusError) -> Json:
    return {
        "code": "DISPATCH_REFUSED",
        "phase": "dispatch",
        "http_status": error.response.status_code,
        "raw_body": error.response.text,
        "kind": "transport",
    }


def _unreachable(error: Exception) -> Json:
    kind = "timeout" if isinstance(error, httpx.TimeoutException) else "transport"
    return {"code": "DISPATCH_UNREACHABLE", "phase": "dispatch", "kind": kind}


def _join_refused(error: JoinRefusedError) -> Json:
    return {
        "code": "JOIN_REFUSED",
        "phase": "join",
        "http_status": error.status,
        "raw_body": error.body,
        "kind": "transport",
    }


def _value(error: ValueError) -> Json:
    if str(error).startswith("room_id must be set"):
        return {"code": "ROOM_ID_UNSET", "phase": "dispatch", "kind": "local"}
    return {"kind": "local"}


RECORDS: tuple[tuple[Any, Callable[[Any], Json]], ...] = (
    (httpx.HTTPStatusError, _refused),
    ((httpx.HTTPError, httpx.InvalidURL), _unreachable),
    (JoinRefusedError, _join_refused),
    (ValueError, _value),
)


if __name__ == "__main__":
    run(VideoSdkAdapter)
