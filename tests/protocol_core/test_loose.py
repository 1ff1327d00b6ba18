from __future__ import annotations

import msgspec

from avatar_protocols.liveavatar.v0_2.messages import ResponseChunk
from protocol_core.loose import loosen


def test_loosened_records_take_anything():
    loose = loosen(ResponseChunk)
    empty = msgspec.convert({}, loose)
    assert (empty.request_id, empty.data) == (None, None)
    full = msgspec.convert({"requestId": 5, "responseId": [], "seq": "x"}, loose)
    assert (full.request_id, full.response_id, full.seq) == (5, [], "x")


def test_each_record_is_loosened_once():
    assert loosen(ResponseChunk) is loosen(ResponseChunk)
