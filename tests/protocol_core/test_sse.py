from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.sse import Comment, EventDecoder, SseEvent, encode, encode_comment


def decode(stream, **options):
    return EventDecoder(**options).feed(stream)


def event(data, **fields):
    return SseEvent(data=data, **fields)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, b"data: a\ndata: b\n\n"),
        ({"line_end": "\r\n"}, b"data: a\r\ndata: b\r\n\r\n"),
        (
            {"event": "x", "event_id": "7", "retry": 0},
            b"event: x\nid: 7\nretry: 0\ndata: a\ndata: b\n\n",
        ),
    ],
)
def test_events_as_bytes(options, expected):
    assert encode("a\nb", **options) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", b"data: \n\n"),
        ("a\r\nb\rc", b"data: a\ndata: b\ndata: c\n\n"),
        ("é", "data: é\n\n".encode()),
    ],
)
def test_data_as_bytes(data, expected):
    assert encode(data) == expected


@pytest.mark.parametrize("options", [{"event": "a\nb"}, {"event_id": "a\r"}, {"event_id": "\0"}])
def test_fields_that_cannot_be_written(options):
    with pytest.raises(ValueError, match="cannot be the"):
        encode("x", **options)


def test_comments_as_bytes():
    assert encode_comment("ping") == b": ping\n\n"
    assert encode_comment("", line_end="\r\n") == b": \r\n\r\n"
    with pytest.raises(ValueError, match="one line"):
        encode_comment("a\nb")


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        # The examples of the HTML standard.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [event("YHOO\n+2\n10")]),
        (
            (
                b": test stream\n\ndata: first event\nid: 1\n\n"
                b"data:second event\nid\n\ndata:  third event\n\n"
            ),
            [
                Comment(text="test stream"),
                event("first event", id="1"),
                event("second event"),
                event(" third event"),
            ],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [event(""), event("\n")]),
        (b"data:test\n\ndata: test\n\n", [event("test"), event("test")]),
        # Further rules.
        (b"\xef\xbb\xbfdata: a\n\n", [event("a")]),
        (b"data: a\r\rdata: b\r\n\r\n", [event("a"), event("b")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [event("a", event="x"), event("b")]),
        (b"event: x\n\ndata: b\n\n", [event("b")]),
        (b"id: 5\n\ndata: a\n\nid: 6\0\ndata: b\n\n", [event("a", id="5"), event("b", id="5")]),
        (b"colour: red\ndata: a\n\n", [event("a")]),
        (b"data: a: b\n\n", [event("a: b")]),
        (b"data: \xff\n\n", [event("\ufffd")]),
        (b":\n:  two\n", [Comment(text=""), Comment(text=" two")]),
        (b"\n\n\n", []),
    ],
)
def test_streams_are_read_by_the_rules(stream, expected):
    assert decode(stream) == expected


@pytest.mark.parametrize(
    ("stream", "retry"), [(b"retry: 30\n", 30), (b"retry: 3s\n", None), (b"retry:\n", None)]
)
def test_the_reconnection_time(stream, retry):
    decoder = EventDecoder()
    assert decoder.feed(stream) == []
    assert decoder.retry == retry


def test_an_event_comes_out_with_its_blank_line():
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.pending
    assert decoder.feed(b"\n\r") == [event("a")]
    assert not decoder.pending
    assert decoder.feed(b"\ndata: b\n\n") == [event("b")]
    assert decoder.feed(b"dat") == []
    assert decoder.pending
    assert decoder.feed(b"") == []


@pytest.mark.parametrize(
    "stream", [b"data: " + bytes(20), b"data: 12345\ndata: 678901\n", b"x" * 11]
)
def test_an_event_that_is_too_long(stream):
    with pytest.raises(ValueError, match="more than 10"):
        decode(stream, limit=10)


def test_events_may_be_many():
    decoder = EventDecoder(limit=10)
    for _ in range(5):
        assert decoder.feed(b": 123456\ndata: 12345\n\n")


texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)))


@given(
    st.lists(st.tuples(texts, texts.filter(lambda text: not text.startswith(" ")))),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.data(),
)
def test_what_was_written_is_read_wherever_it_was_cut(items, line_end, data):
    stream = b"".join(
        encode(f"{one}\n{two}", line_end=line_end) + encode_comment(two, line_end=line_end)
        for one, two in items
    )
    decoder = EventDecoder()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    expected = [item for one, two in items for item in (event(f"{one}\n{two}"), Comment(text=two))]
    assert found == expected
