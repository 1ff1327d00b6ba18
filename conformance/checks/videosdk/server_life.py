"""How the worker comes into the room and goes out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


@check("VSD-AUTH-007", role="server")
def the_worker_joins_as_it_was_told(trace: Trace) -> Findings:
    """The participant id of each join is the given one; with another the room takes no token."""
    given = _given(trace)
    if not given:
        return
    joined = _strangers(trace)
    for join in joined:
        if join.participant in given:
            yield passed(join)
        else:
            wanted = " or ".join(sorted(given))
            yield failed(join, f"{join.participant} joined; the worker was told to be {wanted}")
    if not joined:
        yield failed(None, f"no worker joined as {' or '.join(sorted(given))}")


@check("VSD-AUTH-008", role="server")
def attributes_are_not_needed(trace: Trace) -> Findings:
    """The worker joins without having been given attributes."""
    if not _given(trace):
        return
    joined = _strangers(trace)
    if joined:
        yield passed(*joined)
    else:
        yield failed(None, "no worker joined; nobody gives it attributes, so it can need none")


@check("VSD-LIFE-004", role="server")
def who_has_left_does_not_listen(trace: Trace) -> Findings:
    """A worker that was closed, or moved to another room, makes nothing of what is said here."""
    closing = next((step for step in trace.steps if _closes(step)), None)
    if closing is None:
        return
    said = [r for r in trace.messages("client") if r.seq > closing.seq]
    if not said:
        return
    heard = [
        r
        for r in trace.records
        if r.seq > said[0].seq
        and (
            (r.kind == "message" and r.sender == "server")
            or (r.kind == "event" and r.name in _HEARD)
        )
    ]
    if heard:
        yield failed(heard[0], "the worker still listens in a room that it has left", closing)
    else:
        yield passed(closing, said[0])


@check("VSD-LIFE-005", role="server")
def nothing_is_left_running(trace: Trace) -> Findings:
    """A worker that was closed has no tasks any more."""
    for record in trace.events("closed"):
        pending: Any = members_of(record.data).get("pending")
        if pending is None:
            continue
        if pending:
            yield failed(record, f"still running after the close: {', '.join(map(str, pending))}")
        else:
            yield passed(record)


def _given(trace: Trace) -> set[str]:
    """The identities that workers were given: by join requests, or by the adapter's ``serve``."""
    field, claim = constants.JoinField, constants.Claim
    found: set[object] = set()
    for request, reply in trace.http(constants.Endpoint.DISPATCH.name):
        if reply is None or reply.status is None or reply.status not in _SUCCESS:
            continue
        body = members_of(request.data)
        claims = members_of(members_of(body.get(field.TOKEN)).get("claims"))
        found.add(body.get(field.PARTICIPANT_ID) or claims.get(claim.PARTICIPANT_ID))
    for command in trace.commands("serve"):
        credentials = members_of(members_of(command.data).get("credentials"))
        found.add(credentials.get(field.PARTICIPANT_ID))
    return {identity for identity in found if isinstance(identity, str)}


def _strangers(trace: Trace) -> list[Record]:
    """The joins of whoever is not the probe's own."""
    joins = [join for room in trace.rooms() for join in room.joins]
    return [join for join in joins if not members_of(join.data).get("probe")]


def _closes(step: Record) -> bool:
    act = members_of(members_of(members_of(step.data).get("args")).get("act"))
    return step.name == "trigger" and bool(_LEAVING & act.keys())


_HEARD: Final = frozenset({"frame", "segment_end", "reset"})
_LEAVING: Final = frozenset({"worker_leaves", "worker_moves"})
_SUCCESS: Final = range(200, 300)
