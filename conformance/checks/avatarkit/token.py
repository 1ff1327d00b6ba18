"""The session token: the console call, what is made of its answers, where credentials go."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs, urlsplit

from avatar_protocols.avatarkit.v0_1_7.constants import (
    Endpoint,
    Header,
    MediaType,
    Query,
    TokenBody,
)
from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode, Phase
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import openings
from conformance.checks.avatarkit._errors import accepted, judged

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.checks.avatarkit._client import Opening
    from conformance.trace import Trace

API_KEY: Final = "‹api_key›"
OK: Final = 200


@check("AVK-AUTH-001", role="client", always=True)
def token_comes_first(trace: Trace) -> Findings:
    """No WebSocket without a token; a start without one is a local error without I/O."""
    granted = [reply for _, reply in trace.http(Endpoint.SESSION_TOKENS.name) if _is_token(reply)]
    for opening in openings(trace):
        held = any(reply.seq < opening.call.command.seq for reply in granted if reply is not None)
        for socket in opening.sockets:
            upgrade = socket.records[0]
            if any(reply.seq < upgrade.seq for reply in granted if reply is not None):
                yield passed(upgrade)
            else:
                yield failed(upgrade, "a WebSocket was opened before any session token was granted")
        if opening.setting("reuse_token") and not held and not opening.sockets:
            error = opening.call.error
            if opening.tokens:
                yield failed(opening.tokens[0][0], "a start without a token made a token call")
            elif error is not None and error.local:
                yield passed(error.record)
            elif opening.call.answer is not None:
                yield failed(
                    opening.call.answer,
                    f"a start without a token was answered by {error or opening.call.kind}, "
                    "not refused locally",
                )


def _is_token(reply: Record | None) -> bool:
    return reply is not None and reply.status == OK


@check("AVK-AUTH-002", role="client")
def console_address(trace: Trace) -> Findings:
    """Console base without trailing slashes, then the path of the token call."""
    for opening in openings(trace):
        base = opening.setting("console")
        if not base:
            continue
        wanted = urlsplit(str(base)).path.rstrip("/") + Endpoint.SESSION_TOKENS.path
        for request, _ in opening.tokens:
            path = request.target.partition("?")[0]
            if path == wanted and request.method == Endpoint.SESSION_TOKENS.method:
                yield passed(request)
            else:
                yield failed(
                    request,
                    f"the token call was {request.method} {path}, "
                    f"not {Endpoint.SESSION_TOKENS.method} {wanted}",
                )


@check("AVK-AUTH-003", role="client")
def api_key_and_type(trace: Trace) -> Findings:
    """The API key stands in its header, and the body is declared as JSON."""
    for request, _ in trace.http(Endpoint.SESSION_TOKENS.name):
        key = request.headers.get(Header.API_KEY.lower(), "")
        kind = request.headers.get(Header.CONTENT_TYPE.lower(), "").partition(";")[0]
        if key != API_KEY:
            yield failed(
                request, f"{Header.API_KEY} is {key or 'missing'}, not the configured API key"
            )
        elif kind.strip().lower() != MediaType.JSON:
            yield failed(
                request, f"{Header.CONTENT_TYPE} is {kind or 'missing'}, not {MediaType.JSON}"
            )
        else:
            yield passed(request)


@check("AVK-AUTH-004", role="client")
def expiry_is_whole_seconds(trace: Trace) -> Findings:
    """The expiry is a JSON integer; the fraction of the configured instant is cut off."""
    for opening in openings(trace):
        instant = opening.setting("expire_at")
        for request, _ in opening.tokens:
            value = (request.data or {}).get(TokenBody.EXPIRE_AT)
            if type(value) is not int:
                yield failed(
                    request, f"{TokenBody.EXPIRE_AT} is {value!r}, not an integer of Unix seconds"
                )
            elif instant is not None and value != math.floor(instant):
                yield failed(
                    request,
                    f"{TokenBody.EXPIRE_AT} is {value} for the instant {instant}; "
                    f"cut off it is {math.floor(instant)}",
                )
            else:
                yield passed(request)


def _failed_call(trace: Trace, rule: str) -> Findings:
    """The token call failed as ``expect.error`` says: code, phase, and HTTP status."""
    for error, wanted in judged(trace):
        codes = accepted(wanted)
        if error.code not in codes or error.phase != Phase.SESSION_TOKEN:
            yield failed(
                error.record,
                f"{rule}: reported {error}, not {' or '.join(codes)} "
                f"in phase {Phase.SESSION_TOKEN}",
            )
        elif "http_status" in wanted and error.get("http_status") != wanted["http_status"]:
            yield failed(
                error.record,
                f"{rule}: http_status is {error.get('http_status')}, not {wanted['http_status']}",
            )
        else:
            yield passed(error.record, observed=error.code if len(codes) > 1 else "")
    for opening in openings(trace):
        if opening.call.done and not opening.setting("reuse_token"):
            yield failed(opening.call.answer, f"{rule}: yet the client went on as if it had one")


@check("AVK-AUTH-006", role="client")
def only_200_succeeds(trace: Trace) -> Findings:
    """Every status but 200 fails the token call and is classified."""
    return _failed_call(trace, "a token call is granted by status 200 only")


@check("AVK-AUTH-007", role="client")
def errors_in_success(trace: Trace) -> Findings:
    """200 with errors fails; the first error's status counts where it is an integer."""
    return _failed_call(trace, f"a 200 reply with {TokenBody.ERRORS} has failed")


