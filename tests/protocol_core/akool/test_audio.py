from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol_core.akool.audio import Chunker, encoded
from tests.protocol_core.akool.client_side import README, V2
from tests.protocol_core.akool.instance import vectors


@vectors("audio")
def test_base64(vector):
    assert encoded(bytes.fromhex(vector["hex"])) == vector["base64"]


def test_an_odd_byte_waits():
    chunker = Chunker(V2, envelope=50)
    assert chunker.cut(b"\x01\x02\x03") == [b"\x01\x02"]
    assert chunker.cut(b"\x04") == [b"\x03\x04"]
    assert chunker.cut(b"") == []
    assert chunker.cut(b"\x05") == []
    chunker.forget()
    assert chunker.cut(b"\x06\x07") == [b"\x06\x07"]


def test_no_frame_is_too_long():
    chunker = Chunker(README, envelope=40)
    chunks = chunker.cut(bytes(2_000_000))
    assert sum(map(len, chunks)) == 2_000_000
    assert all(len(chunk) % 2 == 0 for chunk in chunks)
    longest = max(len(encoded(chunk)) for chunk in chunks)
    assert 1048000 < longest + 40 <= 1048576


@given(st.lists(st.binary(max_size=9)))
def test_all_of_it_and_in_order(parts):
    chunker = Chunker(V2, envelope=0)
    chunks = [chunk for part in parts for chunk in chunker.cut(memoryview(part))]
    whole = b"".join(parts)
    assert b"".join(chunks) == whole[: len(whole) - len(whole) % 2]
