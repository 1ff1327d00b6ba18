"""One event stream of the probe: its events go into the journal as they come.

An event is a message, a comment a ping, the end a close; a stream that is broken off is a reset, of
whoever broke it off.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.stage.base import StepUnmetError
from protocol_core.http import HttpResponse
from protocol_core.sse import MEDIA_TYPE, Comment, EventDecoder
from reference_client.http import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from protocol_core.http import HttpRequest
    from protocol_core.sse import SseEvent
    from reference_client.http import HttpClient, HttpStream

__all__ = ["ProbeStream"]

_SUCCESS = range(200, 300)


class ProbeStream:
    """One event stream, or a request for one.

    Args:
        number: number of the stream in the trace.
        journal: where everything is written down.
        codec: explains events.
    """

    def __init__(self, number: int, journal: Journal, codec: Codec) -> None:
        self.number = number
        self.status: int | None = None
        self._journal = journal
        self._codec = codec
        self._open = False
        self._task: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begun.add_done_callback(lambda future: future.cancelled() or future.exception())

    @property
    def is_open(self) -> bool:
        """Whether events may still come."""
        return self._open

    async def open(
        self, http: HttpClient, request: HttpRequest, answered: Callable[[HttpResponse], None]
    ) -> None:
        """Send the request and wait until the answer has begun; a refusal is read to its end.

        Args:
            http: sends it.
            request: the request.
            answered: told of the answer: its head alone, or the whole of a refusal.

        Raises:
            StepUnmetError: there was no HTTP answer.
        """
        self._task = asyncio.ensure_future(self._run(http, request, answered))
        await self._begun

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Go away; a client has no way to end a stream in good order."""
        del code, reason
        self.reset()

    def reset(self) -> None:
        """Go away."""
        if self._open:
            self._journal.add("reset", sender="client", connection=self.number)
        self.drop()

    def drop(self) -> None:
        """Let go of the stream; nothing is written down."""
        self._open = False
        if self._task is not None:
            self._task.cancel()

    async def _run(
        self, http: HttpClient, request: HttpRequest, answered: Callable[[HttpResponse], None]
    ) -> None:
        try:
            async with http.stream(request) as answer:
                self.status = answer.status
                if not _is_stream(answer):
                    body = b"".join([chunk async for chunk in answer])
                    answered(HttpResponse(status=answer.status, headers=answer.headers, body=body))
                    self._begun.set_result(None)
                    return
                answered(HttpResponse(status=answer.status, headers=answer.headers))
                self._journal.add("open", connection=self.number)
                self._open = True
                self._begun.set_result(None)
                await self._read(answer)
        except RequestFailed as error:
            self._broken(error)
        finally:
            self._open = False
            if not self._begun.done():
                self._begun.cancel()

    async def _read(self, answer: HttpStream) -> None:
        decoder = EventDecoder()
        async for chunk in answer:
            for item in decoder.feed(chunk):
                self._take(item)
        if self._open:
            self._open = False
            lost = ["the stream ended within an event"] if decoder.pending else []
            self._journal.add("close", sender="server", connection=self.number, problems=lost)

    def _take(self, item: SseEvent | Comment) -> None:
        if not self._open:
            return
        if isinstance(item, Comment):
            self._journal.add(
                "ping",
                sender="server",
                connection=self.number,
                opcode="sse",
                payload=item.text,
            )
            return
        codec = self._codec
        self._journal.add(
            "message",
            sender="server",
            connection=self.number,
            opcode="sse",
            payload=item.data,
            explain=lambda: codec.decode(item.data, "server"),
        )

    def _broken(self, error: RequestFailed) -> None:
        if not self._begun.done():
            self._begun.set_exception(StepUnmetError(f"no answer to the request: {error}"))
        elif self._open:
            self._journal.add("reset", sender="server", connection=self.number, reason=error.reason)


def _is_stream(answer: HttpStream) -> bool:
    """Whether an answer is an event stream."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return answer.status in _SUCCESS and media_type == MEDIA_TYPE
