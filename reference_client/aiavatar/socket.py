"""The AIAvatarKit reference client on the WebSocket: one socket is one session.

    class Screen(Listener):
        async def play(self, speech):
            await speakers.play(speech.audio)       # cancelled when the server says stop

        def on_face(self, name, duration):
            show(name)

        async def on_vision(self, source):
            return await camera.data_url()

    async with SocketClient(ClientConfig(websocket="ws://localhost:8000"), Screen()) as client:
        await client.start()                        # dial, start, wait for connected
        await client.invoke("Hello")
        async for pcm in microphone:
            await client.send_audio(pcm)            # the server detects the utterances

What arrives and what it means is decided in `protocol_core.aiavatar`; here are the socket, the
callbacks and the order of things. Errors of `start` are raised by it; later ones go to
``on_error``. After a lost connection, `start` goes on with the same conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.errors import AIAvatarError, SendRefused
from protocol_core.aiavatar.revision import PROTOCOL
from protocol_core.aiavatar.socket import SocketSession
from protocol_core.errors import LocalProtocolError
from reference_client.aiavatar.base import AIAvatarClient
from reference_client.websocket import ConnectFailed, Pump, Socket, SocketClosed, UpgradeRejected

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Iterable, Mapping, Sequence

    from protocol_core.aiavatar.config import ClientConfig
    from protocol_core.aiavatar.revision import Revision
    from protocol_core.clock import Clock
    from reference_client.aiavatar.listener import Listener
    from reference_client.aiavatar.stage import Stage

__all__ = ["SocketClient"]

logger = logging.getLogger(__name__)


class SocketClient(AIAvatarClient):
    """One session on the WebSocket; an asynchronous context manager that leaves it.

    Args:
        config: identity, URL and settings; without a session_id one is minted (AIA-REQ-001).
        listener: callbacks; None for none.
        revision: protocol revision or its modules; None for the default.
        clock: the clock of all time limits and faces; real time by default.
        ssl: TLS settings; None for the default trust store.
        ping_interval: seconds between WebSocket pings; None for the documents' 20.
        pong_limit: seconds without pong that end the socket; None for the documents' 20.

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
        ping_interval: float | None = None,
        pong_limit: float | None = None,
    ) -> None:
        super().__init__(config, listener, revision=revision, clock=clock, ssl=ssl)
        constants = self.revision.constants
        self._ping_interval: float = ping_interval or constants.Heartbeat.PING_INTERVAL
        self._pong_limit: float = pong_limit or constants.Timeout.PONG
        self._session = SocketSession(self.config, revision=self.revision)
        self._pump: Pump[e.Event] | None = None
        self._link: asyncio.Task[None] | None = None
        self._handshake: asyncio.Future[None] | None = None
        self._starting = False
        self._ended = asyncio.Event()
        self._last: e.Closed | None = None

    @property
    def session(self) -> SocketSession:
        """The session's rules and state."""
        return self._session

    @property
    def context_id(self) -> str | None:
        """The conversation; None before its first turn (AIA-CTX-001)."""
        return self._session.context_id

    @property
    def is_open(self) -> bool:
        """Whether turns can be asked for."""
        return self._session.is_open

    # --- life cycle -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Dial, send start and wait for connected; harmless while the session is open.

        After the end of a socket this opens another one for the same session, and the conversation
        goes on (AIA-ERR-004).

        Raises:
            AIAvatarError: the socket could not be opened, or the session was refused.
            LocalProtocolError: another start is under way.
        """
        if self._starting:
            raise LocalProtocolError(
                "a start is under way", protocol=PROTOCOL, requirement="AIA-WS-002"
            )
        if self.is_open:
            return
        self._starting = True
        try:
            await self._open()
        finally:
            self._starting = False

    async def close(self) -> None:
        """Send stop, wait for the server's close, and end everything (AIA-WS-009).

        Idempotent. When it returns, nothing of the client is running; inside a callback, nothing
        but that callback.
        """
        stage = self._stage
        if stage is not None:
            stage.callbacks.hurry()
        try:
            await self._leave()
        finally:
            await self._strike()

    async def wait_closed(self) -> e.Closed | None:
        """Wait until the socket has ended.

        Returns:
            How it ended; None if there was none.
        """
        if self._link is not None:
            await self._ended.wait()
        return self._last

    # --- sending --------------------------------------------------------------------------------

    async def invoke(
        self,
        text: str | None = None,
        *,
        audio: bytes | None = None,
        files: Sequence[Mapping[str, str]] | None = None,
        system_prompt_params: Mapping[str, object] | None = None,
    ) -> None:
        """Ask for one turn, from text, pictures or complete audio (AIA-WS-005).

        Args:
            text: what the person said; wins over audio.
            audio: a complete utterance: signed 16-bit little-endian PCM, mono. The servers of the
                package hand it on undecoded; stream audio instead.
            files: pictures, each with ``type`` and ``url``.
            system_prompt_params: values of the placeholders in the system prompt.

        Raises:
            SendRefused: there is no session, or it must not be put on the wire.
            ConnectionLost: the socket ended meanwhile.
        """
        await self._send(
            self._session.invoke(
                text=text, audio=audio, files=files, system_prompt_params=system_prompt_params
            )
        )

    async def send_audio(self, pcm: bytes) -> None:
        """Stream microphone audio of any length; the server detects the utterances (AIA-WS-006).

        Withheld while something is played, unless ``cancel_echo`` is off.

        Raises:
            SendRefused: there is no session.
            ConnectionLost: the socket ended meanwhile.
        """
        playing = self._stage is not None and self._stage.playing
        await self._send(self._session.audio(pcm, playing=playing))

    async def configure(self, *, volume_db_threshold: float) -> None:
        """Change the level above which the server takes audio for voice, in dB (AIA-WS-013).

        Raises:
            SendRefused: there is no session.
            ConnectionLost: the socket ended meanwhile.
        """
        await self._send(self._session.configure(volume_db_threshold=volume_db_threshold))

    # --- inside ---------------------------------------------------------------------------------

    async def _send(self, messages: Iterable[bytes | str]) -> None:
        if self._pump is None:
            raise AssertionError("the session lets nothing be sent without a socket")
        try:
            await self._pump.send(messages)
        except SocketClosed as end:
            abnormal = self.revision.constants.CloseCode.ABNORMAL
            code = abnormal if end.code is None else end.code
            closed = e.Closed(code=code, reason=end.reason, opened=True, lost=True)
            raise self._session.ended_error(closed) from end

    async def _open(self) -> None:
        if self._link is not None:
            await asyncio.wait({self._link})  # what is left of an earlier socket
        stage = self._set_stage()
        socket = await self._dial()
        self._handshake = asyncio.get_running_loop().create_future()
        self._ended.clear()
        self._link = asyncio.create_task(self._run(socket, stage), name="aiavatar link")
        try:
            await asyncio.shield(self._handshake)
        except BaseException:
            await self._leave()  # also where `close` came in between
            raise
        finally:
            self._handshake.cancel()
            self._handshake = None

    async def _dial(self) -> Socket:
        upgrade = self._session.upgrade_request()
        try:
            return await Socket.open(
                upgrade,
                clock=self._clock,
                open_limit=self.settings.handshake_timeout,
                max_message_bytes=self.revision.constants.Limit.SERVER_MESSAGE_BYTES,
                ssl=self._ssl if upgrade.url.startswith("wss:") else None,
            )
        except UpgradeRejected as answer:
            reason = f"the upgrade was answered with HTTP {answer.status}"
            body = answer.body.decode(errors="replace")
            raise self._session.dial_failed(
                reason, http_status=answer.status, body=body
            ) from answer
        except ConnectFailed as failure:
            raise self._session.dial_failed(
                failure.reason, timed_out=failure.timed_out
            ) from failure

    async def _run(self, socket: Socket, stage: Stage) -> None:
        pump = self._pump = Pump(
            socket,
            self._session,
            clock=self._clock,
            deliver=self._deliver,
            drain=stage.callbacks.drain,
            ping_interval=self._ping_interval,
            pong_limit=self._pong_limit,
        )
        try:
            await pump.run()
        except Exception as fault:
            logger.exception("the session broke by a fault of this client")
            if self._handshake is not None and not self._handshake.done():
                self._handshake.set_exception(fault)
            for event in self._session.closed(None, "", self._clock.now()):
                self._deliver(event)
        finally:
            self._pump = None
            self._ended.set()

    async def _leave(self) -> None:
        """Send stop and wait until the socket has ended."""
        link = self._link
        if link is None:
            return
        try:
            if self._pump is not None:
                with contextlib.suppress(SocketClosed):  # then it has ended by itself
                    await self._pump.send(self._session.stop(self._clock.now()))
            await asyncio.wait({link})
        except asyncio.CancelledError:
            link.cancel()  # ends TCP without a close handshake
            await asyncio.wait({link})
            raise
        finally:
            self._link = None

    def _deliver(self, event: e.Event) -> None:
        stage = self._set_stage()
        if isinstance(event, e.TurnFailed):
            self._fail_turn(event)
            return
        if isinstance(event, e.Closed):
            self._last = event
            stage.flush()
        error = self._error_of(event)
        waiting = self._handshake
        if waiting is not None and not waiting.done():
            if error is not None:
                waiting.set_exception(error)
            elif isinstance(event, e.Connected):
                waiting.set_result(None)
        elif error is not None and (not isinstance(event, e.Closed) or event.lost):
            stage.fail(error)
        stage.report(event)
        if isinstance(event, e.VisionRequested):
            stage.callbacks.call(self._answer_vision, event)

    def _error_of(self, event: e.Event) -> AIAvatarError | None:
        if isinstance(event, e.SessionFailed):
            return self._session.failure_error(event)
        if isinstance(event, e.Closed):
            return self._session.ended_error(event)
        return None

    async def _answer_vision(self, event: e.VisionRequested) -> None:
        url = await self._picture(event)
        if url is None:
            return  # AIA-VISION-004
        try:
            await self._send(self._session.picture(url))
        except (SendRefused, AIAvatarError) as error:
            logger.warning("the picture could not be sent: %s", error)
