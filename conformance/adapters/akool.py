"""Adapter for the `akool-streaming-avatar` package: the adapter contract on one side, the SDK,
unmodified, on the other.

Runs in any environment that has `akool-streaming-avatar` and `requests`, which the package imports
without declaring it; needs the standard library besides:

    python conformance/adapters/akool.py                          on stdin and stdout
    python conformance/adapters/akool.py --listen 127.0.0.1:9000    on one TCP connection

What each command calls:

    describe     -
    open         StreamingAvatarClient(**settings).connect()
                 same_client: true   connect() on the previous client, if any
    set_params   set_agora_params(...)
    send_audio   send_audio(audio), or send_audio_stream(chunks)
    interrupt    interrupt()
    close        disconnect(), whose wait for an ack that the SDK no longer reads passes at once
    advance      moves the event loop's clock from timer to timer, and the time of day with it: the
                 SDK measures some of its limits by `time.time`
    settle       waits until the event loop has nothing to do
    reset        disconnect() of every client; reports and cancels the tasks that are left
    send_text, send_event, send_frame   unsupported: the SDK has no such calls

The SDK's callbacks become events: on_connected -> opened, on_agora_connected -> agora,
on_message -> message, on_error -> error, on_disconnected -> closed (which tells neither code nor
reason).

The SDK has six classes of exceptions and no codes: they are named by class and by what they say.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import heapq
import itertools
import json
import logging
import os
import platform
import random
import re
import selectors
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

if TYPE_CHECKING:
    from contextvars import Context

# Standard output belongs to the contract; what the SDK prints, even at import, goes to stderr.
CONTRACT_OUTPUT: BinaryIO = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import akool_streaming_avatar as sdk  # noqa: E402 - see above
from websockets import exceptions as websocket_errors  # noqa: E402 - see above

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

SEED = 1  # the SDK draws among instances: the same in every scenario, whatever came before
POLL_SILENCE = 0.005  # the SDK polls: 300 timers in half a minute, and they ask the peer for little
LEAVE_SECONDS = 10.0  # more than the SDK waits for the ack of its leave event
LEAVE_PATIENCE = 0.05  # real seconds in which the peer may answer the leave event
OPTIONS = {  # the contract's name: the SDK's
    "session_id": "session_id",
    "max_attempts": "max_retry_attempts",
    "heartbeat_interval": "heartbeat_interval",
    "connection_timeout": "connection_timeout",
    "discovery_timeout": "discovery_timeout",
    "environment": "env",
}
PARAMETERS = {  # the contract's name: the SDK's
    "app_id": "agora_app_id",
    "channel": "agora_channel",
    "token": "agora_token",
    "uid": "agora_uid",
    "voice_id": "voice_id",
    "language": "language",
    "background_url": "background_url",
}
PHASES = {  # the command that runs: the phase of what it raises
    "open": "connect",
    "set_params": "parameters",
    "send_audio": "audio",
    "interrupt": "interrupt",
    "close": "leave",
}
COMMAND: ContextVar[str] = ContextVar("command", default="")  # each runs in a task of its own


class Client(Session):
    """One `StreamingAvatarClient` with its callbacks."""

    def __init__(self, adapter: AkoolAdapter, settings: Json) -> None:
        super().__init__(adapter, take(settings, "callbacks", dict, {}))
        self.settings = settings
        self.client = sdk.StreamingAvatarClient(
            api_key=settings.get("api_key"),
            avatar_id=settings.get("avatar_id"),
            discovery_url=settings["discovery"],
            **{theirs: settings[name] for name, theirs in OPTIONS.items() if name in settings},
        )
        self.client.on_connected = self._connected
        self.client.on_disconnected = lambda: self.report("closed", {"code": None, "reason": None})
        self.client.on_agora_connected = lambda name: self.report("agora", {"channel_id": name})
        self.client.on_message = lambda message: self.report("message", {"message": message})
        self.client.on_error = self._failed

    def _connected(self) -> None:
        self.report("opened", {"session_id": self.client.session_id})

    def _failed(self, error: BaseException) -> None:
        members = {"phase": "session", **described(error, "session")}
        record = {"kind": "protocol", "type": type(error).__name__, "message": str(error)}
        record.update(members)
        self.report("error", {name: value for name, value in record.items() if value is not None})

    async def end(self) -> None:
        await self.client.disconnect()


class AkoolAdapter(Adapter):
    """Drives `akool-streaming-avatar`."""

    name = "akool-streaming-avatar"
    version = version("akool-streaming-avatar")
    sessions: list[Client]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        super().__init__(loop, sink)
        self.commands.update(
            open=self._open,
            set_params=self._set_params,
            send_audio=self._send_audio,
            interrupt=self._interrupt,
            close=self._close,
        )
        time_of_day = time.time
        # The SDK's limits that run on the time of day must follow `advance`, too.
        time.time = lambda: time_of_day() + loop.time() - monotonic()

        random.seed(SEED)
        loop.peer_silence = POLL_SILENCE

    async def _reset(self) -> Json:
        random.seed(SEED)
        return await super()._reset()

    def claim(self) -> Json:
        return {
            "protocol": "akool",
            "revisions": [self.version],
            "roles": ["client"],
            "features": [
                "audio_batch",
                "clock",
                "closed_event",
                "connection_timeout",
                "discovery_timeout",
                "environment",
                "heartbeat_interval",
                "interrupt",
                "message_callback",
                "parameters_again",
                "retry_limit",
                "session_id",
                "voice_settings",
            ],
            "missing": {
                "retry_delay": "the SDK tries again at once",
                "direct_connect": "the SDK has no server_url before 0.1.9",
                "reconnect": "the SDK tries again only while it connects",
                "pong_deadline": "the SDK does not look for pongs",
            },
        }

    def record(self, error: BaseException) -> Json:
        return described(error, PHASES.get(COMMAND.get(), "session"))

    async def _open(self, params: Json) -> Json:
        settings = settings_of(params)
        if not settings.get("discovery"):
            raise UnsupportedError("without `discovery` the SDK would call the vendor's own")
        if settings.get("server_url"):
            raise UnsupportedError("the SDK has no server_url before 0.1.9")
        COMMAND.set("open")
        if not (settings.get("same_client") and self.sessions):
            self.sessions.append(Client(self, settings))
        client = self.sessions[-1]
        await client.client.connect()
        await self.loop.quiet()  # the tasks that it has started have begun: the first ping is out
        return {"session_id": client.client.session_id}

    def _client(self, command: str) -> Client:
        if not self.sessions:
            raise UnsupportedError("there is no session: `open` comes first")
        COMMAND.set(command)
        return self.sessions[-1]

    async def _set_params(self, params: Json) -> Json:
        client = self._client("set_params")
        given = {**client.settings, **params}
        arguments = {theirs: given[name] for name, theirs in PARAMETERS.items() if name in given}
        await client.client.set_agora_params(**arguments)
        return {}

    async def _send_audio(self, params: Json) -> Json:
        client = self._client("send_audio")
        if "chunks" in params:
            chunks = [take_bytes({"chunk": each}, "chunk") for each in take(params, "chunks", list)]
            await client.client.send_audio_stream(chunks)
        else:
            await client.client.send_audio(take_bytes(params, "audio"))
        return {}

    async def _interrupt(self, _: Json) -> Json:
        await self._client("interrupt").client.interrupt()
        return {}

    async def _close(self, _: Json) -> Json:
        leaving = self.loop.create_task(self._client("close").client.disconnect())
        await self.loop.quiet()
        if not leaving.done():
            await self.loop.pause(LEAVE_PATIENCE)
            await self.loop.advance(LEAVE_SECONDS)
        await leaving
        return {}


def _authentication(text: str, _: str) -> Json:
    if "is required" in text:
        return {"phase": "configuration", "kind": "local"}
    _, _, detail = text.partition("Authentication failed: ")
    refused = {"server_code": "4001", "server_detail": detail} if detail else {"http_status": 401}
    return {"phase": "discovery", "kind": "protocol", **refused}


def _discovery(text: str, _: str) -> Json:
    if text == "No available services found":
        return {"code": "NO_SERVICES", "phase": "discovery", "kind": "protocol"}
    found = {"phase": "discovery", "kind": "protocol"}
    if refused := re.search(r"failed with status (\d+): (.*)", text, re.DOTALL):
        found |= {"http_status": int(refused[1]), "raw_body": refused[2], "kind": "transport"}
    elif "timed out" in text:
        found["kind"] = "timeout"
    elif "Failed to connect" in text:
        found["kind"] = "transport"
    else:
        found["server_detail"] = text.removeprefix("Service discovery failed: ")
    return found


def _retries(text: str, _: str) -> Json:
    kind = "timeout" if "timeout" in text.lower() else "transport"
    status = re.search(r"HTTP (\d{3})", text)
    return {"phase": "connect", "kind": kind, "http_status": int(status[1]) if status else None}


def _audio(text: str, phase: str) -> Json:
    kind = "timeout" if "Timeout" in text else "protocol"
    return {"phase": phase, "kind": kind}


def _connection(text: str, phase: str) -> Json:
    if text.startswith("Not connected"):
        return {"code": "NOT_CONNECTED", "kind": "local", "phase": phase}
    if text == "Timeout waiting for ack response":
        return {"code": "ACK_TIMEOUT", "kind": "timeout", "phase": phase}
    if told := re.fullmatch(r"Server error (.*?): (.*)", text, re.DOTALL):
        return {
            "code": "SERVER_ERROR",
            "kind": "protocol",
            "phase": phase,
            "server_code": told[1],
            "server_detail": told[2],
        }
    return {"kind": "timeout" if "imeout" in text else "transport", "phase": phase}


NAMES: tuple[tuple[type[BaseException], str, Callable[[str, str], Json]], ...] = (
    (sdk.AuthenticationError, "AUTHENTICATION_FAILED", _authentication),
    (sdk.ServiceDiscoveryError, "DISCOVERY_FAILED", _discovery),
    (sdk.RetryError, "RETRIES_EXHAUSTED", _retries),
    (sdk.AudioStreamError, "AUDIO_STREAM_FAILED", _audio),
    (sdk.ConnectionError, "CONNECTION_FAILED", _connection),
)


def described(error: BaseException, phase: str) -> Json:
    """What an exception of the SDK is called, by its class and its words."""
    for kind, code, describe in NAMES:
        if isinstance(error, kind):
            return {"code": code, **describe(str(error), phase)}
    if isinstance(error, websocket_errors.ConnectionClosed):
        frame = error.rcvd or error.sent
        return {
            "code": "CONNECTION_LOST",
            "phase": phase,
            "kind": "transport",
            "close_code": frame.code if frame else None,
            "close_reason": frame.reason if frame else None,
        }
    if isinstance(error, json.JSONDecodeError):
        return {"code": "INVALID_MESSAGE", "phase": phase, "kind": "protocol"}
    return {"phase": phase, "kind": "local"}


if __name__ == "__main__":
    run(AkoolAdapter)
