"""Tokens and upgrades, as a server gives and refuses them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.constants import Endpoint, TokenBody
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import confirmed
from conformance.trace import members_of, payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_MISLEADING: Final = "unauthorized"
_SUBPROTOCOL: Final = "sec-websocket-protocol"


def _text(record: Record) -> str:
    return payload(record).decode("utf-8", errors="replace").lower()


def _replies(trace: Trace) -> Iterator[Record]:
    yield from trace.where(kind=("http_response", "upgrade_response"), sender="server")


@check("AVK-AUTH-005", role="server")
def grants_a_token(trace: Trace) -> Findings:
    """A granted token: status 200, a JSON object, a sessionToken that is not empty."""
    for request, reply in trace.http(Endpoint.SESSION_TOKENS.name):
        if reply is None:
            yield failed(request, "the token call got no answer")
            continue
        token = members_of(reply.data).get(TokenBody.SESSION_TOKEN)
        if reply.status != HTTPStatus.OK:
            yield failed(reply, f"a lawful token call was answered with {reply.status}, not 200")
        elif not (isinstance(token, str) and token):
            yield failed(
                reply, f"the reply holds no {TokenBody.SESSION_TOKEN} that is a full string"
            )
        else:
            yield passed(reply)


@check("AVK-AUTH-014", role="server")
def takes_both_variants(trace: Trace) -> Findings:
    """Credentials in headers and credentials in the query open the socket alike."""
    for socket in trace.sockets():
        if socket.is_open and confirmed(socket) is not None:
            yield passed(socket.upgrade)
        else:
            status = socket.response.status if socket.response is not None else "nothing"
            yield failed(socket.upgrade, f"these credentials were answered with {status}, not 101")


@check("AVK-AUTH-015", role="server")
def refuses_expired_tokens(trace: Trace) -> Findings:
    """An expired token: 401, and a text that says so."""
    for socket in trace.sockets():
        reply = socket.response
        if reply is None:
            continue
        wanted = trace.expect["text"]
        if reply.status != HTTPStatus.UNAUTHORIZED:
            yield failed(reply, f"an expired token was answered with {reply.status}, not 401")
        elif wanted not in _text(reply):
            yield failed(reply, f"the refusal does not say {wanted!r}")
        else:
            yield passed(reply)


@check("AVK-CONN-007", role="server", always=True)
def selects_no_subprotocol(trace: Trace) -> Findings:
    """No subprotocol is selected."""
    for socket in trace.sockets():
        reply = socket.response
        if reply is None or not socket.is_open:
            continue
        chosen = [v for name, v in reply.headers.items() if name.lower() == _SUBPROTOCOL]
        if chosen:
            yield failed(reply, f"the server selected the subprotocol {chosen[0]!r}")
        else:
            yield passed(reply)


@check("AVK-CONN-009", role="server")
def refuses_by_status(trace: Trace) -> Findings:
    """Refused credentials, app, avatar or billing: an HTTP status instead of 101."""
    for socket in trace.sockets():
        reply = socket.response
        if reply is None:
            continue
        status = reply.status or 0
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            yield passed(reply, observed=str(status))
        else:
            yield failed(reply, f"the upgrade was answered with {status}, not with a refusal")


@check("AVK-ERR-009", role="server", always=True)
def avoids_the_misleading_word(trace: Trace) -> Findings:
    """Refusals do not say a word that clients take for an egress fault."""
    for reply in _replies(trace):
        if (reply.status or 0) < HTTPStatus.BAD_REQUEST:
            continue
        if _MISLEADING in _text(reply):
            yield failed(reply, f"the refusal says {_MISLEADING!r}, which clients misread")
        else:
            yield passed(reply)
