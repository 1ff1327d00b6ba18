"""Records of a trace in a few words, the same in every run: ids, addresses and times left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from conformance.reports.diagram import label

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = ["excerpt", "stable"]

_MOST_TEXT = 60
"""Characters of one string of an excerpt."""
_MOST_EXCERPT = 220
"""Characters of an excerpt."""
_ADDRESS = frozenset({"credentials", "protocol", "revision", "urls"})
_LARGE = 1_000_000
"""Whole numbers from here on are instants, ids or sizes that nobody has chosen."""
_IDENTIFIER = re.compile(r"(?:^|_)m?id$|Id$")
_VOLATILE = tuple(
    # what differs from run to run: how it looks, and what stands for it
    (re.compile(pattern), sign)
    for pattern, sign in (
        (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "‹id›"),
        (r"(?<=[a-z][_-])[0-9a-f]{8}(?![A-Za-z0-9])", "‹id›"),
        (r"(?:\b127\.0\.0\.1|\blocalhost|\[::1\]):\d+\b", "‹address›"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?", "‹time›"),
        (r"(?<![\w/+])(?=[A-Za-z0-9+/_-]*\d)[A-Za-z0-9+/_-]{24,}={0,2}", "‹data›"),
        (r"(?<![A-Za-z0-9])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,}(?![A-Za-z0-9])", "‹id›"),
        (r"(?<![\w.])\d+\.\d+(?![\w.]|\.\d)", "‹number›"),
        (r"(?<![A-Za-z0-9])\d{7,}(?![A-Za-z0-9])", "‹number›"),
        (r"#\d+", "a record"),
        (r"(?:/[\w.-]+){3,}(?=[\s'\":]|$)", "‹path›"),
    )
)


def excerpt(trace: Trace, seq: int) -> str:
    """One record in a few words, without what differs from run to run; "" if there is none."""
    record = next((r for r in trace.records if r.seq == seq), None)
    if record is None:
        return ""
    streams = {stream.number for stream in trace.streams()}
    told = label(_steady(record), stream=record.connection in streams)
    text = f"{record.sender}: {told}" if record.sender else told
    text = " ".join(text.split()).replace("`", "'")
    return text if len(text) <= _MOST_EXCERPT else f"{text[: _MOST_EXCERPT - 1]}…"


def stable(text: str) -> str:
    """A text without ids, addresses, times and measured numbers."""
    for pattern, sign in _VOLATILE:
        text = pattern.sub(sign, text)
    return text if len(text) <= 4 * _MOST_TEXT else f"{text[: 4 * _MOST_TEXT - 1]}…"


def _steady(record: Record) -> Record:
    data = record.data
    if data is not None and record.kind == "command":
        # Where it is sent to, and by what right, says nothing.
        data = {name: part for name, part in data.items() if name not in _ADDRESS}
    return msgspec.structs.replace(
        record,
        connection=None,
        participant=stable(record.participant),
        data=cast("dict[str, Any] | None", _steady_document(data, "")),
        raw=stable(record.raw[:_MOST_TEXT]),
        target=stable(record.target),
        reason=stable(record.reason),
        problems=[stable(problem) for problem in record.problems],
    )


def _steady_document(value: object, key: str) -> object:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: _steady_document(part, name) for name, part in sorted(members.items())}
    if isinstance(value, list):
        return [_steady_document(item, key) for item in cast("list[object]", value)]
    if isinstance(value, str):
        identifies = value and _IDENTIFIER.search(key) and not value.startswith("‹")
        return "‹id›" if identifies else stable(value)
    if isinstance(value, float) or (type(value) is int and abs(value) >= _LARGE):
        return "‹number›"
    return value
