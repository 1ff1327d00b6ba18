"""The AvatarKit reference client.

    config = SessionConfig(api_key=…, console_url=…, expire_at=…, app_id=…, avatar_id=…, …)
    async with AvatarKitClient(config, on_error=print) as client:
        await client.init()                                 # REST: session token
        await client.start()                                # WebSocket, handshake
        async for frame in await client.speak(pcm): …       # one request, until its last frame

Or with callbacks and chunk by chunk, as the vendor's SDK has it: `send_audio`, ``on_frame``.

What is allowed when, and what an answer means, is decided in `protocol_core.avatarkit`; here are
the sockets, the callbacks and the order of things. Errors of the token call, of the start and of a
send are raised where they happen. Errors afterwards go to ``on_error`` if there is one, else they
are raised by a frame iterator; each one surfaces once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from avatar_protocols.avatarkit.v0_1_7.constants import PROTOCOL, Limit, Timeout
from protocol_core.avatarkit.client import ClientSession
from protocol_core.avatarkit.requests import mint_request_id
from protocol_core.errors import LocalProtocolError
from protocol_core.http import HttpResponse
from reference_client.avatarkit.connection import Connection, Listeners
from reference_client.avatarkit.frames import FrameStream
from reference_client.avatarkit.opus_encoder import load_encoder
from reference_client.http import HttpClient, RequestFailed
from reference_client.timers import clock_or_loop
from reference_client.websocket import ConnectFailed, Socket, SocketClosed, UpgradeRejected

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from protocol_core.avatarkit.config import SessionConfig
    from protocol_core.avatarkit.errors import AvatarKitError
    from protocol_core.avatarkit.outgoing import Outgoing
    from protocol_core.clock import Clock

__all__ = ["AvatarKitClient", "connect", "new_log_id"]

_RANDOM = random.SystemRandom()


def new_log_id() -> str:
    """A fresh id in the form of request ids, for logs of the application's own."""
    return mint_request_id(datetime.now(UTC), _RANDOM)


