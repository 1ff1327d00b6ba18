"""Adapter for the servers of the `aiavatar` package: the adapter contract on one side, the servers,
unmodified, on the other: `AIAvatarHttpServer` and `AIAvatarWebSocketServer`, in one uvicorn.

Runs in any environment that has `aiavatar`, `fastapi`, `uvicorn`, `sse-starlette`, `websockets`,
`python-multipart` and `psycopg2`, most of which the package imports without declaring them; needs
the standard library besides:

    python conformance/adapters/aiavatar_server.py                          on stdin and stdout
    python conformance/adapters/aiavatar_server.py --listen 127.0.0.1:9000    on one TCP connection

The servers have stand-ins for what costs money: a speech recogniser that hears what the scenario's
dialogue says, a language model that answers from it, and a synthesiser that hums. Their files go
into a temporary folder, another one for each scenario. What each command calls:

    describe     -
    serve        AIAvatarHttpServer(...) and AIAvatarWebSocketServer(...) with the options OPTIONS
    close        stops serving
    advance      moves the event loop's clock: keepalive comments and scripted pauses happen now
    settle       waits until the event loop has nothing to do
    reset        close; reports and cancels the tasks that are left
    open, act and everything that sends   unsupported
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import contextlib
import heapq
import io
import itertools
import json
import logging
import math
import os
import platform
import re
import selectors
import socket
import struct
import sys
import tempfile
import threading
import time
import uuid
import wave
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

if TYPE_CHECKING:
    from contextvars import Context

# Standard output belongs to the contract; what the SDK prints, even at import, goes to stderr.
CONTRACT_OUTPUT: BinaryIO = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import uvicorn  # noqa: E402 - see above
from aiavatar.adapter.http.server import AIAvatarHttpServer  # noqa: E402 - see above
from aiavatar.adapter.websocket.server import AIAvatarWebSocketServer  # noqa: E402 - see above
from aiavatar.sts.llm import LLMResponse, LLMService, ToolCall  # noqa: E402 - see above
from aiavatar.sts.llm.base import ToolCallResult  # noqa: E402 - see above
from aiavatar.sts.performance_recorder import PerformanceRecorder  # noqa: E402 - see above
from aiavatar.sts.pipeline import STSPipeline  # noqa: E402 - see above
from aiavatar.sts.stt import SpeechRecognizer  # noqa: E402 - see above
from aiavatar.sts.tts import SpeechSynthesizer  # noqa: E402 - see above
from aiavatar.sts.vad import SpeechDetectorDummy, StandardSpeechDetector  # noqa: E402 - see above
from fastapi import FastAPI  # noqa: E402 - see above

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

RATE = 16000  # Hz of what is heard and of what is hummed
TONE = 220.0  # Hz
CHARACTERS_PER_SECOND = 15.0
MARKS = "\u3002\uff01\uff1f!?"  # they end a sentence; a full stop does with a space behind it
SENTENCE_END = re.compile(rf"(?<=[{MARKS}\n])(?![{MARKS}\s]|$)|(?<=[.{MARKS}]\s)(?=\S)")
SEPARATOR = "|"  # the SDK's own mark between the chunks of an answer
DEFAULT_DIALOGUE: list[Json] = [{"when": {}, "answer": "[face:joy]Hello. What can I do for you?"}]
IGNORED = {"pace", "seed"}  # the stand-ins answer at once, and always the same
OPTIONS = {
    "api_key",
    "dialogue",
    "max_recording",
    "merge_within",
    "min_speech",
    "pcm_chunk_bytes",
    "silence",
    "volume_db_threshold",
    "wakeword_timeout",
    "wakewords",
}


class Dialogue:
    """What the character hears and says: docs/how-to/script-a-dialogue.md."""

    def __init__(self, turns: list[Json]) -> None:
        self.turns = turns
        self._used: dict[str, Counter[int]] = defaultdict(Counter)
        self._count: Counter[str] = Counter()
        self._transcripts = [turn["transcript"] for turn in turns if "transcript" in turn]
        self.speech: dict[str, float] = {}
        self.languages: dict[str, str] = {}

    def transcript(self, index: int) -> str:
        """What an utterance is recognised as, counted from 0."""
        if not self._transcripts:
            return ""
        return self._transcripts[min(index, len(self._transcripts) - 1)]

    def answer(self, context: str, text: str, *, files: bool) -> list[Any]:
        """The steps of the turn that fits, counted for each conversation."""
        self._count[context] += 1
        for index, turn in enumerate(self.turns):
            if self._fits(index, turn, context, text, files=files):
                self._used[context][index] += 1
                given = turn.get("answer", "")
                if isinstance(given, str):
                    return [part for part in SENTENCE_END.split(given) if part]
                return given
        return []

    def _fits(self, index: int, turn: Json, context: str, text: str, *, files: bool) -> bool:
        bare = "when" not in turn and "transcript" not in turn
        limit = turn.get("times", 1 if bare else math.inf)
        when = turn.get("when", {"text": turn["transcript"]} if "transcript" in turn else {})
        pattern = when.get("pattern")
        return (
            self._used[context][index] < limit
            and ("text" not in when or _plain(when["text"]) == _plain(text))
            and (pattern is None or re.search(pattern, text, re.IGNORECASE) is not None)
            and when.get("turn", self._count[context]) == self._count[context]
            and when.get("files", files) == files
        )


def _plain(text: str) -> str:
    return text.strip().casefold()


class Model(LLMService):
    """Answers from the dialogue."""

    dynamic_tool_name = ""

    def __init__(self, dialogue: Dialogue) -> None:
        # The dialogue cuts its answers into chunks by itself.
        super().__init__(system_prompt="", model="dialogue", split_chars=["\x00"])
        self.option_split_threshold = sys.maxsize
        self._dialogue = dialogue

    async def compose_messages(
        self, _context: str, text: str, files: list[Json] | None = None, _params: Json | None = None
    ) -> list[Json]:
        return [{"role": "user", "content": text or "", "files": bool(files)}]

    async def update_context(
        self, context_id: str, messages: list[Json], response_text: str
    ) -> None:
        told = [*messages, {"role": "assistant", "content": response_text}]
        await self.context_manager.add_histories(context_id, told, "dialogue")

    async def get_llm_stream_response(
        self, context_id: str, _user: str, messages: list[Json], _params: Json | None = None
    ) -> AsyncIterator[LLMResponse]:
        last = messages[-1]
        for step in self._dialogue.answer(context_id, last["content"], files=last["files"]):
            if isinstance(step, str):
                yield LLMResponse(context_id, text=f"{step}{SEPARATOR}")
            elif "say" in step:
                if "speech" in step:
                    self._dialogue.speech[step["say"]] = step["speech"]
                if "language" in step:
                    self._dialogue.languages[step["say"]] = step["language"]
                yield LLMResponse(context_id, text=f"{step['say']}{SEPARATOR}")
            elif "wait" in step:
                await asyncio.sleep(step["wait"])
            elif "tool" in step:
                async for call in _calls(step["tool"]):
                    yield LLMResponse(context_id, tool_call=call)
            elif step.get("fail"):
                raise RuntimeError("the dialogue lets this turn fail")


async def _calls(tool: Json) -> AsyncIterator[ToolCall]:
    """What is reported of one call of a tool."""
    known = {
        "id": tool.get("id") or str(uuid.uuid4()),
        "name": tool["name"],
        "arguments": json.dumps(tool.get("arguments", {})),
    }
    yield ToolCall(**known)
    progress = tool.get("progress", [])
    pause = tool.get("seconds", 0.0) / (len(progress) + 1)
    for data in progress:
        await asyncio.sleep(pause)
        yield ToolCall(**known, result=ToolCallResult(data=data, is_final=False))
    await asyncio.sleep(pause)
    yield ToolCall(**known, result=ToolCallResult(data=tool.get("result", {}), is_final=True))


class Recogniser(SpeechRecognizer):
    """Hears what the dialogue says, utterance by utterance."""

    def __init__(self, dialogue: Dialogue) -> None:
        super().__init__()
        self._dialogue = dialogue
        self._numbers = itertools.count()

    async def transcribe(self, data: bytes) -> str:  # noqa: ARG002 - the SDK's signature
        return self._dialogue.transcript(next(self._numbers))


class Synthesiser(SpeechSynthesizer):
    """Hums as long as the words would take."""

    def __init__(self, dialogue: Dialogue) -> None:
        super().__init__()
        self._dialogue = dialogue

    async def synthesize(
        self,
        text: str,
        style_info: Json | None = None,
        language: str | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> bytes:
        styled = (style_info or {}).get("styled_text", "")
        words = (text or "").strip()
        seconds = self._dialogue.speech.get(styled, len(words) / CHARACTERS_PER_SECOND)
        return _hum(seconds) if seconds > 0 else b""


def _hum(seconds: float) -> bytes:
    """A WAV file."""
    count = max(1, int(seconds * RATE))
    tone = (int(8000 * math.sin(2 * math.pi * TONE * n / RATE)) for n in range(count))
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(struct.pack(f"<{count}h", *tone))
    return file.getvalue()


class Unrecorded(PerformanceRecorder):
    """Keeps no record of how long things took."""

    def record(self, record: object) -> None: ...

    def close(self) -> None: ...


class Uvicorn(uvicorn.Server):
    """One server for all scenarios, each of which brings an application of its own."""

    def __init__(self) -> None:
        config = uvicorn.Config(
            self._serve_app, interface="asgi3", log_level="critical", lifespan="off"
        )
        super().__init__(config)
        self.app: FastAPI | None = None
        self.socket = socket.create_server(("127.0.0.1", 0))

    async def _serve_app(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        if self.app is not None:
            await self.app(scope, receive, send)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process's signals are not the server's."""
        yield

    async def begin(self) -> None:
        """Accept connections; the task of `main_loop`, which only counts seconds, is left out."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[self.socket])

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def drop(self) -> None:
        """Break every connection."""
        self.app = None
        for connection in tuple(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


class Served(Session):
    """Both servers of one scenario."""

    def __init__(self, adapter: Adapter, options: Json) -> None:
        super().__init__(adapter, {})
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="aiavatar-", ignore_cleanup_errors=True)
        os.chdir(self._folder.name)  # the SDK's databases are made where one stands
        self._dialogue = Dialogue(take(options, "dialogue", list, DEFAULT_DIALOGUE))
        self._pipelines = [self._pipeline(SpeechDetectorDummy()), self._pipeline(self._detector())]
        http, ws = self._pipelines
        chat = AIAvatarHttpServer(sts=http, api_key=options.get("api_key"))
        pieces = options.get("pcm_chunk_bytes", 0)
        talk = AIAvatarWebSocketServer(sts=ws, response_audio_chunk_size=pieces)
        ears = Recogniser(self._dialogue)
        self._parts = [ears, *(part for each in self._pipelines for part in (each.stt, each.tts))]
        self.app = FastAPI()
        self.app.include_router(chat.get_api_router(stt=ears))
        self.app.include_router(talk.get_websocket_router())

    def _detector(self) -> StandardSpeechDetector:
        options = {
            "volume_db_threshold": self._options.get("volume_db_threshold", -50.0),
            "silence_duration_threshold": self._options.get("silence", 0.5),
            "min_duration": self._options.get("min_speech", 0.2),
            "max_duration": self._options.get("max_recording", 10.0),
        }
        return StandardSpeechDetector(sample_rate=RATE, **options)

    def _pipeline(self, detector: SpeechDetectorDummy | StandardSpeechDetector) -> STSPipeline:
        options = self._options
        pipeline = STSPipeline(
            vad=detector,
            stt=Recogniser(self._dialogue),
            llm=Model(self._dialogue),
            tts=Synthesiser(self._dialogue),
            wakewords=options.get("wakewords"),
            wakeword_timeout=options.get("wakeword_timeout", 60.0),
            performance_recorder=Unrecorded(),
            merge_request_threshold=options.get("merge_within", 0.0),
            voice_recorder_enabled=False,
        )

        @pipeline.process_llm_chunk
        async def language(chunk: LLMResponse) -> Json:
            return {"language": self._dialogue.languages.get(chunk.text)}

        return pipeline

    async def end(self) -> None:
        for part in self._parts:
            await part.close()
        self._folder.cleanup()  # one still stands there: what comes late is written nowhere


class AIAvatarServerAdapter(Adapter):
    """Drives the servers of `aiavatar`."""

    name = "aiavatar server"
    version = version("aiavatar")
    sessions: list[Served]

    def __init__(self, loop: TravellingLoop, sink: BinaryIO) -> None:
        super().__init__(loop, sink)
        self.commands.update(serve=self._serve, close=self._close)
        self._uvicorn: Uvicorn | None = None

    def claim(self) -> Json:
        return {
            "protocol": "aiavatar",
            "revisions": [self.version],
            "roles": ["server"],
            "features": [
                "chat",
                "clock",
                "context",
                "keyed",
                "pcm_output",
                "resume",
                "scripted_answers",
                "scripted_speech",
                "session_config",
                "slow_answers",
                "socket",
                "synthesize",
                "tool_use",
                "transcribe",
                "wakeword",
            ],
            "missing": {"faults": "the servers cannot be made to fail at a given place"},
        }

    def record(self, _: BaseException) -> Json:
        return {"kind": "local"}

    async def _serve(self, params: Json) -> Json:
        options = {
            name: value
            for name, value in take(params, "options", dict, {}).items()
            if name not in IGNORED
        }
        if unknown := sorted(options.keys() - OPTIONS):
            raise UnsupportedError(f"the servers have no option {', '.join(unknown)}")
        await self._close({})
        if self._uvicorn is None:
            self._uvicorn = Uvicorn()
            await self._uvicorn.begin()
        served = Served(self, options)
        self.sessions.append(served)
        self._uvicorn.app = served.app
        address = self._uvicorn.address
        return {
            "urls": {"http": f"http://{address}", "websocket": f"ws://{address}"},
            "credentials": {"api_key": options.get("api_key") or ""},
        }

    async def _close(self, _: Json) -> Json:
        if self._uvicorn is not None:
            self._uvicorn.drop()
        while self.sessions:
            await self.sessions.pop().end()
        return {}

    async def _reset(self) -> Json:
        if self._uvicorn is not None:
            self._uvicorn.drop()
        return await super()._reset()


if __name__ == "__main__":
    run(AIAvatarServerAdapter)
