"""What a client makes of events: tolerated ones, ends that are none, failures."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from avatar_protocols.aiavatar.v0_7 import constants, messages
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._client import (
    CHAT,
    Heard,
    Sent,
    delivered,
    member,
    metadata,
    probes,
    survived,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from avatar_protocols.trace import Record
    from conformance.trace import Channel, Trace

_KNOWN = frozenset(str(name) for name in messages.MessageName)
_MODEL = frozenset(messages.StopEvent.__struct_fields__) | {
    messages.StopEvent.__struct_config__.tag_field
}
_METADATA = frozenset(value for name, value in vars(Heard).items() if name.isupper())
_TERMINAL = constants.TerminalEvents.TURN


@check("AIA-SSE-003", role="client")
def comments_are_passed_over(trace: Trace) -> Findings:
    """Comments and blank lines of a stream change nothing."""
    comments = [comment for stream in trace.streams(CHAT) for comment in stream.comments]
    yield from survived(trace, comments, "a comment line")


@check("AIA-SSE-004", role="client")
def cut_streams_are_failures(trace: Trace) -> Findings:
    """The end of a stream without a terminal event is a failure; an empty stream is none."""
    for stream in trace.streams(CHAT):
        end = stream.end
        events = stream.messages("server")
        over = any(r.name in _TERMINAL for r in events)
        if not stream.is_open or end is None or end.sender != "server" or over:
            continue
        told = _errors_until(trace, end, _next_request(trace, end))
        if not events and end.kind == "close":
            if told:
                yield failed(told[0], "an empty stream was reported as a failure", end)
            else:
                yield passed(end)
        elif any(_is_transport(record) for record in told):
            yield passed(end, told[0])
        elif told:
            yield failed(told[0], "the cut stream was not reported as a failure of transport", end)
        else:
            yield failed(end, "the answer was cut off, and the application was not told")


def _next_request(trace: Trace, record: Record) -> int | None:
    return next((r.seq for r, _ in trace.http(CHAT) if r.seq > record.seq), None)


def _errors_until(trace: Trace, begin: Record, end: int | None) -> list[Record]:
    return [
        r
        for r in trace.records
        if r.seq > begin.seq
        and (end is None or r.seq < end)
        and (
            (r.kind == "event" and r.name == "error")
            or (r.kind == "answer" and (r.data or {}).get("answer") == "error")
        )
    ]


def _error(record: Record) -> dict[str, Any]:
    data: dict[str, Any] = record.data or {}
    return data if record.kind == "event" else data.get("error") or {}


def _is_transport(record: Record) -> bool:
    return _error(record).get("kind") == "transport"


@check("AIA-RESP-002", role="client")
def nulls_are_lived_with(trace: Trace) -> Findings:
    """Events with null where there could be something, and empty texts, do no harm."""
    odd = [r for r in trace.messages("server") if r.name in _KNOWN and _is_bare(r)]
    yield from survived(trace, odd, "an event full of nulls")


def _is_bare(record: Record) -> bool:
    """Whether an event lacks what its kind usually has."""
    if record.name == Sent.STOP:
        return member(record, "session_id") is None
    if record.name not in {Sent.START, Sent.CHUNK, Sent.FINAL}:
        return False
    if member(record, "metadata") is None:
        return True
    if record.name == Sent.START:
        return member(record, "context_id") is None
    return record.name == Sent.CHUNK and not member(record, "text")


@check("AIA-RESP-003", role="client")
def unknown_is_passed_over(trace: Trace) -> Findings:
    """Events of unknown type and members of unknown name do no harm."""
    odd = [r for r in trace.messages("server") if r.name not in _KNOWN or _has_unknown(r)]
    yield from survived(trace, odd, "something unknown")


def _has_unknown(record: Record) -> bool:
    return bool((record.data or {}).keys() - _MODEL or metadata(record).keys() - _METADATA)


@check("AIA-TXN-005", role="client")
def no_transaction_is_needed(trace: Trace) -> Findings:
    """A turn without transaction_id reaches the application."""
    for record in trace.messages("server", Sent.FINAL):
        if member(record, "transaction_id") is not None or record not in probes([record]):
            continue
        event = delivered(trace, record)
        if event is not None:
            yield passed(record, event)
        else:
            yield failed(record, "the answer, which has no transaction_id, was not delivered")


@check("AIA-ERR-002", role="client")
def failures_are_handed_over(trace: Trace) -> Findings:
    """An error event reaches the application with its text and the whole response."""
    for record in trace.messages("server", Sent.ERROR):
        words = metadata(record).get(Heard.ERROR) or ""
        told = _errors_until(trace, record, None)
        fitting = [e for e in told if words in f"{_error(e).get('server_detail')} {_message(e)}"]
        whole = [e for e in fitting if _document(_error(e).get("raw_body")) == record.data]
        if whole:
            yield passed(record, whole[0])
        elif fitting:
            yield failed(fitting[0], "the failure was reported without the response", record)
        elif told:
            yield failed(told[0], f"the failure was reported without its text {words!r}", record)
        else:
            yield failed(record, f"the application was not told of the failure {words!r}")


def _message(record: Record) -> str:
    return str(_error(record).get("message") or "")


def _document(text: object) -> Any:  # noqa: ANN401 - a JSON document
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


@check("AIA-INT-005", role="client")
def late_finals_do_no_harm(trace: Trace) -> Findings:
    """A final with part of an older answer takes nothing from the current one."""
    late = [
        *((r, socket) for socket in trace.sockets() for r in _late(socket)),
        *((r, newer) for r, newer in _overtaken(trace)),
    ]
    for record, channel in late:
        rest = [r for r in probes(channel.records) if r.seq > record.seq]
        lost = next((r for r in rest if delivered(trace, r) is None), None)
        if lost is not None:
            yield failed(
                record,
                f"after the late final the {lost.name} {member(lost, 'text')!r} was not delivered",
                lost,
            )
        elif rest:
            yield passed(record, rest[-1])


def _overtaken(trace: Trace) -> Iterator[tuple[Record, Channel]]:
    """The finals of streams that come while a newer one of the session is open, and that one."""
    streams = trace.streams(CHAT)
    for older, newer in pairwise(streams):
        asked = newer.request
        for final in older.messages("server", Sent.FINAL):
            if asked is not None and final.seq > asked.seq and not _is_whole(older, final):
                yield final, newer


def _is_whole(channel: Channel, final: Record) -> bool:
    return not channel.messages("server", Sent.CHUNK) or not member(final, "text")


def _late(channel: Channel) -> Sequence[Record]:
    """Finals that do not go on from the chunks of the turn they stand in (OP-2)."""
    said: list[str] = []
    found: list[Record] = []
    for record in channel.messages("server"):
        text = member(record, "text") or ""
        if record.name == Sent.START:
            said = []
        elif record.name == Sent.CHUNK:
            said.append(text)
        elif record.name == Sent.FINAL and text and not text.startswith("".join(said) or "\0"):
            found.append(record)
    return found