class AvatarKitClient:
    """One AvatarKit session; an asynchronous context manager that closes it.

    Args:
        config: the session's settings.
        on_frame: called with each animation message and whether it is its request's last.
        on_error: called with each error after the start.
        on_close: called once when a started session has ended, whoever ended it (AVK-CLOSE-004).
        on_encoded_audio: called with request id and complete Ogg Opus stream when the encoding of a
            request is completed and sent.
        clock: the clock of all time limits; real time by default.
        ssl: TLS settings for both connections; None for the default trust store.
        token: a session token obtained earlier, instead of `init` (AVK-AUTH-016).

    Callbacks may be functions or coroutine functions. They run one after the other, beside the
    receive loop; one that fails is logged and disturbs nothing (AVK-ERR-012, AVK-ANIM-006).

    After an end, `start` may be called again with the same token.

    Raises:
        ConfigurationError: the settings cannot work, or encoding is wanted without libopus.
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        on_frame: Callable[[bytes, bool], object] | None = None,
        on_error: Callable[[AvatarKitError], object] | None = None,
        on_close: Callable[[], object] | None = None,
        on_encoded_audio: Callable[[str, bytes], object] | None = None,
        clock: Clock | None = None,
        ssl: ssl_module.SSLContext | None = None,
        token: str = "",
    ) -> None:
        self._session = ClientSession(
            config,
            mint=new_log_id,
            make_encoder=None if config.encoder is None else load_encoder(),
            make_serial=lambda: _RANDOM.getrandbits(32),
        )
        if token:
            self._session.use_token(token)
        self._listeners = Listeners(
            on_frame=on_frame,
            on_error=on_error,
            on_close=on_close,
            on_encoded_audio=on_encoded_audio,
        )
        self._given_clock = clock
        self._ssl = ssl
        self._sending = asyncio.Lock()
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def config(self) -> SessionConfig:
        """The session's settings."""
        return self._session.config

    @property
    def session_token(self) -> str:
        """The session token; "" before `init`."""
        return self._session.token

    @property
    def connection_id(self) -> str:
        """The server's id of the open connection; "" without one."""
        return self._session.connection_id

    @property
    def ready(self) -> bool:
        """Whether audio can be sent."""
        return self._session.ready

    # -- life cycle --------------------------------------------------------------------------------

    async def init(self) -> str:
        """Obtain the session token; returns it.

        Raises:
            ConfigurationError: API key, console base or expiry is missing; nothing was sent.
            SessionTokenError: the call failed, and says how.
        """
        request = self._session.token_request()
        async with HttpClient(
            clock=self._clock,
            time_limit=Timeout.TOKEN_TOTAL,
            connect_limit=Timeout.TOKEN_CONNECT,
            ssl=self._ssl,
        ) as http:
            try:
                response = await http.request(request)
            except RequestFailed as failure:
                raise self._session.token_call_failed(failure.reason) from failure
        return self._session.receive_token_response(response)

    async def start(self) -> str:
        """Connect, configure, and wait for the confirmation; returns the connection id.

        Raises:
            ConfigurationError: a setting is missing or cannot work; nothing was sent.
            LocalProtocolError: no token yet, or started already; nothing was sent.
            AvatarKitError: the upgrade or the handshake failed; the socket is closed.
        """
        socket = await self._open_socket()
        self._connection = Connection(socket, self._session, self._listeners, clock=self._clock)
        return await self._connection.wait_confirmed()

    async def close(self) -> None:
        """Close the session and wait until nothing of it is running. Harmless without one.

        Inside a callback it returns when the socket is closed; the rest ends with the callback.
        """
        if self._connection is not None:
            await self._connection.close()

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        if self._connection is not None:
            await self._connection.callbacks.settle()

    # -- audio -------------------------------------------------------------------------------------

    async def send_audio(self, audio: bytes, *, end: bool = False) -> str:
        """Send audio of the open request, or start a new one; returns the request id.

        Waits while the connection is congested.

        Args:
            audio: bytes in the configured format, cut anywhere; PCM if the session encodes.
            end: whether the request's audio ends here.

        Raises:
            LocalProtocolError: not connected, or an odd number of PCM bytes; nothing was sent.
            AvatarKitError: phase ``websocket_send``: the socket has ended.
        """
        return await self._send_audio(audio, end=end, stream=None)

    async def speak(self, audio: bytes | Iterable[bytes] | AsyncIterable[bytes]) -> FrameStream:
        """Send one whole request; returns its frames, to iterate over.

        Args:
            audio: all of it, or chunk by chunk.

        Raises:
            LocalProtocolError: see `send_audio`.
            AvatarKitError: see `send_audio`.
        """
        stream = FrameStream()
        held = b""
        async for chunk in _chunks(audio):
            if held:
                await self._send_audio(held, end=False, stream=stream)
            held = chunk
        await self._send_audio(held, end=True, stream=stream)
        return stream

    async def interrupt(self) -> str:
        """Stop the most recent request; returns its id.

        Raises:
            LocalProtocolError: not connected, or there was no request yet; nothing was sent.
            AvatarKitError: phase ``websocket_send``: the socket has ended.
        """
        async with self._sending:
            outgoing = self._session.interrupt()
            await self._send(outgoing)
        return outgoing.req_id

    def frames(self, *, limit: int | None = None) -> FrameStream:
        """The frames of all requests from now on, until the session ends.

        Args:
            limit: read no further from the socket while more frames than this wait to be taken.
        """
        stream = FrameStream(limit=limit)
        if self._connection is None:
            stream.end()
        else:
            self._connection.listen(stream)
        return stream

    # -- inside ------------------------------------------------------------------------------------

    @cached_property
    def _clock(self) -> Clock:
        return clock_or_loop(self._given_clock)

    async def _open_socket(self) -> Socket:
        upgrade = self._session.upgrade_request()
        try:
            return await Socket.open(
                upgrade,
                clock=self._clock,
                open_limit=Timeout.UPGRADE,
                close_limit=Timeout.CLOSE,
                max_message_bytes=Limit.MESSAGE_BYTES,
                ssl=self._ssl if upgrade.url.startswith("wss:") else None,
            )
        except UpgradeRejected as answer:
            response = HttpResponse(status=answer.status, headers=answer.headers, body=answer.body)
            raise self._session.rejected(response) from answer
        except ConnectFailed as failure:
            raise self._session.connect_failed(failure.reason) from failure
        except BaseException:
            self._session.connect_failed("given up")
            raise

    async def _send_audio(self, audio: bytes, *, end: bool, stream: FrameStream | None) -> str:
        async with self._sending:
            outgoing = self._session.send_audio(_bytes(audio), end=end)
            if stream is not None and self._connection is not None:
                stream.req_id = outgoing.req_id
                self._connection.listen(stream)
            await self._send(outgoing)
        if outgoing.encoded is not None and self._connection is not None:
            self._connection.encoded(outgoing.req_id, outgoing.encoded)
        return outgoing.req_id

    async def _send(self, outgoing: Outgoing) -> None:
        connection = self._connection
        assert connection is not None, "the session refuses to send without one"  # noqa: S101 - so it cannot be
        try:
            await connection.pump.send(outgoing.messages)
        except SocketClosed as end:
            raise self._session.send_failed(outgoing, end.code, end.reason) from end


@asynccontextmanager
async def connect(
    config: SessionConfig,
    **options: Any,  # noqa: ANN401 - the same as those of the client, each typed there
) -> AsyncGenerator[AvatarKitClient]:
    """A session that is ready for audio: token, connection and confirmation are done.

    Args:
        config: the session's settings.
        options: see `AvatarKitClient`.

    Raises:
        AvatarKitError: token, upgrade or handshake failed.
    """
    async with AvatarKitClient(config, **options) as client:
        if not client.session_token:
            await client.init()
        await client.start()
        yield client


async def _chunks(audio: bytes | Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(audio, AsyncIterable):
        async for chunk in audio:
            yield _bytes(chunk)
    elif _is_many(audio):
        for part in audio:
            yield _bytes(part)
    else:
        yield _bytes(audio)


def _is_many(audio: object) -> bool:
    single = isinstance(audio, (bytes, bytearray, memoryview))
    return isinstance(audio, Iterable) and not single


def _bytes(audio: object) -> bytes:
    """Audio as bytes. ``bytes(5)`` would be five bytes of silence.

    Raises:
        LocalProtocolError: it is something else.
    """
    match audio:
        case bytes():
            return audio
        case bytearray():
            return bytes(audio)
        case memoryview():
            return audio.tobytes()
        case _:
            raise LocalProtocolError(
                f"audio is bytes, not {type(audio).__name__}", protocol=PROTOCOL, value=audio
            )
