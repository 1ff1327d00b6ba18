"""What an instance does with its client: whom it takes, the channel, speech, silence, ends."""

from __future__ import annotations

import pytest

from protocol_core.errors import ConfigurationError
from tests.mock_servers.akool.conftest import DOCUMENTED, envelope, set_params

INTERRUPT = envelope("command", "m-interrupt", cmd="interrupt")
LEAVE = envelope("event", "m-leave", event="leave_channel", reason="client_disconnect")
AUTH = {"type": "auth", "token": "demo-api-key", "avatar_id": "demo-avatar"}
AGORA_PARAMS = {
    "type": "agora_params",
    "data": {"channel": "room", "userId": 1, "rtcToken": "rtc-secret"},
}


# -- who gets in -----------------------------------------------------------------------------------


async def test_a_bad_key_is_refused_on_the_socket(open_platform):
    async with open_platform() as (_, client):
        await client.dial(api_key="wrong")
        assert await client.error() == "Authentication failed"
        assert await client.closing() == (4001, "Authentication failed")


async def test_an_instance_takes_one_client(open_platform):
    async with open_platform() as (platform, client):
        await client.open()
        first = client.ws
        await client.dial()
        assert await client.error() == "Service is occupied, only one connection allowed"
        assert (await client.closing())[0] == 4003
        await client.open(1)
        await first.close()
        await platform.journal.wait_for({"name": "session_ended"}, 2)
        await client.open(0)


async def test_an_instance_that_somebody_else_has(open_platform):
    instances = [{"occupied": True, "status": "available"}]
    async with open_platform(instances=instances) as (_, client):
        assert (await client.discover())[1]["data"]["instances"][0]["status"] == "available"
        await client.dial()
        assert (await client.receive())["pld"]["error_code"] == 4003


async def test_too_soon(open_platform):
    async with open_platform(reconnect_guard=2.0) as (platform, client):
        await client.open()
        await client.close()
        await client.dial()
        assert await client.error() == "Reconnection too soon, please wait"
        assert (await client.closing())[0] == 4004
        await client.open(1)
        await platform.advance(2)
        await client.open(0)


async def test_documented_auth(open_platform):
    async with open_platform(DOCUMENTED) as (platform, client):
        await client.dial_documented()
        await client.send({"type": "ping"})
        assert await client.error() == "auth is expected first"
        await client.send(AUTH)
        assert (await client.receive())["pld"] == {"status": "websocket_connected"}
        await client.send({"type": "ping"})
        assert (await client.receive())["type"] == "pong"
        await client.send(AGORA_PARAMS)
        assert (await client.receive())["pld"] == {
            "status": "agora_connected",
            "channel_id": "room",
        }
        await client.send({"type": "audio_data", "data": "AAAA"})
        await client.send({"type": "ping"})
        assert (await client.receive())["type"] == "pong"
        described = platform.session().describe()
        assert (described["avatar_id"], described["account"]) == ("demo-avatar", "demo")
        assert platform.instances[0].busy


async def test_documented_auth_with_a_bad_key(open_platform):
    async with open_platform(DOCUMENTED) as (_, client):
        await client.dial_documented()
        await client.send({**AUTH, "token": "wrong"})
        assert (await client.receive())["pld"]["error_code"] == 4001
        assert (await client.closing())[0] == 4001


# -- the channel -----------------------------------------------------------------------------------


