"""REST: starting a session, and what an agent makes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.errors import CODES
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import error_of, option, outcomes, told
from conformance.checks.liveavatar._common import (
    START,
    is_success,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_AUTHORIZATION = constants.Header.AUTHORIZATION.lower()
_SANDBOX = constants.Header.SANDBOX.lower()


@check("LAC-AUTH-001", role="client")
def start_is_posted_with_the_key(trace: Trace) -> Findings:
    """POST to base + path, the API key as bearer token."""
    endpoint = constants.Endpoint.SESSION_START
    for request, _ in trace.http(START):
        token = request.headers.get(_AUTHORIZATION, "")
        scheme, _, credential = token.partition(" ")
        path = request.target.partition("?")[0]
        if request.method != endpoint.method or not path.endswith(endpoint.path):
            yield failed(
                request,
                f"the session is started by {request.method} {path}, not by "
                f"{endpoint.method} <base>{endpoint.path}",
            )
        elif scheme.lower() != constants.HeaderValue.BEARER_PREFIX.strip().lower():
            yield failed(request, f"the start has no bearer token: {token or 'no header'!r}")
        elif credential.strip() != "‹api_key›":
            yield failed(request, "the bearer token of the start is not the API key")
        else:
            yield passed(request)


@check("LAC-AUTH-002", role="client")
def start_names_the_avatar(trace: Trace) -> Findings:
    """The body has ``avatarId``; ``voiceId`` only if a voice was chosen."""
    command = next(iter(trace.commands("open")), None)
    if command is None:
        return
    credentials = members_of((command.data or {}).get("credentials"))
    voice = option(trace, "voice_id")
    for request, _ in trace.http(START):
        body = request.data or {}
        if body.get("avatarId") != credentials.get("avatar_id"):
            yield failed(
                request,
                f"the start names the avatar {body.get('avatarId')!r}, "
                f"not {credentials.get('avatar_id')!r}",
            )
        elif voice is None and "voiceId" in body:
            yield failed(
                request, f"no voice was chosen, yet the start has voiceId {body['voiceId']!r}"
            )
        elif voice is not None and body.get("voiceId") != voice:
            yield failed(
                request, f"the start has voiceId {body.get('voiceId')!r}, chosen was {voice!r}"
            )
        else:
            yield passed(request)


@check("LAC-AUTH-003", role="client")
def sandbox_header(trace: Trace) -> Findings:
    """The sandbox header in sandbox mode and not otherwise."""
    if not trace.commands("open"):
        return
    wanted = constants.HeaderValue.SANDBOX if option(trace, "sandbox") else None
    for request, _ in trace.http(START):
        found = request.headers.get(_SANDBOX)
        if found == wanted:
            yield passed(request)
        elif wanted is None:
            yield failed(
                request, f"the session is no sandbox session, yet {_SANDBOX}: {found} was sent"
            )
        else:
            yield failed(request, f"{_SANDBOX} is {found!r}, sandbox mode asks for {wanted!r}")


@check("LAC-AUTH-006", role="client")
def no_url_no_session(trace: Trace) -> Findings:
    """A reply without ``agentWsUrl`` ends the start by an error."""
    for request, reply in trace.http(START):
        if reply is None or _url_in(reply):
            continue
        for _, answer in outcomes(trace, "open"):
            if answer.seq < request.seq:
                continue
            if told(answer) == "done":
                yield failed(answer, "the start succeeded, but the reply had no agentWsUrl", reply)
            elif trace.sockets():
                yield failed(
                    trace.sockets()[0].upgrade,
                    "the reply had no agentWsUrl, yet the agent dialled a WebSocket",
                    reply,
                )
            elif (code := trace.expect.get("code")) and error_of(answer).get("code") != code:
                yield failed(
                    answer, f"the error is {error_of(answer).get('code')!r}, not {code!r}", reply
                )
            else:
                yield passed(answer)


def _url_in(reply: Record) -> bool:
    return bool(members_of((reply.data or {}).get("data")).get("agentWsUrl"))


@check("LAC-AUTH-007", role="client")
def bad_status_is_a_transport_error(trace: Trace) -> Findings:
    """A status outside of 2xx is reported with that status, the body not interpreted."""
    for request, reply in trace.http(START):
        if reply is None or reply.status is None or is_success(reply):
            continue
        for _, answer in outcomes(trace, "open"):
            if answer.seq < request.seq:
                continue
            error = error_of(answer)
            if told(answer) != "error":
                yield failed(answer, f"the start got HTTP {reply.status} and succeeded", reply)
            elif error.get("http_status") != reply.status:
                yield failed(
                    answer,
                    f"the start got HTTP {reply.status}, the error reports "
                    f"{error.get('http_status')}",
                    reply,
                )
            elif error.get("code") != trace.expect.get("code", error.get("code")):
                yield failed(
                    answer,
                    f"the start got HTTP {reply.status}; the error must be "
                    f"{trace.expect['code']}, whatever the body says, not {error.get('code')}",
                    reply,
                )
            else:
                yield passed(answer)


@check("LAC-AUTH-008", role="client")
def refusals_keep_number_and_message(trace: Trace) -> Findings:
    """A code other than 0 is an error with that number, its class, and the message."""
    refusals = [reply for _, reply in trace.http(START) if reply is not None and _refused(reply)]
    for _, answer in outcomes(trace, "open"):
        before = [reply for reply in refusals if reply.seq < answer.seq]
        if not before:
            continue
        reply = before[-1]
        if told(answer) == "done":
            if _succeeded_after(trace, reply):
                yield passed(answer, reply, observed="retried until it succeeded")
            else:
                yield failed(answer, f"the start got {_shown(reply)} and succeeded", reply)
            continue
        problem = _difference(trace.expect, error_of(answer))
        if problem:
            yield failed(answer, f"the start got {_shown(reply)}; {problem}", reply)
        else:
            yield passed(answer, reply)


def _refused(reply: Record) -> bool:
    envelope = reply.data
    if envelope is None or not is_success(reply):
        return False
    code = envelope.get("code")
    return isinstance(code, bool) or not isinstance(code, int | float) or code != 0


def _succeeded_after(trace: Trace, refusal: Record) -> bool:
    return any(
        reply is not None and reply.seq > refusal.seq and not _refused(reply)
        for _, reply in trace.http(START)
    )


def _shown(reply: Record) -> str:
    envelope = reply.data or {}
    return f"code {envelope.get('code', 'none')!r}, message {envelope.get('message', 'none')!r}"


#: Member of the scenario's expectation -> what the error record must hold.
_KEPT = ("code", "server_code", "server_detail")


def _difference(expect: dict[str, Any], error: dict[str, Any]) -> str:
    for member in _KEPT:
        if member in expect and str(error.get(member)) != str(expect[member]):
            return f"{member} of the error must be {expect[member]!r}, not {error.get(member)!r}"
    return ""


@check("LAC-AUTH-010", role="client")
def only_capacity_is_retried(trace: Trace) -> Findings:
    """No further start follows a refusal that no retry can heal."""
    numbers = {row.number: row for row in CODES.values() if row.number is not None}
    calls = trace.http(START)
    opens = trace.commands("open")
    for index, (_, reply) in enumerate(calls):
        if reply is None or not _refused(reply):
            continue
        row = numbers.get((reply.data or {}).get("code", constants.ResultCode.MISSING))
        if row is None or row.retry:
            continue
        again = calls[index + 1][0] if index + 1 < len(calls) else None
        ordered = again is not None and any(reply.seq < o.seq < again.seq for o in opens)
        if again is not None and not ordered:
            yield failed(again, f"{row.code} cannot be healed, yet the start was repeated", reply)
        elif trace.answers("open"):
            yield passed(reply)
