"""Dispatcher and upgrade: who gets a session, and who is told what."""

from __future__ import annotations

import json

import aiohttp
import pytest

from avatar_protocols.liveavatar.v0_2.constants import Header, HeaderValue
from avatar_protocols.liveavatar.v0_2.errors import CATALOGUE
from mock_servers import mock
from protocol_core.errors import ConfigurationError

AT = {
    point: [row for row in CATALOGUE.values() if row.at == point]
    for point in ("rest", "upgrade", "handshake", "runtime", "close")
}


def by_name(row):
    return row.name


# -- REST ------------------------------------------------------------------------------------------


async def test_a_session_is_started_and_stopped(open_platform):
    async with open_platform() as (platform, agent):
        status, envelope = await agent.start()
        assert (status, envelope["code"]) == (200, 0)
        data = envelope["data"]
        assert set(data) == {"sessionId", "sfuUrl", "userToken", "agentWsUrl"}
        assert platform.accounts.by_name("demo").active == {data["sessionId"]}
        assert (await agent.stop())[1]["code"] == 0
        assert (await agent.stop())[1]["code"] == 0
        assert platform.accounts.by_name("demo").active == set()
        text = json.dumps([record.raw + record.target for record in platform.journal.records])
        for secret in (data["userToken"], platform.credentials["api_key"], agent.url.split("=")[1]):
            assert secret not in text


async def test_the_sandbox_is_noted(open_platform):
    async with open_platform() as (_, agent):
        await agent.start(headers={Header.SANDBOX: HeaderValue.SANDBOX})
        await agent.open()
        assert agent.platform.session().describe()["sandbox"]


def code_of(name):
    return CATALOGUE[name].http.json["code"]


async def test_starts_are_judged_by_the_account(open_platform):
    async with open_platform() as (_, agent):
        for options, name in (
            ({"api_key": "nobody"}, "principal_unidentified"),
            ({"api_key": ""}, "principal_unidentified"),
            ({"avatar_id": "nobody"}, "session_start_failed"),
        ):
            status, envelope = await agent.start(**options)
            assert (status, envelope["code"]) == (200, code_of(name))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"concurrency": 1}, "concurrency_limit_exceeded"),
        ({"quota": 1}, "quota_exhausted"),
        ({"orchestrators": 1}, "no_orchestration_pod"),
        ({"renderers": 1}, "no_renderer_pod"),
    ],
)
async def test_starts_are_judged_by_capacity(open_platform, options, name):
    async with open_platform(**options) as (_, agent):
        assert (await agent.start())[1]["code"] == 0
        assert (await agent.start())[1]["code"] == code_of(name)
        await agent.stop()
        freed = (await agent.start())[1]["code"]
        assert freed == (code_of(name) if name == "quota_exhausted" else 0)


@pytest.mark.parametrize("action", ["start", "stop"])
@pytest.mark.parametrize("body", [{}, {"avatarId": 5, "sessionId": 5}, [1], None])
async def test_bodies_that_do_not_fit(open_platform, action, body):
    async with open_platform(check=False) as (_, agent):
        options = {"data": b"nonsense"} if body is None else {}
        assert (await agent.call(action, body, **options))[0] == 400


async def test_other_people_s_sessions_cannot_be_stopped(open_platform):
    async with open_platform() as (platform, agent):
        await agent.start()
        other = platform.credentials["other_api_key"]
        assert (await agent.stop(api_key=other))[1]["code"] == code_of("session_access_denied")
        assert (await agent.stop("made-up"))[1]["code"] == code_of("session_access_denied")
        assert (await agent.stop(api_key="nobody"))[1]["code"] == code_of("principal_unidentified")
        assert platform.accounts.by_name("demo").active == {agent.session_id}


# -- upgrade ---------------------------------------------------------------------------------------


async def test_the_url_alone_authorises(open_platform):
    async with open_platform() as (platform, agent):
        await agent.start()
        await agent.dial()
        assert (await agent.receive())["event"] == "session.init"
        address = f"ws://{platform.mount_address}/agent"
        assert await agent.refusal(f"{address}/nobody?key=x") == 404
        assert await agent.refusal(f"{address}/{agent.session_id}?key=wrong") == 401
        assert await agent.refusal(f"{address}/{agent.session_id}") == 401
        await agent.stop()
        assert await agent.refusal(agent.url) == 403


async def test_a_session_that_nobody_attends_expires(open_platform):
    async with open_platform(unattended=30) as (platform, agent):
        await agent.start()
        await platform.advance(29)
        await agent.open()
        await platform.advance(60)
        assert platform.sessions
        await agent.ws.close()
        await agent.gone()
        await platform.advance(31)
        assert await agent.refusal() == 403
        assert platform.accounts.by_name("demo").active == set()


