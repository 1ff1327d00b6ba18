"""REST replies and upgrades, as a platform gives and refuses them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.liveavatar.v0_2.constants import ResultCode
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import START, is_success
from conformance.checks.liveavatar._server import initial, server_end
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_SUBPROTOCOL: Final = "sec-websocket-protocol"
_GIVEN: Final = ("sessionId", "sfuUrl", "userToken", "agentWsUrl")


def _code(reply: Record) -> Any:  # noqa: ANN401 - any JSON value
    return (reply.data or {}).get("code")


@check("LAC-AUTH-004", role="server", always=True)
def replies_are_envelopes(trace: Trace) -> Findings:
    """Every 2xx reply is the envelope with a number as its code; refusals are such replies, too."""
    wanted = trace.expect.get("codes", ())
    for index, (request, reply) in enumerate(trace.http()):
        refused = index < len(wanted) and wanted[index] != ResultCode.SUCCESS
        if reply is None:
            yield failed(request, f"{request.name} got no reply")
        elif not is_success(reply):
            if refused:
                yield failed(
                    reply,
                    f"a business failure came with HTTP {reply.status}; it is code "
                    f"{wanted[index]} under a 2xx status",
                )
        elif reply.data is None:
            yield failed(reply, "the reply is no envelope: its body is no JSON object")
        elif not isinstance(_code(reply), int) or isinstance(_code(reply), bool):
            yield failed(reply, f"member code is {_code(reply)!r}, not a JSON number")
        elif not isinstance(reply.data.get("message", ""), str):
            yield failed(reply, f"member message is {reply.data['message']!r}, not a string")
        elif not isinstance(reply.data.get("data") or {}, dict):
            yield failed(reply, f"member data is {reply.data['data']!r}, not an object")
        elif index < len(wanted) and _code(reply) != wanted[index]:
            yield failed(reply, f"code is {_code(reply)}, the table says {wanted[index]}")
        else:
            yield passed(reply, observed="refused" if refused else "")


@check("LAC-AUTH-005", role="server", always=True)
def a_start_gives_what_an_agent_needs(trace: Trace) -> Findings:
    """A started session has its id, the room's URL and token, and the agent's URL."""
    for _, reply in trace.http(START):
        if reply is None or not is_success(reply) or _code(reply) != ResultCode.SUCCESS:
            continue
        given = members_of((reply.data or {}).get("data"))
        absent = [m for m in _GIVEN if not (isinstance(given.get(m), str) and given[m])]
        if absent:
            yield failed(reply, f"the start succeeded without {', '.join(absent)}")
        else:
            yield passed(reply)


@check("LAC-CONN-002", role="server")
def the_url_admits(trace: Trace) -> Findings:
    """The URL of the start reply opens the socket, and one that is none any more does not."""
    refused = trace.expect.get("refused", ())
    for socket in trace.sockets():
        reply = socket.response
        if reply is None:
            continue
        status = reply.status or 0
        if socket.number in refused:
            if socket.is_open and not initial(socket) and server_end(socket):
                yield passed(reply, observed="closed at once")
            elif HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                yield passed(reply, observed=f"refused with {status}")
            else:
                yield failed(reply, f"a URL that is not valid was answered with {status}")
        elif socket.is_open:
            yield passed(reply)
        else:
            yield failed(
                reply, f"the agentWsUrl was answered with {status}; nothing more may be asked for"
            )


@check("LAC-CONN-003", role="server", always=True)
def selects_no_subprotocol(trace: Trace) -> Findings:
    """No subprotocol is selected."""
    for socket in trace.sockets():
        reply = socket.response
        if reply is None or not socket.is_open:
            continue
        chosen = [v for name, v in reply.headers.items() if name.lower() == _SUBPROTOCOL]
        if chosen:
            yield failed(reply, f"the platform selected the subprotocol {chosen[0]!r}")
        else:
            yield passed(reply)
