from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.reports.diagram import diagram, fields, hexdump, label
from tests.conformance.helpers import record, trace


@pytest.mark.parametrize(
    ("kind", "members", "text"),
    [
        ("http_request", {"method": "POST", "target": "/x"}, "POST /x"),
        ("http_response", {"status": 200, "name": "n", "data": {"a": 1}}, 'HTTP 200 n {"a":1}'),
        ("upgrade_request", {"target": "/x", "connection": 2}, "[2] upgrade /x"),
        ("upgrade_response", {"status": 401, "raw": "no"}, "HTTP 401 no"),
        ("open", {"connection": 1}, "[1] socket open"),
        ("message", {"name": "A", "data": {"type": "A", "b": 1}}, 'A {"b":1}'),
        ("message", {"problems": ["bad"]}, "unreadable message ⚠ bad"),
        ("ping", {}, "ping"),
        ("pong", {}, "pong"),
        ("close", {"code": 1000, "reason": "bye"}, "close 1000 bye"),
        ("close", {}, "close without a code"),
        ("reset", {}, "connection lost without a close frame"),
        ("join", {"connection": 1, "participant": "a", "name": "room"}, "[1] a joins room"),
        ("leave", {"participant": "a", "name": "room"}, "a leaves room"),
        (
            "track",
            {"participant": "a", "name": "video", "data": {"state": "published"}},
            "a: video published",
        ),
        (
            "message",
            {"name": "PCM", "participant": "a", "reliability": "UNRELIABLE", "data": {"bytes": 2}},
            'a, unreliable: PCM {"bytes":2}',
        ),
        ("command", {"name": "open", "data": {}}, "open"),
        ("answer", {"name": "open", "data": {"answer": "done"}}, "open → done"),
        (
            "answer",
            {"name": "open", "data": {"answer": "error", "error": {"code": "x"}}},
            "open → error: x",
        ),
        ("event", {"name": "error", "data": {"a": 1}}, 'event error {"a":1}'),
        ("step", {"name": "open", "data": {"number": 1, "args": {}}}, "step 1: open"),
        ("answer", {"name": "open", "data": {"answer": "error", "error": "x"}}, "open → error"),
        ("note", {"reason": "why"}, "why"),
        ("clock", {"data": {"advance": 3}}, 'clock: {"advance":3}'),
        ("expect", {"reason": "x"}, "expect x"),
    ],
)
def test_labels(kind: str, members: dict[str, Any], text: str) -> None:
    assert label(record(1, kind, **members)) == text


def test_arrows_go_from_lane_to_lane() -> None:
    found = diagram(
        trace(
            record(1, "expect", source="scenario"),
            record(2, "command", source="adapter", sender="runner", name="open"),
            record(3, "message", sender="client", name="A"),
            record(4, "message", sender="server", name="B" * 200),
            record(5, "step", source="scenario", sender="runner", name="open"),
        ),
        [4],
    )
    assert found.lanes == ("scenario", "client under test", "mock platform")
    ways = [(row.left, row.right, row.back) for row in found.rows]
    assert ways == [(0, 1, False), (1, 2, False), (1, 2, True), (0, 0, False)]
    assert [row.guilty for row in found.rows] == [False, False, True, False]
    assert found.rows[2].text.endswith("…")
    assert found.rows[2].way == "mock platform to client under test"
    assert found.rows[3].way == ""
    assert (found.before, found.after) == (0, 0)


def test_a_server_has_two_lanes() -> None:
    found = diagram(trace(record(1, "message", sender="server"), role="server"), [])
    assert found.lanes == ("probe (client)", "server under test")
    assert found.rows[0].back


def test_a_server_behind_an_adapter_has_three() -> None:
    records = [
        record(1, "command", source="adapter", sender="runner", name="serve"),
        record(2, "answer", source="adapter", sender="adapter", name="serve"),
        record(3, "message", sender="client"),
        record(4, "message", sender=""),
    ]
    found = diagram(trace(*records, role="server"), [])
    assert found.lanes == ("scenario", "server under test", "probe (client)")
    ways = [(row.left, row.right, row.back) for row in found.rows]
    assert ways == [(0, 1, False), (0, 1, True), (1, 2, True), (0, 0, False)]
    assert found.rows[3].kind == "note"


