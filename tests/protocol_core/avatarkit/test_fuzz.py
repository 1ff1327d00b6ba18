"""Nothing that a peer sends brings a session down."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol_core.avatarkit import codec
from tests.protocol_core.avatarkit.support import CONFIRM, client, config, server

MESSAGES = [
    codec.configure(config()),
    CONFIRM,
    codec.audio("a", b"12", end=False),
    codec.audio("a", b"", end=True),
    codec.error("c", "a", 4001, "credits exhausted"),
    codec.animation("c", "a", end=True, frame=b"xyz"),
    codec.interrupt("a"),
]


@st.composite
def damaged(draw):
    data = bytearray(draw(st.sampled_from(MESSAGES)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


ANYTHING = st.lists(damaged() | st.binary(max_size=60) | st.text(max_size=20), max_size=12)


@settings(deadline=None)
@given(messages=ANYTHING, state=st.sampled_from(["HANDSHAKE", "READY", "STREAMING"]))
def test_a_client_survives(messages, state):
    session = client(state)
    for message in messages:
        assert len(session.receive(message, 0.0)) == 1
    session.closed(None, "", 0.0)


@settings(deadline=None)
@given(messages=ANYTHING, state=st.sampled_from(["CONFIGURING", "HANDSHAKE", "READY"]))
def test_a_server_survives(messages, state):
    session = server(state)
    for message in messages:
        session.receive(message, 0.0)
        for answer in session.data_to_send():
            assert codec.decode(answer).HasField("server_error")
    session.closed(None, "", 0.0)
