"""The AIAvatarKit reference client over HTTP: one POST is one turn.

    async with ChatClient(ClientConfig(http="http://localhost:8000"), Screen()) as client:
        answer = await client.say("Hello")          # the whole answer; the listener performs it
        answer = await client.say("And you?")       # goes on with the conversation
        async for pcm in microphone:
            await client.hear(pcm)                  # each utterance becomes a turn of its own
        text = await client.transcribe(pcm)
        wav = await client.synthesize("Good morning")

Errors of a call are raised by it; those of turns that `hear` began go to ``on_error``. What arrives
and what it means is decided in `protocol_core.aiavatar`.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import rest
from protocol_core.aiavatar.chat import ChatSession
from protocol_core.aiavatar.errors import AIAvatarError
from protocol_core.aiavatar.reading import turn_error
from protocol_core.aiavatar.revision import PROTOCOL
from protocol_core.errors import LocalProtocolError
from reference_client.aiavatar.base import AIAvatarClient
from reference_client.http import HttpClient, RequestFailed

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from protocol_core.aiavatar.chat import ChatTurn
    from protocol_core.aiavatar.config import ClientConfig
    from protocol_core.aiavatar.revision import Revision
    from protocol_core.clock import Clock
    from protocol_core.http import HttpRequest, HttpResponse
    from reference_client.aiavatar.listener import Listener

__all__ = ["Answer", "ChatClient"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn ended.

    Attributes:
        text: the whole answer, control tags included.
        voice_text: what is spoken of it.
        request_text: what the server understood; None if it did not say.
        interrupted: a newer turn cut it off.
        heard: False where nothing was recognised in the audio.
    """

    text: str = ""
    voice_text: str = ""
    request_text: str | None = None
    interrupted: bool = False
    heard: bool = True


