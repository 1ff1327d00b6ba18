"""How the Live Avatar adapter maps the SDK's names to the contract's."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
async def agent(talk_to):
    return await talk_to("liveavatar")


async def sent(agent, **params):
    """What the SDK was told to send."""
    kind, result = await agent.ask("send_event", **params)
    assert kind == "done", result
    return json.loads(agent.events("text")[-1]["text"]), result


async def test_settings(agent):
    kind, result = await agent.open("echo", sandbox=True, timeout=3, reconnect_max_delay=9)
    assert kind == "done"
    config = json.loads(result["sfu_url"])
    assert (config["sandbox"], config["timeout"], config["reconnect_max_delay"]) == (True, 3, 9)
    assert (config["reconnect"], config["developer_asr"]) == (False, True)
    assert agent.events("init") == [{"session_id": "s", "user_id": "u"}]
    assert agent.events("opened") == [{"session_id": "s"}]


async def test_the_vendors_own_platform_is_never_called(agent):
    kind, reason = await agent.ask("open", urls={"base": None})
    assert (kind, "base" in reason) == ("unsupported", True)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("quota", {"code": "QUOTA_EXHAUSTED", "server_code": "40006", "server_detail": "used up"}),
        ("status", {"code": "HTTP_ERROR", "http_status": 503, "kind": "transport"}),
        ("no-url", {"code": "AGENT_WS_URL_MISSING", "kind": "protocol"}),
        ("refused", {"code": "CONNECT_FAILED", "phase": "websocket_connect", "kind": "transport"}),
        ("not-understood", {"code": "INVALID_RESPONSE", "type": "KeyError", "kind": "protocol"}),
    ],
)
async def test_errors(agent, behaviour, expected):
    kind, error = await agent.open(behaviour)
    assert kind == "error"
    assert error.items() >= expected.items()
    assert error["message"]


async def test_the_handshake_times_out_on_the_moved_clock(agent):
    opening = agent.post("open", urls={"base": "stub:hang"}, options={"timeout": 7})
    assert (await agent.ask("advance", seconds=7.5))[0] == "done"
    error = (await agent.answer(opening))["error"]
    assert (error["code"], error["kind"]) == ("HANDSHAKE_TIMEOUT", "timeout")


IDS = {"request_id": "r", "response_id": "x"}


@pytest.mark.parametrize(
    ("name", "data", "call"),
    [
        (
            "response.start",
            IDS | {"mood": "calm"},
            ["send_response_start", ["r", "x"], {"mood": "calm"}],
        ),
        (
            "response.chunk",
            IDS | {"seq": 4, "timestamp": 5, "text": "t"},
            ["send_response_chunk", ["r", "x", 4, 5, "t"], {}],
        ),
        ("response.done", IDS, ["send_response_done", ["r", "x"], {}]),
        ("response.cancel", {"response_id": "x"}, ["send_response_cancel", ["x"], {}]),
        ("response.audio.start", IDS, ["send_response_audio_start", ["r", "x"], {}]),
        ("response.audio.finish", IDS, ["send_response_audio_finish", ["r", "x"], {}]),
        ("response.audio.promptStart", {}, ["send_prompt_audio_start", [], {}]),
        ("response.audio.promptFinish", {}, ["send_prompt_audio_finish", [], {}]),
        ("input.voice.start", {"request_id": "r"}, ["send_voice_start", ["r"], {}]),
        ("input.voice.finish", {"request_id": "r"}, ["send_voice_finish", ["r"], {}]),
        (
            "input.asr.partial",
            {"request_id": "r", "text": "t", "seq": 1},
            ["send_asr_partial", ["r", "t", 1], {}],
        ),
        ("input.asr.final", {"request_id": "r", "text": "t"}, ["send_asr_final", ["r", "t"], {}]),
        ("control.interrupt", {}, ["send_interrupt", [], {}]),
        ("system.prompt", {"text": "t"}, ["send_prompt", ["t"], {}]),
        ("error", {"code": "c", "message": "m"}, ["send_error", ["c", "m"], {}]),
        (
            "x.y",
            {"request_id": "r", "data": {"a": 1}},
            ["send_custom_event", ["r", "x.y", {"a": 1}], {}],
        ),
    ],
)
async def test_send_event(agent, name, data, call):
    await agent.open("echo")
    assert (await sent(agent, name=name, data=data))[0] == call


async def test_numbers_left_open_are_minted_per_response(agent):
    await agent.open("echo")
    _, start = await sent(agent, name="response.start", data={"request_id": "r"})
    chunks = [
        (await sent(agent, name="response.chunk", data={"request_id": "r", "text": "t"}))[1]
        for _ in range(2)
    ]
    _, other = await sent(agent, name="response.start", data={"request_id": "r"})
    _, first = await sent(agent, name="response.chunk", data={"request_id": "r", "text": "t"})
    assert [chunk["seq"] for chunk in chunks] == [0, 1]
    assert {chunk["response_id"] for chunk in chunks} == {start["response_id"]}
    assert (first["seq"], first["response_id"]) == (0, other["response_id"])
    assert other["response_id"] != start["response_id"]
    assert chunks[0]["timestamp"] > 1_600_000_000_000


@pytest.mark.parametrize(
    "params",
    [
        {"name": "response.done", "data": {"requestId": "r"}},
        {"name": "response.chunk", "data": {"request_id": "r"}},
        {"data": {}},
    ],
)
async def test_events_that_cannot_be_read(agent, params):
    await agent.open("echo")
    assert (await agent.ask("send_event", **params))[0] == "unsupported"


async def test_frames(agent):
    await agent.open("echo")
    done = await agent.ask("send_frame", frame="AudioFrame", sequence=7, key=1, payload="AAA=")
    assert done == ("done", None)
    method, (frame,), _ = json.loads(agent.events("text")[-1]["text"])
    assert method == "send_audio_frame"
    assert (frame["seq"], frame["key"], frame["samples"], frame["payload"]) == (7, 1, 640, 2)
    assert (await agent.ask("send_frame", frame="ImageFrame", payload=""))[0] == "unsupported"
    assert (await agent.ask("send_audio", audio=""))[0] == "unsupported"


async def test_a_send_without_a_connection_is_local(agent):
    await agent.open("echo", api_key="closed")
    kind, error = await agent.ask("interrupt")
    assert (kind, error["kind"], error["code"]) == ("error", "local", "NOT_CONNECTED")
