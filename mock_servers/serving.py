"""One request from its arrival to its end: journaled, answered, or served as a channel."""

from __future__ import annotations

import msgspec
from aiohttp import web

from mock_servers.answering import SILENCE, Answer, answer
from mock_servers.bodies import explain_body, raw_body
from mock_servers.channel import reset_transport
from mock_servers.connection import Connection
from mock_servers.exchange import Exchange, text_response
from mock_servers.listener import Listener
from mock_servers.platform import Platform
from mock_servers.stream import Stream, StreamConnection
from protocol_core import sse
from protocol_core.errors import ConfigurationError
from protocol_core.http import HttpResponse

__all__ = ["Call", "refuse", "serve_request", "serve_upgrade", "to_web"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that belongs to a platform.

    Attributes:
        platform: the platform.
        exchange: the request as platforms see it.
        request: the request as it came.
        listener: where it came in.
    """

    platform: Platform
    exchange: Exchange
    request: web.BaseRequest
    listener: Listener


async def serve_request(call: Call) -> web.StreamResponse:
    """Answer an HTTP request, or play the event stream that answers it."""
    platform, exchange = call.platform, call.exchange
    number = platform.next_channel() if exchange.endpoint in platform.streams else None
    _journal_request(call, number)
    reply = await answer(platform, exchange, upgrade=False)
    if isinstance(reply, Stream):
        refusal = _no_stream(call, number)
        if refusal is None:
            return await _stream(call, reply, number)
        reply = refusal
    if not isinstance(reply, HttpResponse):
        return await _leave(call, reply, number)
    _journal_response(call, reply, number)
    return to_web(reply)


async def serve_upgrade(call: Call) -> web.StreamResponse:
    """Judge a WebSocket upgrade; serve the connection until it is over."""
    platform, exchange = call.platform, call.exchange
    carrier = exchange.endpoint in platform.carriers
    number = None if carrier else platform.next_channel()
    if not carrier:
        _journal_request(call, number, upgrade=True)
    reply = _crowded(platform) or await answer(platform, exchange, upgrade=True)
    if reply is None:
        return await _converse(call, number)
    if carrier:
        number = platform.next_channel()
        _journal_request(call, number, upgrade=True)
    if not isinstance(reply, HttpResponse):
        return await _leave(call, reply, number)
    _journal_response(call, reply, number, upgrade=True)
    return to_web(reply)


def refuse(call: Call, reply: HttpResponse, *, upgrade: bool) -> web.StreamResponse:
    """Journal a request that no endpoint is there for, and its answer."""
    number = call.platform.next_channel() if upgrade else None
    _journal_request(call, number, upgrade=upgrade)
    _journal_response(call, reply, number, upgrade=upgrade)
    return to_web(reply)


def to_web(reply: HttpResponse) -> web.Response:
    """An answer in aiohttp's terms."""
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)


async def _stream(call: Call, stream: Stream, number: int | None) -> web.StreamResponse:
    platform, exchange, request = call.platform, call.exchange, call.request
    lost = call.listener.lost(request)
    connection = StreamConnection(
        number,
        platform.journal,
        platform.codec.for_endpoint(exchange.endpoint),
        platform.limits,
        exchange.endpoint,
        line_end=stream.line_end,
    )
    connection.received_bytes = len(exchange.body)
    response = web.StreamResponse(status=stream.status)
    response.content_type = sse.MEDIA_TYPE
    response.headers.update(stream.headers)
    session = stream.start(connection)
    try:
        await response.prepare(request)
    except ConnectionError:
        session.ended(None, "")
        raise
    platform.journal.add(
        "http_response",
        sender="server",
        name=exchange.endpoint,
        connection=number,
        status=response.status,
        headers=dict(response.headers),
    )
    platform.sessions.append(session)
    await connection.serve(request, response, session, lost)
    return response


async def _converse(call: Call, number: int | None) -> web.StreamResponse:
    platform, exchange, request = call.platform, call.exchange, call.request
    limits = platform.limits
    ws = web.WebSocketResponse(
        autoping=False,
        autoclose=False,
        compress=platform.compression,
        # aiohttp refuses messages of this size, not only those above it.
        max_msg_size=(limits.message_bytes or platform.message_bytes) + 1,
        timeout=limits.close_seconds,
    )
    connection = Connection(
        number,
        None if number is None else platform.journal,
        platform.codec.for_endpoint(exchange.endpoint),
        limits,
        exchange.endpoint,
    )
    session = platform.start_session(exchange, connection)
    try:
        await ws.prepare(request)
    except (web.HTTPException, ValueError, ConnectionError) as error:
        # No handshake of RFC 6455, or the peer has gone; what the session holds is freed.
        session.ended(None, "")
        if isinstance(error, ValueError):  # the library stumbles over letters that are not ASCII
            raise web.HTTPBadRequest(text="no handshake of a WebSocket") from None
        raise
    if number is not None:
        platform.journal.add(
            "upgrade_response",
            sender="server",
            name=exchange.endpoint,
            connection=number,
            status=101,
            headers=dict(ws.headers),
        )
    platform.sessions.append(session)
    await connection.serve(request, ws, session)
    return ws


async def _leave(call: Call, how: Answer, connection: int | None) -> web.StreamResponse:
    """Let a request go unanswered, or reset its connection."""
    transport = call.request.transport
    if how == SILENCE:
        await call.listener.until_lost(call.request)
    elif transport is not None:
        call.platform.journal.add("reset", sender="server", connection=connection)
        reset_transport(transport)
    # Nobody will see this: the peer has gone, or the server stops.
    return web.Response(status=503)


def _no_stream(call: Call, number: int | None) -> HttpResponse | None:
    """Why no stream can be played; None if it can."""
    if number is not None:
        return _crowded(call.platform)
    name, problem = call.exchange.endpoint, "an event stream of an endpoint that has none"
    call.platform.report(ConfigurationError(problem, setting="streams", value=name), None)
    return text_response(f"{problem}: {name}", 500)


def _crowded(platform: Platform) -> HttpResponse | None:
    if len(platform.sessions) < platform.limits.connections:
        return None
    return text_response("too many connections", 503)


def _journal_request(call: Call, connection: int | None, *, upgrade: bool = False) -> None:
    codec, exchange = call.platform.codec, call.exchange
    call.platform.journal.add(
        "upgrade_request" if upgrade else "http_request",
        sender="client",
        name=exchange.endpoint,
        connection=connection,
        method=exchange.method,
        target=exchange.target,
        headers=dict(exchange.headers),
        payload=raw_body(exchange.headers, exchange.body),
        explain=lambda: explain_body(
            codec, exchange.endpoint, exchange.headers, exchange.body, response=False
        ),
    )


def _journal_response(
    call: Call, reply: HttpResponse, connection: int | None, *, upgrade: bool = False
) -> None:
    codec, exchange = call.platform.codec, call.exchange
    call.platform.journal.add(
        "upgrade_response" if upgrade else "http_response",
        sender="server",
        name=exchange.endpoint,
        connection=connection,
        status=reply.status,
        headers=dict(reply.headers),
        payload=raw_body(reply.headers, reply.body),
        explain=lambda: explain_body(
            codec, exchange.endpoint, reply.headers, reply.body, response=True
        ),
    )