def test_the_events_of_a_stream() -> None:
    records = [
        record(1, "http_request", sender="client", connection=1, method="POST", target="/chat"),
        record(2, "http_response", sender="server", connection=1, status=200, name="chat"),
        record(3, "open", connection=1),
        record(4, "ping", sender="server", connection=1, opcode="sse", raw="still here"),
        record(5, "message", sender="server", connection=1, opcode="sse", name="chunk"),
        record(6, "close", sender="server", connection=1),
        record(7, "reset", sender="client", connection=1),
        record(8, "close", sender="server", connection=2),
    ]
    found = diagram(trace(*records), [])
    assert [row.text for row in found.rows] == [
        "[1] POST /chat",
        "[1] HTTP 200 chat",
        "[1] stream open",
        "[1] comment still here",
        "[1] chunk",
        "[1] end of the stream",
        "[1] stream broken off",
        "[2] close without a code",
    ]
    assert [row.back for row in found.rows[3:7]] == [True, True, True, False]


def test_a_binary_body_is_shown_as_its_bytes() -> None:
    headers = {"content-type": "audio/wav"}
    body = record(1, "http_response", sender="server", headers=headers, raw="AAEC", status=200)
    (row,) = diagram(trace(body), []).rows
    assert row.raw.startswith("0000  00 01 02")
    assert row.size == 3


@pytest.mark.parametrize(
    ("guilty", "before"), [([], 140), ([150], 119), ([3], 0), ([199], 140), ([500], 140)]
)
def test_a_long_trace_is_cut_around_the_guilty_record(guilty: list[int], before: int) -> None:
    records = [record(n, "ping", sender="client") for n in range(1, 201)]
    found = diagram(trace(*records), guilty)
    assert len(found.rows) == 60
    assert found.before == before
    assert found.before + len(found.rows) + found.after == 200
    assert found.rows[0].seq == before + 1


def test_time_that_passes_is_seen() -> None:
    found = diagram(trace(record(1, "ping"), record(90, "ping"), record(590, "ping")), [])
    assert [row.gap for row in found.rows] == [0.0, 0.0, pytest.approx(5.0)]


def test_an_empty_trace_is_drawn() -> None:
    assert diagram(trace(), [1]).rows == ()


@pytest.mark.parametrize(
    ("members", "raw", "size"),
    [
        ({"opcode": "binary", "raw": "AAFBfg=="}, "0000  00 01 41 7e", 4),
        ({"opcode": "binary", "raw": "not base64!"}, "0000  6e 6f 74", 11),
        ({"opcode": "text", "raw": "é"}, "0000  c3 a9", 2),
        ({"opcode": "text", "raw": "\ud800"}, "0000  3f", 1),
        ({}, "", 0),
    ],
)
def test_raw_bytes(members: dict[str, Any], raw: str, size: int) -> None:
    row = diagram(trace(record(1, "message", sender="client", **members)), []).rows[0]
    assert row.raw.startswith(raw)
    assert row.size == size


def test_a_hex_dump() -> None:
    assert hexdump(b"", 16) == ""
    lines = hexdump(bytes(range(0x40, 0x60)) + b"\xff", 33).splitlines()
    assert lines[0] == "0000  40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO"
    assert lines[2] == f"0020  {'ff':<47}  ."
    assert hexdump(bytes(40), 20).splitlines()[-1] == "… 20 more bytes"
    assert len(hexdump(bytes(40), 20).splitlines()) == 3


def test_fields() -> None:
    assert fields(record(1, "ping", sender="client"), full=False) == ""
    assert json.loads(fields(record(1, "message", data={"a": 1}), full=False)) == {"a": 1}
    told = json.loads(fields(record(1, "close", code=1000, data={"a": None}), full=True))
    assert told == {"code": 1000, "data": {"a": None}}


def test_long_fields_are_shortened() -> None:
    data = {"text": "x" * 5000, "list": list(range(500)), "k" * 500: [{"deep": "y" * 5000}]}
    for full, most in ((False, 4_000), (True, 8_000)):
        text = fields(record(1, "message", data=data), full=full)
        assert len(text) < most
        told = json.loads(text)
        assert told["text"].endswith("… (5000 characters)")
        assert told["list"][-1].endswith(" more")
