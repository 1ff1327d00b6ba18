"""The key: where it travels, where it does not, and what a refused one means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.akool.v0_1_8_documented.constants import MessageType as DocumentedType
from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    API_KEY,
    DOCUMENTED,
    V2,
    answer_after,
    credential,
    dialect_of,
    payload_of,
)
from conformance.checks.commands import error_of, option, outcomes, told
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


@check("AKO-AUTH-001", role="client", revisions=V2)
def upgrade_carries_the_key(trace: Trace) -> Findings:
    """The API key in its header."""
    header = dialect_of(trace).constants.Header.API_KEY
    for socket in trace.sockets():
        if socket.upgrade is None:
            continue
        found = socket.upgrade.headers.get(header.lower())
        if found == API_KEY:
            yield passed(socket.upgrade)
        else:
            what = "has no" if found is None else "has another value in the"
            yield failed(socket.upgrade, f"the upgrade {what} header {header}")


@check("AKO-AUTH-002", role="client")
def empty_key(trace: Trace) -> Findings:
    """Refused before anything is sent."""
    yield from _refused_locally(trace, "api_key", "an empty API key")


@check("AKO-AUTH-003", role="client")
def empty_avatar(trace: Trace) -> Findings:
    """Refused before anything is sent."""
    yield from _refused_locally(trace, "avatar_id", "an empty avatar id")


def _refused_locally(trace: Trace, name: str, what: str) -> Findings:
    code = dialect_of(trace).errors.ErrorCode.AUTHENTICATION_FAILED
    for _, answer in outcomes(trace, "open"):
        if credential(trace, name) or (option(trace, name) is None and not _is_null(trace, name)):
            continue
        wire = next((r for r in trace.wire() if r.sender == "client"), None)
        found = error_of(answer).get("code")
        if wire is not None:
            yield failed(wire, f"something was sent with {what}")
        elif found != code:
            yield failed(answer, f"{what} is refused as {found or told(answer)!r}, not {code!s}")
        else:
            yield passed(answer)


def _is_null(trace: Trace, name: str) -> bool:
    command = next(iter(trace.commands("open")), None)
    return command is not None and name in members_of((command.data or {}).get("options"))


@check("AKO-AUTH-005", role="client")
def refused_at_discovery(trace: Trace) -> Findings:
    """HTTP 401 and code 4001 are an authentication error."""
    for request, reply in trace.http():
        if reply is not None and _refuses_key(trace, reply):
            yield from _authentication_error(trace, request, reply)


@check("AKO-AUTH-005.upgrade", role="client")
def refused_at_the_upgrade(trace: Trace) -> Findings:
    """HTTP 401 and 403 are an authentication error."""
    statuses = dialect_of(trace).constants.HandshakeStatus.AUTHENTICATION
    refused = [
        (socket.upgrade, socket.response)
        for socket in trace.sockets()
        if socket.response is not None and socket.response.status in statuses
    ]
    for upgrade, response in refused[:1]:
        if upgrade is not None:
            yield from _authentication_error(trace, upgrade, response)


def _authentication_error(trace: Trace, request: Record, reply: Record) -> Findings:
    code = dialect_of(trace).errors.ErrorCode.AUTHENTICATION_FAILED
    answer = answer_after(trace, "open", request)
    if answer is None:
        return
    found = error_of(answer).get("code")
    if found == code:
        yield passed(answer)
    else:
        yield failed(
            answer, f"a refused key is reported as {found or told(answer)!r}, not {code!s}", reply
        )


@check("AKO-AUTH-006", role="client")
def a_refused_key_is_not_tried_again(trace: Trace) -> Findings:
    """Neither another discovery call nor another upgrade."""
    refusal = next((r for r in trace.wire() if _is_refusal(trace, r)), None)
    if refusal is None or answer_after(trace, "open", refusal) is None:
        return
    requests = trace.where(kind=("http_request", "upgrade_request"))
    again = next((r for r in requests if r.seq > refusal.seq), None)
    if again is None:
        yield passed(refusal)
    else:
        yield failed(again, "the client tries again with a key that was refused", refusal)


def _is_refusal(trace: Trace, record: Record) -> bool:
    of = dialect_of(trace).constants
    if record.sender != "server":
        return False
    if record.kind == "http_response":
        return _refuses_key(trace, record)
    if record.kind == "upgrade_response":
        return record.status in of.HandshakeStatus.AUTHENTICATION
    if record.kind == "close":
        return bool(record.code == of.CloseCode.AUTHENTICATION)
    is_error = record.kind == "message" and record.name == of.MessageType.ERROR
    return is_error and payload_of(record).get("error_code") == of.ErrorNumber.AUTHENTICATION


def _refuses_key(trace: Trace, reply: Record) -> bool:
    number = dialect_of(trace).constants.ErrorNumber.AUTHENTICATION
    return reply.status == _UNAUTHORIZED or (reply.data or {}).get("code") == number


_UNAUTHORIZED = 401


@check("AKO-AUTH-008", role="client", always=True)
def no_key_in_urls(trace: Trace) -> Findings:
    """URLs are logged everywhere."""
    for request in trace.where(kind=("http_request", "upgrade_request"), sender="client"):
        if API_KEY in request.target:
            yield failed(request, "the API key stands in the URL; its place is the header")
        else:
            yield passed(request)


@check("AKO-AUTH-009", role="client", always=True, revisions=V2)
def no_auth_frame(trace: Trace) -> Findings:
    """The v2 dialect has none."""
    auth = DocumentedType.AUTH
    for socket in trace.sockets():
        messages = socket.messages("client")
        found = next((r for r in messages if r.name == auth), None)
        if found is not None:
            yield failed(found, "an auth frame, which is the documented dialect's")
        elif messages:
            yield passed(messages[0])


@check("AKO-AUTH-010", role="client", revisions=DOCUMENTED)
def auth_comes_first(trace: Trace) -> Findings:
    """The first frame is auth, with the key and the avatar."""
    auth = DocumentedType.AUTH
    for socket in trace.sockets():
        first = socket.first(kind="message", sender="client")
        if first is None:
            continue
        data = first.data or {}
        if first.name != auth:
            yield failed(first, f"the first frame is {first.name or 'unreadable'}, not {auth}")
        elif data.get("token") != API_KEY:
            yield failed(first, "the token of auth is not the API key")
        elif data.get("avatar_id") != credential(trace, "avatar_id"):
            yield failed(first, f"auth names the avatar {data.get('avatar_id')!r}")
        else:
            yield passed(first)
