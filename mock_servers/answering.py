"""What a request gets: the plan's answer, or the platform's own."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from mock_servers.bodies import explain_body
from mock_servers.exchange import Exchange, json_response, text_response
from protocol_core.errors import ConfigurationError
from protocol_core.http import HttpResponse

if TYPE_CHECKING:
    from mock_servers.actions import Action, Reply
    from mock_servers.platform import Platform
    from mock_servers.stream import Stream

__all__ = ["RESET", "SILENCE", "Answer", "answer", "make_reply"]

#: A response, an event stream, `SILENCE`, `RESET`, or None to accept an upgrade.
Answer: TypeAlias = "HttpResponse | Stream | str | None"

#: The answer of a plan that wants a request to go unanswered.
SILENCE: Final = "silence"
#: The answer of a plan that wants the TCP connection reset.
RESET: Final = "reset"


async def answer(platform: Platform, exchange: Exchange, *, upgrade: bool) -> Answer:
    """What a request gets, by the plan or as usual."""
    rule = platform.plan.find(
        "upgrade" if upgrade else "http",
        endpoint=exchange.endpoint,
        views=lambda: _views(platform, exchange),
    )
    if rule is None:
        return _default(platform, exchange, upgrade=upgrade)
    platform.journal.note(f"plan[{rule.index}] acts")
    try:
        for action in rule.actions:
            outcome = await _act(platform, action)
            if outcome is not None:
                return outcome
    except ConfigurationError as error:
        platform.report(error, None)
        return text_response(str(error), 500)
    return _default(platform, exchange, upgrade=upgrade) if rule.data.then_default else SILENCE


def make_reply(reply: Reply) -> HttpResponse:
    """The response that a plan spells out."""
    if reply.text is not None:
        return text_response(reply.text, reply.status, reply.headers)
    if reply.body is not None:
        body = base64.b64decode(reply.body)
        return HttpResponse(status=reply.status, headers=reply.headers, body=body)
    if reply.json is not msgspec.UNSET:
        return json_response(reply.json, reply.status, reply.headers)
    return text_response("", reply.status, reply.headers)


def _default(platform: Platform, exchange: Exchange, *, upgrade: bool) -> Answer:
    return platform.admit(exchange) if upgrade else platform.answer(exchange) or RESET


def _views(platform: Platform, exchange: Exchange) -> list[dict[str, Any]]:
    """What a rule's ``where`` may match: the body, or query and headers (names in lower case)."""
    document = explain_body(
        platform.codec, exchange.endpoint, exchange.headers, exchange.body, response=False
    )
    headers = {name.lower(): value for name, value in exchange.headers.items()}
    return [*document.views, {"query": exchange.query, "headers": headers}]


async def _act(platform: Platform, action: Action) -> HttpResponse | str | None:
    if action.name == "delay":
        await _sleep(platform, action.value)
    elif action.name in {"respond", "reject"}:
        return make_reply(action.value)
    elif action.name == "error":
        return platform.error_response(action.value) or RESET
    elif action.name == "reset":
        return RESET
    else:
        platform.perform(action)
    return None


async def _sleep(platform: Platform, seconds: float) -> None:
    """Wait on the platform's clock."""
    if seconds <= 0:
        return
    woken = asyncio.get_running_loop().create_future()
    timer = platform.clock.call_at(platform.now() + seconds, lambda: _wake(woken))
    try:
        await woken
    finally:
        timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
