"""A connection on the server's side: how it begins, whom it refuses, what its frames look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.akool.v0_1_8.constants import (
    CloseCode,
    Envelope,
    ErrorNumber,
    HandshakeStatus,
    Member,
)
from avatar_protocols.akool.v0_1_8_documented.constants import MessageType as Documented
from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._server import (
    CONNECTED,
    ERROR,
    V2,
    answered_in_order,
    expected_socket,
    number_of,
    server_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Socket, Trace

_MEMBERS: Final[dict[str, type]] = {Member.TYPE: str, Member.ID: str, Member.PAYLOAD: dict}


# --- frames --------------------------------------------------------------------------------------


@check("AKO-CONN-003", role="server", always=True)
def frames_are_json_objects(trace: Trace) -> Findings:
    """Each message is one text frame that holds one JSON object."""
    for record in trace.messages("server"):
        if record.opcode != "text":
            yield failed(record, "the server sent a binary frame; messages are text")
        elif record.data is None:
            yield failed(record, "the server sent a text that is no JSON object")
        else:
            yield passed(record)


def _enveloped(trace: Trace) -> Iterator[Finding]:
    for record in trace.messages("server"):
        if record.data is None:
            continue
        version = record.data.get(Member.VERSION)
        wrong = [
            name for name, kind in _MEMBERS.items() if not isinstance(record.data.get(name), kind)
        ]
        if isinstance(version, bool) or version != Envelope.VERSION:
            yield failed(record, f"{Member.VERSION} is {version!r}, not {Envelope.VERSION}")
        elif wrong:
            name = wrong[0]
            yield failed(record, f"{name} is {record.data.get(name)!r}; the envelope needs it")
        else:
            yield passed(record)


@check("AKO-CONN-004", role="server", always=True, revisions=V2)
def frames_have_the_envelope(trace: Trace) -> Findings:
    """Every frame has v, type, mid and pld."""
    yield from _enveloped(trace)


@check("AKO-CONN-103", role="server", always=True, revisions=["0.1.8-documented"])
def frames_have_the_envelope_of_v2(trace: Trace) -> Findings:
    """Every frame of the server has the envelope of v2 in the documented dialect, too."""
    yield from _enveloped(trace)


@check("AKO-CONN-012", role="server")
def odd_frames_are_refused(trace: Trace) -> Findings:
    """A binary frame, or JSON that is no object, gets an error frame, and the connection stays."""
    for socket in trace.sockets():
        for odd in socket.messages("client"):
            if odd.opcode == "text" and odd.data is not None:
                continue
            errors = [r for r in socket.after(odd) if r.kind == "message" and r.name == ERROR]
            end = server_end(socket)
            if not errors:
                yield failed(odd, "a frame that is no JSON object got no error frame", end)
            elif end is not None:
                yield failed(end, "the server gave up the connection over it", odd)
            elif answered_in_order(socket, errors[0]) is not None:
                yield passed(odd, errors[0])


# --- the beginning -------------------------------------------------------------------------------


@check("AKO-CONN-005", role="server", always=True)
def begins_with_the_confirmation(trace: Trace) -> Findings:
    """websocket_connected comes before any other frame, or an error frame and a close."""
    for socket in trace.sockets():
        sent = socket.messages("server")
        if not sent:
            continue
        first, end = sent[0], server_end(socket)
        again = [r for r in sent[1:] if r.name == CONNECTED]
        if first.name == CONNECTED:
            repeated = "websocket_connected came a second time on one connection"
            yield failed(again[0], repeated, first) if again else passed(first)
        elif first.name == ERROR and end is not None and len(sent) == 1:
            yield passed(first, end, observed="refused")
        else:
            name = first.name or "unreadable"
            yield failed(first, f"the first frame is {name}, neither {CONNECTED} nor a refusal")


@check("AKO-AUTH-101", role="server", always=True, revisions=["0.1.8-documented"])
def the_confirmation_waits_for_auth(trace: Trace) -> Findings:
    """websocket_connected comes after auth."""
    for socket in trace.sockets():
        greeting = next(iter(socket.messages("server", CONNECTED)), None)
        auth = next(iter(socket.messages("client", Documented.AUTH)), None)
        if greeting is None:
            continue
        if auth is None or auth.seq > greeting.seq:
            yield failed(greeting, f"{CONNECTED} came before auth", auth)
        else:
            yield passed(greeting, auth)


# --- refusals ------------------------------------------------------------------------------------


def _refusal(socket: Socket, number: int, close: int, what: str) -> Iterator[Finding]:
    """Whether a connection was refused by an error frame, a close or both, with one number."""
    if not socket.is_open:
        return
    greeting = next(iter(socket.messages("server", CONNECTED)), None)
    errors = socket.messages("server", ERROR)
    numbers = [number_of(r) for r in errors]
    end = server_end(socket)
    code = None if end is None else end.code
    if greeting is not None:
        yield failed(greeting, f"{what} was accepted", socket.upgrade)
    elif end is None:
        yield failed(socket.upgrade, f"{what} was left open", *errors[:1])
    elif number in numbers or code == close:
        yield passed(end, *errors[:1], observed=_how(errors, end))
    else:
        told = f"error {numbers[0]!r}" if numbers else "no error frame"
        yield failed(end, f"{what} was refused with {told} and close {code!r}, not with {number}")


def _how(errors: list[Record], end: Record) -> str:
    frame = "error frame and " if errors else ""
    return f"{frame}close {end.code}" if end.kind == "close" else f"{frame}reset"


@check("AKO-AUTH-007", role="server")
def a_bad_key_is_4001(trace: Trace) -> Findings:
    """An error frame with 4001, then close 4001; or the upgrade is refused for the key."""
    for socket in expected_socket(trace, "refused_socket"):
        status = None if socket.response is None else socket.response.status
        if not socket.is_open:
            if status in HandshakeStatus.AUTHENTICATION:
                yield passed(socket.response, observed=f"HTTP {status}")
            else:
                yield failed(socket.upgrade, f"a bad key was answered with HTTP {status}")
            continue
        number, close = ErrorNumber.AUTHENTICATION, CloseCode.AUTHENTICATION
        errors = socket.messages("server", ERROR)
        end = server_end(socket)
        greeting = next(iter(socket.messages("server", CONNECTED)), None)
        if greeting is not None:
            yield failed(greeting, "a bad key was accepted", socket.upgrade)
        elif not errors or number_of(errors[0]) != number:
            told = f"error {number_of(errors[0])!r}" if errors else "no error frame"
            yield failed(end or socket.upgrade, f"a bad key got {told}, not {number}")
        elif end is None or end.code != close:
            ended = "no close" if end is None else f"close {end.code!r}"
            yield failed(end or errors[0], f"a bad key got {ended}, not {close}")
        else:
            yield passed(errors[0], end)


@check("AKO-CONN-008", role="server")
def an_occupied_instance_says_so(trace: Trace) -> Findings:
    """A second connection is refused with 4003, and the first one goes on."""
    for socket in expected_socket(trace, "occupied"):
        yield from _refusal(socket, ErrorNumber.OCCUPIED, CloseCode.OCCUPIED, "a second connection")
        first = trace.sockets()[0]
        end = server_end(first)
        if end is not None:
            yield failed(end, "the first connection was ended for the sake of the second")


@check("AKO-CONN-009", role="server")
def too_early_says_so(trace: Trace) -> Findings:
    """A reconnection that comes too early is refused with 4004."""
    for socket in expected_socket(trace, "too_soon"):
        yield from _refusal(
            socket, ErrorNumber.TOO_SOON, CloseCode.TOO_SOON, "an early reconnection"
        )


@check("AKO-LEAVE-006", role="server")
def a_bare_close_frees_the_instance(trace: Trace) -> Findings:
    """After a close without a leave the instance takes the next client, at once or after 4004."""
    for socket in expected_socket(trace, "freed"):
        greeting = next(iter(socket.messages("server", CONNECTED)), None)
        errors = socket.messages("server", ERROR)
        end = server_end(socket)
        numbers = [number_of(r) for r in errors]
        code = None if end is None else end.code
        if greeting is not None:
            yield passed(greeting)
        elif ErrorNumber.TOO_SOON in numbers or code == CloseCode.TOO_SOON:
            yield passed(end, *errors[:1], observed="too soon")
        elif errors or end is not None:
            told = f"error {numbers[0]!r}" if numbers else "no error frame"
            yield failed(
                errors[0] if errors else end,
                f"after a bare close the next client was refused with {told} and close {code!r}: "
                "the instance still counts as occupied",
            )
