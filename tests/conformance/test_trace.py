from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from conformance.trace import (
    Channel,
    Socket,
    Stream,
    TraceHeader,
    members_of,
    payload,
    read_trace,
    write_trace,
)
from tests.conformance.helpers import record, trace

if TYPE_CHECKING:
    from pathlib import Path

A = trace(
    record(1, "expect", source="scenario", data={"code": "x"}),
    record(2, "step", source="scenario", name="open", data={"number": 1}),
    record(3, "command", source="adapter", sender="runner", name="open"),
    record(4, "http_request", sender="client", name="tokens"),
    record(5, "http_response", sender="server", name="tokens", status=200),
    record(6, "http_request", sender="client", name="tokens"),
    record(7, "upgrade_request", sender="client", connection=1, target="/x?a=1"),
    record(8, "upgrade_response", sender="server", connection=1, status=401),
    record(9, "upgrade_request", sender="client", connection=2),
    record(10, "upgrade_response", sender="server", connection=2, status=101),
    record(11, "open", connection=2),
    record(12, "message", sender="client", connection=2, name="A", opcode="text", raw="hé"),
    record(13, "message", sender="server", connection=2, name="B", opcode="binary", raw="AQI="),
    record(14, "event", source="adapter", sender="adapter", name="error", data={"code": "late"}),
    record(15, "close", sender="server", connection=2, code=1000),
    record(
        16,
        "answer",
        source="adapter",
        name="open",
        data={"answer": "error", "error": {"code": "e"}},
    ),
)


SSE = [
    record(1, "http_request", sender="client", connection=1, name="chat"),
    record(2, "http_request", sender="client", connection=2, name="chat"),
    record(3, "http_response", sender="server", connection=2, name="chat", status=200),
    record(4, "open", connection=2),
    record(5, "message", sender="server", connection=2, opcode="sse", name="start"),
    record(6, "ping", sender="server", connection=2, opcode="sse", raw="still here"),
    record(7, "http_response", sender="server", connection=1, name="chat", status=401),
    record(8, "reset", sender="client", connection=2),
    record(9, "http_request", sender="client", name="other"),
    record(10, "upgrade_request", sender="client", connection=3),
    record(11, "message", sender="client", connection=4),
]


def test_event_streams() -> None:
    found = trace(*SSE)
    refused, stream = found.streams()
    assert found.streams("chat") == [refused, stream]
    assert found.streams("other") == []
    assert (refused.is_open, refused.end) == (False, None)
    assert refused.response is not None
    assert refused.response.status == 401
    assert stream.request is SSE[1]
    assert stream.response is SSE[2]
    assert stream.messages("server") == [SSE[4]]
    assert stream.comments == [SSE[5]]
    assert stream.end is SSE[7]
    assert [(a.seq, b.seq if b is not None else None) for a, b in found.http()] == [
        *((1, 7), (2, 3), (9, None))
    ]
    assert [socket.number for socket in found.sockets()] == [3]
    assert [type(channel) for channel in found.channels()] == [Stream, Stream, Socket, Channel]
    assert found.rooms() == []


def test_rooms() -> None:
    records = [
        record(1, "join", sender="client", connection=1, participant="agent", name="r"),
        record(2, "join", sender="server", connection=1, participant="worker", name="r"),
        record(3, "join", connection=1, participant="guest", name="r"),
        record(4, "message", sender="client", connection=1, participant="agent", name="PCM"),
        record(5, "track", sender="server", connection=1, participant="worker", name="audio"),
        record(6, "leave", sender="server", connection=1, participant="worker", name="r"),
    ]
    found = trace(*records)
    (room,) = found.rooms()
    assert room.is_open
    assert room.participants() == ["agent", "worker", "guest"]
    assert room.participants("server") == ["worker"]
    assert room.of("worker") == [records[1], *records[4:]]
    assert room.joins == records[:3]
    assert (room.leaves, room.tracks) == ([records[5]], [records[4]])
    assert room.messages("client") == [records[3]]
    assert (found.sockets(), found.streams()) == ([], [])
    assert not trace(record(1, "leave", connection=1, participant="x")).rooms()[0].is_open


