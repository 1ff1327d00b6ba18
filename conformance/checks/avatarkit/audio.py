"""Audio input: messages, formats, and the life of request ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.constants import (
    AudioFormatName,
    Ogg,
    RequestId,
    SampleRate,
)
from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode, Phase
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    AUDIO,
    INTERRUPT,
    audio_of,
    calls,
    configuration,
    envelope,
    openings,
    requests,
)
from conformance.checks.avatarkit._states import sent_after, unconnected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks.avatarkit._client import Opening
    from conformance.trace import Trace

_FORMATS: Final = {
    AudioFormatName.PCM_S16LE: pb.AUDIO_FORMAT_PCM_S16LE,
    AudioFormatName.OGG_OPUS: pb.AUDIO_FORMAT_OGG_OPUS,
}
_CAPTURE: Final = Ogg.CAPTURE.encode()


def _given(trace: Trace, opening: Opening) -> bytes:
    """The application's bytes that were accepted for sending in this session."""
    end = next(
        (o.call.command.seq for o in openings(trace) if o.call.command.seq > _start(opening)),
        float("inf"),
    )
    return b"".join(
        audio_of(call)
        for call in calls(trace, "send_audio")
        if call.done and _start(opening) < call.command.seq < end
    )


def _start(opening: Opening) -> int:
    return opening.call.command.seq


@check("AVK-AUDIO-001", role="client")
def audio_is_sent(trace: Trace) -> Findings:
    """What the application sends arrives as audio messages with a req_id, byte for byte."""
    for opening in openings(trace):
        if opening.setting("encoder") is not None or opening.socket is None:
            continue
        found = requests(opening.socket)
        given = _given(trace, opening)
        nameless = next((request for request in found if not request.req_id), None)
        if nameless is not None:
            yield failed(nameless.records[0], "an audio message without a req_id")
            continue
        sent = b"".join(request.audio for request in found)
        if found and sent == given:
            yield passed(*(request.records[0] for request in found))
        elif given:
            record = found[0].records[0] if found else None
            yield failed(
                record, f"{len(sent)} bytes of audio were sent, not the {len(given)} given"
            )


def _announced(trace: Trace, name: str, rates: tuple[int, ...]) -> Findings:
    for opening in openings(trace):
        asked = opening.setting("sample_rate")
        if (
            opening.socket is None
            or opening.setting("audio_format", AudioFormatName.PCM_S16LE) != name
        ):
            continue
        if asked is not None and asked not in rates:
            continue  # the application's mistake (OP-13)
        sent = configuration(opening.socket)
        if sent is None:
            continue
        record, config = sent
        if config.audio_format != _FORMATS[name]:
            yield failed(record, f"audio_format is {config.audio_format}, not that of {name}")
        elif asked is not None and config.sample_rate != asked:
            yield failed(record, f"sample_rate is {config.sample_rate}, not {asked} as configured")
        elif config.sample_rate not in rates:
            yield failed(record, f"sample_rate {config.sample_rate} is none of {name}: {rates}")
        else:
            yield passed(record)


@check("AVK-AUDIO-002", role="client")
def pcm_rate(trace: Trace) -> Findings:
    """A PCM session announces its rate, one of the PCM rates."""
    return _announced(trace, AudioFormatName.PCM_S16LE, SampleRate.PCM)


@check("AVK-AUDIO-003", role="client")
def ogg_rate(trace: Trace) -> Findings:
    """An Ogg Opus session announces its rate, one of the Opus rates."""
    return _announced(trace, AudioFormatName.OGG_OPUS, SampleRate.OGG_OPUS)


@check("AVK-AUDIO-004", role="client")
def audio_is_as_announced(trace: Trace) -> Findings:
    """PCM is what the application gave; Ogg Opus sessions carry Ogg pages and nothing else."""
    for opening in openings(trace):
        sent = configuration(opening.socket) if opening.socket is not None else None
        if sent is None or opening.socket is None:
            continue
        _, config = sent
        given = _given(trace, opening)
        found = [request for request in requests(opening.socket) if request.audio]
        for request in found:
            if config.audio_format == pb.AUDIO_FORMAT_OGG_OPUS:
                if request.audio.startswith(_CAPTURE):
                    yield passed(request.records[0])
                else:
                    yield failed(
                        request.records[0],
                        f"Ogg Opus is announced, and the stream begins with "
                        f"{request.audio[:4]!r}, not with {_CAPTURE!r}",
                    )
            elif request.audio in given:
                yield passed(request.records[0])
            else:
                yield failed(
                    request.records[0],
                    "PCM is announced, and the bytes sent are not the samples given",
                )


@check("AVK-AUDIO-005", role="client")
def requests_end(trace: Trace) -> Findings:
    """Each finished request says end=true, once, on its last message."""
    for opening in openings(trace):
        if opening.socket is None:
            continue
        ended = 0
        for request in requests(opening.socket):
            marks = [index for index, chunk in enumerate(request.chunks) if chunk.end]
            ended += bool(marks)
            if marks and marks != [len(request.chunks) - 1]:
                yield failed(
                    request.records[marks[0]], "end=true on a message that is not the last"
                )
            elif marks:
                yield passed(request.records[-1])
        wanted = _endings(trace, opening)
        if wanted > ended:
            last = opening.socket.messages("client", AUDIO)
            yield failed(
                last[-1] if last else None,
                f"the application ended {wanted} requests, and {ended} say end=true",
            )


def _endings(trace: Trace, opening: Opening) -> int:
    end = next(
        (o.call.command.seq for o in openings(trace) if o.call.command.seq > _start(opening)),
        float("inf"),
    )
    return sum(
        call.done and call.params.get("end") is True and _start(opening) < call.command.seq < end
        for call in calls(trace, "send_audio")
    )