@check("AVK-AUTH-008", role="client")
def success_is_an_object(trace: Trace) -> Findings:
    """200 with anything but a JSON object is a protocolError."""
    return _failed_call(trace, "a 200 reply is a JSON object")


@check("AVK-AUTH-009", role="client")
def success_has_a_token(trace: Trace) -> Findings:
    """200 without a usable token fails; both readings of OP-4 are accepted and recorded."""
    return _failed_call(trace, f"a 200 reply holds a non-empty {TokenBody.SESSION_TOKEN}")


@check("AVK-AUTH-010", role="client")
def unanswered_call(trace: Trace) -> Findings:
    """No answer at all: connectionFailed without an HTTP status."""
    for opening in openings(trace):
        if not opening.tokens or opening.tokens[-1][1] is not None or opening.call.answer is None:
            continue
        error = opening.call.error
        if error is None:
            yield failed(opening.call.answer, "the token call got no answer, yet nothing failed")
        elif (error.code, error.phase) != (ErrorCode.CONNECTION_FAILED, Phase.SESSION_TOKEN):
            yield failed(
                error.record,
                f"the token call got no answer; reported {error}, "
                f"not {ErrorCode.CONNECTION_FAILED} in phase {Phase.SESSION_TOKEN}",
            )
        elif error.get("http_status") is not None:
            yield failed(
                error.record, f"there was no answer, yet http_status is {error.get('http_status')}"
            )
        else:
            yield passed(error.record)


@check("AVK-AUTH-011", role="client", always=True)
def api_key_stays_at_home(trace: Trace) -> Findings:
    """The API key appears nowhere on the WebSocket."""
    for socket in trace.sockets():
        leak = next((r for r in socket.records if r.sender == "client" and _shows_key(r)), None)
        if leak is not None:
            yield failed(leak, f"the API key is in the client's {leak.kind.replace('_', ' ')}")
        elif socket.upgrade is not None:
            yield passed(socket.upgrade)


def _shows_key(record: Record) -> bool:
    return API_KEY in record.target or _contains(record.headers) or _contains(record.data)


def _contains(value: Any) -> bool:  # noqa: ANN401 - any document
    if isinstance(value, dict):
        return any(map(_contains, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return any(map(_contains, cast("list[object]", value)))
    return isinstance(value, str) and API_KEY in value


_CALL_SETTINGS: Final = ("api_key", "console", "expire_at")


@check("AVK-AUTH-012", role="client")
def incomplete_call_is_refused(trace: Trace) -> Findings:
    """Without API key, console base or expiry: a local refusal, and no call."""
    for opening in openings(trace):
        missing = [name for name in _CALL_SETTINGS if opening.setting(name, "set") is None]
        if not missing or opening.call.answer is None:
            continue
        error = opening.call.error
        if opening.tokens:
            yield failed(opening.tokens[0][0], f"the token call was made without {missing[0]}")
        elif error is None or not error.local:
            yield failed(
                opening.call.answer,
                f"without {missing[0]} the answer is {error or opening.call.kind}, "
                "not a local refusal",
            )
        else:
            yield passed(error.record)


@check("AVK-AUTH-013", role="client", always=True)
def one_variant_of_credentials(trace: Trace) -> Findings:
    """An upgrade has its credentials in headers or, if told so, in the query; never in both."""
    for opening in openings(trace):
        for socket in opening.sockets:
            if socket.upgrade is not None:
                yield _variant(opening, socket.upgrade)


def _variant(opening: Opening, upgrade: Record) -> Any:  # noqa: ANN401 - a Finding
    query = parse_qs(urlsplit(upgrade.target).query)
    by_header = {Header.APP_ID.lower(), Header.SESSION_KEY.lower()} & set(upgrade.headers)
    by_query = {Query.APP_ID, Query.SESSION_KEY} & set(query)
    told = opening.setting("auth", "header")
    if by_header and by_query:
        return failed(
            upgrade,
            f"credentials stand in headers {sorted(by_header)} and query {sorted(by_query)}",
        )
    used = "header" if by_header else "query" if by_query else "nothing"
    if used != told:
        return failed(upgrade, f"credentials stand in {used}, although {told} is configured")
    return passed(upgrade)
