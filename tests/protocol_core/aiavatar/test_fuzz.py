"""Whatever a server sends, a client's session says what it means or why it means nothing."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.chat import ChatSession
from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.errors import AIAvatarError
from protocol_core.aiavatar.performance import Performance
from protocol_core.aiavatar.socket import SocketSession
from tests.protocol_core.aiavatar.support import REVISION, config, event

KINDS = ("connected", "stop", "start", "chunk", "tool_call", "final", "vision", "error", "later")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        (
            "session_id",
            "user_id",
            "context_id",
            "text",
            "voice_text",
            "language",
            "avatar_control_request",
            "audio_data",
            "metadata",
        )
    ),
    VALUES,
)
METADATA = st.dictionaries(
    st.sampled_from(
        ("request_text", "is_first_chunk", "pcm_format", "source", "tool_call", "error")
    ),
    VALUES,
)
CONTROL = st.dictionaries(
    st.sampled_from(("face_name", "face_duration", "animation_name", "animation_duration")),
    st.sampled_from(("joy", "", 4.0, 10**400, -1, True, None, float("inf"), float("nan"))),
)
EVENTS = st.builds(
    lambda kind, members, metadata, control: json.dumps(
        {"type": kind, "metadata": metadata, "avatar_control_request": control, **members}
    ),
    st.sampled_from(KINDS),
    MEMBERS,
    METADATA,
    CONTROL,
)
ANYTHING = EVENTS | st.text(max_size=40) | st.binary(max_size=40)


@settings(max_examples=80, deadline=None)
@example(messages=["[" * 100_000])
@given(messages=st.lists(ANYTHING, max_size=12))
def test_a_socket_takes_anything(messages):
    session = SocketSession(config())
    session.opened(0.0)
    performance = Performance(REVISION, settle(config()))
    session.receive(event("connected"), 0.0)
    for now, message in enumerate(messages):
        found = session.receive(message, float(now))
        assert found
        for item in found:
            assert isinstance(item, e.Event)
            if isinstance(item, e.ChunkReceived):
                performance.add(item.response)
                performance.advance(float(now))
                performance.finish()
        performance.timeout(float(now))
    assert all(isinstance(item, e.Closed) for item in session.closed(None, "", 99.0))


@settings(max_examples=80, deadline=None)
@given(data=st.lists(EVENTS | st.text(max_size=40), max_size=8), cut=st.integers(1, 50))
def test_a_stream_takes_anything_or_says_what_is_wrong(data, cut):
    turn = ChatSession(config()).turn(text="Hello")
    assert turn.answered(200, {"Content-Type": "text/event-stream"})
    body = "".join(f"data: {item}\n\n" for item in data).encode(errors="replace")
    codes = set()
    try:
        for at in range(0, len(body), cut):
            for item in turn.receive(body[at : at + cut]):
                assert isinstance(item, e.Event)
        turn.ended()
    except AIAvatarError as error:
        codes.add(error.code)
    assert codes <= REVISION.errors.CODES.keys()
