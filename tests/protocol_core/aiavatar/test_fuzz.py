"""Whatever the peer sends: a session says what it means, or why it means nothing."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import server_events as s
from protocol_core.aiavatar.answer import Answer
from protocol_core.aiavatar.chat import ChatSession
from protocol_core.aiavatar.codec import Request, encode_audio
from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.errors import AIAvatarError
from protocol_core.aiavatar.performance import Performance
from protocol_core.aiavatar.server import ServerConfig, ServerSession
from protocol_core.aiavatar.service import Refusal, Service
from protocol_core.aiavatar.socket import SocketSession
from protocol_core.http import HttpRequest
from tests.protocol_core.aiavatar.support import REVISION, config, event, tone

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


# --- what clients send ---------------------------------------------------------------------------

TYPES = st.sampled_from(["start", "invoke", "data", "config", "stop", "dance"]) | VALUES
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES,
        "session_id": st.sampled_from(["s1", "s2", "", None]) | VALUES,
        "text": st.sampled_from(["Hi", "", None]) | VALUES,
        "audio_data": st.sampled_from([encode_audio(tone(0.1)), "", "A", "AAAA", None]) | VALUES,
        "files": st.sampled_from([[], [{"type": "image", "url": "data:x"}]]) | VALUES,
        "metadata": st.sampled_from([{"volume_db_threshold": -30}, {}, None]) | VALUES,
    },
).map(json.dumps)


@settings(deadline=None)
@given(st.lists(REQUESTS | st.text(max_size=9) | st.binary(max_size=9), max_size=12), st.booleans())
def test_a_server_takes_anything(messages, drops):
    session = ServerSession(ServerConfig(drops_malformed=drops, silence_by_clock=drops))
    session.open(0.0)
    for moment, message in enumerate(messages):
        for happened in [*session.receive(message, moment), *session.timeout(moment + 0.9)]:
            if isinstance(happened, s.TurnAsked | s.UtteranceHeard):
                answer = Answer(REVISION, session_id="s1", user_id=None, context_id="c")
                for said in (answer.stop(), answer.start("Hi"), answer.final()):
                    assert session.send(said)
            if isinstance(happened, s.Malformed | s.Refused | s.Left):
                assert session.close_to_send() is not None
        for text in session.data_to_send():
            assert json.loads(text)["type"] in {"connected", "final"}
    session.closed(None, "", 99.0)


@settings(deadline=None)
@given(
    st.binary(max_size=40) | REQUESTS.map(str.encode),
    st.sampled_from(["", "Bearer k", "multipart/form-data; boundary=x", "é"]),
)
def test_a_server_serves_any_request_or_says_what_is_wrong(body, header):
    request = HttpRequest(
        method="POST", url="/", headers={"Authorization": header, "Content-Type": header}, body=body
    )
    for service in (Service(REVISION), Service(REVISION, api_key="k", key_last=True)):
        for call in (service.chat, service.transcribe, service.synthesize):
            found = call(request)
            if isinstance(found, Refusal):
                assert service.refused(found).status in {400, 401, 422}
            elif isinstance(found, Request):
                assert found.session_id
