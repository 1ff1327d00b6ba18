from __future__ import annotations

import json

import pytest

from mock_servers.actions import Reply
from mock_servers.answering import make_reply


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (Reply(), 200, b""),
        (Reply(status=404, text="no"), 404, b"no"),
        (Reply(body="AAE="), 200, b"\x00\x01"),
        (Reply(json=None), 200, b"null"),
    ],
)
def test_a_reply_is_spelled_out(reply, status, body):
    answer = make_reply(reply)
    assert (answer.status, answer.body) == (status, body)


def test_headers_win():
    answer = make_reply(Reply(json={}, headers={"Content-Type": "text/odd"}))
    assert answer.headers == {"Content-Type": "text/odd"}


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ({"query": {"a": "1"}}, 418),
        ({"query": {"a": "2"}}, 200),
        ({"headers": {"x-a": "b"}}, 418),
        ({"body": "x"}, 418),
    ],
)
async def test_rules_may_look_at_query_headers_and_body(echo, http, where, status):
    rule = {"on": "http", "where": where, "do": [{"respond": {"status": 418}}]}
    async with echo(plan=[rule]) as platform:
        url = f"{platform.urls['base']}/hello?a=1"
        async with http.post(url, data=b"x", headers={"X-A": "b"}) as reply:
            assert reply.status == status


async def test_a_rule_that_cannot_be_done_is_answered_and_reported(echo, http, caplog):
    from protocol_core.clock import LoopClock

    plan = [{"on": "http", "do": [{"advance": 5}]}]
    import asyncio

    async with echo(plan=plan, clock=LoopClock(asyncio.get_running_loop())) as platform:
        async with http.post(f"{platform.urls['base']}/hello") as reply:
            assert reply.status == 500
            assert "cannot be moved" in await reply.text()
        assert json.dumps([r.problems for r in platform.journal.records]).count("moved") == 1
    assert "cannot be moved" in caplog.text
