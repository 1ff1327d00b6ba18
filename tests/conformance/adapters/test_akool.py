"""How the Akool adapter maps the SDK's names to the contract's."""

from __future__ import annotations

import pytest


@pytest.fixture
async def agent(talk_to):
    return await talk_to("akool")


async def shown(agent, command, **params):
    """What the SDK was called with."""
    assert await agent.ask(command, **params) == ("done", None)
    message = agent.events("message")[-1]["message"]
    return message["call"], message["options"]


async def refused(agent, command, **params):
    kind, error = await agent.ask(command, **params)
    assert kind == "error", error
    return error


async def test_settings(agent):
    options = {"session_id": "mine", "max_attempts": 2, "environment": "prod"}
    waits = {"heartbeat_interval": 5, "connection_timeout": 6, "discovery_timeout": 7}
    kind, result = await agent.open("echo", **options, **waits)
    assert (kind, result) == ("done", {"session_id": "mine"})
    assert agent.events("message")[0]["message"]["connect"] == {
        "api_key": "k",
        "avatar_id": "a",
        "session_id": "mine",
        "max_retry_attempts": 2,
        "env": "prod",
        **waits,
    }


async def test_what_is_not_configured_stays_the_default(agent):
    await agent.open("echo")
    told = agent.events("message")[0]["message"]["connect"]
    assert told == {"api_key": "k", "avatar_id": "a"}


async def test_every_callback_is_an_event(agent):
    await agent.open("echo", session_id="mine")
    await agent.ask("close")
    assert [line["event"] for line in agent.lines if "event" in line] == [
        "opened",
        "message",
        "agora",
        "closed",
        "closed",
    ]
    assert agent.events("opened") == [{"session_id": "mine"}]
    assert agent.events("agora") == [{"channel_id": "channel"}]
    assert agent.events("closed")[0] == {"code": None, "reason": None}


async def test_an_error_frame_is_an_error_event(agent):
    await agent.open("ticks")
    await agent.ask("advance", seconds=21)
    (error,) = agent.events("error")
    assert error == {
        "code": "SERVER_ERROR",
        "phase": "session",
        "kind": "protocol",
        "server_code": "4003",
        "server_detail": "Service is occupied",
        "type": "ConnectionError",
        "message": "Server error 4003: Service is occupied",
    }


async def test_the_vendors_own_platform_is_never_called(agent):
    kind, reason = await agent.ask("open", urls={"discovery": None})
    assert (kind, "discovery" in reason) == ("unsupported", True)


async def test_one_servers_address_is_unknown_to_this_version(agent):
    assert (await agent.open("echo", server_url="http://x"))[0] == "unsupported"


@pytest.mark.parametrize("command", ["set_params", "send_audio", "interrupt", "close"])
async def test_without_a_session_nothing_can_be_done(agent, command):
    kind, reason = await agent.ask(command, audio="")
    assert (kind, "open" in reason) == ("unsupported", True)


async def test_the_same_client_connects_again(agent):
    await agent.open("echo", session_id="mine")
    assert (await agent.open("elsewhere", same_client=True))[1] == {"session_id": "mine"}
    assert len(agent.events("opened")) == 2


async def test_parameters_are_those_of_the_session_and_of_the_command(agent):
    await agent.open("echo", channel="c", token="t", uid=7, voice_id="v", language="en")
    call, options = await shown(agent, "set_params", voice_id="w", background_url="b")
    assert call == ["set_agora_params"]
    assert options == {
        "agora_app_id": "p",
        "agora_channel": "c",
        "agora_token": "t",
        "agora_uid": 7,
        "voice_id": "w",
        "language": "en",
        "background_url": "b",
    }


async def test_audio(agent):
    await agent.open("echo")
    assert await shown(agent, "send_audio", audio="AAECAw==") == (["send_audio", 4], {})
    chunks = ["AAA=", "AAECAw=="]
    assert await shown(agent, "send_audio", chunks=chunks) == (["send_audio_stream", 2, 4], {})
    assert await shown(agent, "interrupt") == (["interrupt"], {})


@pytest.mark.parametrize("params", [{}, {"audio": "A"}, {"chunks": "AAA="}, {"chunks": [1]}])
async def test_audio_that_cannot_be_read(agent, params):
    await agent.open("echo")
    assert (await agent.ask("send_audio", **params))[0] == "unsupported"


