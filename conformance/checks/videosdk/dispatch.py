"""The call that asks for a worker, and what the agent makes of its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from avatar_protocols.videosdk.v1_0 import constants
from avatar_protocols.videosdk.v1_0.errors import ErrorCode
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import error_of, outcomes, told
from conformance.checks.videosdk._agent import (
    DISPATCH,
    advanced,
    is_success,
    option,
)

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_FIELD = constants.JoinField
_FIELDS: dict[str, tuple[type, ...]] = {
    _FIELD.ROOM_NAME: (str,),
    _FIELD.TOKEN: (str, dict),  # the journal shows what a token says
    _FIELD.PARTICIPANT_ID: (str, type(None)),
    _FIELD.SIGNALING_BASE_URL: (str, type(None)),
}
_MARGIN = 1.0
"""Seconds that an agent may take beyond its limit: timers are late, machines are busy."""


def _opening(trace: Trace) -> tuple[Record, Record] | None:
    """The first `open` and its answer."""
    return next(iter(outcomes(trace, "open")), None)


def _joined(trace: Trace) -> Record | None:
    return trace.first(kind="join", sender="client")


@check("VSD-DISP-001", role="client")
def posts_to_the_url_as_configured(trace: Trace) -> Findings:
    """The join request goes by POST, as JSON, to the dispatcher's URL exactly as configured."""
    configured = urlsplit(str(option(trace, constants.Endpoint.DISPATCH.base)))
    wanted = configured.path + (f"?{configured.query}" if configured.query else "")
    for request in _calls(trace):
        kind = request.headers.get(constants.Header.CONTENT_TYPE.lower(), "")
        if request.method != constants.Endpoint.DISPATCH.method:
            yield failed(request, f"the dispatcher was called by {request.method}, not by POST")
        elif request.target != wanted:
            yield failed(
                request, f"the agent called {request.target}; the configured URL says {wanted}"
            )
        elif kind.partition(";")[0].strip().lower() != constants.MediaType.JSON:
            yield failed(request, f"the body is {kind or 'of no type'}, not JSON")
        elif not _is_json(request):
            yield failed(request, "the body is not a JSON object")
        else:
            yield passed(request)


def _calls(trace: Trace) -> list[Record]:
    """The HTTP calls that are not the room service's."""
    rooms = constants.Endpoint.ROOMS.name
    return [request for request, _ in trace.http() if request.name != rooms]


def _is_json(request: Record) -> bool:
    try:
        return isinstance(json.loads(request.raw), dict)
    except (ValueError, RecursionError):
        return False


@check("VSD-DISP-002", role="client")
def says_everything(trace: Trace) -> Findings:
    """The join request has its four members, the signaling host null where none is meant."""
    for request, _ in trace.http(DISPATCH):
        body = request.data or {}
        missing = [name for name in _FIELDS if name not in body]
        wrong = [
            name
            for name, kinds in _FIELDS.items()
            if name in body and not isinstance(body[name], kinds)
        ]
        room = option(trace, "room_id")
        if missing:
            yield failed(request, f"the join request lacks {', '.join(missing)}")
        elif wrong:
            yield failed(request, f"of a wrong type in the join request: {', '.join(wrong)}")
        elif room is not None and body[_FIELD.ROOM_NAME] != room:
            yield failed(
                request,
                f"the join request names the room {body[_FIELD.ROOM_NAME]!r}, not {room!r}",
            )
        else:
            yield passed(request)


@check("VSD-DISP-003", role="client")
def needs_a_room_id(trace: Trace) -> Findings:
    """With a dispatcher and without a room id the agent fails before any request."""
    opening = _opening(trace)
    if opening is None or option(trace, "room_id") is not None:
        return
    command, answer = opening
    call = next(iter(_calls(trace)), None)
    if call is not None:
        yield failed(call, "the dispatcher was called although no room id is known", command)
    elif told(answer) != "error":
        yield failed(answer, "the start succeeded although no room id is known", command)
    elif error_of(answer).get("code") != ErrorCode.ROOM_ID_UNSET:
        code = error_of(answer).get("code")
        yield failed(
            answer, f"the error is {code!r}, not {str(ErrorCode.ROOM_ID_UNSET)!r}", command
        )
    else:
        yield passed(answer, command)


