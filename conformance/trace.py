"""Questions to the record of one scenario.

A trace is an ordered list of `avatar_protocols.trace.Record`: what crossed the wire, what the
adapter was told and said, which steps were played. Checks read it and nothing else, so the same
checks judge a live run and a recording.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import msgspec

from mock_servers.bodies import is_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from avatar_protocols.trace import Record

__all__ = [
    "Channel",
    "Room",
    "Socket",
    "Stream",
    "Trace",
    "TraceHeader",
    "members_of",
    "payload",
    "read_trace",
    "write_trace",
]

_ENDS = ("close", "reset")


class TraceHeader(msgspec.Struct, kw_only=True):
    """First line of a trace file.

    Attributes:
        trace: version of the format.
        protocol, revision: what was spoken.
        role: role of the implementation under test.
        scenario: id of the scenario, or "" for a recording of something else.
        implementation: its name and version.
    """

    trace: int = 1
    protocol: str = ""
    revision: str = ""
    role: str = ""
    scenario: str = ""
    implementation: str = ""


def payload(record: Record) -> bytes:
    """The message or body of a record as bytes; secrets in it are overwritten.

    Raises:
        ValueError: the record is damaged: it should be base64 and is not.
    """
    if record.opcode == "binary" or is_binary(record.headers, record.data):
        return base64.b64decode(record.raw, validate=True)
    return record.raw.encode("utf-8", "replace")


def members_of(value: object) -> dict[str, Any]:
    """The members of a JSON object; {} if the value is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


class Channel:
    """Everything of one numbered channel: a WebSocket, an event stream or a room.

    Attributes:
        number: 1 for the first channel of the scenario.
        records: everything that belongs to it, in order.
    """

    def __init__(self, number: int, records: Sequence[Record]) -> None:
        self.number = number
        self.records = records

    @cached_property
    def is_open(self) -> bool:
        """Whether it came about at all."""
        return self.first(kind="open") is not None

    @cached_property
    def end(self) -> Record | None:
        """Its first close, or its end without one (kind ``reset``); None if still open."""
        return next((r for r in self.records if r.kind in _ENDS), None)

    def where(self, **fields: Any) -> list[Record]:  # noqa: ANN401 - any member of Record
        """The records whose members equal these; see `Trace.where`."""
        return _where(self.records, fields)

    def first(self, **fields: Any) -> Record | None:  # noqa: ANN401 - any member of Record
        """The first record whose members equal these, or None."""
        return next(_matching(self.records, fields), None)

    def messages(self, sender: str = "", name: str = "") -> list[Record]:
        """The application messages, all or only those of a sender or with a name."""
        return _messages(self.records, sender, name)

    def before(self, record: Record) -> Sequence[Record]:
        """The records before this one."""
        return [r for r in self.records if r.seq < record.seq]

    def after(self, record: Record) -> Sequence[Record]:
        """The records after this one."""
        return [r for r in self.records if r.seq > record.seq]


class Socket(Channel):
    """One WebSocket of a trace, or one attempt to open one."""

    @cached_property
    def upgrade(self) -> Record | None:
        """The upgrade request."""
        return self.first(kind="upgrade_request")

    @cached_property
    def response(self) -> Record | None:
        """The reply to the upgrade request."""
        return self.first(kind="upgrade_response")


class Stream(Channel):
    """One answer as Server-Sent Events, or one request for it that was refused.

    Its events are its messages; all are the server's.
    """

    @cached_property
    def request(self) -> Record | None:
        """The HTTP request, body included."""
        return self.first(kind="http_request")

    @cached_property
    def response(self) -> Record | None:
        """The head of the answer; of a refusal the whole answer."""
        return self.first(kind="http_response")

    @cached_property
    def comments(self) -> list[Record]:
        """The comment lines between the events."""
        return self.where(kind="ping", sender="server")