OPENING = {  # what connect() raises: its record
    "AuthenticationError Authentication failed: bad key": {
        "code": "AUTHENTICATION_FAILED",
        "phase": "discovery",
        "kind": "protocol",
        "server_code": "4001",
        "server_detail": "bad key",
    },
    "AuthenticationError Invalid API key": {
        "code": "AUTHENTICATION_FAILED",
        "phase": "discovery",
        "kind": "protocol",
        "http_status": 401,
    },
    "ServiceDiscoveryError No available services found": {
        "code": "NO_SERVICES",
        "phase": "discovery",
        "kind": "protocol",
    },
    "ServiceDiscoveryError Service discovery failed with status 503: a\nb": {
        "code": "DISCOVERY_FAILED",
        "phase": "discovery",
        "kind": "transport",
        "http_status": 503,
        "raw_body": "a\nb",
    },
    "ServiceDiscoveryError Service discovery timed out": {
        "code": "DISCOVERY_FAILED",
        "phase": "discovery",
        "kind": "timeout",
    },
    "ServiceDiscoveryError Failed to connect to it": {
        "code": "DISCOVERY_FAILED",
        "phase": "discovery",
        "kind": "transport",
    },
    "ServiceDiscoveryError Service discovery failed: busy": {
        "code": "DISCOVERY_FAILED",
        "phase": "discovery",
        "kind": "protocol",
        "server_detail": "busy",
    },
    "RetryError Failed after 3 attempts: Connection timeout": {
        "code": "RETRIES_EXHAUSTED",
        "phase": "connect",
        "kind": "timeout",
    },
    "RetryError Failed: server rejected WebSocket connection: HTTP 403": {
        "code": "RETRIES_EXHAUSTED",
        "phase": "connect",
        "kind": "transport",
        "http_status": 403,
    },
    "ConfigurationError odd": {"phase": "connect", "kind": "local", "type": "ConfigurationError"},
    "KeyError data": {"phase": "connect", "kind": "local", "type": "KeyError"},
}


@pytest.mark.parametrize("raised", OPENING)
async def test_errors_of_open(agent, raised):
    kind, error = await agent.open(f"raise {raised}")
    assert kind == "error"
    assert error.pop("message")
    assert {"type": raised.split()[0], **OPENING[raised]} == error


async def test_a_missing_key_is_a_local_error(agent):
    kind, error = await agent.open("echo", api_key=None)
    told = (error["code"], error["phase"], error["kind"])
    assert (kind, *told) == ("error", "AUTHENTICATION_FAILED", "configuration", "local")


COMMANDS = {  # what the call raises: its record
    "AudioStreamError Timeout waiting for ack": {"code": "AUDIO_STREAM_FAILED", "kind": "timeout"},
    "AudioStreamError refused": {"code": "AUDIO_STREAM_FAILED", "kind": "protocol"},
    "ConnectionError Not connected to service": {"code": "NOT_CONNECTED", "kind": "local"},
    "ConnectionError Timeout waiting for ack response": {"code": "ACK_TIMEOUT", "kind": "timeout"},
    "ConnectionError Server error 1009: too\nbig": {
        "code": "SERVER_ERROR",
        "kind": "protocol",
        "server_code": "1009",
        "server_detail": "too\nbig",
    },
    "ConnectionError Connection timeout": {"code": "CONNECTION_FAILED", "kind": "timeout"},
    "ConnectionError gone": {"code": "CONNECTION_FAILED", "kind": "transport"},
    "closed occupied": {
        "code": "CONNECTION_LOST",
        "kind": "transport",
        "close_code": 4003,
        "close_reason": "occupied",
    },
    "closed": {"code": "CONNECTION_LOST", "kind": "transport"},
    "json {": {"code": "INVALID_MESSAGE", "kind": "protocol"},
}


@pytest.mark.parametrize("raised", COMMANDS)
async def test_errors_of_commands(agent, raised):
    await agent.open("echo", session_id=f"raise {raised}")
    for command, phase in (("set_params", "parameters"), ("interrupt", "interrupt")):
        error = await refused(agent, command)
        assert error.pop("message")
        assert error.pop("type")
        assert error == {"phase": phase, **COMMANDS[raised]}
    assert (await refused(agent, "send_audio", audio=""))["phase"] == "audio"


async def test_a_command_that_ends_while_another_runs_keeps_its_phase(agent):
    opening = agent.post_open("hang")
    assert await agent.ask("close") == ("done", None)
    error = (await agent.answer(opening))["error"]
    assert (error["code"], error["phase"]) == ("CONNECTION_FAILED", "connect")


async def test_limits_by_the_time_of_day_pass_with_advance(agent):
    opening = agent.post_open("poll")
    await agent.ask("advance", seconds=6)
    error = (await agent.answer(opening))["error"]
    assert (error["code"], error["kind"]) == ("RETRIES_EXHAUSTED", "timeout")


async def test_close_does_not_wait_for_an_ack_that_nobody_reads(agent):
    await agent.open("deaf")
    assert await agent.ask("close") == ("done", None)
    assert len(agent.events("closed")) == 2


async def test_every_scenario_sees_the_same_draw(agent):
    async def draw():
        await agent.open("echo")
        return agent.events("message")[-1]["message"]["draw"]

    first = [await draw(), await draw()]
    assert first[0] != first[1]
    await agent.ask("reset")
    assert [await draw(), await draw()] == first


async def test_reset_leaves_nothing_behind(agent):
    await agent.open("deaf")
    await agent.open("ticks")
    kind, result = await agent.ask("reset")
    assert (kind, result["pending"]) == ("done", ["StreamingAvatarClient._tick"])
    seen = len(agent.events())
    assert (await agent.ask("interrupt"))[0] == "unsupported"
    await agent.ask("advance", seconds=60)
    assert len(agent.events()) == seen
    assert await agent.ask("reset") == ("done", {"pending": []})