def test_binary_bodies() -> None:
    audio = {"headers": {"content-type": "audio/wav"}, "raw": "AAE="}
    assert payload(record(1, "http_response", **audio)) == b"\0\1"
    form = {"headers": {"content-type": "multipart/form-data; boundary=x"}, "raw": "AAE="}
    file = {"filename": "a.wav", "content_type": "", "bytes": 2}
    assert payload(record(1, "http_request", data={"file": file}, **form)) == b"\0\1"
    assert payload(record(1, "http_request", data={"model": "x"}, **form)) == b"AAE="
    assert payload(record(1, "message", opcode="sse", raw="ä")) == "ä".encode()
    with pytest.raises(ValueError, match="base64"):
        payload(record(1, "message", opcode="binary", raw="?"))


def test_sockets_are_attempts_too() -> None:
    refused, used = A.sockets()
    assert (refused.number, refused.is_open) == (1, False)
    assert refused.upgrade is not None
    assert refused.upgrade.target == "/x?a=1"
    assert refused.response is not None
    assert refused.response.status == 401
    assert refused.end is None
    assert used.is_open
    assert [r.name for r in used.messages()] == ["A", "B"]
    assert [r.name for r in used.messages("server")] == ["B"]
    assert used.messages("server", "A") == []
    first = used.first(kind="message")
    assert first is not None
    assert [r.seq for r in used.before(first)] == [9, 10, 11]
    assert [r.seq for r in used.after(first)] == [13, 15]
    assert used.end is not None
    assert used.end.code == 1000
    assert used.first(kind="ping") is None
    assert [r.seq for r in used.where(kind="message", sender=("client", "x"))] == [12]


def test_calls_pair_requests_with_replies() -> None:
    (request, reply), (second, none) = A.http("tokens")
    assert (request.seq, reply and reply.seq, second.seq, none) == (4, 5, 6, None)
    assert A.http("elsewhere") == []
    assert len(A.http()) == 2


def test_questions_to_the_whole_trace() -> None:
    assert A.expect == {"code": "x"}
    assert trace().expect == {}
    assert [r.seq for r in A.steps] == [2]
    assert [r.seq for r in A.commands("open")] == [3]
    assert [r.seq for r in A.answers()] == [16]
    assert [r.seq for r in A.events("error")] == [14]
    assert A.events("other") == []
    assert A.errors() == [{"code": "late"}, {"code": "e"}]
    assert A.errors("open") == [{"code": "e"}]
    assert A.errors("close") == []
    assert [r.seq for r in A.messages("client")] == [12]
    assert [r.name for r in A.judged()] == ["A"]
    assert [r.name for r in trace(*A.records, role="server").judged()] == ["B"]
    assert len(A.wire()) == 11
    assert [
        r.seq for r in A.where(lambda r: r.seq > 10, source="wire", kind=["open", "close"])
    ] == [
        11,
        15,
    ]
    first = A.first(name="tokens")
    assert first is not None
    assert first.seq == 4


def test_payloads() -> None:
    text, binary = A.messages()
    assert payload(text) == "hé".encode()
    assert payload(binary) == b"\x01\x02"


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_what_is_no_object_has_no_members(value: object) -> None:
    assert members_of(value) == {}
    assert members_of({"a": value}) == {"a": value}


def test_a_trace_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "trace.jsonl"
    write_trace(path, A)
    again = read_trace(path)
    assert again.header == A.header
    assert again.records == A.records
    assert len(path.read_bytes().splitlines()) == 17


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("nonsense\n", 1),
        ('{"trace": 1}\n{"seq": 1}\n', 2),
        ('{"trace": 1}\n{"seq": "x"}', 2),
    ],
)
def test_a_file_that_is_no_trace_is_refused_by_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"trace.jsonl:{line}: not a trace"):
        read_trace(path)


def test_a_header_has_defaults() -> None:
    assert TraceHeader().trace == 1
    assert base64.b64decode("AQI=") == b"\x01\x02"