class Room(Channel):
    """A room: participants, their messages to one another, their tracks."""

    @cached_property
    def is_open(self) -> bool:
        """Whether anybody has joined it."""
        return bool(self.joins)

    @cached_property
    def joins(self) -> list[Record]:
        """Who joined, in that order."""
        return self.where(kind="join")

    @cached_property
    def leaves(self) -> list[Record]:
        """Who left, in that order."""
        return self.where(kind="leave")

    @cached_property
    def tracks(self) -> list[Record]:
        """What was published and unpublished."""
        return self.where(kind="track")

    def of(self, participant: str) -> list[Record]:
        """Everything that one participant did."""
        return self.where(participant=participant)

    def participants(self, role: str = "") -> list[str]:
        """Ids of the participants, all or those of a role, in the order of their first record."""
        seen = [r.participant for r in self.records if role in {"", r.sender} and r.participant]
        return list(dict.fromkeys(seen))


class Trace:
    """The record of one scenario.

    Args:
        header: what it is a trace of.
        records: the records, in order.

    Attributes:
        header, records: as given.
    """

    def __init__(self, header: TraceHeader, records: Sequence[Record]) -> None:
        self.header = header
        self.records = records

    @cached_property
    def expect(self) -> dict[str, Any]:
        """What the scenario's ``expect`` says; {} if nothing."""
        record = next((r for r in self.records if r.kind == "expect"), None)
        return (record.data or {}) if record is not None else {}

    @cached_property
    def steps(self) -> list[Record]:
        """The steps that were begun; a `note` with `problems` behind them says why they ended."""
        return [r for r in self.records if r.kind == "step"]

    def where(
        self,
        test: Callable[[Record], bool] | None = None,
        **fields: Any,  # noqa: ANN401 - any member of Record
    ) -> list[Record]:
        """The records that satisfy a function and whose members equal these.

        A tuple, list or set as a value means "one of these".
        """
        found = _where(self.records, fields)
        return found if test is None else [r for r in found if test(r)]

    def first(self, **fields: Any) -> Record | None:  # noqa: ANN401 - any member of Record
        """The first record whose members equal these, or None."""
        return next(_matching(self.records, fields), None)

    def wire(self) -> list[Record]:
        """What crossed the wire."""
        return [r for r in self.records if r.source == "wire"]

    def messages(self, sender: str = "", name: str = "") -> list[Record]:
        """The application messages of all channels, or only those of a sender or with a name."""
        return _messages(self.records, sender, name)

    def judged(self) -> list[Record]:
        """The application messages of the implementation under test."""
        return self.messages(self.header.role)

    def http(self, endpoint: str = "") -> list[tuple[Record, Record | None]]:
        """The HTTP calls, all or those at one endpoint: request and reply (None if none came)."""
        waiting: list[Record] = []
        replies: dict[int, Record] = {}
        for record in self.records:
            if record.kind == "http_request":
                waiting.append(record)
            elif record.kind == "http_response":
                call = (record.name, record.connection)
                request = next((r for r in waiting if (r.name, r.connection) == call), None)
                if request is not None:
                    waiting.remove(request)
                    replies[request.seq] = record
        return [
            (record, replies.get(record.seq))
            for record in self.records
            if record.kind == "http_request" and endpoint in {"", record.name}
        ]

    def commands(self, name: str = "") -> list[Record]:
        """The commands the adapter was given, all or those of one name."""
        return [r for r in self._of_kind["command"] if name in {"", r.name}]

    def answers(self, command: str = "") -> list[Record]:
        """The adapter's answers, all or those to one command; ``data`` holds the whole answer."""
        return [r for r in self._of_kind["answer"] if command in {"", r.name}]

    def events(self, name: str = "") -> list[Record]:
        """The adapter's events, all or those of one name; ``data`` holds the event's data."""
        return [r for r in self._of_kind["event"] if name in {"", r.name}]

    def errors(self, command: str = "") -> list[dict[str, Any]]:
        """Every error the implementation reported, by answer or by event, in order.

        Args:
            command: only errors that answered this command.
        """
        found: list[dict[str, Any]] = []
        for record in self.records:
            data = record.data or {}
            if record.kind == "answer" and data.get("answer") == "error":
                if command in {"", record.name}:
                    found.append(data.get("error") or {})
            elif record.kind == "event" and record.name == "error" and not command:
                found.append(data)
        return found

    def channels(self) -> list[Channel]:
        """Everything that carries messages, attempts at it included, by number."""
        return self._channels

    def sockets(self) -> list[Socket]:
        """The WebSockets, failed attempts included, in the order of their upgrade requests."""
        return self._sockets

    def streams(self, endpoint: str = "") -> list[Stream]:
        """The event streams, refused requests included, all or those of one endpoint."""
        return [
            stream
            for stream in self._channels
            if isinstance(stream, Stream)
            and endpoint in {"", stream.request.name if stream.request is not None else None}
        ]

    def rooms(self) -> list[Room]:
        """The rooms, in the order of their first record."""
        return [channel for channel in self._channels if isinstance(channel, Room)]

    @cached_property
    def _sockets(self) -> list[Socket]:
        return [channel for channel in self._channels if isinstance(channel, Socket)]

    @cached_property
    def _channels(self) -> list[Channel]:
        by_number: defaultdict[int, list[Record]] = defaultdict(list)
        for record in self.records:
            if record.connection is not None and record.source == "wire":
                by_number[record.connection].append(record)
        return [_channel(number, records) for number, records in sorted(by_number.items())]

    @cached_property
    def _of_kind(self) -> defaultdict[str, list[Record]]:
        kinds: defaultdict[str, list[Record]] = defaultdict(list)
        for record in self.records:
            kinds[record.kind].append(record)
        return kinds