# -- the catalogue, by name ------------------------------------------------------------------------


@pytest.mark.parametrize("row", AT["rest"], ids=by_name)
async def test_every_rest_error_on_demand(open_platform, row):
    plan = [{"on": "http", "endpoint": "session_start", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan, check=False) as (_, agent):
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await agent.call("start", {"avatarId": "x"})
            return
        status, body = await agent.call("start", {"avatarId": "x"})
        assert status == row.http.status
        if row.http.json is None:
            assert body == (row.http.text or "")
        else:
            assert "$" not in json.dumps(body)
            assert set(body) == set(row.http.json)
            assert body.get("code") == row.http.json.get("code")


@pytest.mark.parametrize("row", AT["upgrade"], ids=by_name)
async def test_every_rejection_on_demand(open_platform, row):
    plan = [{"on": "upgrade", "endpoint": "agent_websocket", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan) as (_, agent):
        await agent.start()
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await agent.dial()
        else:
            assert await agent.refusal() == row.http.status


@pytest.mark.parametrize("row", AT["handshake"], ids=by_name)
async def test_every_failed_handshake_on_demand(open_platform, row):
    async with open_platform(plan=[{"on": "open", "do": [{"error": row.name}]}], check=False) as (
        platform,
        agent,
    ):
        await agent.start()
        await agent.dial()
        if row.message:
            message = await agent.receive()
            assert message["event"] == row.message["event"]
            assert "$" not in json.dumps(message)
        elif row.close:
            assert await agent.closing() == (row.close.code, row.close.reason)
        else:
            await platform.advance(60)
            assert platform.journal.messages(sender="server") == []


@pytest.mark.parametrize("row", [*AT["runtime"], *AT["close"]], ids=by_name)
async def test_every_error_of_a_running_session_on_demand(open_platform, row):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act({"error": row.name})
        if row.message:
            message = await agent.receive()
            assert (message["event"], message.get("data")) == (
                row.message["event"],
                row.message.get("data"),
            )
            assert "requestId" not in message
        if row.abort:
            assert (await agent.ws.receive()).type in {
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.ERROR,
            }
        elif row.close:
            assert await agent.closing() == (row.close.code, row.close.reason)
        else:
            await platform.act({"say": {"text": "still there?"}})
            assert (await agent.receive())["event"] == "input.text"


async def test_an_error_names_the_turn_it_belongs_to(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act({"say": {"text": "hello", "request_id": "turn-7"}})
        await agent.receive()
        await agent.states(1)
        await platform.act({"error": "asr_fail"})
        assert (await agent.receive())["requestId"] == "turn-7"


async def test_a_lost_connection_does_not_end_the_session_and_its_announced_end_does(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act({"error": "closed_fault"})
        await agent.closing()
        await agent.gone()
        await agent.open()
        await platform.act({"error": "session_timeout"})
        await agent.receive()
        await agent.closing()
        await agent.gone()
        assert await agent.refusal() == 403


async def test_messages_of_a_plan_are_sent_as_they_stand(open_platform):
    init = {"sessionId": "$session_id", "userId": "$user_id", "more": 1}
    plan = [
        {"on": "open", "do": [{"send": {"message": "session.init", "data": {"data": init}}}]},
        {"on": "message", "message": "response.done", "do": [{"send_text": "[1]"}]},
    ]
    async with open_platform(plan=plan, check=False) as (platform, agent):
        assert (await agent.open())["data"]["more"] == 1
        data = {"requestId": "r1", "data": {"text": "hello"}}
        await platform.act({"send": {"message": "input.text", "data": data}})
        assert await agent.receive() == {"event": "input.text", **data}
        assert await agent.states(1) == ["THINKING"]
        await agent.respond("r1", "x1", "Hi")
        assert await agent.states(2) == ["STAGING", "SPEAKING"]
        assert await agent.ws.receive_str() == "[1]"
        frame = {"samples": 2, "payload": "AQACAA==", "codec": "PCM", "key": True}
        await platform.act({"send": {"message": "AudioFrame", "data": frame}})
        assert (await agent.ws.receive_bytes()).endswith(b"\x01\x00\x02\x00")


def test_options_are_checked():
    with pytest.raises(ConfigurationError, match="asr"):
        mock("liveavatar", asr="nobody")


@pytest.mark.parametrize("revision", [None, "0.2", "0.2.1"])
def test_revisions_have_aliases(revision):
    assert mock("liveavatar", revision).revision == "0.2"