class ChatClient(AIAvatarClient):
    """One dialogue over HTTP; an asynchronous context manager that ends it.

    Args:
        config: identity, URL, key and settings; without a session_id one is minted (AIA-REQ-001).
        listener: callbacks; None for none.
        revision: protocol revision or its modules; None for the default.
        clock: the clock of all time limits and faces; real time by default.
        ssl: TLS settings; None for the default trust store.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(
        self,
        config: ClientConfig,
        listener: Listener | None = None,
        *,
        revision: str | Revision | None = None,
        clock: Clock | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        super().__init__(config, listener, revision=revision, clock=clock, ssl=ssl)
        self._session = ChatSession(self.config, revision=self.revision)
        self._http: HttpClient | None = None
        self._turns: set[asyncio.Task[Any]] = set()

    @property
    def session(self) -> ChatSession:
        """The dialogue's rules and state."""
        return self._session

    @property
    def context_id(self) -> str | None:
        """The conversation; None before its first turn (AIA-CTX-001)."""
        return self._session.context_id

    async def close(self) -> None:
        """End everything: streams under way are dropped. Idempotent."""
        me = asyncio.current_task()
        turns = {task for task in self._turns if task is not me}
        for task in turns:
            task.cancel()
        try:
            if turns:
                await asyncio.wait(turns)
        finally:
            http, self._http = self._http, None
            try:
                if http is not None:
                    await http.close()
            finally:
                await self._strike()

    # --- turns ----------------------------------------------------------------------------------

    async def say(
        self,
        text: str | None = None,
        *,
        audio: bytes | None = None,
        files: Sequence[Mapping[str, str]] | None = None,
        system_prompt_params: Mapping[str, object] | None = None,
    ) -> Answer:
        """One turn, to its end; where the answer asks for a picture, the one after it, too.

        A turn that is under way is cut off by the server, and what it still says is not played.

        Args:
            text: what the person said; wins over audio.
            audio: a complete utterance: signed 16-bit little-endian PCM, mono.
            files: pictures, each with ``type`` and ``url``.
            system_prompt_params: values of the placeholders in the system prompt.

        Raises:
            SendRefused: it must not be put on the wire.
            AIAvatarError: the server refused it, the turn failed, or the stream broke.
        """
        turn = self._session.turn(
            text=text, audio=audio, files=files, system_prompt_params=system_prompt_params
        )
        # A callback that waits for a turn must not be waited for by it.
        inside = self._stage is not None and self._stage.callbacks.inside
        task = asyncio.create_task(self._converse(turn, inside=inside), name="aiavatar turn")
        self._keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise LocalProtocolError(
                    "the client was closed amid the turn", protocol=PROTOCOL
                ) from None
            task.cancel()
            await asyncio.wait({task})
            raise

    async def hear(self, pcm: bytes) -> int:
        """Take microphone audio of any length; each utterance in it becomes a turn (AIA-VAD-003).

        Returns at once; what comes of the turns, the listener hears. Withheld while something is
        played, unless ``cancel_echo`` is off.

        Returns:
            How many utterances ended in it.
        """
        playing = self._stage is not None and self._stage.playing
        utterances = self._session.hear(pcm, playing=playing)
        for utterance in utterances:
            turn = self._session.turn(audio=utterance)
            turning = self._converse_unattended(turn)
            self._keep(asyncio.create_task(turning, name="aiavatar turn"))
        return len(utterances)

    # --- speech endpoints -----------------------------------------------------------------------

    async def transcribe(self, pcm: bytes) -> str:
        """What is said in this audio; empty where nothing was recognised (AIA-STT-001).

        Args:
            pcm: signed 16-bit little-endian, mono, without a container.

        Raises:
            SendRefused: the audio is empty or splits a sample.
            AIAvatarError: the call failed.
        """
        calls = self._session.calls
        request = calls.transcribe(pcm, boundary=uuid.uuid4().hex)
        return calls.transcribed(await self._call(request))

    async def synthesize(
        self,
        text: str,
        *,
        style_info: Mapping[str, object] | None = None,
        language: str | None = None,
    ) -> bytes:
        """The speech for a text, as a WAV file (AIA-TTS-001).

        Raises:
            SendRefused: the text is empty.
            AIAvatarError: the call failed.
        """
        calls = self._session.calls
        request = calls.synthesize(text, style_info=style_info, language=language)
        return calls.synthesized(await self._call(request))

    # --- inside ---------------------------------------------------------------------------------

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    def _connections(self) -> HttpClient:
        if self._http is None:
            limit = self.settings.timeout
            self._http = HttpClient(clock=self._clock, time_limit=limit, ssl=self._ssl)
        return self._http

    async def _call(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._connections().request(request)
        except RequestFailed as failure:
            raise rest.unanswered(
                self.revision, failure.reason, timed_out=failure.timed_out
            ) from failure

    async def _converse_unattended(self, turn: ChatTurn) -> None:
        try:
            await self._converse(turn)
        except AIAvatarError as error:
            self._set_stage().fail(error)

    async def _converse(self, turn: ChatTurn, *, inside: bool = False) -> Answer:
        """One turn, and those that bring the pictures which the answers ask for.

        Args:
            turn: the first one.
            inside: whether a callback waits for it, and with that callback all others.
        """
        fresh = True
        while True:
            answer, vision = await self._run(turn, fresh=fresh, inside=inside)
            url = None
            if vision is not None:
                url = await (self._picture(vision) if inside else self._ask_picture(vision))
            if url is None or not self._session.is_newest(turn):
                return answer  # AIA-VISION-004
            turn, fresh = self._session.picture(url), False

    async def _run(
        self, turn: ChatTurn, *, fresh: bool, inside: bool
    ) -> tuple[Answer, e.VisionRequested | None]:
        answer = Answer()
        async for event in self._events(turn, slowed=not inside):
            newest = self._session.is_newest(turn)
            if isinstance(event, e.TurnStarted):
                answer = msgspec.structs.replace(answer, request_text=event.request_text)
                if fresh and newest:
                    self._set_stage().flush()  # a person who speaks has heard enough
            if newest or not isinstance(event, e.ChunkReceived):
                self._set_stage().report(event)
            if isinstance(event, e.TurnFailed):
                raise turn_error(self.revision, event)
        return _outcome(answer, turn.outcome)

    async def _events(self, turn: ChatTurn, *, slowed: bool) -> AsyncGenerator[e.Event]:
        """What comes of a turn; read no faster than the callbacks run, if it may be slowed."""
        try:
            async with self._connections().stream(turn.request) as stream:
                if not turn.answered(stream.status, stream.headers):
                    raise turn.refused(await stream.read())
                async for chunk in stream:
                    for event in turn.receive(chunk):
                        yield event
                    if slowed:
                        await self._set_stage().callbacks.drain()
                for event in turn.ended():
                    yield event
        except RequestFailed as failure:
            if not turn.complete:
                raise turn.broken(failure.reason, timed_out=failure.timed_out) from failure

    async def _ask_picture(self, event: e.VisionRequested) -> str | None:
        """Ask the application in the order of its callbacks."""
        asked: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        async def ask() -> None:
            try:
                asked.set_result(await self._picture(event))
            finally:
                if not asked.done():
                    asked.set_result(None)

        self._set_stage().callbacks.call(ask)
        return await asked


def _outcome(answer: Answer, outcome: e.Event | None) -> tuple[Answer, e.VisionRequested | None]:
    if isinstance(outcome, e.TurnFinished):
        words = {"text": outcome.text, "voice_text": outcome.voice_text}
        return msgspec.structs.replace(answer, **words), None
    if isinstance(outcome, e.VisionRequested):
        response = outcome.response
        words = {"text": response.text or "", "voice_text": response.voice_text or ""}
        return msgspec.structs.replace(answer, **words), outcome
    if isinstance(outcome, e.TurnSuperseded):
        return msgspec.structs.replace(answer, text=outcome.text, interrupted=True), None
    return msgspec.structs.replace(answer, heard=False), None