def _channel(number: int, records: Sequence[Record]) -> Channel:
    """The records of one number as what they show it to be."""
    kinds = {record.kind for record in records}
    kind = next((cls for mark, cls in _MARKS.items() if mark in kinds), Channel)
    return kind(number, records)


_MARKS: dict[str, type[Channel]] = {
    # kind of record that only such a channel has; the first that is seen decides
    "upgrade_request": Socket,
    "http_request": Stream,
    "http_response": Stream,
    "join": Room,
    "leave": Room,
    "track": Room,
    "open": Socket,
}


def _messages(records: Iterable[Record], sender: str, name: str) -> list[Record]:
    return [
        r
        for r in records
        if r.kind == "message" and sender in {"", r.sender} and name in {"", r.name}
    ]


def _matching(records: Iterable[Record], fields: dict[str, Any]) -> Iterator[Record]:
    tests = [(name, _values(value)) for name, value in fields.items()]
    return (r for r in records if all(getattr(r, name) in values for name, values in tests))


def _values(value: Any) -> frozenset[Any]:  # noqa: ANN401 - any member of Record, or several
    if isinstance(value, tuple | list | set | frozenset):
        return frozenset(cast("Iterable[Any]", value))
    return frozenset((value,))


def _where(records: Iterable[Record], fields: dict[str, Any]) -> list[Record]:
    return list(_matching(records, fields))


def write_trace(path: Path, trace: Trace) -> None:
    """Write a trace file: a header line, then one record a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encode = msgspec.json.Encoder().encode
    lines = [encode(trace.header), *map(encode, trace.records), b""]
    path.write_bytes(b"\n".join(lines))


def read_trace(path: Path) -> Trace:
    """Read a trace file.

    Raises:
        ValueError: a line is not what the format says; names the line.
    """
    from avatar_protocols.trace import Record

    decode = msgspec.json.Decoder(Record).decode
    with path.open("rb") as file:
        number = 1
        try:
            header = msgspec.json.decode(next(file, b""), type=TraceHeader)
            records: list[Record] = []
            for number, line in enumerate(file, 2):  # noqa: B007 - the error names it
                records.append(decode(line))
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path}:{number}: not a trace: {error}") from error
    return Trace(header, records)