@check("AVK-AUDIO-011", role="client")
def audio_needs_a_connection(trace: Trace) -> Findings:
    """Audio given to a client without a connection is refused locally."""
    for call in calls(trace, "send_audio"):
        if call.answer is None or not unconnected(trace, call.command):
            continue
        if sent_after(trace, call, AUDIO):
            yield failed(call.answer, "audio was sent although no session was open")
        elif call.error is not None and call.error.local:
            yield passed(call.answer)
        elif call.kind != "unsupported":
            yield failed(
                call.answer,
                f"audio without a connection was answered by {call.error or call.kind}, "
                "not refused locally",
            )


@check("AVK-AUDIO-012", role="client")
def failed_send(trace: Trace) -> Findings:
    """Audio that cannot be sent: phase websocket_send with its req_id, or a local refusal."""
    return send_failures(trace, "send_audio")


def send_failures(trace: Trace, command: str) -> Findings:
    """How a command fared after the server had ended the socket."""
    ends = [socket.end for socket in trace.sockets() if socket.end is not None]
    for call in calls(trace, command):
        ended = [end for end in ends if end.sender == "server" and end.seq < call.command.seq]
        error = call.error
        if not ended or error is None:
            continue
        if error.local:
            yield passed(error.record, observed="refused locally")
        elif error.phase != Phase.WEBSOCKET_SEND or error.code not in {
            ErrorCode.CONNECTION_CLOSED,
            ErrorCode.CONNECTION_FAILED,
        }:
            yield failed(
                error.record,
                f"{command} on an ended socket was reported as {error}, "
                f"not as {ErrorCode.CONNECTION_CLOSED} in phase {Phase.WEBSOCKET_SEND}",
            )
        elif not error.get("req_id"):
            yield failed(error.record, f"a failed {command} is reported without its req_id")
        else:
            yield passed(error.record, observed=error.code)


# -- request ids -----------------------------------------------------------------------------------


def _uses(trace: Trace) -> Iterator[tuple[int, Record, str, bool, bool]]:
    """Each audio and interrupt message: socket, record, req_id, is it audio, does it end the id."""
    for socket in trace.sockets():
        for record in socket.messages("client"):
            message = envelope(record)
            if message is None:
                continue
            if record.name == AUDIO:
                chunk = message.client_audio_input
                yield socket.number, record, chunk.req_id, True, chunk.end
            elif record.name == INTERRUPT:
                yield socket.number, record, message.client_interrupt.req_id, False, True


@check("AVK-REQ-001", role="client")
def one_id_a_request(trace: Trace) -> Findings:
    """The id stays until end=true or an interrupt, and is replaced then."""
    open_id: dict[int, str] = {}
    over: dict[int, set[str]] = {}
    for socket, record, req_id, audio, ends in _uses(trace):
        current, done = open_id.get(socket, ""), over.setdefault(socket, set())
        if audio and req_id in done:
            yield failed(record, f"req_id {req_id} goes on after its request was over")
        elif audio and current and req_id != current:
            yield failed(record, f"req_id changes from {current} within a request")
        elif audio:
            yield passed(record)
        if ends:
            done.add(req_id)
            open_id[socket] = ""
        elif audio:
            open_id[socket] = req_id


@check("AVK-REQ-002", role="client")
def form_of_the_id(trace: Trace) -> Findings:
    """UTC time, underscore, 12 characters of the alphabet."""
    seen: set[str] = set()
    for _, record, req_id, audio, _ in _uses(trace):
        if not audio or req_id in seen:
            continue
        seen.add(req_id)
        if re.fullmatch(RequestId.PATTERN, req_id) and _is_time(req_id):
            yield passed(record)
        else:
            yield failed(record, f"req_id {req_id!r} does not have the form {RequestId.PATTERN}")


def _is_time(req_id: str) -> bool:
    try:
        datetime.strptime(req_id.partition(RequestId.SEPARATOR)[0], RequestId.TIME_FORMAT).replace(
            tzinfo=UTC
        )
    except ValueError:
        return False
    return True


@check("AVK-REQ-005", role="client", always=True)
def ids_are_not_reused(trace: Trace) -> Findings:
    """No id is taken up again, and requests do not mix."""
    latest: dict[int, str] = {}
    seen: dict[int, set[str]] = {}
    over: dict[int, set[str]] = {}
    for socket, record, req_id, audio, ends in _uses(trace):
        known, done = seen.setdefault(socket, set()), over.setdefault(socket, set())
        if audio and (req_id in done or (req_id in known and latest.get(socket) != req_id)):
            yield failed(record, f"req_id {req_id} is used again after another request or its end")
        elif audio:
            yield passed(record)
        if audio:
            known.add(req_id)
            latest[socket] = req_id
        if ends:
            done.add(req_id)


@check("AVK-REQ-008", role="client")
def ids_end_with_the_connection(trace: Trace) -> Findings:
    """Ids of an ended connection are not used on the next one."""
    owner: dict[str, int] = {}
    first = min((socket.number for socket in trace.sockets()), default=0)
    for socket, record, req_id, _, _ in _uses(trace):
        if owner.setdefault(req_id, socket) != socket:
            yield failed(
                record, f"{record.name} uses req_id {req_id} of the connection that has ended"
            )
        elif socket != first:
            yield passed(record)
    for call in calls(trace, "interrupt"):
        if call.error is not None and call.error.local and len(trace.sockets()) > 1:
            yield passed(call.answer)
