"""Requests: whose are let in, what is asked of them, and what makes no difference."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from avatar_protocols.aiavatar.v0_7 import constants, messages, rest
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._server import CHAT, Answer, asked, data_of, header, metadata_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Trace

_RIGHT_KEY = f"{constants.HeaderValue.BEARER_PREFIX}‹api_key›"
_HTTP_MEMBERS = frozenset(rest.ChatRequest.__struct_fields__)
_INVOKE_MEMBERS = frozenset(
    {messages.InvokeRequest.__struct_config__.tag_field, *messages.InvokeRequest.__struct_fields__}
)


def _is_admitted(request: Record) -> bool:
    return header(request, constants.Header.AUTHORIZATION) == _RIGHT_KEY


@check("AIA-AUTH-002", role="server")
def only_the_right_key_is_let_in(trace: Trace) -> Findings:
    """Without the right key: 401, and a JSON object whose detail says so."""
    for request, reply in trace.http():
        if reply is None:
            continue
        if _is_admitted(request):
            if reply.status == HTTPStatus.UNAUTHORIZED:
                yield failed(reply, "the right key was refused", request)
        elif reply.status != HTTPStatus.UNAUTHORIZED:
            yield failed(
                reply, f"a request without the right key was answered with {reply.status}", request
            )
        elif not isinstance(data_of(reply, "detail"), str):
            yield failed(reply, "the refusal is no JSON object with a detail", request)
        else:
            yield passed(request, reply)


@check("AIA-AUTH-007", role="server")
def the_key_is_looked_at_first(trace: Trace) -> Findings:
    """A stranger's request is refused for its key, whatever else is wrong with it."""
    for request, reply in trace.http(CHAT):
        if reply is None or _is_admitted(request):
            continue
        if reply.status == HTTPStatus.UNAUTHORIZED:
            yield passed(request, reply)
        else:
            yield failed(
                reply,
                f"a stranger was told {reply.status} about the rest of the request before the "
                "key was looked at",
                request,
            )


@check("AIA-REQ-002", role="server")
def a_turn_needs_a_session(trace: Trace) -> Findings:
    """A turn without session_id, or with an empty one: 400, and an object whose error says so."""
    for request, reply in trace.http(CHAT):
        if reply is None or request.data is None or data_of(request, "session_id"):
            continue
        if reply.status != HTTPStatus.BAD_REQUEST:
            yield failed(
                reply, f"a turn without session_id was answered with {reply.status}", request
            )
        elif not isinstance(data_of(reply, "error"), str):
            yield failed(reply, "the refusal is no JSON object with an error", request)
        else:
            yield passed(request, reply)


@check("AIA-REQ-003", role="server")
def faults_are_listed(trace: Trace) -> Findings:
    """What is no request: 422, and the list of faults."""
    for request, reply in trace.http(CHAT):
        if reply is None:
            continue
        detail = data_of(reply, "detail")
        if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            yield failed(
                reply, f"what is no request was answered with {reply.status}, not 422", request
            )
        elif not isinstance(detail, list) or not detail:
            yield failed(reply, "the refusal has no list of faults as its detail", request)
        else:
            yield passed(request, reply)


def _served(trace: Trace, request: Record, answer: Answer | None, what: str) -> Finding:
    """Whether a turn was answered to its end."""
    if answer is not None and answer.complete:
        return passed(request, answer.start, answer.end)
    reply = next((b for a, b in trace.http(CHAT) if a.seq == request.seq), None)
    seen = "never answered" if reply is None else f"answered with {reply.status} and no answer"
    if answer is not None:
        seen = "not answered to its end"
    return failed(request, f"a turn {what} was {seen}", reply)


@check("AIA-REQ-004", role="server")
def unknown_members_are_passed_over(trace: Trace) -> Findings:
    """A turn with members that nobody knows is served like any other."""
    for request, answer in asked(trace):
        known = _HTTP_MEMBERS if request.name == CHAT else _INVOKE_MEMBERS
        odd = (request.data or {}).keys() - known
        if odd:
            yield _served(trace, request, answer, f"with the unknown {', '.join(sorted(odd))}")


@check("AIA-REQ-005", role="server")
def text_wins_over_audio(trace: Trace) -> Findings:
    """Where a request carries both, the text is what was said."""
    for request, answer in asked(trace):
        text = data_of(request, "text")
        if not text or not data_of(request, "audio_data"):
            continue
        start = None if answer is None else answer.start
        understood = metadata_of(start).get(constants.MetadataKey.REQUEST_TEXT)
        if start is None:
            yield failed(request, "a turn of text and audio was not answered")
        elif understood != text:
            yield failed(
                start, f"of text and audio, {understood!r} was understood, not {text!r}", request
            )
        else:
            yield passed(request, start)


@check("AIA-REQ-007", role="server")
def any_type_is_served(trace: Trace) -> Findings:
    """Over HTTP the type of a request makes no difference."""
    for request, answer in asked(trace):
        kind = data_of(request, "type")
        if request.name == CHAT and kind != constants.RequestType.START:
            yield _served(trace, request, answer, f"of type {kind!r}")


@check("AIA-REQ-008", role="server")
def nothing_is_answered_with_nothing(trace: Trace) -> Findings:
    """A turn without text, audio and files: start and an empty final."""
    for request, answer in asked(trace):
        if any(data_of(request, name) for name in ("text", "audio_data", "files")):
            continue
        if answer is None or answer.start is None or answer.end is None:
            yield failed(request, "a turn without content was not answered by start and final")
            continue
        yield from _empty(answer)


def _empty(answer: Answer) -> Iterator[Finding]:
    end = answer.end
    if answer.events:
        yield failed(answer.events[0], "a turn without content was answered with content")
    elif end is None or end.name != constants.EventType.FINAL:
        yield failed(end, "a turn without content did not end in final")
    elif data_of(end, "text") or data_of(end, "voice_text"):
        yield failed(end, f"the final of a turn without content says {_words(end)!r}")
    else:
        yield passed(answer.start, end)


def _words(record: Record) -> Any:  # noqa: ANN401 - any JSON value
    return data_of(record, "text") or data_of(record, "voice_text")
