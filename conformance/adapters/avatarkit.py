"""Adapter for SpatialWalk's `avatarkit` package: the adapter contract on one side, the unmodified
SDK on the other.

Runs in any environment that has `avatarkit`; needs the standard library besides:

    python conformance/adapters/avatarkit.py                          on stdin and stdout
    python conformance/adapters/avatarkit.py --listen 127.0.0.1:9000    on one TCP connection

What each command calls:

    describe     -
    open         new_avatar_session(**settings); session.init(); session.start()
                 start: false        no session.start()
                 reuse_token: true   no session.init(), on the previous session object, if any
                 same_client: true   init() and start() on the previous session object, if any
    send_audio   session.send_audio(audio, end)
    interrupt    session.interrupt()
    close        session.close()
    advance      moves the event loop's clock from timer to timer: the SDK's pings, timeouts and
                 waits happen now
    settle       waits until the event loop has nothing to do
    reset        session.close() of every session; reports and cancels the tasks that are left
    send_text, send_event, send_frame   unsupported: the SDK has no such calls

The SDK's callbacks become events: transport_frames -> frame, on_encoded_audio -> encoded,
on_error -> error, on_close -> closed (which tells neither code nor reason). Its error codes and
phases are the canonical ones already. An exception that is no AvatarSDKError is a mistake of the
caller (`local`) if it is exactly a ValueError, RuntimeError or TypeError, and otherwise a failure
that the SDK did not classify (`code` null).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import ctypes.util
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
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

if TYPE_CHECKING:
    from contextvars import Context

# This file has the SDK's name: its own folder must not be searched for it.
HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]

# Standard output belongs to the contract; what the SDK prints, even at import, goes to stderr.
CONTRACT_OUTPUT: BinaryIO = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import avatarkit  # noqa: E402 - see above

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


ERROR_MEMBERS = (
    "phase",
    "message",
    "http_status",
    "server_code",
    "server_title",
    "server_detail",
    "connection_id",
    "req_id",
    "raw_body",
    "close_code",
    "close_reason",
)


class AvatarKitSession(Session):
    """One `AvatarSession` and the settings it was made with."""

    def __init__(self, adapter: Adapter, settings: Json) -> None:
        super().__init__(adapter, take(settings, "callbacks", dict, {}))
        self._record = adapter.error_record
        self.client = avatarkit.new_avatar_session(
            **self._arguments(settings),
            transport_frames=self._on_frame,
            on_error=self._on_error,
            on_close=self._on_close,
        )

    def _arguments(self, settings: Json) -> Json:
        """Keyword arguments of `new_avatar_session`; what is left open stays the SDK's default."""
        arguments: Json = {
            "console_endpoint_url": settings.get("console") or "",
            "ingress_endpoint_url": settings.get("ingress") or "",
            "use_query_auth": _auth(settings) == "query",
            "expire_at": _expiry(settings),
        }
        for name in ("api_key", "app_id", "avatar_id"):
            arguments[name] = settings.get(name) or ""
        for name in ("sample_rate", "bitrate", "audio_format"):
            if name in settings:
                arguments[name] = settings[name]
        tables = {
            "livekit_egress": (avatarkit.LiveKitEgressConfig, "livekit_egress"),
            "agora_egress": (avatarkit.AgoraEgressConfig, "agora_egress"),
            "encoder": (avatarkit.OggOpusEncoderConfig, "ogg_opus_encoder"),
        }
        for option, (table, argument) in tables.items():
            if (members := take(settings, option, dict, None)) is not None:
                try:
                    arguments[argument] = table(**members)
                except TypeError as error:
                    raise UnsupportedError(f"`{option}`: {error}") from error
        if arguments.get("ogg_opus_encoder") is not None:
            arguments["on_encoded_audio"] = self._on_encoded
        return arguments

    def _on_frame(self, frame: bytes, last: bool) -> None:  # noqa: FBT001 - the SDK's signature
        self.report("frame", {"data": encoded(frame), "end": last})

    def _on_encoded(self, req_id: str, audio: bytes) -> None:
        self.report("encoded", {"req_id": req_id, "audio": encoded(audio)})

    def _on_error(self, error: Exception) -> None:
        self.report("error", self._record(error))

    def _on_close(self) -> None:
        self.report("closed", {"code": None, "reason": None})

    async def end(self) -> None:
        await self.client.close()


