"""Adapter for the `liveavatar-channel-sdk` package: the adapter contract on one side, the SDK,
unmodified, on the other.

Runs in any environment that has `liveavatar-channel-sdk`; needs the standard library besides:

    python conformance/adapters/liveavatar.py                          on stdin and stdout
    python conformance/adapters/liveavatar.py --listen 127.0.0.1:9000    on one TCP connection

What each command calls:

    describe     -
    open         AvatarAgent(AvatarAgentConfig(**settings), listener).start()
                 same_client: true   start() on the previous agent, if any
    send_event   the send_* method of that event (see SENDERS); any other name: send_custom_event
    send_frame   send_audio_frame(AudioFrame(**fields))
    interrupt    send_interrupt(request_id)
    close        agent.stop()
    advance      moves the event loop's clock from timer to timer: the SDK's pings, timeouts and
                 back-off happen now
    settle       waits until the event loop has nothing to do
    reset        agent.stop() of every agent; reports and cancels the tasks that are left
    send_text, send_audio   unsupported: the SDK numbers and splits nothing itself

The SDK's callbacks become events: on_session_init -> init, on_session_state -> state (without seq
and timestamp), on_text_input -> text, on_audio_frame -> audio, on_idle_trigger -> idle,
on_session_closing -> closing, on_error -> error (without requestId), on_closed -> closed.

The SDK has error names for refused starts only. What else it raises is named by what it says: httpx
and websockets exceptions by their class, its RuntimeErrors by their text, and any other exception
that start() lets through as a reply that it did not understand.
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
import selectors
import socket
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

if TYPE_CHECKING:
    from contextvars import Context

# Standard output belongs to the contract; what the SDK prints, even at import, goes to stderr.
CONTRACT_OUTPUT: BinaryIO = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import httpx  # noqa: E402 - see above
import liveavatar_channel_sdk as sdk  # noqa: E402 - see above
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

IDS = ("request_id", "response_id")
SENDERS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # event: (method, positional parameters, optional keyword parameters)
    "response.start": ("send_response_start", IDS, ("speed", "volume", "mood")),
    "response.chunk": ("send_response_chunk", (*IDS, "seq", "timestamp", "text"), ()),
    "response.done": ("send_response_done", IDS, ()),
    "response.cancel": ("send_response_cancel", ("response_id",), ()),
    "response.audio.start": ("send_response_audio_start", IDS, ()),
    "response.audio.finish": ("send_response_audio_finish", IDS, ()),
    "response.audio.promptStart": ("send_prompt_audio_start", (), ()),
    "response.audio.promptFinish": ("send_prompt_audio_finish", (), ()),
    "input.voice.start": ("send_voice_start", ("request_id",), ()),
    "input.voice.finish": ("send_voice_finish", ("request_id",), ()),
    "input.asr.partial": ("send_asr_partial", ("request_id", "text", "seq"), ()),
    "input.asr.final": ("send_asr_final", ("request_id", "text"), ()),
    "control.interrupt": ("send_interrupt", (), ("request_id",)),
    "system.prompt": ("send_prompt", ("text",), ()),
    "error": ("send_error", ("code", "message"), ("request_id",)),
}
OPTIONS = (
    "voice_id",
    "sandbox",
    "timeout",
    "developer_tts",
    "developer_asr",
    "reconnect",
    "reconnect_base_delay",
    "reconnect_max_delay",
)
AUDIO_FIELDS = {  # the contract's name: the SDK's
    "channel": "channel",
    "key": "key",
    "sequence": "seq",
    "timestamp": "timestamp",
    "sample_rate": "sample_rate",
    "samples": "samples",
    "codec": "codec",
}
RUNTIME_ERRORS = {  # beginning of the SDK's text: members of the record
    "agentWsUrl not present": {
        "code": "AGENT_WS_URL_MISSING",
        "phase": "session_start",
        "kind": "protocol",
    },
    "Timed out waiting for session.init": {
        "code": "HANDSHAKE_TIMEOUT",
        "phase": "handshake",
        "kind": "timeout",
    },
    "Not connected": {"code": "NOT_CONNECTED", "phase": "runtime", "kind": "local"},
}


class Agent(Session, sdk.AgentListener):
    """One `AvatarAgent` with its listener."""

    def __init__(self, adapter: Adapter, settings: Json) -> None:
        super().__init__(adapter, take(settings, "callbacks", dict, {}))
        self.client = sdk.AvatarAgent(_config(settings), self)
        self.starting = False
        self.numbers: dict[str, int] = {}
        self.response_id = ""

    async def on_session_init(self, session_id: str, user_id: str) -> None:
        self.report("init", {"session_id": session_id, "user_id": user_id})

    async def on_session_state(self, state: sdk.SessionState) -> None:
        self.report("state", {"state": state.value, "seq": None, "timestamp": None})

    async def on_text_input(self, text: str, request_id: str) -> None:
        self.report("text", {"request_id": request_id, "text": text})

    async def on_idle_trigger(self, reason: str, idle_time_ms: int) -> None:
        self.report("idle", {"reason": reason, "idle_time_ms": idle_time_ms})

    async def on_session_closing(self, reason: str | None) -> None:
        self.report("closing", {"reason": reason})

    async def on_audio_frame(self, frame: sdk.AudioFrame) -> None:
        fields = {name: getattr(frame, theirs) for name, theirs in AUDIO_FIELDS.items()}
        self.report("audio", {**fields, "payload": encoded(frame.payload)})

    async def on_error(self, code: str, message: str) -> None:
        record = {  # what the platform sent need not be a string
            "code": "PLATFORM_ERROR",
            "phase": "runtime",
            "message": str(message),
            "server_code": str(code),
            "server_detail": str(message),
            "kind": "protocol",
            "type": "on_error",
        }
        self.report("error", record)

    async def on_closed(self, code: int, reason: str) -> None:
        self.report("closed", {"code": code, "reason": reason})

    async def end(self) -> None:
        await self.client.stop()


class LiveAvatarAdapter(Adapter):
    """Drives the `liveavatar-channel-sdk`."""

    name = "liveavatar-channel-sdk"
    version = sdk.__version__
    sessions: list[Agent]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        super().__init__(loop, sink)
        self.commands.update(
            open=self._open,
            send_event=self._send_event,
            send_frame=self._send_frame,
            interrupt=self._interrupt,
            close=self._close,
        )

    def claim(self) -> Json:
        return {
            "protocol": "liveavatar",
            "revisions": [".".join(self.version.split(".")[:2])],
            "roles": ["client"],
            "features": [
                "audio_input",
                "callback_faults",
                "clock",
                "closing_events",
                "custom_events",
                "developer_asr",
                "developer_tts",
                "error_output",
                "callback_faults",
                "handshake_timeout",
                "idle_trigger",
                "interrupt",
                "platform_tts",
                "prompt_audio",
                "prompt_text",
                "reconnect",
                "reconnect_delays",
                "sandbox",
                "state_events",
                "text_input",
                "voice_id",
            ],
            "missing": {
                "text_response": "the SDK takes seq and timestamp of each chunk from its caller",
                "split_audio": "the SDK takes finished frames from its caller",
                "image_output": "the SDK has no method that sends an image frame",
                "image_input": "the SDK has no callback for image frames",
                "jitter_buffer": "the SDK delivers audio frames as they arrive",
                "scene_ready": "the SDK has no callback for scene.ready",
                "interrupt_input": "the SDK has no callback for control.interrupt",
                "start_retry": "the SDK leaves retrying to its caller",
            },
        }

    def record(self, error: BaseException) -> Json:
        said = {"message": str(error) or type(error).__name__}
        for kinds, describe in RECORDS:
            if isinstance(error, kinds):
                return {**said, **describe(error)}
        if self.sessions and self.sessions[-1].starting:
            return {**said, **_failed_start(error)}
        return {**said, "kind": "local"}

    async def _open(self, params: Json) -> Json:
        settings = settings_of(params)
        if not (settings.get("same_client") and self.sessions):
            self.sessions.append(Agent(self, settings))
        agent = self.sessions[-1]
        agent.starting = True
        result = await agent.client.start()
        agent.starting = False
        agent.tell("opened", {"session_id": result.session_id})
        return {
            "session_id": result.session_id,
            "sfu_url": result.sfu_url,
            "user_token": result.user_token,
            "agent_token": result.agent_token,
        }

    def _agent(self) -> Agent:
        if not self.sessions:
            raise UnsupportedError("there is no session: `open` comes first")
        return self.sessions[-1]

    async def _send_event(self, params: Json) -> Json:
        agent, name = self._agent(), take(params, "name", str)
        data = dict(take(params, "data", dict, {}))
        if name not in SENDERS:
            await agent.client.send_custom_event(data.get("request_id"), name, data.get("data"))
            return _used(data)
        method, positional, optional = SENDERS[name]
        if unknown := data.keys() - {*positional, *optional}:
            raise UnsupportedError(f"{name} has no {sorted(unknown)}")
        _mint(agent, name, positional, data)
        arguments = [take(data, parameter, object) for parameter in positional]
        keywords = {parameter: data[parameter] for parameter in optional if parameter in data}
        await getattr(agent.client, method)(*arguments, **keywords)
        return _used(data)

    async def _send_frame(self, params: Json) -> Json:
        if (kind := take(params, "frame", str)) != "AudioFrame":
            raise UnsupportedError(f"the SDK cannot send an {kind}")
        fields = {
            theirs: int(take(params, name, bool if isinstance(params[name], bool) else int))
            for name, theirs in AUDIO_FIELDS.items()
            if name in params
        }
        frame = sdk.AudioFrame(**fields, payload=take_bytes(params, "payload"))
        await self._agent().client.send_audio_frame(frame)
        return {}

    async def _interrupt(self, params: Json) -> Json:
        await self._agent().client.send_interrupt(params.get("request_id"))
        return {}

    async def _close(self, _: Json) -> Json:
        await self._agent().client.stop()
        return {}


def _refused_start(error: sdk.SessionStartError) -> Json:
    return {
        "code": error.error_code.name,
        "phase": "session_start",
        "server_code": str(error.code),
        "server_detail": error.message,
        "kind": "protocol",
    }


def _bad_status(error: httpx.HTTPStatusError) -> Json:
    return {
        "code": "HTTP_ERROR",
        "phase": "session_start",
        "http_status": error.response.status_code,
        "raw_body": error.response.text,
        "kind": "transport",
    }


def _no_reply(error: Exception) -> Json:
    kind = "timeout" if isinstance(error, httpx.TimeoutException) else "transport"
    return {"code": "HTTP_ERROR", "phase": "session_start", "kind": kind}


def _socket_gone(error: websocket_errors.ConnectionClosed) -> Json:
    frame = error.rcvd or error.sent
    return {
        "code": "NOT_CONNECTED",
        "phase": "runtime",
        "close_code": frame.code if frame else None,
        "close_reason": frame.reason if frame else None,
        "kind": "transport",
    }


def _refused_upgrade(error: websocket_errors.InvalidStatus) -> Json:
    return {
        "code": "CONNECT_FAILED",
        "phase": "websocket_connect",
        "http_status": error.response.status_code,
        "raw_body": bytes(error.response.body or b"").decode(errors="replace"),
        "kind": "transport",
    }


def _runtime_error(error: RuntimeError) -> Json:
    for beginning, members in RUNTIME_ERRORS.items():
        if str(error).startswith(beginning):
            return members
    return {"kind": "local"}


def _failed_start(error: BaseException) -> Json:
    """An exception that start() lets through as it came."""
    if isinstance(error, (OSError, websocket_errors.WebSocketException)):
        kind = "timeout" if isinstance(error, TimeoutError) else "transport"
        return {"code": "CONNECT_FAILED", "phase": "websocket_connect", "kind": kind}
    return {"code": "INVALID_RESPONSE", "phase": "session_start", "kind": "protocol"}


RECORDS: tuple[tuple[Any, Callable[[Any], Json]], ...] = (
    (sdk.SessionStartError, _refused_start),
    (httpx.HTTPStatusError, _bad_status),
    ((httpx.HTTPError, httpx.InvalidURL), _no_reply),
    (websocket_errors.ConnectionClosed, _socket_gone),
    (websocket_errors.InvalidStatus, _refused_upgrade),
    (RuntimeError, _runtime_error),
)


def _config(settings: Json) -> sdk.AvatarAgentConfig:
    """The SDK's configuration; what the scenario leaves open stays the SDK's default."""
    if not settings.get("base"):
        raise UnsupportedError("without `base` the SDK would call the vendor's own platform")
    return sdk.AvatarAgentConfig(
        api_key=settings.get("api_key") or "",
        avatar_id=settings.get("avatar_id") or "",
        base_url=settings["base"],
        **{name: settings[name] for name in OPTIONS if name in settings},
    )


def _mint(agent: Agent, name: str, positional: tuple[str, ...], data: Json) -> None:
    """Fill in what the SDK demands and the scenario leaves open, as the SDK's example does."""
    if "request_id" in positional:
        data.setdefault("request_id", str(uuid.uuid4()))
    if "response_id" in positional:
        if name in {"response.start", "response.audio.start"} or not agent.response_id:
            agent.response_id = str(uuid.uuid4())
        agent.response_id = data.setdefault("response_id", agent.response_id)
    if "seq" in positional:
        owner = data.get("response_id") or data["request_id"]
        data.setdefault("seq", agent.numbers.get(owner, 0))
        agent.numbers[owner] = data["seq"] + 1
    if "timestamp" in positional:
        data.setdefault("timestamp", time.time_ns() // 1_000_000)


def _used(data: Json) -> Json:
    return {name: data[name] for name in (*IDS, "seq", "timestamp") if name in data}


if __name__ == "__main__":
    run(LiveAvatarAdapter)
