from __future__ import annotations

import pytest

from conformance.excerpt import excerpt, stable
from tests.conformance.helpers import record, trace

UUID = "7e6b2c1e-9a55-4d0c-9d5e-0f6f5a1b2c3d"


def test_an_excerpt_is_short_and_steady() -> None:
    data = {
        "avatar_id": "demo",
        "mid": "x1",
        "key": "‹api_key›",
        "count": 3,
        "at": 1_700_000_000,
        "took": 0.25,
        "list": [UUID, True, None],
        "text": "`quoted`",
    }
    message = record(1, "message", sender="client", connection=3, name="A", data=data)
    assert excerpt(trace(message), 1) == (
        'client: A {"at":"‹number›","avatar_id":"‹id›","count":3,"key":"‹api_key›",'
        '"list":["‹id›",true,null],"mid":"‹id›","text":"\'quoted\'","took":"‹number›"}'
    )
    command = {"urls": {"a": "http://x"}, "credentials": {}, "options": {"sample_rate": 8000}}
    told = record(2, "command", sender="runner", name="open", data=command)
    assert excerpt(trace(told), 2) == 'runner: open {"options":{"sample_rate":8000}}'
    long = record(3, "message", sender="server", name="B", data={"a": ["word"] * 90})
    assert len(excerpt(trace(long), 3)) == 220
    guest = record(4, "leave", participant="agent_0af31bc2", name="r")
    assert excerpt(trace(guest), 4) == "agent_‹id› leaves r"
    assert excerpt(trace(message), 9) == ""


@pytest.mark.parametrize(
    ("text", "steady"),
    [
        (f"session {UUID} ended", "session ‹id› ended"),
        ("at http://127.0.0.1:4711/a and localhost:80", "at http://‹address›/a and ‹address›"),
        ("since 2026-11-20T19:00:01.25Z", "since ‹time›"),
        ("took 0.2513 s, version 0.1.7, code 4001", "took ‹number› s, version 0.1.7, code 4001"),
        ("at 1763665741", "at ‹number›"),
        ("nearest was #51 message", "nearest was a record message"),
        ("in '/tmp/a/b/c.py'", "in '‹path›'"),
        ("id deadbeef01", "id ‹id›"),
        ("agent_6abc68d3, agent_12345678, room-00000000", "agent_‹id›, agent_‹id›, room-‹id›"),
        ("audio UklGRiQAAABXQVZFZm10IBAAAAABAAEA", "audio ‹data›"),
        ("plain words stay, 24000 Hz too", "plain words stay, 24000 Hz too"),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(text: str, steady: str) -> None:
    assert stable(text) == steady
