from __future__ import annotations

import msgspec
import pytest

from avatar_protocols.trace import Header, Record


def test_a_record_needs_four_members_only() -> None:
    record = Record(seq=1, time=0.0, source="wire", kind="ping")
    assert record.data is None
    assert record.headers == {}
    assert record.problems == []


def test_a_record_survives_a_line_of_a_file() -> None:
    record = Record(
        seq=7,
        time=1.25,
        source="wire",
        sender="server",
        kind="close",
        connection=1,
        code=1011,
        reason="gone",
        headers={"x": "y"},
    )
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record


@pytest.mark.parametrize(
    "line",
    [
        b'{"seq":-1,"time":0,"source":"wire","kind":"ping"}',
        b'{"seq":1,"time":0,"source":"air","kind":"ping"}',
        b'{"seq":1,"time":0,"source":"wire","kind":"ping","more":1}',
        b'{"seq":1,"time":0,"source":"wire"}',
    ],
)
def test_other_lines_are_refused(line) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(line, type=Record)


def test_the_header() -> None:
    header = Header(trace=1, protocol="avatarkit", revision="0.1.7", role="client")
    assert header.scenario == ""
