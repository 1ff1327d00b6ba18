"""A trace as a sequence diagram: lanes, and one row for each record. The template draws it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from conformance.reports.summary import printable
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = ["Diagram", "Row", "diagram", "fields", "hexdump", "label"]

_LABEL = 140
"""Characters of a label; the page cuts it further where there is less room."""
_MOST_ROWS = 60
"""Rows drawn of one trace: the offending record and what stands around it."""
_LONG_GAP = 1.0
"""Seconds between two records from which on the page says that time passed."""
_MOST_TEXT = {False: 300, True: 1500}
_MOST_ITEMS = {False: 12, True: 60}
_MOST_BYTES = {False: 96, True: 512}
"""What is shown of one string, list or message; more of the offending one (True)."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record: an arrow from lane to lane, or a note.

    Attributes:
        seq: number of the record.
        time: seconds since the trace began.
        gap: seconds since the row before, if that is long; else 0.
        kind: kind of record; picks the style.
        text: what it says in a few words.
        way: who to whom, in words; "" for a note.
        left, right: lanes that the arrow spans; equal for a note.
        back: whether the arrow points to the left.
        guilty: whether it is a record that broke the rule.
        fields: what it holds, decoded, as JSON; "" if nothing.
        raw: its bytes as a hex dump; "" if there are none.
        size: number of its bytes.
    """

    seq: int
    time: float
    gap: float
    kind: str
    text: str
    way: str
    left: int
    right: int
    back: bool
    guilty: bool
    fields: str
    raw: str
    size: int


class Diagram(msgspec.Struct, frozen=True, kw_only=True):
    """A diagram, ready to be drawn.

    Attributes:
        lanes: the parties, from left to right.
        rows: the records that are drawn.
        before, after: records of the trace that are not drawn.
        summary: what it shows, for those who cannot see it.
    """

    lanes: tuple[str, ...]
    rows: tuple[Row, ...]
    before: int
    after: int
    summary: str


_LANES = {
    # role of the implementation under test: title of each lane by its name
    "client": {"runner": "scenario", "client": "client under test", "server": "mock platform"},
    "server": {"runner": "scenario", "server": "server under test", "client": "probe (client)"},
}
_WAYS = {
    # sender: lane it comes from, lane it goes to; "" stands for the implementation under test
    "runner": ("runner", ""),
    "adapter": ("", "runner"),
    "client": ("client", "server"),
    "server": ("server", "client"),
}
_ADAPTERS = frozenset({"command", "answer", "event"})
_NOTES = frozenset({"step", "note", "clock", "open"})
_HIDDEN = frozenset({"expect"})
_FIELDS = (
    *("method", "target", "status", "headers", "participant", "reliability"),
    *("code", "reason", "data", "problems"),
)


def diagram(trace: Trace, guilty: Sequence[int]) -> Diagram:
    """Lay out a trace.

    Args:
        trace: the trace.
        guilty: records to mark, by seq.
    """
    scene = _Scene(trace)
    lanes = scene.lanes
    records = [r for r in trace.records if r.kind not in _HIDDEN]
    first = _first(records, guilty)
    shown = records[first : first + _MOST_ROWS]
    return Diagram(
        lanes=tuple(lanes.values()),
        rows=tuple(
            _row(record, shown[index - 1] if index else record, scene, record.seq in guilty)
            for index, record in enumerate(shown)
        ),
        before=first,
        after=len(records) - first - len(shown),
        summary=f"{len(records)} records between {', '.join(lanes.values())}",
    )


class _Scene:
    """Who takes part in a trace.

    Attributes:
        role: role of the implementation under test.
        lanes: title of each lane by its name, from left to right.
        streams: numbers of the event streams.
    """

    def __init__(self, trace: Trace) -> None:
        self.role = trace.header.role if trace.header.role in _LANES else "client"
        self.lanes = dict(_LANES[self.role])
        if self.role == "server" and not any(r.kind in _ADAPTERS for r in trace.records):
            # Nobody speaks to a server that is behind no adapter.
            self.lanes = {name: self.lanes[name] for name in ("client", "server")}
        self.streams = frozenset(stream.number for stream in trace.streams())

    def way(self, record: Record) -> tuple[str, str]:
        """The lanes that a record comes from and goes to."""
        source, target = _WAYS.get(record.sender, ("?", "?"))
        return source or self.role, target or self.role


def _first(records: Sequence[Record], guilty: Sequence[int]) -> int:
    """Where to begin drawing: so that the end is seen, or the guilty record if it is elsewhere."""
    last = max(0, len(records) - _MOST_ROWS)
    marked = [index for index, record in enumerate(records) if record.seq in guilty]
    return max(0, min(marked[0] - _MOST_ROWS // 2, last)) if marked else last


def _row(record: Record, before: Record, scene: _Scene, guilty: bool) -> Row:  # noqa: FBT001 - it is data
    source, target = scene.way(record)
    lanes = scene.lanes
    drawn = record.kind not in _NOTES and source in lanes and target in lanes
    numbers = [list(lanes).index(name) for name in (source, target)] if drawn else [0, 0]
    gap = record.time - before.time
    data = _bytes(record)
    return Row(
        seq=record.seq,
        time=record.time,
        gap=gap if gap >= _LONG_GAP else 0.0,
        kind=record.kind if drawn else "note",
        text=_cut(label(record, stream=record.connection in scene.streams), _LABEL),
        way=f"{lanes[source]} to {lanes[target]}" if drawn else "",
        left=min(numbers),
        right=max(numbers),
        back=numbers[0] > numbers[1],
        guilty=guilty,
        fields=fields(record, full=guilty),
        raw=hexdump(data, _MOST_BYTES[guilty]),
        size=len(data),
    )


def fields(record: Record, *, full: bool) -> str:
    """What a record holds, decoded, as JSON text; "" if it is nothing but its kind.

    Args:
        record: the record.
        full: show more of long strings and lists.
    """
    found = {
        name: _brief_copy(value, full=full)
        for name in _FIELDS
        if (value := getattr(record, name)) not in (None, "", {}, [])
    }
    if not found:
        return ""
    only_data = set(found) == {"data"}
    told = found["data"] if only_data else found
    return printable(json.dumps(told, indent=2, ensure_ascii=False), 10 * _MOST_TEXT[full])


def _brief_copy(value: object, *, full: bool) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """JSON data with its long strings and lists shortened."""
    if isinstance(value, str):
        return _cut(value, _MOST_TEXT[full], count=True)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {_cut(name, 200): _brief_copy(part, full=full) for name, part in members.items()}
    if isinstance(value, list):
        items, most = cast("list[object]", value), _MOST_ITEMS[full]
        more = [f"… {len(items) - most} more"] if len(items) > most else []
        return [*(_brief_copy(item, full=full) for item in items[:most]), *more]
    return value


def _cut(text: str, most: int, *, count: bool = False) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most - 1]}…" + (f" ({len(text)} characters)" if count else "")


def _bytes(record: Record) -> bytes:
    """The bytes of a message or body; what is not base64 as it should be is shown as it is."""
    try:
        return payload(record)
    except ValueError:  # a damaged or foreign trace
        return record.raw.encode("utf-8", "replace")


def hexdump(data: bytes, most: int) -> str:
    """Bytes as offset, hex and ASCII, 16 a line.

    Args:
        data: the bytes.
        most: how many of them to show.
    """
    lines: list[str] = []
    for offset in range(0, min(len(data), most), 16):
        part = data[offset : min(offset + 16, most)]
        text = re.sub(r"[^ -~]", ".", part.decode("latin-1"))
        lines.append(f"{offset:04x}  {part.hex(' '):<47}  {text}")
    if len(data) > most:
        lines.append(f"… {len(data) - most} more bytes")
    return "\n".join(lines)


def label(record: Record, *, stream: bool = False) -> str:
    """A record in a few words.

    Args:
        record: the record.
        stream: whether it belongs to an event stream.
    """
    tables = (_STREAM_LABELS, _LABELS) if stream else (_LABELS,)
    told = next((t[record.kind] for t in tables if record.kind in t), _other)(record)
    number = f"[{record.connection}] " if record.connection is not None else ""
    return printable(f"{number}{told}".strip(), 400)


def _other(record: Record) -> str:
    return f"{record.kind} {record.name or record.reason}"


def _close(record: Record) -> str:
    code = "without a code" if record.code is None else str(record.code)
    return f"close {code} {record.reason}"


def _answer(record: Record) -> str:
    data = record.data or {}
    error: object = data.get("error")
    told = cast("dict[str, object]", error) if isinstance(error, dict) else {}
    code = f": {told.get('code') or told.get('kind')}" if told else ""
    return f"{record.name} → {data.get('answer', '')}{code}"


def _step(record: Record) -> str:
    data = record.data or {}
    return f"step {data.get('number', '')}: {record.name} {_brief(data.get('args'))}"


def _brief(value: object) -> str:
    if value in (None, {}):
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:500]


def _message(record: Record) -> str:
    data = record.data or {}
    inner = {key: part for key, part in data.items() if key not in {"type", "event"}}
    problems = f" ⚠ {record.problems[0]}" if record.problems else ""
    told = f"{record.name or 'unreadable message'}{problems} {_brief(inner)}"
    whose = [word for word in (record.participant, record.reliability.lower()) if word]
    return f"{', '.join(whose)}: {told}" if whose else told


def _track(record: Record) -> str:
    data = record.data or {}
    return f"{record.participant}: {record.name} {data.get('state', '')}"


_LABELS: dict[str, Callable[[Record], str]] = {
    "http_request": lambda r: f"{r.method} {r.target}",
    "http_response": lambda r: f"HTTP {r.status} {r.name} {_brief(r.data)}",
    "upgrade_request": lambda r: f"upgrade {r.target}",
    "upgrade_response": lambda r: f"HTTP {r.status} {r.raw}",
    "open": lambda _: "socket open",
    "join": lambda r: f"{r.participant} joins {r.name}",
    "leave": lambda r: f"{r.participant} leaves {r.name}",
    "track": _track,
    "message": _message,
    "ping": lambda _: "ping",
    "pong": lambda _: "pong",
    "close": _close,
    "reset": lambda _: "connection lost without a close frame",
    "command": lambda r: f"{r.name} {_brief(r.data)}",
    "answer": _answer,
    "event": lambda r: f"event {r.name} {_brief(r.data)}",
    "step": _step,
    "note": lambda r: f"{r.name} {r.reason}",
    "clock": lambda r: f"clock: {_brief(r.data)}",
}
_STREAM_LABELS: dict[str, Callable[[Record], str]] = {
    "open": lambda _: "stream open",
    "ping": lambda r: f"comment {r.raw}",
    "close": lambda _: "end of the stream",
    "reset": lambda _: "stream broken off",
}
