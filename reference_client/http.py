"""The HTTP shell: a `protocol_core.http.HttpRequest` in, an `HttpResponse` out.

Nothing is judged here: every status is an answer, redirects are not followed (a redirect would
carry credentials to a host that nobody configured), and only the lack of an answer is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from protocol_core.errors import UnderstudyError
from protocol_core.http import HttpResponse
from reference_client.timers import timeout

if TYPE_CHECKING:
    import ssl as ssl_module

    import aiohttp

    from protocol_core.clock import Clock
    from protocol_core.http import HttpRequest

__all__ = ["HttpClient", "RequestFailed"]

#: Answers longer than this (bytes) are refused: no REST body of any platform comes near it.
MAX_BODY_BYTES = 4 * 1024 * 1024


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
        import aiohttp  # here, because it takes 0.2 s to import

        if self._session is None:
            limits = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_limit)
            self._session = aiohttp.ClientSession(timeout=limits)
        limit = self._time_limit if time_limit is None else time_limit
        options: dict[str, Any] = {} if self._ssl is None else {"ssl": self._ssl}
        try:
            async with (
                timeout(self._clock, limit),
                self._session.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    data=request.body or None,
                    allow_redirects=False,
                    **options,
                ) as response,
            ):
                body = await _read(response)
                headers = dict(response.headers)
                return HttpResponse(status=response.status, headers=headers, body=body)
        except aiohttp.ServerTimeoutError as error:
            raise RequestFailed(str(error), timed_out=True) from error
        except TimeoutError as error:
            message = f"no answer within {limit:g} s"
            raise RequestFailed(message, timed_out=True) from error
        except aiohttp.InvalidURL as error:
            raise RequestFailed(f"not a usable URL: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RequestFailed(str(error) or type(error).__name__) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            message = f"the answer is longer than {MAX_BODY_BYTES} bytes"
            raise RequestFailed(message)
    return bytes(body)
