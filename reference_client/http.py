"""The HTTP shell: a `protocol_core.http.HttpRequest` in, an `HttpResponse` or its pieces out.

Nothing is judged here: every status is an answer, redirects are not followed (a redirect would
carry credentials to a host that nobody configured), and only the lack of an answer is an error.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self

from protocol_core.errors import UnderstudyError
from protocol_core.http import HttpResponse
from reference_client.timers import timeout

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import AsyncGenerator, AsyncIterable, Generator

    import aiohttp

    from protocol_core.clock import Clock
    from protocol_core.http import HttpRequest

__all__ = ["HttpClient", "HttpStream", "RequestFailed"]

#: Answers longer than this (bytes) are refused; a minute of the finest sound is far below it.
MAX_BODY_BYTES = 64 * 1024 * 1024


class RequestFailed(UnderstudyError):  # noqa: N818 - it names what happened, as its sisters do
    """No HTTP answer: the network failed, time ran out, or the peer did not speak HTTP.

    Attributes:
        reason: what went wrong, in words.
        timed_out: whether it was the time limit.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


class HttpClient:
    """Sends requests over pooled connections; an asynchronous context manager.

    Args:
        clock: the clock that the time limit runs on.
        time_limit: seconds for one whole exchange; None for no limit.
        connect_limit: real seconds for the TCP connection.
        ssl: TLS settings; None for the platform's default trust store.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        time_limit: float | None = 300.0,
        connect_limit: float | None = 30.0,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._time_limit = time_limit
        self._connect_limit = connect_limit
        self._ssl = ssl
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. The next request opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def request(
        self, request: HttpRequest, *, time_limit: float | None = None
    ) -> HttpResponse:
        """Send one request and read the whole answer.

        Args:
            request: what to send, exactly as it stands.
            time_limit: seconds, instead of the client's own limit.

        Raises:
            RequestFailed: there was no answer.
        """
        limit = self._time_limit if time_limit is None else time_limit
        with _blame(limit):
            async with timeout(self._clock, limit), self._send(request) as response:
                body = await _read(response)
                headers = dict(response.headers)
                return HttpResponse(status=response.status, headers=headers, body=body)

    @asynccontextmanager
    async def stream(
        self,
        request: HttpRequest,
        *,
        time_limit: float | None = None,
        silence_limit: float | None = None,
    ) -> AsyncGenerator[HttpStream]:
        """Send one request and read the answer as it comes, inside ``async with``.

        Leaving the block before the end of the answer closes the connection.

        Args:
            request: what to send, exactly as it stands.
            time_limit: seconds until the answer's head, instead of the client's own limit.
            silence_limit: seconds between two pieces of the body; None for the client's own limit.

        Raises:
            RequestFailed: there was no answer.
        """
        limit = self._time_limit if time_limit is None else time_limit
        silence = self._time_limit if silence_limit is None else silence_limit
        with _blame(limit):
            async with timeout(self._clock, limit):
                response = await self._send(request)
        try:
            yield HttpStream(response, self._clock, silence)
        finally:
            response.close()

    def _send(self, request: HttpRequest) -> Any:  # noqa: ANN401 - what aiohttp makes of a request: it is awaited or entered
        import aiohttp  # here, because it takes 0.2 s to import
        from yarl import URL

        if self._session is None:
            limits = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_limit)
            self._session = aiohttp.ClientSession(timeout=limits)
            # aiohttp would send a GET again that found no answer; one call is one request.
            self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        options: dict[str, Any] = {} if self._ssl is None else {"ssl": self._ssl}
        return self._session.request(
            request.method,
            # Verbatim: what is quoted already must not be quoted in another way.
            URL(request.url, encoded=request.url.isascii()),
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            **options,
        )


class HttpStream:
    """An answer that is read as it comes.

    Args:
        response: the answer.
        clock: the clock that the time limit runs on.
        silence_limit: seconds between two pieces of the body; None for no limit.

    Attributes:
        status: HTTP status code.
        headers: header fields.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, clock: Clock, silence_limit: float | None
    ) -> None:
        self.status = response.status
        self.headers = dict(response.headers)
        self._response = response
        self._clock = clock
        self._limit = silence_limit

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """The body, piece by piece as it arrives.

        Raises:
            RequestFailed: it broke off, or nothing came for too long.
        """
        while chunk := await self._next():
            yield chunk

    async def read(self) -> HttpResponse:
        """The rest of the body, as a whole answer.

        Raises:
            RequestFailed: it broke off, nothing came for too long, or it is too long.
        """
        body = await _gather(self)
        return HttpResponse(status=self.status, headers=self.headers, body=body)

    async def _next(self) -> bytes:
        with _blame(self._limit, "nothing came for"):
            async with timeout(self._clock, self._limit):
                return await self._response.content.readany()


@contextmanager
def _blame(limit: float | None, what: str = "no answer within") -> Generator[None]:
    """Turn every way in which an exchange fails into `RequestFailed`."""
    import aiohttp

    try:
        yield
    except aiohttp.ServerTimeoutError as error:
        raise RequestFailed(str(error), timed_out=True) from error
    except TimeoutError as error:
        raise RequestFailed(f"{what} {limit:g} s", timed_out=True) from error
    except aiohttp.InvalidURL as error:
        raise RequestFailed(f"not a usable URL: {error}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise RequestFailed(str(error) or type(error).__name__) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    return await _gather(response.content.iter_any())


async def _gather(chunks: AsyncIterable[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            message = f"the answer is longer than {MAX_BODY_BYTES} bytes"
            raise RequestFailed(message)
    return bytes(body)
