"""Commands and their acks, and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    DOCUMENTED,
    V2,
    advanced,
    dialect_of,
    payload_of,
    sent,
)
from conformance.checks.akool.connection import in_use_after
from conformance.checks.commands import answer_of, error_of, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Trace


# --- interrupt -----------------------------------------------------------------------------------


@check("AKO-INT-001", role="client", revisions=V2)
def interrupt_is_a_command(trace: Trace) -> Findings:
    """``command`` with ``cmd`` interrupt."""
    of = dialect_of(trace)
    for command in trace.commands("interrupt"):
        answer = answer_of(trace, command)
        later = [r for r in sent(trace, "") if r.seq > command.seq]
        found = next((r for r in later if r.name == of.interrupt), None)
        if found is not None:
            yield passed(found)
        elif answer is not None and told(answer) == "done":
            yield failed(answer, f"interrupted, and no {of.interrupt} is seen", command)


@check("AKO-INT-005", role="client", revisions=V2)
def interrupt_is_given_up(trace: Trace) -> Findings:
    """No ack in time: an error."""
    of = dialect_of(trace)
    limit = of.constants.Timeout.ACK
    for command, message in _interrupts(trace):
        if _ack_of(trace, message) is not None:
            continue
        answer = answer_of(trace, command)
        waited = advanced(trace, message, answer)
        if answer is None and waited >= limit:
            yield failed(message, f"the call goes on after {waited:g} s; the limit is {limit:g} s")
        elif answer is not None and told(answer) == "done":
            yield failed(answer, "the interrupt succeeds without an ack", message)
        elif answer is not None:
            yield passed(answer)


@check("AKO-INT-101", role="client", revisions=DOCUMENTED)
def what_the_dialect_lacks_is_refused(trace: Trace) -> Findings:
    """Interrupt, voice, language, background: refused locally, and nothing is sent."""
    code = dialect_of(trace).errors.ErrorCode.UNSUPPORTED
    for command, answer in outcomes(trace, "interrupt", "set_params"):
        chosen = {"voice_id", "language", "background_url"} & (command.data or {}).keys()
        if command.name == "set_params" and not chosen:
            continue
        what = ", ".join(sorted(chosen)) or command.name
        between = [r for r in sent(trace, "") if command.seq < r.seq < answer.seq]
        found = error_of(answer).get("code")
        if between:
            yield failed(between[0], f"{what} has no frame in this dialect, and one was sent")
        elif told(answer) == "done":
            yield failed(answer, f"{what} has no frame in this dialect, and the call succeeds")
        elif told(answer) == "unsupported":
            yield passed(answer, observed="not offered at all")
        elif found == code:
            yield passed(answer, observed="refused")
        else:
            yield failed(answer, f"the refusal is {found!r}, not {code!s}")


# --- acks ----------------------------------------------------------------------------------------


@check("AKO-ACK-002", role="client", revisions=V2)
def acks_are_matched_by_original_mid(trace: Trace) -> Findings:
    """An ack completes the request that it names, and no other."""
    for command, message in _interrupts(trace):
        acks = [
            r
            for r in trace.messages("server", dialect_of(trace).constants.MessageType.ACK)
            if r.seq > message.seq
        ]
        strange = [r for r in acks if not _names(trace, r, message)]
        own, answer = _ack_of(trace, message), answer_of(trace, command)
        if not strange or answer is None:
            continue
        if own is None and told(answer) == "done":
            yield failed(answer, "the interrupt succeeds by an ack that names another", strange[0])
        elif own is not None and answer.seq < own.seq:
            yield failed(answer, "the interrupt ends before the ack that names it", strange[0])
        elif own is not None and told(answer) != "done":
            found = error_of(answer).get("code")
            yield failed(answer, f"the interrupt fails as {found!r} in spite of its ack", own)
        else:
            yield passed(answer, own)


@check("AKO-ACK-004", role="client", revisions=V2)
def another_status_is_a_failure(trace: Trace) -> Findings:
    """An ack that does not say success fails its request."""
    of = dialect_of(trace).constants
    pending = [
        *_interrupts(trace),
        *_messages_of(trace, "set_params", dialect_of(trace).parameters),
    ]
    for command, message in pending:
        ack, answer = _ack_of(trace, message), answer_of(trace, command)
        if ack is None:
            continue
        status = payload_of(ack).get("status", of.AckStatus.SUCCESS)
        if status == of.AckStatus.SUCCESS:
            continue
        settled = next((c for c in trace.commands() if c.seq > ack.seq), None)
        if answer is not None and told(answer) == "done":
            yield failed(answer, f"{command.name} succeeds by an ack with status {status!r}", ack)
        elif answer is not None:
            yield passed(answer, ack)
        elif settled is not None:
            yield failed(ack, f"status {status!r} does not fail {command.name}")


@check("AKO-ACK-005", role="client", revisions=V2)
def strange_acks_do_no_harm(trace: Trace) -> Findings:
    """An ack that matches nothing is passed over."""
    of = dialect_of(trace).constants
    mids: dict[object, int] = {}
    odd: list[Record] = []
    for record in trace.messages():
        data = record.data or {}
        if record.sender == "client":
            mids[data.get(of.Member.ID)] = 1
        elif record.name == of.MessageType.ACK:
            named = payload_of(record).get("original_mid")
            if mids.get(named, 0) != 1:
                odd.append(record)
            mids[named] = 0
    yield from in_use_after(trace, odd, "an ack that matches nothing")


# --- leaving -------------------------------------------------------------------------------------


@check("AKO-LEAVE-001", role="client", revisions=V2)
def leave_before_close(trace: Trace) -> Findings:
    """The leave event, then the close."""
    of = dialect_of(trace)
    for socket in trace.sockets():
        close = socket.first(kind="close", sender="client")
        if close is None or not _own_close(trace, close):
            continue
        left = next((r for r in socket.before(close) if r.name == of.leave), None)
        if left is None:
            yield failed(close, f"closed without {of.leave}")
        else:
            yield passed(left, close)


@check("AKO-LEAVE-002", role="client", revisions=V2)
def reason_of_leaving(trace: Trace) -> Findings:
    """A normal disconnect has its reason."""
    of = dialect_of(trace)
    wanted = of.constants.LeaveReason.CLIENT_DISCONNECT
    for message in sent(trace, of.leave):
        found = payload_of(message).get("reason")
        if found == wanted:
            yield passed(message)
        else:
            yield failed(message, f"the reason is {found!r}, not {wanted!r}")


@check("AKO-LEAVE-004", role="client", revisions=V2)
def leaving_does_not_wait_for_ever(trace: Trace) -> Findings:
    """No ack of the leave event: closed all the same, after a while."""
    of = dialect_of(trace)
    limit = of.constants.Timeout.LEAVE_ACK
    for message in sent(trace, of.leave):
        if _ack_of(trace, message) is not None:
            continue
        socket = next(s for s in trace.sockets() if s.number == message.connection)
        end = next((r for r in socket.after(message) if r.kind in {"close", "reset"}), None)
        waited = advanced(trace, message, end)
        if end is not None and end.kind == "close" and end.sender == "client":
            if waited <= limit:
                yield passed(end, message)
            else:
                yield failed(end, f"closed {waited:g} s after the leave event, not {limit:g} s")
        elif waited >= limit:
            yield failed(message, f"{waited:g} s after the leave event the socket is open")


@check("AKO-LEAVE-005", role="client")
def normal_close(trace: Trace) -> Findings:
    """Closed with 1000."""
    normal = dialect_of(trace).constants.CloseCode.NORMAL
    for socket in trace.sockets():
        end = next((r for r in socket.records if r.kind in {"close", "reset"}), None)
        if end is None or end.sender != "client" or not _own_close(trace, end):
            continue
        if end.kind == "close" and end.code == normal:
            yield passed(end)
        else:
            how = f"a close with {end.code}" if end.kind == "close" else "a broken connection"
            yield failed(end, f"the client leaves by {how}, not by a close with {normal}")


@check("AKO-LEAVE-005.pending", role="client")
def pending_requests_fail(trace: Trace) -> Findings:
    """What waits when the client leaves comes to an end, and not to a good one."""
    for command, answer in outcomes(trace, "close"):
        for earlier in trace.commands():
            if earlier.seq > command.seq or earlier.name not in {"interrupt", "set_params"}:
                continue
            end = answer_of(trace, earlier)
            if end is not None and end.seq < command.seq:
                continue
            if end is None:
                yield failed(answer, f"{earlier.name} still waits after the client has left")
            elif told(end) == "done":
                yield failed(end, f"{earlier.name} succeeds although the client has left")
            else:
                yield passed(end)


def _own_close(trace: Trace, close: Record) -> bool:
    """Whether a close was ordered, and the server had not closed before."""
    ordered = any(command.seq < close.seq for command in trace.commands("close"))
    server = trace.where(kind=("close", "reset"), sender="server", connection=close.connection)
    return ordered and not any(r.seq < close.seq for r in server)


def _interrupts(trace: Trace) -> Iterator[tuple[Record, Record]]:
    yield from _messages_of(trace, "interrupt", dialect_of(trace).interrupt)


def _messages_of(trace: Trace, command: str, name: str) -> Iterator[tuple[Record, Record]]:
    """Commands, each with the message that it has sent."""
    messages = sent(trace, name) if name else []
    for order, message in zip(trace.commands(command), messages, strict=False):
        if message.seq > order.seq:
            yield order, message


def _ack_of(trace: Trace, message: Record) -> Record | None:
    acks = trace.messages("server", dialect_of(trace).constants.MessageType.ACK)
    return next((r for r in acks if _names(trace, r, message)), None)


def _names(trace: Trace, ack: Record, message: Record) -> bool:
    mid = (message.data or {}).get(dialect_of(trace).constants.Member.ID)
    return payload_of(ack).get("original_mid") == mid
