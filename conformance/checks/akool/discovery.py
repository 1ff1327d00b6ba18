"""Discovery: what a client asks, and what it makes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    API_KEY,
    DOCUMENTED,
    NEWER,
    V2,
    answer_after,
    candidates_before,
    credential,
    dialect_of,
    host_of,
    query_of,
)
from conformance.checks.commands import error_of, option, outcomes, told
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

#: How many choices show whether they are left to chance: all alike once in some ten thousand times.
_CHOICES = 10


@check("AKO-DISC-001", role="client")
def asks_by_get(trace: Trace) -> Findings:
    """A GET without a body, at the fixed path, whatever path the configured URL has."""
    endpoint = dialect_of(trace).constants.Endpoint.SERVICE_STATUS
    for request, _ in trace.http():
        path = request.target.partition("?")[0]
        if (request.method, path) != (endpoint.method, endpoint.path):
            yield failed(
                request,
                f"discovery is asked by {request.method} {path}, "
                f"not by {endpoint.method} {endpoint.path}",
            )
        elif request.raw:
            yield failed(request, "the discovery call has a body")
        else:
            yield passed(request)


@check("AKO-DISC-002", role="client", revisions=V2)
def discovery_carries_the_key(trace: Trace) -> Findings:
    """The API key, as it is, in its header."""
    header = dialect_of(trace).constants.Header.API_KEY
    for request, _ in trace.http():
        found = request.headers.get(header.lower())
        if found == API_KEY:
            yield passed(request)
        else:
            what = "has no" if found is None else "has another value in the"
            yield failed(request, f"the discovery call {what} header {header}")


@check("AKO-DISC-003", role="client", revisions=V2)
def discovery_says_json(trace: Trace) -> Findings:
    """Content-Type application/json, although there is no body."""
    of = dialect_of(trace).constants
    for request, _ in trace.http():
        found = request.headers.get(of.Header.CONTENT_TYPE.lower(), "")
        if found.partition(";")[0].strip().lower() == of.MediaType.JSON:
            yield passed(request)
        else:
            yield failed(
                request,
                f"the {of.Header.CONTENT_TYPE} of the discovery call is "
                f"{found or 'absent'}, not {of.MediaType.JSON}",
            )


@check("AKO-DISC-004", role="client")
def test_environment(trace: Trace) -> Findings:
    """The group of the test environment, which is the default."""
    of = dialect_of(trace).constants
    if not trace.commands("open") or _environment(trace) != of.Environment.TEST:
        return
    for request, _ in trace.http():
        found = query_of(request).get(of.Query.GROUP_NAME)
        if found == of.Group.TEST:
            yield passed(request)
        else:
            yield failed(
                request,
                f"the test environment is asked for by {of.Query.GROUP_NAME}={of.Group.TEST}, "
                f"the call has {found!r}",
            )


@check("AKO-DISC-005", role="client")
def production_environment(trace: Trace) -> Findings:
    """No group in the production environment."""
    of = dialect_of(trace).constants
    if not trace.commands("open") or _environment(trace) != of.Environment.PROD:
        return
    for request, _ in trace.http():
        found = query_of(request).get(of.Query.GROUP_NAME)
        if found is None:
            yield passed(request)
        else:
            yield failed(request, f"the production environment was chosen, the call has {found!r}")


@check("AKO-DISC-006", role="client", revisions=NEWER)
def names_the_avatar(trace: Trace) -> Findings:
    """The wanted avatar in the query."""
    of = dialect_of(trace).constants
    wanted = credential(trace, "avatar_id")
    for request, _ in trace.http():
        found = query_of(request).get(of.Query.AVATAR_ID)
        if found == wanted:
            yield passed(request)
        else:
            yield failed(
                request,
                f"{of.Query.AVATAR_ID} of the discovery call is {found!r}, wanted is {wanted!r}",
            )


@check("AKO-DISC-010", role="client", revisions=V2)
def dials_usable_instances(trace: Trace) -> Findings:
    """Only instances that are healthy and available."""
    yield from _usable_only(trace, "healthy and available")


@check("AKO-DISC-102", role="client", revisions=DOCUMENTED)
def dials_active_services(trace: Trace) -> Findings:
    """Only services that are active."""
    yield from _usable_only(trace, "active")


def _usable_only(trace: Trace, words: str) -> Findings:
    for socket, upgrade in _dialled(trace):
        listed = candidates_before(trace, upgrade)
        if listed is None:
            continue
        found = [each for each in listed if each.address == host_of(socket)]
        if any(each.usable for each in found):
            yield passed(upgrade)
        elif found:
            yield failed(upgrade, f"{host_of(socket)} was dialled, which is not {words}")
        else:
            yield failed(upgrade, f"{host_of(socket)} was dialled, which discovery has not listed")


@check("AKO-DISC-011", role="client", revisions=V2)
def prefers_the_wanted_avatar(trace: Trace) -> Findings:
    """Instances that have the avatar already come first."""
    wanted = credential(trace, "avatar_id")
    for socket, upgrade in _dialled(trace):
        usable = [each for each in candidates_before(trace, upgrade) or [] if each.usable]
        fitting = {each.address for each in usable if each.avatar_id == wanted}
        if not fitting or len(fitting) == len(usable):
            continue
        if host_of(socket) in fitting:
            yield passed(upgrade)
        else:
            yield failed(
                upgrade,
                f"{host_of(socket)} was dialled although {', '.join(sorted(fitting))} "
                f"has the avatar {wanted!r} already",
            )


@check("AKO-DISC-012", role="client")
def chooses_at_random(trace: Trace) -> Findings:
    """Several sessions do not all begin at the same instance."""
    chosen: list[tuple[str, Record]] = []
    places: set[frozenset[str]] = set()
    for command in trace.commands("open"):
        following = [(s, u) for s, u in _dialled(trace) if u.seq > command.seq]
        if not following:
            continue
        socket, upgrade = following[0]
        usable = [each.address for each in candidates_before(trace, upgrade) or [] if each.usable]
        places.add(frozenset(usable))
        chosen.append((host_of(socket), upgrade))
    if len(chosen) < _CHOICES or len(places) != 1 or len(next(iter(places))) < 2:  # noqa: PLR2004 - a choice has two
        return
    addresses = {address for address, _ in chosen}
    if len(addresses) > 1:
        yield passed(chosen[-1][1])
    else:
        yield failed(
            chosen[-1][1],
            f"{len(chosen)} sessions have all begun at {chosen[-1][0]} although discovery lists "
            f"{len(next(iter(places)))} candidates; choose at random",
        )


@check("AKO-DISC-013", role="client")
def passes_over_unknown_members(trace: Trace) -> Findings:
    """Members that nobody names do not spoil the response."""
    for request, reply in trace.http():
        if reply is None or not _has_extra(trace, reply):
            continue
        dialled = next((u for _, u in _dialled(trace) if u.seq > reply.seq), None)
        answer = answer_after(trace, "open", request)
        if dialled is not None:
            yield passed(dialled)
        elif answer is not None:
            yield failed(
                answer,
                "nobody was dialled after a response with members that no document names; "
                "pass over them",
                reply,
            )


@check("AKO-DISC-014", role="client")
def nobody_usable_is_an_error(trace: Trace) -> Findings:
    """No usable candidate: a discovery error."""
    codes = dialect_of(trace).errors.ErrorCode
    for request, reply in trace.http():
        if reply is None or not _leaves_nobody(trace, reply):
            continue
        for command, answer in outcomes(trace, "open"):
            if not command.seq < request.seq < answer.seq:
                continue
            code = error_of(answer).get("code")
            if told(answer) == "done":
                yield failed(answer, "connecting succeeded with nobody to connect to", reply)
            elif code in {codes.NO_SERVICES, codes.DISCOVERY_FAILED}:
                yield passed(answer, observed=str(code))
            else:
                yield failed(
                    answer, f"the error is {code!r}, not {str(codes.NO_SERVICES)!r}", reply
                )


@check("AKO-DISC-015", role="client")
def discovery_is_given_up(trace: Trace) -> Findings:
    """No answer in time: an error."""
    unanswered = [request for request, reply in trace.http() if reply is None]
    codes = dialect_of(trace).errors.ErrorCode
    for command, answer in outcomes(trace, "open"):
        if not any(command.seq < request.seq < answer.seq for request in unanswered):
            continue
        code = error_of(answer).get("code")
        if code == codes.DISCOVERY_FAILED:
            yield passed(answer)
        else:
            yield failed(
                answer,
                f"an unanswered discovery call ends as {code or told(answer)!r}, "
                f"not as {str(codes.DISCOVERY_FAILED)!r}",
            )


@check("AKO-DISC-103", role="client", revisions=DOCUMENTED)
def a_refusal_is_no_response(trace: Trace) -> Findings:
    """``success`` other than true, or no list: a discovery error."""
    codes = dialect_of(trace).errors.ErrorCode
    for request, reply in trace.http():
        body = {} if reply is None else reply.data or {}
        listed = isinstance(members_of(body.get("data")).get("services"), list)
        if reply is None or (body.get("success") is True and listed):
            continue
        answer = answer_after(trace, "open", request)
        if answer is None:
            continue
        code = error_of(answer).get("code")
        if code == codes.DISCOVERY_FAILED:
            yield passed(answer)
        else:
            yield failed(
                answer,
                f"the response ends as {code or told(answer)!r}, "
                f"not as {str(codes.DISCOVERY_FAILED)!r}",
                reply,
            )


@check("AKO-ERR-005", role="client")
def failures_are_classified(trace: Trace) -> Findings:
    """401 and code 4001 are a matter of the key; everything else is a failed discovery."""
    expected = trace.expect.get("code")
    for command, answer in outcomes(trace, "open"):
        requests = [request for request, _ in trace.http() if command.seq < request.seq]
        if expected is None or (not requests and not option(trace, "discovery")):
            continue
        code = error_of(answer).get("code")
        if code == expected:
            yield passed(answer)
        else:
            yield failed(answer, f"the failure is {code or told(answer)!r}, not {expected!r}")


def _environment(trace: Trace) -> str:
    chosen = option(trace, "environment")
    default: str = dialect_of(trace).constants.Default.ENVIRONMENT
    return default if chosen is None else str(chosen)


def _dialled(trace: Trace) -> Iterator[tuple[Socket, Record]]:
    for socket in trace.sockets():
        if socket.upgrade is not None:
            yield socket, socket.upgrade


def _leaves_nobody(trace: Trace, reply: Record) -> bool:
    """Whether a response is a success that lists nobody usable."""
    of = dialect_of(trace)
    body = reply.data or {}
    success = (
        body.get("success") is True
        if of.documented
        else body.get("code") == of.constants.ResultCode.SUCCESS
    )
    if not success or not isinstance(body.get("data"), dict):
        return False
    after = next((r for r in trace.records if r.seq > reply.seq), reply)
    listed = candidates_before(trace, after)
    return not any(each.usable for each in listed or [])


def _has_extra(trace: Trace, reply: Record) -> bool:
    return any(name in (reply.data or {}) for name in trace.expect.get("extra", ()))
