from __future__ import annotations

from protocol_core.videosdk.chunking import completed, cut
from tests.protocol_core.videosdk.support import REVISION, vectors


@vectors("chunks", lambda row: "written" in row["flags"])
def test_cuts_as_written(vector):
    sent = [chunk.hex() for buffer in vector["buffers"] for chunk in cut(REVISION, _(buffer))]
    assert sent == vector["sends"]


@vectors("chunks", lambda row: "written" not in row["flags"])
def test_cuts_to_these_lengths(vector):
    buffer = bytes(n % 251 for n in range(vector["bytes"]))
    chunks = cut(REVISION, buffer)
    assert [len(chunk) for chunk in chunks] == vector["chunks"]
    joined = b"".join(chunks)
    assert joined[: len(buffer)] == buffer
    assert joined[len(buffer) :] == b"\0" * ("padded" in vector["flags"])


def test_completes_odd_audio_only():
    assert completed(REVISION, b"\1\2\3") == b"\1\2\3\0"
    assert completed(REVISION, b"\1\2") == b"\1\2"
    assert completed(REVISION, b"") == b""


def _(text):
    return bytes.fromhex(text)
