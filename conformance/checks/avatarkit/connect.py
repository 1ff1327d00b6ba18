"""The WebSocket upgrade: its address, its credentials, and how a failure to connect is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from avatar_protocols.avatarkit.v0_1_7.constants import Endpoint, Header, Query, Scheme
from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode, Phase
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import openings
from conformance.checks.avatarkit._errors import DETAILS, members_agree

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.checks.avatarkit._client import Opening
    from conformance.trace import Trace

SESSION_TOKEN: Final = "‹session_token›"  # noqa: S105 - a placeholder
_SUBPROTOCOL: Final = "sec-websocket-protocol"  # RFC 6455 section 11.3.4
_START_SETTINGS: Final = ("ingress", "avatar_id", "app_id")


def _query(upgrade: Record) -> dict[str, list[str]]:
    return parse_qs(urlsplit(upgrade.target).query, keep_blank_values=True)


@check("AVK-CONN-001", role="client")
def ingress_address(trace: Trace) -> Findings:
    """Ingress base without trailing slashes, the path, and a form-encoded query."""
    for opening in openings(trace):
        base = opening.setting("ingress")
        if not base:
            continue
        wanted = urlsplit(str(base)).path.rstrip("/") + Endpoint.WEBSOCKET.path
        for socket in opening.sockets:
            if (upgrade := socket.upgrade) is not None:
                yield _address(opening, upgrade, wanted)


def _address(opening: Opening, upgrade: Record, wanted: str) -> Finding:
    path = urlsplit(upgrade.target).path
    if path != wanted:
        return failed(upgrade, f"the upgrade went to {path}, not to {wanted}")
    settings = {Query.AVATAR_ID: "avatar_id", Query.APP_ID: "app_id"}
    query = _query(upgrade)
    for name, setting in settings.items():
        if name in query and query[name] != [opening.setting(setting)]:
            return failed(
                upgrade,
                f"query parameter {name} decodes to {query[name]}, "
                f"not to {opening.setting(setting)!r}",
            )
    return passed(upgrade)


def _refused(opening: Opening, why: str) -> Finding | None:
    """The start was refused locally and without a WebSocket."""
    error = opening.call.error
    if opening.sockets:
        return failed(opening.sockets[0].records[0], f"{why}, yet a WebSocket was opened")
    if opening.call.answer is None:
        return None
    if error is None or not error.local:
        return failed(
            opening.call.answer,
            f"{why}: the answer is {error or opening.call.kind}, not a local refusal",
        )
    return passed(error.record)


@check("AVK-CONN-002", role="client")
def scheme_of_the_base(trace: Trace) -> Findings:
    """A base with http or https connects with ws or wss; other schemes are refused without I/O."""
    for opening in openings(trace):
        base = str(opening.setting("ingress") or "")
        scheme, separator, _ = base.partition("://")
        if not base:
            continue
        if separator and scheme.lower() in Scheme.CONFIGURED:
            if opening.sockets:
                yield passed(opening.sockets[0].records[0])
            elif opening.call.answer is not None:
                yield failed(
                    opening.call.answer,
                    f"a base with scheme {scheme} was answered by "
                    f"{opening.call.error or opening.call.kind} and caused no upgrade",
                )
        else:
            finding = _refused(opening, f"the base {base!r} has no scheme of a WebSocket")
            if finding is not None:
                yield finding


@check("AVK-CONN-003", role="client")
def base_without_query(trace: Trace) -> Findings:
    """A base with a query or a fragment is a configuration error."""
    for opening in openings(trace):
        base = str(opening.setting("ingress") or "")
        if "?" in base or "#" in base:
            finding = _refused(opening, "an ingress base with a query or a fragment cannot work")
            if finding is not None:
                yield finding


@check("AVK-CONN-004", role="client")
def avatar_in_the_query(trace: Trace) -> Findings:
    """The avatar id stands in the query."""
    for opening in openings(trace):
        for socket in opening.sockets:
            if (upgrade := socket.upgrade) is None:
                continue
            value, avatar = _query(upgrade).get(Query.AVATAR_ID), opening.setting("avatar_id")
            if value == [avatar]:
                yield passed(upgrade)
            else:
                yield failed(upgrade, f"query parameter {Query.AVATAR_ID} is {value}, not {avatar}")


@check("AVK-CONN-005", role="client")
def header_variant(trace: Trace) -> Findings:
    """App id and session token in their headers, nothing of them in the query."""
    for opening in openings(trace):
        if opening.setting("auth", "header") != "header":
            continue
        for socket in opening.sockets:
            if (upgrade := socket.upgrade) is None:
                continue
            shown = {Query.APP_ID, Query.SESSION_KEY} & set(_query(upgrade))
            wanted = {Header.APP_ID: opening.setting("app_id"), Header.SESSION_KEY: SESSION_TOKEN}
            wrong = [n for n, value in wanted.items() if upgrade.headers.get(n.lower()) != value]
            if wrong:
                found = upgrade.headers.get(wrong[0].lower(), "missing")
                yield failed(upgrade, f"header {wrong[0]} is {found}, not {wanted[wrong[0]]}")
            elif shown:
                yield failed(upgrade, f"the query shows {sorted(shown)} in the header variant")
            else:
                yield passed(upgrade)


@check("AVK-CONN-006", role="client")
def query_variant(trace: Trace) -> Findings:
    """App id and session token in the query, nothing of them in headers."""
    for opening in openings(trace):
        if opening.setting("auth", "header") != "query":
            continue
        for socket in opening.sockets:
            if (upgrade := socket.upgrade) is None:
                continue
            query = _query(upgrade)
            wanted = {Query.APP_ID: opening.setting("app_id"), Query.SESSION_KEY: SESSION_TOKEN}
            wrong = [name for name, value in wanted.items() if query.get(name) != [value]]
            headers = {Header.APP_ID.lower(), Header.SESSION_KEY.lower()} & set(upgrade.headers)
            if wrong:
                yield failed(
                    upgrade,
                    f"query parameter {wrong[0]} is {query.get(wrong[0])}, not {wanted[wrong[0]]}",
                )
            elif headers:
                yield failed(upgrade, f"headers {sorted(headers)} are sent in the query variant")
            else:
                yield passed(upgrade)


@check("AVK-CONN-007", role="client", always=True)
def no_subprotocol(trace: Trace) -> Findings:
    """No subprotocol is offered."""
    for socket in trace.sockets():
        if (upgrade := socket.upgrade) is None:
            continue
        offer = upgrade.headers.get(_SUBPROTOCOL)
        if offer is None:
            yield passed(upgrade)
        else:
            yield failed(upgrade, f"the upgrade offers the subprotocol {offer}; there is none")


@check("AVK-CONN-010", role="client")
def refusal_is_exposed(trace: Trace) -> Findings:
    """A refused upgrade shows its status, code, title, detail and body."""
    return members_agree(
        trace,
        ("phase", "http_status", *DETAILS, "raw_body"),
        "a refused upgrade is reported as it was received",
    )


@check("AVK-CONN-011", role="client")
def unanswered_upgrade(trace: Trace) -> Findings:
    """No HTTP answer: connectionFailed in phase websocket_connect."""
    for opening in openings(trace):
        socket = opening.socket
        if socket is None or socket.response is not None or opening.call.answer is None:
            continue
        error = opening.call.error
        if error is None:
            yield failed(opening.call.answer, "the upgrade got no answer, yet nothing failed")
        elif (error.code, error.phase) != (ErrorCode.CONNECTION_FAILED, Phase.WEBSOCKET_CONNECT):
            yield failed(
                error.record,
                f"the upgrade got no answer; reported {error}, "
                f"not {ErrorCode.CONNECTION_FAILED} in phase {Phase.WEBSOCKET_CONNECT}",
            )
        elif error.get("http_status") is not None:
            yield failed(
                error.record, f"there was no answer, yet http_status is {error.get('http_status')}"
            )
        else:
            yield passed(error.record)


@check("AVK-CONN-012", role="client")
def incomplete_start_is_refused(trace: Trace) -> Findings:
    """Without base, avatar or app, or while a connection is open: a local refusal."""
    live = False
    for opening in openings(trace):
        missing = [name for name in _START_SETTINGS if opening.setting(name, "set") is None]
        again = opening.setting("reuse_token") or opening.setting("same_client")
        finding = None
        if missing:
            finding = _refused(opening, f"{missing[0]} is missing")
        elif again and live:
            finding = _refused(opening, "a connection is open")
        if finding is not None:
            yield finding
        live = live or any(s.is_open and s.end is None for s in opening.sockets)
