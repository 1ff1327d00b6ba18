"""Adapter for the clients of the `aiavatar` package: the adapter contract on one side, the clients,
unmodified, on the other: `AIAvatarWebSocketClient` and `AIAvatarHttpClient`.

Runs in any environment that has `aiavatar`, `httpx`, `numpy` and `websockets`, which the package
imports without declaring all of them; needs the standard library besides:

    python conformance/adapters/aiavatar_client.py                          on stdin and stdout
    python conformance/adapters/aiavatar_client.py --listen 127.0.0.1:9000    on one TCP connection

The sound devices are stand-ins: a microphone that hears what the scenario says, and a loudspeaker
in place of the module `pyaudio`. What each command calls:

    describe         -
    open             AIAvatarWebSocketClient(...) or AIAvatarHttpClient(...); start_listening(...)
                     in a task, because it returns when the session is over
    send_text        send_request(AIAvatarRequest(text=..., files=...))
    send_audio       into the microphone; turn: true   send_request(AIAvatarRequest(audio_data=...))
    finish_playback  the loudspeaker has played the sound
    close            stop_listening(...)
    advance          moves the event loop's clock and the time of day, on which faces are held
    settle           waits until the event loop has nothing to do
    reset            close; reports and cancels the tasks that are left
    send_event, transcribe, synthesize, interrupt, send_frame   unsupported: there are no such calls

on_response handlers become the events of the same names, the face and animation controllers face
and animation, the player's calls play, played and flush. The WebSocket client swallows what its
workers raise: the adapter reports `closed` when start_listening returns, and nothing else.
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
import types
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

if TYPE_CHECKING:
    from contextvars import Context

# Standard output belongs to the contract; what the SDK prints, even at import, goes to stderr.
CONTRACT_OUTPUT: BinaryIO = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)


# --- what stands in for the machine; the SDK takes hold of it when it is imported ----------------


class Loudspeaker:
    """An output stream of `pyaudio`: what is written has been played, or waits to be released."""

    holding = False
    released = threading.Event()
    heard: Callable[[bytes, dict[str, int]], None] | None = None

    def __init__(self, *, rate: int, channels: int, **_: Any) -> None:  # noqa: ANN401 - pyaudio's
        self._format = {"sample_rate": rate, "channels": channels, "sample_width": 2}

    def write(self, data: bytes) -> None:
        if Loudspeaker.heard is not None:
            Loudspeaker.heard(data, self._format)
        if Loudspeaker.holding:
            Loudspeaker.released.wait()

    def stop_stream(self) -> None: ...

    def close(self) -> None: ...


class PyAudio:
    """A machine with one of each device."""

    DEVICE: ClassVar[dict[str, Any]] = {
        "index": 0,
        "name": "stand-in",
        "maxInputChannels": 1,
        "maxOutputChannels": 1,
        "defaultSampleRate": 16000.0,
    }

    def open(self, **options: Any) -> Loudspeaker:  # noqa: ANN401 - pyaudio's
        return Loudspeaker(**options)

    def get_format_from_width(self, width: int) -> int:
        return width

    def get_default_input_device_info(self) -> dict[str, Any]:
        return dict(self.DEVICE)

    def get_default_output_device_info(self) -> dict[str, Any]:
        return dict(self.DEVICE)

    def get_device_info_by_index(self, _: int) -> dict[str, Any]:
        return dict(self.DEVICE)

    def get_device_count(self) -> int:
        return 1

    def terminate(self) -> None: ...


pyaudio = types.ModuleType("pyaudio")
pyaudio.PyAudio = PyAudio  # type: ignore[attr-defined]
pyaudio.paInt16 = 8  # type: ignore[attr-defined]
sys.modules["pyaudio"] = pyaudio

TIME_OF_DAY = time.time
MOVED: list[Callable[[], float]] = []
time.time = lambda: TIME_OF_DAY() + sum(moved() for moved in MOVED)

import httpx  # noqa: E402 - see above
from aiavatar.adapter import AIAvatarException, AIAvatarRequest  # noqa: E402 - see above
from aiavatar.adapter.http.client import AIAvatarHttpClient  # noqa: E402 - see above
from aiavatar.adapter.websocket.client import AIAvatarWebSocketClient  # noqa: E402 - see above
from aiavatar.animation import AnimationControllerBase  # noqa: E402 - see above
from aiavatar.face import FaceControllerBase  # noqa: E402 - see above
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

LONG_AGO = 1.0  # Unix time
FRAME = 1024  # bytes that the SDK's recorder takes at once: 512 samples
EVENTS = ("connected", "start", "chunk", "tool_call", "vision", "final", "stop")


class Microphone:
    """Hears what the scenario says; in place of the SDK's `AudioRecorder`."""

    sample_rate, channels = 16000, 1

    def __init__(self) -> None:
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()

    def hear(self, audio: bytes) -> None:
        """Say something, in frames of the recorder's size."""
        for start in range(0, len(audio), FRAME):
            self._heard.put_nowait(audio[start : start + FRAME])

    async def start_stream(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._heard.get()


class Face(FaceControllerBase):
    """The SDK's own face, which tells what it shows."""

    def __init__(self, owner: Client, names: list[str]) -> None:
        super().__init__()
        self._owner = owner
        self.faces.update(dict.fromkeys(names, ""))

    async def set_face(self, name: str, duration: float) -> None:
        await super().set_face(name, duration)
        self._owner.tell("face", {"name": name, "duration": duration})

    def reset(self) -> None:
        if self._owner.muted:
            sys.exit()  # only the controller's own thread, which would watch for ever
        super().reset()
        self._owner.tell_later("face", {"name": self.current_face, "duration": None})


class Animation(AnimationControllerBase):
    """The SDK's own animation, which tells what it shows."""

    def __init__(self, owner: Client, names: list[str]) -> None:
        super().__init__()
        self._owner = owner
        self.animations.update(dict.fromkeys(names, 0))

    async def animate(self, name: str, duration: float) -> None:
        await super().animate(name, duration)
        self._owner.tell("animation", {"name": name, "duration": duration})

    def reset(self) -> None:
        if self._owner.muted:
            sys.exit()  # only the controller's own thread, which would watch for ever
        super().reset()
        self._owner.tell_later("animation", {"name": self.current_animation, "duration": None})


class Client(Session):
    """One client of either kind."""

    def __init__(self, adapter: Adapter, settings: Json) -> None:
        super().__init__(adapter, take(settings, "callbacks", dict, {}))
        self.settings = settings
        self.http = settings.get("transport", "websocket") == "http"
        self.loop = asyncio.get_running_loop()
        self.microphone = Microphone()
        self.listening: asyncio.Task[None] | None = None
        self.turns: set[asyncio.Task[None]] = set()
        self.context_id: str | None = settings.get("context_id")
        self._playing = False
        Loudspeaker.holding = settings.get("playback", "instant") == "hold"
        Loudspeaker.released.clear()
        Loudspeaker.heard = self._heard
        self.face = Face(self, settings.get("faces") or [])
        self.animation = Animation(self, settings.get("animations") or [])
        options: Json = {
            "face_controller": self.face,
            "animation_controller": self.animation,
        }
        if "cancel_echo" in settings:
            options["cancel_echo"] = settings["cancel_echo"]
        self.client = self._http(options) if self.http else self._websocket(options)
        self.client.audio_recorder = self.microphone
        self._watch_player()
        for name in EVENTS:
            self.client.on_response(name)(self._reporter(name))
        self.client.get_image_url(self._image)

    def _http(self, options: Json) -> AIAvatarHttpClient:
        settings = self.settings
        if "timeout" in settings:
            options["timeout"] = settings["timeout"]
        if "volume_db_threshold" in settings:
            options["vad_volume_db_threshold"] = settings["volume_db_threshold"]
        return AIAvatarHttpClient(
            url=f"{settings['http']}/chat",
            api_key=settings.get("api_key") or None,
            auto_noise_filter_threshold=False,  # it would measure the stand-in for three seconds
            **options,
        )

    def _websocket(self, options: Json) -> AIAvatarWebSocketClient:
        return AIAvatarWebSocketClient(url=f"{self.settings['websocket']}/ws", **options)

    # What is reported.

    def tell_later(self, event: str, data: Json) -> None:
        """Report something from another thread."""
        self.loop.call_soon_threadsafe(self.tell, event, data)

    def _reporter(self, name: str) -> Callable[[Any], Awaitable[None]]:
        async def report(response: Any) -> None:  # noqa: ANN401 - the SDK's
            if name == "start":
                self.context_id = response.context_id
            self.report(name, _told(name, response))

        return report

    async def _image(self, source: str) -> str | None:
        found: str | None = (self.settings.get("images") or {}).get(source)
        return found

    def _heard(self, data: bytes, pcm_format: Json) -> None:
        """A piece of PCM begins to be played; of a WAV file the player tells as a whole."""
        if not self._playing:
            told = {"audio": encoded(data), "pcm_format": pcm_format, "voice_text": None}
            self.tell_later("play", told)
            self.tell_later("played", {"completed": True})

    def _watch_player(self) -> None:
        player = self.client.audio_player
        play, stop = player.play, player.stop

        def watched_play(content: bytes) -> None:
            self._playing = True
            Loudspeaker.released.clear()
            told = {"audio": encoded(content), "pcm_format": None, "voice_text": None}
            self.tell_later("play", told)
            play(content)
            self._playing = False
            self.tell_later("played", {"completed": not player.stop_event.is_set()})

        def watched_stop() -> None:
            playing, waiting = player.is_playing, player.queue.qsize()
            stop()
            Loudspeaker.released.set()
            self.tell("flush", {"dropped": waiting, "playing": playing})

        player.play, player.stop = watched_play, watched_stop

    # What is commanded.

    @property
    def identity(self) -> Json:
        """Who speaks: what start_listening and requests are given."""
        names = ("session_id", "user_id")
        return {name: self.settings[name] for name in names if name in self.settings}

    async def start(self) -> None:
        """Begin to listen; returns when the session has begun, or could not."""
        listening = self.client.start_listening(**self.identity, context_id=self.context_id)
        self.listening = self.loop.create_task(listening, name="start_listening")
        if self.http:
            await self.loop.quiet()
            return
        while self.client.websocket_connection is None and not self.listening.done():
            await self.loop.pause(0.001)
        await self.loop.quiet()
        if self.listening.done():
            self.listening.result()  # raises what kept the socket from opening
        self.listening.add_done_callback(self._over)

    def _over(self, _: asyncio.Task[None]) -> None:
        link = self.client.websocket_connection
        self.tell("closed", {"code": link.close_code, "reason": link.close_reason})

    def request(self, **members: Any) -> AIAvatarRequest:  # noqa: ANN401 - the SDK's
        """A turn of this session, as the SDK's users write it."""
        default = "http_session" if self.http else "ws_session"
        identity = {"session_id": default, **self.identity, "context_id": self.context_id}
        return AIAvatarRequest(type="start" if self.http else "invoke", **identity, **members)

    def turn(self, request: AIAvatarRequest) -> None:
        """Begin a turn; what it raises is an event."""
        task = self.loop.create_task(self.client.send_request(request), name="send_request")
        self.turns.add(task)
        task.add_done_callback(self._turn_over)

    def _turn_over(self, task: asyncio.Task[None]) -> None:
        self.turns.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            record = {"type": type(error).__name__, "message": str(error), **described(error)}
            self.tell("error", {name: v for name, v in record.items() if v is not None})

    async def end(self) -> None:
        Loudspeaker.released.set()
        for task in self.turns:
            task.cancel()
        default = "http_session" if self.http else "ws_session"
        await self.client.stop_listening(self.settings.get("session_id", default))
        if self.listening is not None:
            await asyncio.wait({self.listening})
        if self.http:
            await self.client.http_client.aclose()
        self.client.audio_player.queue.put(None)
        if self.muted:
            self.face.reset_at = self.animation.reset_at = LONG_AGO


def _told(name: str, response: Any) -> Json:  # noqa: ANN401 - the SDK's
    """What a response says, in the words of the contract."""
    metadata = response.metadata or {}
    audio = response.audio_data or b""
    call = metadata.get("tool_call") or {}
    result = call.get("result") or {}
    told: dict[str, Json] = {
        "connected": {"session_id": response.session_id, "user_id": response.user_id},
        "start": {"request_text": metadata.get("request_text")},
        "chunk": {
            "text": response.text,
            "voice_text": response.voice_text,
            "language": response.language,
            "audio": encoded(audio) if isinstance(audio, bytes) else audio,
            "pcm_format": metadata.get("pcm_format"),
            "metadata": metadata,
        },
        "tool_call": {
            **{member: call.get(member) for member in ("id", "name", "arguments")},
            "data": result.get("data"),
            "is_final": result.get("is_final"),
        },
        "vision": {"source": metadata.get("source")},
        "final": {"text": response.text, "voice_text": response.voice_text},
    }
    return {**told.get(name, {}), "context_id": response.context_id}


class AIAvatarClientAdapter(Adapter):
    """Drives the clients of `aiavatar`."""

    name = "aiavatar"
    version = version("aiavatar")
    sessions: list[Client]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        super().__init__(loop, sink)
        self.commands.update(
            open=self._open,
            send_text=self._send_text,
            send_audio=self._send_audio,
            finish_playback=self._finish_playback,
            close=self._close,
        )
        MOVED.append(lambda: loop.time() - monotonic())

    def claim(self) -> Json:
        return {
            "protocol": "aiavatar",
            "revisions": [self.version],
            "roles": ["client"],
            "features": [
                "api_key",
                "audio_turns",
                "chat",
                "clock",
                "face",
                "file_turns",
                "microphone",
                "pcm_chunks",
                "playback",
                "response_timeout",
                "socket",
                "text_turns",
                "tools",
                "vision",
                "voice_detection",
            ],
            "missing": {
                "context": "the clients leave the context of a request to their caller",
                "resume": "the clients leave dialling again to their caller",
                "session_config": "the clients send no config",
                "synthesize": "the clients do not call /synthesize",
                "transcribe": "the clients do not call /transcribe",
            },
        }

    def record(self, error: BaseException) -> Json:
        return described(error)

    async def _open(self, params: Json) -> Json:
        settings = settings_of(params)
        if settings.get("same_client"):
            raise UnsupportedError("the clients leave dialling again to their caller")
        client = Client(self, settings)
        self.sessions.append(client)
        await client.start()
        session_id = settings.get("session_id", "http_session" if client.http else "ws_session")
        told = {"session_id": session_id, "context_id": client.context_id}
        client.tell("opened", told)
        return told

    def _client(self) -> Client:
        if not self.sessions:
            raise UnsupportedError("there is no session: `open` comes first")
        return self.sessions[-1]

    async def _send_text(self, params: Json) -> Json:
        client = self._client()
        members = {
            name: params[name] for name in ("files", "system_prompt_params") if name in params
        }
        client.turn(client.request(text=take(params, "text", str, None), **members))
        await self.loop.quiet()
        return {}

    async def _send_audio(self, params: Json) -> Json:
        client, audio = self._client(), take_bytes(params, "audio")
        if params.get("turn"):
            client.turn(client.request(audio_data=encoded(audio)))
        else:
            client.microphone.hear(audio)
        await self.loop.quiet()
        return {}

    async def _finish_playback(self, _: Json) -> Json:
        Loudspeaker.released.set()
        return {}

    async def _close(self, _: Json) -> Json:
        await self._client().end()
        return {}


def described(error: BaseException) -> Json:
    """What an exception of the clients, or of what they are made of, is called."""
    for kinds, describe in RECORDS:
        if isinstance(error, kinds):
            return describe(error)
    return {"kind": "local"}


def _failed_turn(error: AIAvatarException) -> Json:
    said = (error.response.metadata or {}).get("error") if error.response is not None else None
    body = error.response.model_dump_json() if error.response is not None else None
    return {
        "code": "PIPELINE_ERROR",
        "phase": "stream",
        "kind": "protocol",
        "server_detail": said,
        "raw_body": body,
    }


def _bad_status(error: httpx.HTTPStatusError) -> Json:
    status = error.response.status_code
    code = {401: "AUTHENTICATION_FAILED", 404: "NOT_FOUND"}.get(status, "INVALID_REQUEST")
    if error.response.is_server_error:
        code = "SERVER_ERROR"
    found = {"phase": "http", "kind": "transport", "http_status": status}
    with contextlib.suppress(httpx.ResponseNotRead):
        found["raw_body"] = error.response.text
    return {**found, "code": code}


def _no_answer(error: httpx.HTTPError) -> Json:
    if isinstance(error, httpx.TimeoutException):
        return {"code": "RESPONSE_TIMEOUT", "phase": "http", "kind": "timeout"}
    return {"code": "TRANSPORT_ERROR", "phase": "http", "kind": "transport"}


def _refused_upgrade(error: websocket_errors.InvalidStatus) -> Json:
    return {
        "code": "CONNECT_FAILED",
        "phase": "websocket_connect",
        "kind": "transport",
        "http_status": error.response.status_code,
        "raw_body": bytes(error.response.body or b"").decode(errors="replace"),
    }


def _not_connected(_: BaseException) -> Json:
    return {"code": "NOT_CONNECTED", "phase": "runtime", "kind": "transport"}


def _no_socket(error: BaseException) -> Json:
    kind = "timeout" if isinstance(error, TimeoutError) else "transport"
    return {"code": "CONNECT_FAILED", "phase": "websocket_connect", "kind": kind}


RECORDS: tuple[tuple[Any, Callable[[Any], Json]], ...] = (
    (AIAvatarException, _failed_turn),
    (httpx.HTTPStatusError, _bad_status),
    ((httpx.HTTPError, httpx.InvalidURL), _no_answer),
    (websocket_errors.InvalidStatus, _refused_upgrade),
    (websocket_errors.ConnectionClosed, _not_connected),
    ((OSError, websocket_errors.WebSocketException), _no_socket),
)


if __name__ == "__main__":
    run(AIAvatarClientAdapter)
