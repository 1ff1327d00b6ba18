from __future__ import annotations

from typing import Any

import pytest

from conformance.reports.diagram import diagram, label

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
        ("message", {"problems": ["bad"]}, "unreadable message  ⚠ bad"),
        ("ping", {}, "ping"),
        ("pong", {}, "pong"),
        ("close", {"code": 1000, "reason": "bye"}, "close 1000 bye"),
        ("close", {}, "close without a code"),
        ("reset", {}, "connection lost without a close frame"),
        ("command", {"name": "open", "data": {}}, "open"),
        ("answer", {"name": "open", "data": {"answer": "done"}}, "open → done"),
        (
            "answer",
            {"name": "open", "data": {"answer": "error", "error": {"code": "x"}}},
            "open → error: x",
        ),
        ("event", {"name": "error", "data": {"a": 1}}, 'event error {"a":1}'),
        ("step", {"name": "open", "data": {"number": 1, "args": {}}}, "step 1: open"),
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
    runner, client, server = (lane.x for lane in found.lanes)
    ways = [(arrow.x1, arrow.x2) for arrow in found.arrows]
    assert ways == [(runner, client), (client, server), (server, client), (runner, runner)]
    assert [arrow.guilty for arrow in found.arrows] == [False, False, True, False]
    assert found.arrows[2].text.endswith("…")
    assert found.arrows[1].middle == (client + server) // 2
    assert found.left_out == 0


def test_a_server_has_two_lanes() -> None:
    found = diagram(trace(record(1, "command", sender="runner"), role="server"), [])
    assert [lane.name for lane in found.lanes] == ["probe (client)", "server under test"]
    assert found.arrows[0].kind == "note"


@pytest.mark.parametrize(("guilty", "first"), [([], 121), ([150], 110), ([3], 1), ([199], 121)])
def test_a_long_trace_is_cut_around_the_guilty_record(guilty: list[int], first: int) -> None:
    records = [record(n, "ping", sender="client") for n in range(1, 201)]
    found = diagram(trace(*records), guilty)
    assert len(found.arrows) == 80
    assert found.left_out == 120
    assert found.arrows[0].seq == first
