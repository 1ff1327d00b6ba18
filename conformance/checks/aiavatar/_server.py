"""What the checks of the server role share: answers, on either transport, and what was asked.

An answer is what a server says to one turn: from start to final, vision or error. On a stream that
is everything; on a WebSocket only order tells one from the next, and an answer that was interrupted
may end long after the next one has begun (OP-2).
"""

from __future__ import annotations

import io
import re
import wave
from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols.aiavatar.v0_7 import constants, messages
from avatar_protocols.trace import Record
from conformance.trace import Socket, Stream, members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.trace import Channel, Trace

__all__ = [
    "CHAT",
    "MODEL",
    "TERMINAL",
    "Answer",
    "answers",
    "asked",
    "channels",
    "data_of",
    "events",
    "header",
    "is_pcm",
    "metadata_of",
    "plain",
    "server_end",
    "spoken_part",
    "starts",
    "wav_fault",
]

Event = constants.EventType
CHAT: Final = constants.Endpoint.CHAT.name
TERMINAL: Final = frozenset(constants.TerminalEvents.TURN)
MODEL: Final = tuple(
    field.encode_name for field in msgspec.structs.fields(messages.StopEvent) if field.required
)
"""The members that every event has, null where they are unused (AIA-RESP-001)."""

_TURN: Final = frozenset({Event.CHUNK, Event.TOOL_CALL}) | TERMINAL
_ENDS: Final = frozenset({"close", "reset"})
_TAG: Final = re.compile(r"\[\w+:[^\]]+\]")


class Answer(msgspec.Struct, kw_only=True):
    """What a server said to one turn.

    Attributes:
        channel: number of the stream or socket.
        start: its start event; None where it failed before.
        events: its chunks and tool calls, in order.
        end: its terminal event; None where none came.
    """

    channel: int
    start: Record | None
    events: list[Record] = []
    end: Record | None = None

    @property
    def chunks(self) -> list[Record]:
        """Its chunks, those that bring nothing but PCM included."""
        return [r for r in self.events if r.name == Event.CHUNK]

    @property
    def worded(self) -> list[Record]:
        """Its chunks but for those that bring nothing but PCM."""
        return [r for r in self.chunks if not is_pcm(r)]

    @property
    def text(self) -> str:
        """The text of its chunks, in one."""
        return "".join(data_of(r, "text") or "" for r in self.chunks)

    @property
    def voice_text(self) -> str:
        """The spoken text of its chunks, in one."""
        return "".join(data_of(r, "voice_text") or "" for r in self.chunks)

    @property
    def complete(self) -> bool:
        """Whether it ended as an answer does."""
        return self.end is not None and self.end.name in {Event.FINAL, Event.VISION}


def answers(trace: Trace, channel: int | None = None) -> list[Answer]:
    """Every answer of the trace, or of one channel, in the order of their starts."""
    found: list[Answer] = []
    for item in channels(trace):
        if channel in {None, item.number}:
            found += _answers(item)
    return found


def channels(trace: Trace) -> Iterator[Channel]:
    """The streams of turns and the WebSockets, in order."""
    for channel in trace.channels():
        if isinstance(channel, Socket | Stream):
            yield channel


def _answers(channel: Channel) -> list[Answer]:
    found: list[Answer] = []
    for record in events(channel):
        if record.name == Event.START:
            found.append(Answer(channel=channel.number, start=record, events=[]))
        elif record.name in _TURN and not _refuses(record):
            answer = _owner(found, record)
            if answer is None:
                answer = Answer(channel=channel.number, start=None, events=[])
                found.append(answer)
            if record.name in TERMINAL:
                answer.end = record
            else:
                answer.events.append(record)
    return found


def _owner(found: list[Answer], record: Record) -> Answer | None:
    """Whose event this is: the current answer's, unless it ends one that was interrupted."""
    unfinished = [answer for answer in found if answer.end is None]
    if not unfinished:
        return None
    *older, current = unfinished
    if current is not found[-1]:
        older, current = unfinished, unfinished[-1]
    if record.name != Event.FINAL or not older:
        return current
    text = plain(data_of(record, "text"))
    if plain(current.text) and text.startswith(plain(current.text)):
        return current
    return next((it for it in older if text.startswith(plain(it.text))), current)


def _refuses(record: Record) -> bool:
    """Whether a final refuses the session instead of ending a turn."""
    return record.name == Event.FINAL and bool(metadata_of(record).get(constants.MetadataKey.ERROR))


def events(channel: Channel) -> list[Record]:
    """The events of a server on a channel."""
    return channel.messages("server")


def starts(channel: Channel) -> list[Record]:
    """The start events on a channel."""
    return channel.messages("server", Event.START)


def data_of(record: Record | None, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """A member of a message or body; None where it is missing."""
    return None if record is None else (record.data or {}).get(name)


def metadata_of(record: Record | None) -> dict[str, Any]:
    """The metadata of a message; empty where there is no object."""
    return members_of(data_of(record, "metadata"))


def header(record: Record | None, name: str) -> str:
    """A header field, whatever its case; "" where it is missing."""
    fields = {} if record is None else record.headers
    return next((value for key, value in fields.items() if key.lower() == name.lower()), "")


def is_pcm(record: Record) -> bool:
    """Whether a chunk brings nothing but PCM (AIA-AUDIO-004)."""
    keys = constants.MetadataKey
    told = metadata_of(record)
    return keys.PCM_FORMAT in told and keys.IS_FIRST_CHUNK not in told


def plain(text: object) -> str:
    """Text without white space: parts and wholes are trimmed differently."""
    return "".join(text.split()) if isinstance(text, str) else ""


def spoken_part(text: str) -> str:
    """What is left of a text to be spoken: without control tags, trimmed."""
    return _TAG.sub("", text).strip()


def asked(trace: Trace) -> Iterator[tuple[Record, Answer | None]]:
    """Each turn that was asked for by a request of its own, and the answer to it.

    Over HTTP that is each stream; on a WebSocket each invoke, whose answer is the next one to
    start there.
    """
    for channel in channels(trace):
        known = _answers(channel)
        if isinstance(channel, Stream):
            if channel.request is not None and channel.request.name == CHAT:
                yield channel.request, known[0] if known else None
            continue
        for request in channel.messages("client", constants.RequestType.INVOKE):
            later = (it for it in known if _begin(it) > request.seq)
            yield request, next(later, None)


def _begin(answer: Answer) -> int:
    first = next(iter([*answer.events, *filter(None, [answer.end])]), None)
    record = answer.start or first
    return -1 if record is None else record.seq


def server_end(channel: Channel) -> Record | None:
    """The server's end of a channel, unless the probe ended it first."""
    end = next((r for r in channel.records if r.kind in _ENDS), None)
    return end if end is not None and end.sender == "server" else None


def wav_fault(audio: bytes) -> str:
    """Why bytes are no complete WAV file with sound in it; "" if they are."""
    try:
        with wave.open(io.BytesIO(audio)) as file:
            frames, declared = file.readframes(file.getnframes()), file.getnframes()
            width = file.getsampwidth() * file.getnchannels()
    except (wave.Error, EOFError) as error:
        return f"no WAV file: {error or 'cut off'}"
    if not declared:
        return "a WAV file without a sample"
    if len(frames) != declared * width:
        return f"a WAV file of {declared} frames that ends after {len(frames) // width}"
    return ""
