"""Trying again: how often, where, when, and what is said in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    NEWER,
    candidates_before,
    dialect_of,
    host_of,
    query_of,
)
from conformance.checks.commands import error_of, option, outcomes, told

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace


@check("AKO-RETRY-001", role="client")
def no_more_attempts_than_configured(trace: Trace) -> Findings:
    """Failed connections only, and not for ever."""
    of = dialect_of(trace).constants
    chosen = option(trace, "max_attempts")
    limit: int = of.Retry.ATTEMPTS if chosen is None else chosen
    for command, answer in outcomes(trace, "open"):
        tried = [
            socket.upgrade
            for socket in trace.sockets()
            if socket.upgrade is not None and command.seq < socket.upgrade.seq
        ]
        failures = [reply for _, reply in trace.http() if reply is not None and not tried]
        again = [r for r, _ in trace.http() if failures and r.seq > failures[0].seq]
        if len(tried) > limit:
            yield failed(tried[limit], f"{len(tried)} attempts; no more than {limit} are allowed")
        elif again:
            yield failed(again[0], "a failed discovery is tried again", failures[0])
        elif tried or failures:
            yield passed(answer)


@check("AKO-RETRY-002", role="client")
def used_up_attempts(trace: Trace) -> Findings:
    """A retry error with the number of attempts and the last cause."""
    of = dialect_of(trace)
    code = of.errors.ErrorCode.RETRIES_EXHAUSTED
    attempts = [socket for socket in trace.sockets() if socket.upgrade is not None]
    if not attempts or any(socket.is_open for socket in attempts):
        return
    status = attempts[-1].response.status if attempts[-1].response is not None else None
    for _, answer in outcomes(trace, "open"):
        error = error_of(answer)
        words = str(error.get("message", ""))
        if error.get("code") != code:
            found = error.get("code") or told(answer)
            yield failed(answer, f"used-up attempts are reported as {found!r}, not {code!s}")
        elif str(len(attempts)) not in words:
            yield failed(answer, f"the error does not name the {len(attempts)} attempts: {words}")
        elif status is not None and str(status) not in f"{words} {error.get('http_status')}":
            yield failed(answer, f"the error does not name its last cause, HTTP {status}: {words}")
        else:
            yield passed(answer)


@check("AKO-RETRY-003", role="client")
def tries_another_instance(trace: Trace) -> Findings:
    """If there is another one."""
    failures = _failures(trace)
    for (socket, upgrade), (following, again) in zip(failures, _dialled(trace)[1:], strict=False):
        usable = {c.address for c in candidates_before(trace, upgrade) or [] if c.usable}
        if not usable - {host_of(socket)}:
            continue
        if host_of(following) == host_of(socket):
            others = ", ".join(sorted(usable - {host_of(socket)}))
            yield failed(
                again,
                f"{host_of(socket)} has failed and is tried again; there is {others}",
                upgrade,
            )
        else:
            yield passed(again, upgrade)


@check("AKO-RETRY-004", role="client")
def waits_between_attempts(trace: Trace) -> Findings:
    """Not before the clock has moved."""
    dialled = [upgrade for _, upgrade in _dialled(trace)]
    moved = next(iter(trace.commands("advance")), None)
    for (_, failure), again in zip(_failures(trace), dialled[1:], strict=False):
        waited = [c for c in trace.commands("advance") if failure.seq < c.seq < again.seq]
        earlier = moved is not None and moved.seq < failure.seq
        if waited or earlier:
            yield passed(again, failure)
        else:
            yield failed(again, "the next attempt follows at once; wait between attempts", failure)


@check("AKO-RETRY-005", role="client", revisions=NEWER)
def one_attempt_on_a_given_server(trace: Trace) -> Findings:
    """And its bare error."""
    exhausted = dialect_of(trace).errors.ErrorCode.RETRIES_EXHAUSTED
    if not option(trace, "server_url"):
        return
    attempts = [upgrade for _, upgrade in _dialled(trace)]
    for _, answer in outcomes(trace, "open"):
        if told(answer) != "error" or not attempts:
            continue
        if len(attempts) > 1:
            yield failed(attempts[1], "a second attempt on the one server that was given")
        elif error_of(answer).get("code") == exhausted:
            yield failed(answer, f"the error is {exhausted!s}; report the bare one")
        else:
            yield passed(answer)


@check("AKO-RETRY-006", role="client")
def reconnects_with_the_same_session(trace: Trace) -> Findings:
    """A fresh socket, the same session id, and the parameters again."""
    of = dialect_of(trace)
    opened = [s for s in trace.sockets() if s.is_open]
    if not option(trace, "reconnect") or len(opened) < 2:  # noqa: PLR2004 - a second one
        return
    ids = [_session_id(trace, socket) for socket in opened]
    for socket, found in list(zip(opened, ids, strict=True))[1:]:
        again = socket.first(kind="message", sender="client", name=of.parameters)
        if found != ids[0]:
            yield failed(socket.upgrade, f"the session id is {found!r} now; it was {ids[0]!r}")
        elif again is not None:
            yield passed(again)
        elif any(c.seq > socket.records[0].seq for c in trace.commands("close")):
            yield failed(socket.upgrade, "connected again, and the parameters are not set")


def _session_id(trace: Trace, socket: Socket) -> str:
    name = getattr(dialect_of(trace).constants.Query, "SESSION_ID", "")
    return "" if socket.upgrade is None else query_of(socket.upgrade).get(name, "")


def _dialled(trace: Trace) -> list[tuple[Socket, Record]]:
    return [(s, s.upgrade) for s in trace.sockets() if s.upgrade is not None]


def _failures(trace: Trace) -> list[tuple[Socket, Record]]:
    """Attempts that did not lead to a confirmed connection."""
    greeting = dialect_of(trace).greeting
    return [
        (socket, upgrade)
        for socket, upgrade in _dialled(trace)
        if socket.first(kind="message", sender="server", name=greeting) is None
    ]