class AvatarKitAdapter(Adapter):
    """Drives the `avatarkit` SDK."""

    name = "avatarkit"
    version = avatarkit.__version__
    sessions: list[AvatarKitSession]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        super().__init__(loop, sink)
        self.commands.update(
            open=self._open,
            send_audio=self._send_audio,
            interrupt=self._interrupt,
            close=self._close,
        )

    def claim(self) -> Json:
        features = [
            "clock",
            "query_auth",
            "livekit_egress",
            "agora_egress",
            "token_only",
            "token_reuse",
            "callback_faults",
            "expiry",
        ]
        missing = {}
        if (reason := _no_encoder()) is None:
            features.append("opus_encoder")
        else:
            missing["opus_encoder"] = reason
        return {
            "protocol": "avatarkit",
            "revisions": [self.version],
            "roles": ["client"],
            "features": features,
            "missing": missing,
        }

    def record(self, error: BaseException) -> Json:
        if not isinstance(error, avatarkit.AvatarSDKError):
            caller = type(error) in {ValueError, RuntimeError, TypeError}
            return {"kind": "local" if caller else "protocol"}
        code = error.code.value
        kind = "protocol"
        if code in {"connectionFailed", "connectionClosed"}:
            kind = "timeout" if isinstance(error.__cause__, TimeoutError) else "transport"
        members = {member: getattr(error, member, None) for member in ERROR_MEMBERS}
        return {**members, "code": code, "kind": kind}

    async def _open(self, params: Json) -> Json:
        settings = settings_of(params)
        reuse = bool(settings.get("reuse_token"))
        again = (reuse or settings.get("same_client")) and self.sessions
        session = self.sessions[-1] if again else AvatarKitSession(self, settings)
        if not again:
            self.sessions.append(session)
        if not reuse:
            await session.client.init()
        if not settings.get("start", True):
            return {}
        connection_id = await session.client.start()
        session.tell("opened", {"connection_id": connection_id})
        return {"connection_id": connection_id}

    def _client(self) -> avatarkit.AvatarSession:
        if not self.sessions:
            raise UnsupportedError("there is no session: `open` comes first")
        return self.sessions[-1].client

    async def _send_audio(self, params: Json) -> Json:
        audio, end = take_bytes(params, "audio"), take(params, "end", bool, default=False)
        return {"req_id": await self._client().send_audio(audio, end=end)}

    async def _interrupt(self, _: Json) -> Json:
        return {"req_id": await self._client().interrupt()}

    async def _close(self, _: Json) -> Json:
        await self._client().close()
        return {}


def _auth(settings: Json) -> str:
    auth: str = settings.get("auth", "header")
    if auth not in {"header", "query"}:
        raise UnsupportedError(f"`auth` is `header` or `query`, not {auth!r}")
    return auth


def _expiry(settings: Json) -> datetime | None:
    instant = settings.get("expire_at", ...)
    if instant is ...:
        lifetime = take(settings, "expire_in", (int, float), 300)
        return datetime.now(UTC) + timedelta(seconds=lifetime)
    return None if instant is None else datetime.fromtimestamp(instant, UTC)


def _no_encoder() -> str | None:
    """Why PCM cannot be encoded here; None if it can."""
    _lend_libopus()
    try:
        import opuslib

        opuslib.Encoder(16000, 1, "audio")
    except Exception as error:  # noqa: BLE001 - opuslib raises a bare Exception without libopus
        return f"{error}"
    else:
        return None


def _lend_libopus() -> None:
    """Where the system has no libopus, let `ctypes` find the one that UNDERSTUDY_LIBOPUS names.

    `opuslib` asks ctypes.util.find_library when the SDK imports it; neither of the two is touched.
    """
    library = os.environ.get("UNDERSTUDY_LIBOPUS")
    if not library or ctypes.util.find_library("opus") is not None:
        return
    find = ctypes.util.find_library
    ctypes.util.find_library = lambda name: library if name == "opus" else find(name)
    log.warning("libopus: the system has none, using %s", library)


if __name__ == "__main__":
    run(AvatarKitAdapter)
