"""Heartbeat, reconnecting, and how a session ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import error_of, option, outcomes, told
from conformance.checks.liveavatar._common import (
    START,
    STOP,
    AgentTime,
    data_of,
    has_adapter,
    texts,
)

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_AUTHORIZATION = constants.Header.AUTHORIZATION.lower()
#: Within a fifth of the interval, a ping is on time.
_TOLERANCE = 0.2
#: How long, in the agent's seconds, a redial would have come at the latest with default delays.
_PATIENCE = constants.Backoff.BASE * 2


@check("LAC-IDLE-001", role="client")
def pings_are_answered(trace: Trace) -> Findings:
    """Every ping of the platform is answered by a pong with its payload."""
    for socket in trace.sockets():
        pings = socket.where(kind="ping", sender="server")
        pongs = socket.where(kind="pong", sender="client")
        for ping in pings:
            if any(p.seq > ping.seq and p.raw == ping.raw for p in pongs):
                yield passed(ping)
            elif socket.end is None or any(p.seq > ping.seq for p in pongs):
                yield failed(ping, "the platform's ping was not answered by a pong of its payload")


@check("LAC-IDLE-002", role="client")
def pings_every_five_seconds(trace: Trace) -> Findings:
    """While a socket is open the agent pings it every 5 s."""
    interval = constants.Heartbeat.PING_INTERVAL
    time = AgentTime(trace)
    for socket in trace.sockets():
        opened = socket.first(kind="open")
        if opened is None or socket.end is not None:
            continue
        least, most = time.since(opened)
        pings = socket.where(kind="ping", sender="client")
        fewest = int(least / (interval * (1 + _TOLERANCE)))
        highest = int(most / (interval * (1 - _TOLERANCE))) + 1
        if fewest < 1:
            continue
        if not fewest <= len(pings) <= highest:
            yield failed(
                pings[-1] if pings else opened,
                f"{len(pings)} pings in {least:g} s; one every {interval:g} s makes "
                f"{fewest} to {highest}",
            )
        else:
            yield passed(*pings)


# --- reconnecting --------------------------------------------------------------------------------


def _dials(trace: Trace) -> list[Record]:
    return [s.upgrade for s in trace.sockets() if s.upgrade is not None]


def _lost(socket: Socket) -> Record | None:
    """How an open socket ended, if the platform's side ended it."""
    end = socket.end
    return end if socket.is_open and end is not None and end.sender == "server" else None


def _starts_between(trace: Trace, first: Record, last: Record) -> list[Record]:
    return [request for request, _ in trace.http(START) if first.seq < request.seq < last.seq]


@check("LAC-RECON-001", role="client")
def redials_only_if_told_to(trace: Trace) -> Findings:
    """A lost connection is dialled again only if reconnecting is on; by default it is off."""
    wanted = option(trace, "reconnect")
    if not has_adapter(trace):
        return
    time = AgentTime(trace)
    enabled = constants.Default.RECONNECT if wanted is None else bool(wanted)
    for socket in trace.sockets():
        lost = _lost(socket)
        if lost is None:
            continue
        again = next((d for d in _dials(trace) if d.seq > lost.seq), None)
        waited, _ = time.since(lost)
        if again is not None and not enabled and not _reopened(trace, lost, again):
            yield failed(again, "the lost connection was dialled again, unasked", lost)
        elif again is not None and enabled:
            yield passed(again, lost)
        elif again is None and not enabled and waited > _PATIENCE:
            yield passed(lost)


def _reopened(trace: Trace, lost: Record, again: Record) -> bool:
    return any(lost.seq < command.seq < again.seq for command in trace.commands("open"))


