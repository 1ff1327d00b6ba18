"""Requests and their answers: audio in, animation out, interrupts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    ANIMATION,
    AUDIO,
    INTERRUPT,
    confirmed,
    envelope,
    requests,
)
from conformance.checks.avatarkit._server import (
    answers,
    direct,
    interrupted,
    refusals,
    served,
)

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


@check("AVK-AUDIO-006", role="server")
@check("AVK-AUDIO-007", role="server")
@check("AVK-OGG-009", role="server")
@check("AVK-OGG-011", role="server")
@check("AVK-OGG-013", role="server")
@check("AVK-OGG-014", role="server")
@check("AVK-REQ-003", role="server")
def serves_lawful_audio(trace: Trace) -> Findings:
    """Audio in a form that the documents allow is answered like any other."""
    yield from served(trace)


@check("AVK-AUDIO-008", role="server")
def an_empty_chunk_changes_nothing(trace: Trace) -> Findings:
    """An empty chunk that ends nothing is neither an error nor an end."""
    for socket in trace.sockets():
        ended = {a.request.req_id: a.last for a in answers(socket)}
        for request in requests(socket):
            for record, chunk in zip(request.records, request.chunks, strict=True):
                if chunk.audio or chunk.end:
                    continue
                last = ended.get(request.req_id)
                closing = next(
                    (r for r, c in zip(request.records, request.chunks, strict=True) if c.end), None
                )
                early = last is not None and closing is not None and last.seq < closing.seq
                reported = [e for e in refusals(socket) if e.record.seq > record.seq]
                if reported:
                    yield failed(reported[0].record, f"an empty chunk led to {reported[0].says}")
                elif early:
                    yield failed(last, "an empty chunk ended its request")
                else:
                    yield passed(record)
    yield from served(trace)


@check("AVK-AUDIO-009", role="server")
def silence_gets_one_answer(trace: Trace) -> Findings:
    """A request without any audio is answered by one message with end=true."""
    for socket in trace.sockets():
        for answered in answers(socket):
            if answered.request.audio or not answered.request.ended:
                continue
            ends = [part.end for _, part in answered.animation]
            if ends == [True]:
                yield passed(answered.last)
            else:
                yield failed(
                    answered.request.records[-1],
                    f"a request without audio got {len(ends)} messages, not one with end=true",
                )


@check("AVK-OGG-018", role="server")
def bears_with_a_cut_stream(trace: Trace) -> Findings:
    """A stream that an interrupt cut off is no error, and the next one is served."""
    for socket in trace.sockets():
        cut = interrupted(socket)
        for refused in refusals(socket):
            yield failed(refused.record, f"a stream cut by an interrupt led to {refused.says}")
        for answered in answers(socket):
            if answered.request.req_id in cut or not answered.request.ended:
                continue
            if answered.last is None:
                yield failed(
                    answered.request.records[-1], "the request after a cut stream got no answer"
                )
            else:
                yield passed(answered.last)


@check("AVK-REQ-004", role="server", always=True)
def repeats_the_req_id(trace: Trace) -> Findings:
    """Every animation message names a request that was sent before it."""
    for socket in trace.sockets():
        known: set[str] = set()
        for record in socket.messages():
            message = envelope(record)
            if message is None:
                continue
            if record.name == AUDIO:
                known.add(message.client_audio_input.req_id)
            elif record.name == ANIMATION:
                req_id = message.server_response_animation.req_id
                if req_id in known:
                    yield passed(record)
                else:
                    yield failed(record, f"req_id {req_id!r} belongs to no request sent before")


@check("AVK-REQ-007", role="server")
def serves_in_order(trace: Trace) -> Findings:
    """First in, first out; the answers of two requests are not mixed."""
    for socket in trace.sockets():
        order = [a for a in answers(socket) if a.animation]
        for earlier, later in pairwise(order):
            last, first = earlier.animation[-1][0], later.animation[0][0]
            if first.seq < last.seq:
                yield failed(
                    first,
                    f"an answer to {later.request.req_id} came before the end of the answer to "
                    f"{earlier.request.req_id}",
                )
            else:
                yield passed(last, first)


@check("AVK-ANIM-001", role="server", always=True)
def answers_every_request(trace: Trace) -> Findings:
    """Without egress each request that ended is answered, unless the session was cut."""
    for socket in trace.sockets():
        if confirmed(socket) is None or not direct(socket):
            continue
        excused = interrupted(socket)
        for answered in answers(socket):
            request = answered.request
            if answered.animation:
                yield passed(answered.animation[0][0])
            elif request.ended and request.req_id not in excused and socket.end is None:
                yield failed(request.records[-1], f"request {request.req_id} got no animation")


@check("AVK-ANIM-002", role="server", always=True)
def ends_once_and_last(trace: Trace) -> Findings:
    """end=true stands on the last message of a request and on no other."""
    for socket in trace.sockets():
        for answered in answers(socket):
            ends = [record for record, part in answered.animation if part.end]
            if not ends:
                continue
            last = answered.animation[-1][0]
            if ends == [last]:
                yield passed(last)
            else:
                yield failed(last, f"end=true stands on {len(ends)} messages or not on the last")


@check("AVK-ANIM-007", role="server")
def egress_sends_no_animation(trace: Trace) -> Findings:
    """With egress no animation comes over the WebSocket."""
    for socket in trace.sockets():
        if confirmed(socket) is None or direct(socket) or not requests(socket):
            continue
        sent = socket.messages("server", ANIMATION)
        if sent:
            yield failed(sent[0], "animation came over the WebSocket of an egress session")
        else:
            yield passed(confirmed(socket))


@check("AVK-INT-006", role="server")
def stops_an_interrupted_request(trace: Trace) -> Findings:
    """After an interrupt nothing more comes for that request, not even about late chunks."""
    for socket in trace.sockets():
        for record in socket.messages("client", INTERRUPT):
            message = envelope(record)
            if message is None:
                continue
            req_id = message.client_interrupt.req_id
            late = [
                r for r in socket.messages("server") if r.seq > record.seq and _names(r, req_id)
            ]
            if late:
                yield failed(late[0], f"{late[0].name} for {req_id}, which had been interrupted")
            else:
                yield passed(record)


@check("AVK-INT-007", role="server")
def ignores_idle_interrupts(trace: Trace) -> Findings:
    """Repeated interrupts and unknown ids are neither acknowledged nor an error."""
    for socket in trace.sockets():
        for record in socket.messages("client", INTERRUPT):
            answer = next(
                (
                    r
                    for r in socket.messages("server")
                    if r.seq > record.seq and r.name != ANIMATION
                ),
                None,
            )
            if answer is not None:
                yield failed(answer, f"an interrupt was answered with {answer.name}")
            elif socket.end is not None and socket.end.sender == "server":
                yield failed(socket.end, "an interrupt ended the connection")
            else:
                yield passed(record)


def _names(record: Record, req_id: str) -> bool:
    message = envelope(record)
    if message is None:
        return False
    return req_id in {message.server_response_animation.req_id, message.server_error.req_id}
