"""Interrupts: which request they name, and when they are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import AUDIO, INTERRUPT, calls, envelope
from conformance.checks.avatarkit._states import sent_after, unconnected
from conformance.checks.avatarkit.audio import send_failures

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


@check("AVK-INT-001", role="client")
def names_the_latest_request(trace: Trace) -> Findings:
    """An interrupt carries the most recent req_id, whether its end=true was sent or not."""
    for socket in trace.sockets():
        latest = ""
        for record in socket.messages("client"):
            message = envelope(record)
            if message is None:
                continue
            if record.name == AUDIO:
                latest = message.client_audio_input.req_id
            elif record.name == INTERRUPT:
                req_id = message.client_interrupt.req_id
                if req_id and req_id == latest:
                    yield passed(record)
                else:
                    yield failed(
                        record,
                        f"the interrupt names {req_id or 'no request'}, "
                        f"not the most recent one, {latest or 'of which there is none'}",
                    )
    yield from _unsent(trace)


def _unsent(trace: Trace) -> Findings:
    """Interrupts that the client took, and that never left."""
    taken = [call for call in calls(trace, "interrupt") if call.done]
    sent = trace.messages("client", INTERRUPT)
    if len(taken) > len(sent):
        yield failed(
            taken[-1].answer,
            f"{len(taken)} interrupts were accepted, and {len(sent)} messages were sent",
        )


@check("AVK-INT-003", role="client")
def needs_a_request(trace: Trace) -> Findings:
    """Without a request so far, or without a connection, an interrupt is refused locally."""
    for call in calls(trace, "interrupt"):
        if call.answer is None or not _pointless(trace, call.command):
            continue
        if sent_after(trace, call, INTERRUPT):
            yield failed(call.answer, "an interrupt was sent with nothing to interrupt")
        elif call.error is not None and call.error.local:
            yield passed(call.answer)
        elif call.kind != "unsupported":
            yield failed(
                call.answer,
                f"an interrupt with nothing to interrupt was answered by "
                f"{call.error or call.kind}, not refused locally",
            )


def _pointless(trace: Trace, moment: Record) -> bool:
    if unconnected(trace, moment):
        return True
    newest = [s for s in trace.sockets() if s.records[0].seq < moment.seq][-1]
    return not any(r.seq < moment.seq for r in newest.messages("client", AUDIO))


@check("AVK-INT-004", role="client")
def next_audio_is_new(trace: Trace) -> Findings:
    """After an interrupt the next audio has a new req_id."""
    for socket in trace.sockets():
        interrupted = ""
        for record in socket.messages("client"):
            message = envelope(record)
            if message is None:
                continue
            if record.name == INTERRUPT:
                interrupted = message.client_interrupt.req_id
            elif record.name == AUDIO and interrupted:
                if message.client_audio_input.req_id == interrupted:
                    yield failed(record, f"audio goes on with {interrupted} after its interrupt")
                else:
                    yield passed(record)


@check("AVK-INT-008", role="client")
def failed_interrupt(trace: Trace) -> Findings:
    """An interrupt that cannot be sent: phase websocket_send, or a local refusal."""
    return send_failures(trace, "interrupt")
