"""Handshake: what the client sends first, and what it makes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode, Phase
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    AUDIO,
    CONFIGURE,
    INTERRUPT,
    configuration,
    confirmed,
    openings,
)
from conformance.checks.avatarkit._errors import accepted, judged

if TYPE_CHECKING:
    from conformance.trace import Trace

_OUTPUT: Final = frozenset({AUDIO, INTERRUPT})


@check("AVK-HS-001", role="client", always=True)
def configure_is_first(trace: Trace) -> Findings:
    """The first message of a connection is the configuration."""
    for socket in trace.sockets():
        first = socket.first(kind="message", sender="client")
        if first is None:
            continue
        if first.name == CONFIGURE:
            yield passed(first)
        else:
            yield failed(
                first, f"the first message is {first.name or 'unreadable'}, not {CONFIGURE}"
            )


@check("AVK-HS-004", role="client")
def answer_decides(trace: Trace) -> Findings:
    """The server's first message opens the session or fails the start as the table says."""
    wanted_id = trace.expect.get("connection_id")
    for opening in openings(trace):
        call = opening.call
        if wanted_id is None or call.answer is None:
            continue
        if call.result.get("connection_id") == wanted_id:
            yield passed(call.answer)
        else:
            found = call.error or call.result.get("connection_id")
            yield failed(call.answer, f"a confirmation of {wanted_id} led to {found}")
    for error, wanted in judged(trace):
        codes = accepted(wanted)
        close = [m for m in ("close_code", "close_reason") if m in wanted]
        wrong = [m for m in close if (error.get(m) or "") != (wanted[m] or "")]
        if error.code not in codes or error.phase != Phase.WEBSOCKET_HANDSHAKE:
            yield failed(
                error.record,
                f"the start failed with {error}, not with {' or '.join(codes)} "
                f"in phase {Phase.WEBSOCKET_HANDSHAKE}",
            )
        elif wrong:
            yield failed(
                error.record,
                f"{wrong[0]} is {error.get(wrong[0])!r}, not {wanted[wrong[0]]!r} as received",
            )
        else:
            yield passed(error.record, observed=error.code if len(codes) > 1 else "")
    if "error" in trace.expect:
        for opening in openings(trace):
            if (
                opening.call.done
                and opening.socket is not None
                and confirmed(opening.socket) is None
            ):
                yield failed(
                    opening.call.answer, "the session counts as open without a valid confirmation"
                )


@check("AVK-HS-005", role="client")
def failed_handshake_is_cleared(trace: Trace) -> Findings:
    """A failed handshake ends the socket, notifies no close, and the client can start again."""
    found = list(openings(trace))
    for index, opening in enumerate(found):
        socket = opening.socket
        if socket is None or not socket.is_open or opening.call.error is None:
            continue
        if confirmed(socket) is not None:
            continue
        until = found[index + 1].call.command.seq if index + 1 < len(found) else float("inf")
        notified = next(
            (e for e in trace.events("closed") if socket.records[0].seq < e.seq < until), None
        )
        later = found[index + 1] if index + 1 < len(found) else None
        if socket.end is None:
            yield failed(opening.call.answer, "the handshake failed and the socket was left open")
        elif notified is not None:
            yield failed(notified, "a close is notified, although no session was open")
        elif later is not None and later.setting("reuse_token") and later.call.error is not None:
            yield failed(
                later.call.answer,
                f"after a failed handshake the next start is refused: {later.call.error}",
            )
        else:
            yield passed(socket.end)


@check("AVK-HS-006", role="client", always=True)
def nothing_before_confirm(trace: Trace) -> Findings:
    """Neither audio nor an interrupt comes before the confirmation."""
    for socket in trace.sockets():
        ready = confirmed(socket)
        for record in socket.messages("client"):
            if record.name not in _OUTPUT:
                continue
            if ready is None or record.seq < ready.seq:
                yield failed(record, f"{record.name} before the session was confirmed")
            else:
                yield passed(record)


@check("AVK-HS-009", role="client", always=True)
def no_compression(trace: Trace) -> Findings:
    """transport_compression is 0."""
    for socket in trace.sockets():
        sent = configuration(socket)
        if sent is None:
            continue
        record, config = sent
        if config.transport_compression == pb.TRANSPORT_COMPRESSION_NONE:
            yield passed(record)
        else:
            yield failed(record, f"transport_compression is {config.transport_compression}, not 0")


@check("AVK-HS-010", role="client", always=True)
def configured_once(trace: Trace) -> Findings:
    """A connection is configured exactly once."""
    for socket in trace.sockets():
        sent = socket.messages("client", CONFIGURE)
        if len(sent) == 1:
            yield passed(sent[0])
        elif sent:
            yield failed(sent[1], f"the connection is configured {len(sent)} times, not once")


@check("AVK-HS-012", role="client")
def silence_is_bounded(trace: Trace) -> Findings:
    """The wait for the confirmation ends in connectionFailed."""
    waited = sum((r.data or {}).get("seconds", 0) for r in trace.commands("advance"))
    for opening in openings(trace):
        if opening.socket is None or opening.socket.messages("server"):
            continue
        error = opening.call.error
        if error is not None and error.code == ErrorCode.CONNECTION_FAILED:
            yield passed(error.record)
        elif opening.call.answer is not None:
            yield failed(
                opening.call.answer,
                f"the wait for the confirmation ended with {error or opening.call.kind}, "
                f"not with {ErrorCode.CONNECTION_FAILED}",
            )
        elif waited:
            yield failed(
                opening.call.command,
                f"the start still waits for a confirmation after {waited:g} s of silence",
            )