@check("LAC-RECON-002", role="client")
def redials_as_configured(trace: Trace) -> Findings:
    """The same URL, no new start, after min(base x 2^n, max) seconds."""
    if not option(trace, "reconnect"):
        return
    base = option(trace, "reconnect_base_delay")
    longest = option(trace, "reconnect_max_delay")
    base = constants.Backoff.BASE if base is None else float(base)
    longest = constants.Backoff.MAX if longest is None else float(longest)
    time = AgentTime(trace)
    before: Record | None = None
    failures = 0
    first: Record | None = None
    for socket in trace.sockets():
        upgrade = socket.upgrade
        if upgrade is None:
            continue
        first = upgrade if first is None else first
        if before is not None:
            wanted = min(base * constants.Backoff.FACTOR**failures, longest)
            least, most = time.between(before, upgrade)
            if upgrade.target != first.target:
                yield failed(
                    upgrade, f"the agent redialled {upgrade.target}, not {first.target}", first
                )
            elif starts := _starts_between(trace, before, upgrade):
                yield failed(starts[0], "the agent started a new session to reconnect", before)
            elif not least <= wanted <= most:
                yield failed(
                    upgrade,
                    f"redial {failures + 1} came {least:g} to {most:.1f} s after "
                    f"the connection was lost or refused; the delay is {wanted:g} s",
                    before,
                )
            else:
                yield passed(upgrade)
        if socket.is_open:
            failures, before = 0, _lost(socket)
        else:
            failures = failures + 1 if before is not None else 0
            before = socket.response or socket.first(kind="reset") if before is not None else None


@check("LAC-RECON-004", role="client")
def first_connect_is_not_retried(trace: Trace) -> Findings:
    """A failed first connect is reported, not repeated."""
    sockets = trace.sockets()
    if not sockets or sockets[0].is_open or sockets[0].upgrade is None:
        return
    refused = sockets[0].upgrade
    status = sockets[0].response.status if sockets[0].response is not None else None
    for command, answer in outcomes(trace, "open"):
        repeated = [s.upgrade for s in sockets[1:] if s.upgrade and s.upgrade.seq > command.seq]
        error = error_of(answer)
        if repeated and not _starts_between(trace, refused, trace.records[-1]):
            yield failed(repeated[0], "the first connect failed and was repeated", refused)
        elif told(answer) != "error":
            yield failed(answer, "the first connect failed, and no error was reported", refused)
        elif error.get("code") != trace.expect.get("code", error.get("code")):
            yield failed(
                answer,
                f"the refused connect was reported as {error.get('code')}, it is "
                f"{trace.expect['code']}",
                refused,
            )
        elif status is not None and error.get("http_status") != status:
            yield failed(
                answer,
                f"the upgrade was answered by HTTP {status}, the error reports "
                f"{error.get('http_status')}",
                refused,
            )
        else:
            yield passed(answer)


@check("LAC-RECON-005", role="client")
def no_redial_after_the_end(trace: Trace) -> Findings:
    """After session.closing or an own stop there is no redial."""
    time = AgentTime(trace)
    if not option(trace, "reconnect"):
        return
    ends = [
        *((r, r.name) for r in _of_platform(trace, MessageName.SESSION_CLOSING)),
        *((r, "its own stop") for r in trace.commands("close")),
    ]
    for end, what in ends:
        again = next((d for d in _dials(trace) if d.seq > end.seq), None)
        waited, _ = time.since(end)
        if again is not None:
            yield failed(again, f"the agent dialled again after {what}", end)
        elif waited > _PATIENCE:
            yield passed(end)


def _of_platform(trace: Trace, name: MessageName) -> list[Record]:
    return texts(trace.records, "server", name)


# --- ends ----------------------------------------------------------------------------------------


def _session_id(trace: Trace) -> str | None:
    for _, reply in trace.http(START):
        found = data_of(reply, "sessionId") if reply is not None else None
        if isinstance(found, str):
            return found
    return None