@check("VSD-DISP-004", role="client")
def takes_everything_else_for_a_failure(trace: Trace) -> Findings:
    """A status outside of 2xx, a redirection included, and no answer at all are failed starts."""
    opening = _opening(trace)
    if opening is None or not option(trace, constants.Endpoint.DISPATCH.base):
        return
    command, answer = opening
    calls = trace.http(DISPATCH)
    reply = calls[0][1] if calls else None
    if is_success(reply) or option(trace, "room_id") is None:
        return
    status = reply.status if reply is not None else None
    seen = f"HTTP {status}" if status is not None else "no answer"
    wanted: dict[str, Any] = (
        {"code": str(ErrorCode.DISPATCH_UNREACHABLE)}
        if status is None
        else {"code": str(ErrorCode.DISPATCH_REFUSED), "http_status": status}
    )
    error = error_of(answer)
    if len(calls) > 1 and status is not None and _redirects(status):
        yield failed(calls[1][0], f"the agent followed the redirection of {seen}", calls[0][0])
    elif told(answer) != "error":
        yield failed(answer, f"the start succeeded after {seen} of the dispatcher", command)
    elif wrong := [name for name, value in wanted.items() if error.get(name) != value]:
        shown = ", ".join(f"{name} {error.get(name)!r}, not {wanted[name]!r}" for name in wrong)
        yield failed(answer, f"after {seen} the error reports {shown}", command)
    else:
        yield passed(answer, command)


def _redirects(status: int) -> bool:
    return 300 <= status < 400  # noqa: PLR2004 - the class of status codes


@check("VSD-DISP-005", role="client")
def takes_any_success(trace: Trace) -> Findings:
    """Any 2xx starts the session, whatever the body."""
    opening = _opening(trace)
    for _, reply in trace.http(DISPATCH):
        if opening is None or reply is None or not is_success(reply):
            continue
        command, answer = opening
        if told(answer) == "error":
            code = error_of(answer).get("code")
            body = f"with the body {reply.raw[:40]!r}" if reply.raw else "without a body"
            yield failed(answer, f"HTTP {reply.status} {body} failed the start: {code}", reply)
        else:
            yield passed(answer, command, reply)


@check("VSD-DISP-006", role="client")
def calls_nobody_without_a_dispatcher(trace: Trace) -> Findings:
    """Without a dispatcher URL nobody is called, and the agent goes on."""
    opening = _opening(trace)
    if opening is None or option(trace, constants.Endpoint.DISPATCH.base):
        return
    command, answer = opening
    call = next(iter(_calls(trace)), None)
    if call is not None:
        yield failed(call, "the agent called a dispatcher; none is configured", command)
    elif told(answer) != "done":
        yield failed(answer, "the start failed, because no dispatcher is configured", command)
    else:
        yield passed(answer, command)


@check("VSD-DISP-007", role="client")
def bounds_the_call_and_does_not_repeat_it(trace: Trace) -> Findings:
    """The call ends by itself after 5 s, and is not repeated."""
    calls = trace.http(DISPATCH)
    if not calls:
        return
    request, reply = calls[0]
    if len(calls) > 1:
        yield failed(calls[1][0], "the dispatcher was called again", request)
    elif reply is not None:
        yield passed(request)
    else:
        limit = constants.Timeout.DISPATCH + _MARGIN
        opening = _opening(trace)
        if opening is None:
            last = trace.records[-1]
            lived = advanced(trace, request, last)
            if lived >= limit:
                yield failed(request, f"the agent still waits for the dispatcher after {lived:g} s")
        else:
            yield passed(opening[1], request)


@check("VSD-DISP-011", role="client")
def dispatches_before_it_joins(trace: Trace) -> Findings:
    """The dispatcher is called before the agent joins the room."""
    joined = _joined(trace)
    for request, _ in trace.http(DISPATCH):
        if joined is not None and joined.seq < request.seq:
            yield failed(request, "the agent called the dispatcher after it had joined", joined)
        elif joined is not None:
            yield passed(request, joined)


@check("VSD-ERR-004", role="client")
def does_not_start_without_its_worker(trace: Trace) -> Findings:
    """A failure of the dispatcher fails the start: the agent does not join."""
    opening = _opening(trace)
    calls = trace.http(DISPATCH)
    if opening is None or not option(trace, constants.Endpoint.DISPATCH.base):
        return
    if option(trace, "room_id") is None or (calls and is_success(calls[0][1])):
        return
    command, answer = opening
    joined = _joined(trace)
    if told(answer) != "error":
        yield failed(answer, "the start succeeded although the dispatcher failed", command)
    elif joined is not None:
        yield failed(joined, "the agent joined although the dispatcher failed", answer)
    else:
        yield passed(answer, command)
