"""The dispatcher: which join requests it takes, and when it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_DISPATCH: Final = constants.Endpoint.DISPATCH.name
_FIELD: Final = constants.JoinField
_SUCCESS: Final = range(200, 300)
_SIMULTANEOUS: Final = 0.1
"""Seconds by which a join may seem to come before the answer that it did not wait for."""


@check("VSD-AUTH-009", role="server")
def bad_tokens_are_refused(trace: Trace) -> Findings:
    """A token that is expired or not validly signed starts nothing."""
    if not trace.expect.get("fault"):
        return
    for request, reply in trace.http(_DISPATCH):
        if reply is None:
            continue
        joined = next(iter(_joins(trace, request)), None)
        if reply.status in _SUCCESS:
            yield failed(reply, f"a token that is {trace.expect['fault']} was accepted", request)
        elif joined is not None:
            yield failed(joined, "the request was refused, and a worker joined", reply)
        else:
            yield passed(reply, request)


@check("VSD-DISP-008", role="server")
def requests_are_read_tolerantly(trace: Trace) -> Findings:
    """Unknown members and a null signaling host are accepted."""
    known = {value for name, value in vars(_FIELD).items() if name.isupper()}
    for request, reply in trace.http(_DISPATCH):
        body = members_of(request.data)
        unknown = body.keys() - known
        if reply is None or (body.get(_FIELD.SIGNALING_BASE_URL, "") is not None and not unknown):
            continue
        if reply.status in _SUCCESS:
            yield passed(reply, request)
        else:
            what = f"the member {min(unknown)}" if unknown else f"{_FIELD.SIGNALING_BASE_URL} null"
            yield failed(reply, f"HTTP {reply.status} for a join request with {what}", request)


@check("VSD-DISP-009", role="server")
def the_answer_does_not_wait(trace: Trace) -> Findings:
    """2xx when the start is accepted, not when the worker is there."""
    for request, reply in trace.http(_DISPATCH):
        if reply is None or reply.status not in _SUCCESS:
            continue
        join = next(iter(_joins(trace, request)), None)
        if reply.time - request.time > constants.Timeout.DISPATCH:
            yield failed(
                reply, f"the agent gives up after {constants.Timeout.DISPATCH:g} s", request
            )
        elif join is not None and join.time < reply.time - _SIMULTANEOUS:
            yield failed(reply, "the answer came when the worker had joined", join, request)
        else:
            yield passed(reply, request)


@check("VSD-DISP-010", role="server")
def repetition_starts_nothing(trace: Trace) -> Findings:
    """The same room and participant again: 2xx, and no second worker."""
    first: dict[tuple[str, str], Record] = {}
    for request, reply in trace.http(_DISPATCH):
        body = members_of(request.data)
        key = (str(body.get(_FIELD.ROOM_NAME)), str(body.get(_FIELD.PARTICIPANT_ID)))
        if key not in first:
            first[key] = request
            continue
        joins = _joins(trace, first[key])
        if reply is None:
            continue
        if reply.status not in _SUCCESS:
            yield failed(reply, f"HTTP {reply.status} for a repeated join request", request)
        elif len(joins) > 1:
            yield failed(joins[1], "a second worker joined for a repeated join request", request)
        elif joins:
            yield passed(reply, joins[0])


def _joins(trace: Trace, request: Record) -> list[Record]:
    """The workers' joins behind a join request."""
    joins = [join for room in trace.rooms() for join in room.joins]
    return [j for j in joins if j.seq > request.seq and not members_of(j.data).get("probe")]