@check("LAC-CLOSE-002", role="client")
def stop_closes_and_calls(trace: Trace) -> Findings:
    """Stop closes the WebSocket, then calls the stop endpoint; a failure there is not raised."""
    session = _session_id(trace)
    for command, answer in list(outcomes(trace, "close"))[:1]:
        stopped = any(request.seq < command.seq for request, _ in trace.http(STOP))
        if session is None or stopped:
            return
        calls = [request for request, _ in trace.http(STOP) if request.seq > command.seq]
        if not calls:
            yield failed(answer, "the session was stopped without a call of the stop endpoint")
            continue
        problem = _stop_fault(trace, calls[0], session)
        if problem:
            yield failed(calls[0], problem)
        elif told(answer) == "error":
            yield failed(answer, "a failure of the stop was raised; it is for the log only")
        else:
            yield passed(calls[0])


def _stop_fault(trace: Trace, call: Record, session: str) -> str:
    wanted = constants.Endpoint.SESSION_STOP
    start = next((request for request, _ in trace.http(START)), call)
    still_open = [
        s for s in trace.sockets() if s.is_open and (s.end is None or s.end.seq > call.seq)
    ]
    named = (call.data or {}).get("sessionId")
    if call.method != wanted.method:
        return f"the stop endpoint was called by {call.method}, not {wanted.method}"
    if named != session:
        return f"the stop names session {named!r}, started was {session!r}"
    if call.headers.get(_AUTHORIZATION) != start.headers.get(_AUTHORIZATION):
        return "the stop does not carry the API key of the start"
    if still_open:
        return "the stop endpoint was called before the WebSocket was closed"
    return ""


@check("LAC-CLOSE-003", role="client")
def a_second_stop_is_harmless(trace: Trace) -> Findings:
    """Stopping again succeeds and dials nothing."""
    closes = outcomes(trace, "close")
    for command, answer in closes[1:]:
        dialled = next((d for d in _dials(trace) if d.seq > command.seq), None)
        if told(answer) == "error":
            yield failed(answer, f"a second stop failed: {error_of(answer).get('message')}")
        elif dialled is not None:
            yield failed(dialled, "a second stop made the agent dial")
        elif told(answer) == "done":
            calls = len(trace.http(STOP))
            yield passed(answer, observed=f"{calls} calls of the stop endpoint")


@check("LAC-CLOSE-004", role="client")
def every_end_is_reported(trace: Trace) -> Findings:
    """Every end of the socket is reported, with code and reason."""
    for socket in trace.sockets():
        lost = _lost(socket)
        ready = texts(socket.records, "client", MessageName.SESSION_READY)
        if lost is None or not ready or not has_adapter(trace):
            continue
        event = next((e for e in trace.events("closed") if e.seq > lost.seq), None)
        if event is None:
            yield failed(lost, f"the end of the socket, {_shown(lost)}, was not reported")
            continue
        data = event.data or {}
        codes = {lost.code} if lost.kind == "close" else {None, constants.CloseCode.ABNORMAL}
        if data.get("code") not in codes:
            yield failed(
                event,
                f"the socket ended by {_shown(lost)}, reported is code {data.get('code')}",
                lost,
            )
        elif lost.kind == "close" and (data.get("reason") or "") != lost.reason:
            yield failed(
                event,
                f"the socket ended with reason {lost.reason!r}, reported is {data.get('reason')!r}",
                lost,
            )
        else:
            yield passed(event, lost)


def _shown(end: Record) -> str:
    return f"close {end.code} {end.reason}".strip() if end.kind == "close" else "a lost connection"


@check("LAC-CLOSE-005", role="client")
def failed_handshakes_stop_the_session(trace: Trace) -> Findings:
    """A session whose handshake failed is stopped on the platform."""
    session = _session_id(trace)
    opened = [s for s in trace.sockets() if s.is_open]
    failures = [answer for _, answer in outcomes(trace, "open") if told(answer) == "error"]
    if session is None or not opened or not failures:
        return
    calls = [request for request, _ in trace.http(STOP)]
    if any((call.data or {}).get("sessionId") == session for call in calls):
        yield passed(calls[0], failures[0])
    else:
        yield failed(
            failures[0],
            f"the handshake failed, and session {session} was left running: the stop "
            "endpoint was not called",
        )
