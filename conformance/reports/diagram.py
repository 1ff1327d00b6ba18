"""The geometry of a sequence diagram: lanes, arrows, notes. The template draws it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.reports.summary import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = ["Arrow", "Diagram", "Lane", "diagram", "label"]

WIDTH = 760
ROW = 24
TOP = 44
_LABEL = 64
_MOST_ROWS = 80
"""Rows drawn of one trace: the offending record and what stands around it."""


class Lane(msgspec.Struct, frozen=True):
    """A party: its name, and where its line stands."""

    name: str
    x: int


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """One row: an arrow from lane to lane, or a note across all of them.

    Attributes:
        y: height of the row.
        x1, x2: from where to where; equal for a note.
        text: what it says; ``title`` says more.
        seq: number of the record.
        time: seconds since the trace began.
        kind: kind of record; picks the style.
        guilty: whether it is the record that broke the rule.
    """

    y: int
    x1: int
    x2: int
    text: str
    title: str
    seq: int
    time: float
    kind: str
    guilty: bool

    @property
    def middle(self) -> int:
        """Where the text stands."""
        return (self.x1 + self.x2) // 2


class Diagram(msgspec.Struct, frozen=True, kw_only=True):
    """A diagram, ready to be drawn."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    arrows: tuple[Arrow, ...]
    left_out: int
    summary: str


_WAYS = {
    # sender: lane it comes from, lane it goes to
    "runner": ("runner", "client"),
    "adapter": ("client", "runner"),
    "client": ("client", "server"),
    "server": ("server", "client"),
}
_HIDDEN = frozenset({"expect"})


def diagram(trace: Trace, guilty: Sequence[int]) -> Diagram:
    """Lay out a trace.

    Args:
        trace: the trace.
        guilty: records to mark, by seq.
    """
    with_runner = trace.header.role == "client"
    names = ("runner", "client", "server") if with_runner else ("client", "server")
    gap = WIDTH // len(names)
    lanes = {name: Lane(name, gap // 2 + index * gap) for index, name in enumerate(names)}
    titles = {"client": "client under test" if with_runner else "probe (client)"}
    titles["server"] = "mock platform" if with_runner else "server under test"
    records = [r for r in trace.records if r.kind not in _HIDDEN]
    shown = _window(records, guilty)
    arrows = tuple(
        _arrow(record, TOP + (row + 1) * ROW, lanes, guilty) for row, record in enumerate(shown)
    )
    return Diagram(
        width=WIDTH,
        height=TOP + (len(shown) + 1) * ROW,
        lanes=tuple(Lane(titles.get(lane.name, "scenario"), lane.x) for lane in lanes.values()),
        arrows=arrows,
        left_out=len(records) - len(shown),
        summary=f"{len(records)} records between {', '.join(titles.values())}",
    )


def _window(records: Sequence[Record], guilty: Sequence[int]) -> Sequence[Record]:
    """The stretch of records to draw: the end of the trace, unless the guilty one is elsewhere."""
    if len(records) <= _MOST_ROWS:
        return records
    last = len(records)
    marked = [index for index, record in enumerate(records) if record.seq in guilty]
    middle = marked[0] if marked else last
    start = max(0, min(middle - _MOST_ROWS // 2, last - _MOST_ROWS))
    return records[start : start + _MOST_ROWS]


def _arrow(record: Record, y: int, lanes: dict[str, Lane], guilty: Sequence[int]) -> Arrow:
    source, target = _WAYS.get(record.sender, ("", ""))
    note = record.kind in {"step", "note", "clock", "open"} or not {source, target} <= set(lanes)
    xs = [lane.x for lane in lanes.values()]
    text = label(record)
    return Arrow(
        y=y,
        x1=min(xs) if note else lanes[source].x,
        x2=min(xs) if note else lanes[target].x,
        text=text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…",
        title=text,
        seq=record.seq,
        time=record.time,
        kind="note" if note else record.kind,
        guilty=record.seq in guilty,
    )


def label(record: Record) -> str:
    """A record in a few words."""
    data = record.data or {}
    told = _LABELS.get(record.kind, lambda r, _: f"{r.kind} {r.name or r.reason}")(record, data)
    number = f"[{record.connection}] " if record.connection is not None else ""
    return printable(f"{number}{told}".strip(), 400)


def _close(record: Record, data: dict[str, Any]) -> str:
    del data
    code = "without a code" if record.code is None else str(record.code)
    return f"close {code} {record.reason}"


def _answer(record: Record, data: dict[str, Any]) -> str:
    error = data.get("error")
    code = f": {error.get('code') or error.get('kind')}" if isinstance(error, dict) else ""
    return f"{record.name} → {data.get('answer', '')}{code}"


def _step(record: Record, data: dict[str, Any]) -> str:
    return f"step {data.get('number', '')}: {record.name} {_brief(data.get('args'))}"


def _brief(value: object) -> str:
    return "" if value in (None, {}) else msgspec.json.encode(value).decode()


def _message(record: Record, data: dict[str, Any]) -> str:
    inner = {key: part for key, part in data.items() if key not in {"type", "event"}}
    problems = f" ⚠ {record.problems[0]}" if record.problems else ""
    return f"{record.name or 'unreadable message'} {_brief(inner)}{problems}"


_LABELS: dict[str, Callable[[Record, dict[str, Any]], str]] = {
    "http_request": lambda r, _: f"{r.method} {r.target}",
    "http_response": lambda r, d: f"HTTP {r.status} {r.name} {_brief(d)}",
    "upgrade_request": lambda r, _: f"upgrade {r.target}",
    "upgrade_response": lambda r, _: f"HTTP {r.status} {r.raw}",
    "open": lambda *_: "socket open",
    "message": _message,
    "ping": lambda *_: "ping",
    "pong": lambda *_: "pong",
    "close": _close,
    "reset": lambda *_: "connection lost without a close frame",
    "command": lambda r, d: f"{r.name} {_brief(d)}",
    "answer": _answer,
    "event": lambda r, d: f"event {r.name} {_brief(d)}",
    "step": _step,
    "note": lambda r, _: r.reason,
    "clock": lambda _, d: f"clock: {_brief(d)}",
}
