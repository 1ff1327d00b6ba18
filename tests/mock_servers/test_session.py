from __future__ import annotations

import pytest

from mock_servers.documents import substitute
from protocol_core.errors import ConfigurationError


async def test_timers_run_on_the_platform_s_clock(echo, dial):
    async with echo(frozen=True) as platform:
        ws = await dial(platform)
        await platform.advance(59)
        await platform.advance(1)
        assert await ws.receive_str() == "idle"
        assert (await ws.receive()).extra == "idle"
        record = platform.journal.messages("idle")[0]
        assert record.time == pytest.approx(60, abs=0.01)


async def test_timers_end_with_the_session(echo, dial):
    async with echo(frozen=True) as platform:
        ws = await dial(platform)
        await ws.close()
        await platform.journal.wait_for({"name": "session_ended"})
        await platform.advance(60)
        assert platform.journal.messages("idle") == []


async def test_a_rule_answers_instead_of_the_session(echo, dial):
    plan = [{"on": "message", "message": "a", "do": [{"send_text": "b"}]}]
    async with echo(plan=plan) as platform:
        ws = await dial(platform)
        assert await ws.receive_str() == "hello"
        await ws.send_str("a")
        await ws.send_str("c")
        assert [await ws.receive_str(), await ws.receive_str()] == ["b", "c"]
        assert platform.session().variables["observed"] == "a"


async def test_a_rule_can_act_before_the_default(echo, dial):
    rule = {"on": "message", "times": 1, "do": [{"send_text": "b"}], "then_default": True}
    async with echo(plan=[rule]) as platform:
        ws = await dial(platform)
        await ws.receive_str()
        await ws.send_str("a")
        assert [await ws.receive_str(), await ws.receive_str()] == ["b", "a"]


async def test_an_empty_rule_is_silence(echo, dial):
    async with echo(plan=[{"on": "message", "times": 1, "do": []}]) as platform:
        ws = await dial(platform)
        await ws.receive_str()
        await ws.send_str("a")
        await ws.send_str("b")
        assert await ws.receive_str() == "b"


async def test_the_open_socket_is_a_moment_of_its_own(echo, dial):
    plan = [{"on": "open", "do": [{"send_text": "first"}], "then_default": True}]
    async with echo(plan=plan) as platform:
        ws = await dial(platform)
        assert [await ws.receive_str(), await ws.receive_str()] == ["first", "hello"]
    async with echo(plan=[{"on": "open", "do": [{"shout": "quiet"}]}]) as platform:
        ws = await dial(platform)
        assert await ws.receive_str() == "QUIET"
        assert platform.session().variables["opened"] == "yes"


async def test_messages_wait_behind_a_delay_in_order(echo, dial):
    rule = {"on": "message", "message": "a", "do": [{"delay": 5}, {"send_text": "A"}]}
    async with echo(plan=[rule], frozen=True) as platform:
        ws = await dial(platform)
        await ws.receive_str()
        for text in ("a", "b", "a", "c"):
            await ws.send_str(text)
        await platform.journal.wait_for({"kind": "message", "sender": "client"}, 4)
        await platform.advance(5)
        assert [await ws.receive_str(), await ws.receive_str()] == ["A", "b"]
        await platform.advance(5)
        assert [await ws.receive_str(), await ws.receive_str()] == ["A", "c"]


async def test_a_delayed_connection_takes_a_bounded_number_of_messages(echo, dial):
    plan = [{"on": "message", "times": 1, "do": [{"delay": 5}]}]
    async with echo(plan=plan, frozen=True, limits={"inbox_messages": 2}) as platform:
        ws = await dial(platform)
        for _ in range(4):
            await ws.send_str("x")
        record = (await platform.journal.wait_for({"kind": "reset"}))[0]
        assert "wait behind a delay" in record.reason


async def test_act_runs_beside_a_delayed_rule(echo, dial):
    async with echo(plan=[{"on": "message", "do": [{"delay": 5}]}], frozen=True) as platform:
        ws = await dial(platform)
        await ws.receive_str()
        await ws.send_str("x")
        await platform.journal.wait_for({"kind": "message", "sender": "client"})
        await platform.act([{"send_text": "now"}, {"delay": 1}, {"send_text": "later"}])
        assert await ws.receive_str() == "now"
        await platform.advance(1)
        assert await ws.receive_str() == "later"


async def test_messages_are_built_by_name_with_variables(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        platform.session().variables["who"] = "you"
        await platform.act({"send": {"message": "hi", "data": {"to": "$who"}}})
        assert await ws.receive_str() == "hi you"
        assert platform.session().variables["sent"] == "hi"
        await platform.act({"send_binary": "00ff"})
        assert await ws.receive_bytes() == b"\x00\xff"
        with pytest.raises(ConfigurationError, match="no such variable"):
            await platform.act({"send": {"message": "hi", "data": {"to": "$whom"}}})


async def test_a_failing_reaction_is_reported_and_ends_the_connection(echo, dial, caplog):
    async with echo() as platform:
        ws = await dial(platform)
        await ws.send_str("fail")
        assert (await ws.receive()).data == 1011
        notes = platform.journal.where(lambda record: "on purpose" in record.reason)
        assert notes[0].problems == ["RuntimeError: on purpose"]
    assert "on purpose" in caplog.text


async def test_a_rule_that_cannot_be_done_is_reported(echo, dial, caplog):
    plan = [{"on": "message", "do": [{"send": {"message": "hi", "data": {"to": "$nobody"}}}]}]
    async with echo(plan=plan) as platform:
        ws = await dial(platform)
        await ws.receive_str()
        await ws.send_str("x")
        await platform.journal.wait_for(lambda record: "no such variable" in record.reason)
    assert "no such variable" in caplog.text


def test_substitution_goes_everywhere_and_can_be_escaped():
    variables = {"a": "1"}
    document = {"x": ["$a", {"y": "$a"}], "z": "$$a", "n": 3, "s": "a$a"}
    assert substitute(document, variables) == {
        "x": ["1", {"y": "1"}],
        "z": "$a",
        "n": 3,
        "s": "a$a",
    }