async def test_joining_takes_its_time(open_platform):
    async with open_platform(join_delay=3) as (platform, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["type"] == "ack"
        await client.send(envelope("chat", "m", audio="AAAA"))
        assert await client.error() == "parameters are not set"
        await client.send(set_params("second"))
        assert await client.error() == "parameters are being set"
        await platform.advance(3)
        assert (await client.receive())["pld"]["status"] == "agora_connected"


async def test_the_channel_first(open_platform):
    async with open_platform(agora_first=True) as (_, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["pld"]["status"] == "agora_connected"
        assert (await client.receive())["type"] == "ack"


async def test_never_joining(open_platform):
    async with open_platform(joins=False) as (_, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["type"] == "ack"
        await client.pong()


async def test_joining_fails(open_platform):
    async with open_platform(join_fails=True) as (platform, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["type"] == "ack"
        assert await client.error() == "agora token expired"
        assert platform.session().core.state == "OPEN"


async def test_an_error_cancels_the_join(open_platform):
    async with open_platform(join_delay=3) as (platform, client):
        await client.open()
        await client.send(set_params())
        await client.receive()
        await platform.act({"error": "params_refused"})
        assert await client.error() == "invalid parameters"
        await platform.advance(5)
        await client.pong()


async def test_parameters_again(open_platform):
    async with open_platform(join_delay=1) as (platform, client):
        await client.open()
        await client.send(set_params())
        await client.receive()
        await platform.advance(1)
        await client.receive()
        for mid in ("second", "third"):
            await client.send(set_params(mid, channel=mid))
            assert (await client.receive())["pld"]["original_mid"] == mid
        await platform.advance(1)
        assert (await client.receive())["pld"]["channel_id"] == "third"
        await client.pong()


async def test_the_token_expires(open_platform):
    async with open_platform(token_lifetime=60) as (platform, client):
        await client.ready()
        await platform.advance(60)
        assert await client.error() == "agora token expired"
        await client.speak(1)
        await client.pong()
        assert platform.session().describe()["dropped_seconds"] == 1
        assert platform.session().describe()["channel_id"] is None


async def test_the_token_expires_on_demand(open_platform):
    async with open_platform() as (platform, client):
        await client.open()
        with pytest.raises(ConfigurationError, match="no channel"):
            platform.session()._act_expire_token(True)
        await client.send(set_params())
        await client.receive()
        await client.receive()
        await platform.act({"expire_token": True})
        assert await client.error() == "agora token expired"
        platform.session()._expire()
        await client.pong()


async def test_acks_and_pongs_as_configured(open_platform):
    async with open_platform(acks=False, pongs=False) as (_, client):
        await client.open()
        await client.send(envelope("ping", "m-ping"))
        await client.send(INTERRUPT)
        assert await client.error() == "parameters are not set"
    async with open_platform(ack_status="failed") as (_, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["pld"]["status"] == "failed"
        await client.pong()


async def test_the_number_of_refusals_as_configured(open_platform):
    async with open_platform(error_number=4222) as (_, client):
        await client.open()
        await client.send("nonsense")
        assert (await client.receive())["pld"]["error_code"] == 4222


# -- speech ----------------------------------------------------------------------------------------


async def test_an_interrupt_drops_what_was_not_said(open_platform):
    async with open_platform(pace=True, render_latency=0.5) as (platform, client):
        told = []
        stop = platform.listen(lambda name, data: told.append((name, data.get("seconds"))))
        await client.ready()
        await client.speak(3)
        await client.speak(1)
        await client.pong()
        await platform.advance(1.5)
        await client.send(INTERRUPT)
        assert (await client.receive())["pld"] == {
            "original_mid": "m-interrupt",
            "status": "success",
        }
        described = platform.session().describe()
        assert (described["rendered_seconds"], described["dropped_seconds"]) == (1, 3)
        await client.send(INTERRUPT)
        assert (await client.receive())["type"] == "ack"
        await client.speak(0.5)
        await client.pong()
        await platform.advance(1)
        assert told == [
            ("agora_joined", None),
            ("speaking", None),
            ("dropped", 3),
            ("silent", 1),
            ("speaking", None),
            ("silent", 0.5),
        ]
        stop()
        notes = platform.journal.where(kind="note", name="dropped")
        assert [note.data for note in notes] == [{"seconds": 3}]


# -- ends ------------------------------------------------------------------------------------------


async def test_leaving(open_platform):
    async with open_platform(pace=True) as (platform, client):
        await client.ready()
        await client.speak(5)
        await client.send(LEAVE)
        assert (await client.receive())["pld"]["original_mid"] == "m-leave"
        await client.pong()
        assert platform.session().describe()["channel_id"] is None
        await client.close()
        assert not platform.instances[0].busy


async def test_the_platform_closes_after_the_leave(open_platform):
    async with open_platform(leave_close=2) as (platform, client):
        await client.ready()
        await client.send(LEAVE)
        await client.receive()
        await platform.advance(2)
        assert await client.closing() == (1000, "")


async def test_a_drop_is_a_leave(open_platform):
    async with open_platform() as (platform, client):
        await client.ready()
        client.ws._response.connection.transport.abort()
        await platform.journal.wait_for({"name": "session_ended"})
        assert not platform.instances[0].busy
        await client.open()


async def test_silence(open_platform):
    async with open_platform() as (platform, client):
        await client.open()
        await platform.advance(89)
        await client.pong()
        await platform.advance(89)
        await client.pong()
        await platform.advance(90)
        assert await client.closing() == (1000, "idle timeout")


async def test_silence_can_be_allowed(open_platform):
    async with open_platform(silence=None) as (platform, client):
        await client.open()
        await platform.advance(3600)
        await client.pong()


# -- plans -----------------------------------------------------------------------------------------


async def test_a_silent_opening_that_a_plan_ends(open_platform):
    plan = [{"on": "open", "do": []}]
    async with open_platform(plan=plan) as (platform, client):
        await client.dial()
        await client.send(envelope("ping", "m-ping"))
        await client.send(set_params())
        await platform.journal.wait_for({"name": "command/set-params"})
        assert not platform.instances[0].busy
        await platform.act({"send": {"message": "system/websocket_connected"}})
        received = [await client.receive() for _ in range(4)]
        assert [each["type"] for each in received] == ["system", "pong", "ack", "system"]
        assert platform.instances[0].busy


async def test_a_plan_answers_by_variables(open_platform):
    plan = [
        {
            "on": "message",
            "message": "command/set-params",
            "do": [
                {"send": {"message": "ack", "data": {"original_mid": "$original_mid"}}},
                {
                    "send": {
                        "message": "system/agora_connected",
                        "data": {"channel_id": "$channel_id"},
                    }
                },
            ],
        },
    ]
    async with open_platform(plan=plan) as (platform, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["pld"] == {"original_mid": "m-params"}
        assert (await client.receive())["pld"]["channel_id"] == "room"
        assert platform.session().core.ready
        await client.speak(0.1)
        await client.pong()


async def test_a_plan_that_swallows_pings(open_platform):
    plan = [{"on": "message", "message": "ping", "do": []}]
    async with open_platform(plan=plan) as (_, client):
        await client.open()
        await client.send(envelope("ping", "m-ping"))
        await client.send("nonsense")
        assert await client.error() == "malformed message"
