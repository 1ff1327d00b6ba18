"""What the checks of clients ask of a trace again and again."""

from __future__ import annotations

import base64
import binascii
import io
import wave
from typing import TYPE_CHECKING, Any

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import failed, passed
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Channel, Trace

__all__ = [
    "CHAT",
    "Heard",
    "Request",
    "Sent",
    "audio_of",
    "carried",
    "channel_of",
    "context_of",
    "delivered",
    "given_audio",
    "member",
    "metadata",
    "option",
    "pcm_of",
    "probes",
    "requests",
    "same_text",
    "survived",
    "turns",
]

CHAT = constants.Endpoint.CHAT.name
Request = constants.RequestType
Sent = constants.EventType
Heard = constants.MetadataKey


# --- requests and events -------------------------------------------------------------------------


def member(record: Record, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """A member of a request or event; None if it is absent."""
    return members_of(record.data).get(name)


def metadata(record: Record) -> dict[str, Any]:
    """The metadata of an event; {} if there are none."""
    return members_of(member(record, "metadata"))


def requests(trace: Trace) -> list[Record]:
    """The client's requests on either transport: bodies of /chat and messages of sockets."""
    posted = [request for request, _ in trace.http(CHAT)]
    return sorted([*posted, *trace.messages("client")], key=lambda record: record.seq)


def turns(trace: Trace) -> list[Record]:
    """The requests that ask for a turn."""
    return [r for r in requests(trace) if r.kind == "http_request" or r.name == Request.INVOKE]


def audio_of(record: Record) -> bytes | None:
    """The audio of a request or event; None if there is none, or it is not base64."""
    text = member(record, "audio_data")
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def channel_of(trace: Trace, record: Record) -> Channel | None:
    """The socket or stream of a record."""
    return next((c for c in trace.channels() if c.number == record.connection), None)


def context_of(record: Record) -> str | None:
    """The conversation that a request or event names; None for none."""
    context = member(record, "context_id")
    return context if isinstance(context, str) and context else None


# --- the adapter's side --------------------------------------------------------------------------


def option(command: Record, name: str) -> Any:  # noqa: ANN401 - any option
    """An option of an `open`; None if it is not given."""
    return members_of(members_of(command.data).get("options")).get(name)


def given_audio(command: Record) -> bytes:
    """The audio that a command gives."""
    return base64.b64decode(members_of(command.data).get("audio") or "")


def same_text(told: object, sent: object) -> bool:
    """Whether two texts are the same, where null is as good as nothing."""
    return (told or "") == (sent or "")


def delivered(trace: Trace, record: Record) -> Record | None:
    """The event by which a chunk or final reached the application."""
    return next(
        (
            event
            for event in trace.events(record.name)
            if event.seq > record.seq
            and same_text(members_of(event.data).get("text"), member(record, "text"))
        ),
        None,
    )


def probes(records: Iterable[Record]) -> list[Record]:
    """The chunks and finals of a server that a client has no reason to pass over."""
    return [
        r
        for r in records
        if r.kind == "message"
        and r.sender == "server"
        and r.name in {Sent.CHUNK, Sent.FINAL}
        and member(r, "text")
        and member(r, "metadata") is not None
        and Heard.ERROR not in metadata(r)
    ]


def survived(trace: Trace, odd: Sequence[Record], what: str) -> Iterator[Finding]:
    """Whether what the server says after each of these records still reaches the application.

    Args:
        trace: the trace.
        odd: records that must do no harm.
        what: how to name them.
    """
    for record in odd:
        channel = channel_of(trace, record)
        later: Sequence[Record] = () if channel is None else channel.after(record)
        probe = next(iter(probes(later)), None) or next(iter(_after_channel(trace, record)), None)
        ended = next(
            (r for r in later if r.kind in {"close", "reset"} and r.sender == "client"), None
        )
        if ended is not None and (probe is None or ended.seq < probe.seq):
            yield failed(
                ended, f"the client ended the connection after {what}; it must go on", record
            )
        elif probe is not None:
            event = delivered(trace, probe)
            if event is not None:
                yield passed(record, event)
            else:
                yield failed(
                    record,
                    f"after {what} the client delivers nothing any more: {probe.name} "
                    f"{member(probe, 'text')!r} never reached the application",
                    probe,
                )


def _after_channel(trace: Trace, record: Record) -> list[Record]:
    """The answers on later channels, for what stands at the end of one."""
    return probes(r for r in trace.messages("server") if r.seq > record.seq)


def carried(records: Iterable[Record]) -> bytes:
    """The PCM of these requests or events, one after the other."""
    return b"".join(pcm_of(audio_of(record) or b"") for record in records)


def pcm_of(audio: bytes) -> bytes:
    """The samples of a WAV file; of anything else itself."""
    try:
        with wave.open(io.BytesIO(audio), "rb") as file:
            return file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        return audio
