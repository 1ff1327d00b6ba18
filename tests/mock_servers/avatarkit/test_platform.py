"""Console and ingress: who gets in, and who is told what."""

from __future__ import annotations

import json

import aiohttp
import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import CloseCode, Demo, Limit
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from mock_servers import mock
from protocol_core.errors import ConfigurationError

AT = {
    point: [row for row in CATALOGUE.values() if row.at == point]
    for point in ("rest", "upgrade", "handshake", "runtime", "close")
}


def by_name(row):
    return row.name


# -- tokens ----------------------------------------------------------------------------------------


async def test_a_token_is_issued_and_admits(open_platform):
    async with open_platform() as (platform, client):
        token = await client.token()
        assert token
        for variant in ("header", "query"):
            await client.connect(token, variant=variant)
            await client.configure()
            assert (await client.receive()).server_confirm_session.connection_id
        assert token not in json.dumps(
            [record.raw + record.target for record in platform.journal.records]
        )


async def test_an_unknown_api_key_is_refused(open_platform):
    async with open_platform() as (platform, client):
        status, body = await client.call(api_key="wrong", body={"expireAt": 9999999999})
        assert status == CATALOGUE["api_key_rejected"].http.status
        assert body == CATALOGUE["api_key_rejected"].http.json
        assert platform.journal.records[-2].headers["x-api-key"] == "‹redacted›"


@pytest.mark.parametrize(
    "body",
    [{}, {"expireAt": "1999999999"}, {"expireAt": 1999999999.5}, {"expireAt": True}, [1], None],
)
async def test_expire_at_is_an_integer(open_platform, body):
    async with open_platform() as (_, client):
        options = {"data": b"nonsense"} if body is None else {}
        status, answer = await client.call(body=body, **options)
        assert status == 400
        assert answer == CATALOGUE["token_request_invalid"].http.json


async def test_expire_at_lies_in_the_future(open_platform):
    async with open_platform() as (platform, client):
        for moment in (0, -5):
            status, answer = await client.call(body={"expireAt": int(platform.wall() + moment)})
            assert (status, answer) == (400, CATALOGUE["token_expiry_past"].http.json)


# -- admission -------------------------------------------------------------------------------------


def refused(name):
    reply = CATALOGUE[name].http
    return reply.status, reply.text if reply.json is None else json.dumps(
        reply.json, separators=(",", ":")
    )


async def test_a_token_expires_on_the_platform_s_clock(open_platform):
    async with open_platform() as (platform, client):
        token = await client.token(expire_in=60)
        await client.connect(token)
        await platform.advance(61)
        assert await client.refusal(token) == refused("session_token_expired")


@pytest.mark.parametrize("variant", ["header", "query"])
async def test_credentials_are_judged(open_platform, variant):
    async with open_platform() as (platform, client):
        token = await client.token()
        other = platform.credentials["other_app_id"]
        cases = [
            ({"token": ""}, "session_token_empty"),
            ({"token": "made-up"}, "session_token_invalid"),
            ({"app_id": "nobody"}, "app_id_unrecognized"),
            ({"app_id": other}, "app_id_mismatch"),
            ({"avatar_id": "nobody"}, "avatar_not_found"),
        ]
        for change, name in cases:
            options = {"token": token, "variant": variant, **change}
            assert await client.refusal(**options) == refused(name), name


@pytest.mark.parametrize(
    ("option", "name"), [({"billing": False}, "billing_required"), ({"credits": 0}, "no_credits")]
)
async def test_the_account_is_judged(open_platform, option, name):
    async with open_platform(**option) as (_, client):
        assert await client.refusal() == refused(name)


async def test_concurrency_is_limited_until_a_session_ends(open_platform):
    async with open_platform(concurrency=1) as (platform, client):
        await client.open()
        assert await client.refusal() == refused("concurrency_limit")
        await client.ws.close()
        await platform.journal.wait_for({"name": "session_ended"})
        await client.open()


async def test_accounts_can_change_at_any_time(open_platform):
    async with open_platform() as (platform, client):
        platform.accounts.by_name("demo").change({"billing": False})
        assert await client.refusal() == refused("billing_required")
        platform.reset()
        await client.open()


# -- the catalogue, by name ------------------------------------------------------------------------


@pytest.mark.parametrize("row", AT["rest"], ids=by_name)
async def test_every_token_error_on_demand(open_platform, row):
    plan = [{"on": "http", "endpoint": "session_tokens", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan, check=False) as (_, client):
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.token()
            return
        status, body = await client.call(body={"expireAt": 9999999999}, allow_redirects=False)
        assert status == row.http.status
        assert body == (row.http.json if row.http.json is not None else row.http.text or "")


@pytest.mark.parametrize("row", AT["upgrade"], ids=by_name)
async def test_every_rejection_on_demand(open_platform, row):
    plan = [{"on": "upgrade", "endpoint": "websocket", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan) as (platform, client):
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.connect()
            assert platform.journal.records[-1].kind == "reset"
        else:
            assert await client.refusal() == refused(row.name)


@pytest.mark.parametrize("moment", ["open", "message"])
@pytest.mark.parametrize("row", AT["handshake"], ids=by_name)
async def test_every_refusal_of_the_handshake_on_demand(open_platform, row, moment):
    async with open_platform(plan=[{"on": moment, "do": [{"error": row.name}]}]) as (
        platform,
        client,
    ):
        await client.connect()
        if moment == "message":
            await client.configure()
        if row.message:
            error = await client.error()
            assert (error.code, error.message) == (row.message["code"], row.message["text"])
            assert error.connection_id == platform.session().id
        assert (await client.closing())[0] == row.close.code


@pytest.mark.parametrize("row", [*AT["runtime"], *AT["close"]], ids=by_name)
async def test_every_error_of_a_running_session_on_demand(open_platform, row):
    async with open_platform() as (platform, client):
        connection_id = await client.open()
        await client.audio("r1", bytes(320))
        await client.seen(1, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await platform.act({"error": row.name})
        if row.message:
            error = await client.error()
            assert (error.code, error.message) == (row.message["code"], row.message["text"])
            assert (error.connection_id, error.req_id) == (connection_id, "r1")
        if row.abort:
            ending = await client.ws.receive()
            assert ending.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        elif row.close:
            assert await client.closing() == (row.close.code, row.close.reason)
        else:
            await client.audio("r1", end=True)
            assert (await client.answer())[-1].end


@pytest.mark.parametrize("row", AT["runtime"], ids=by_name)
async def test_an_error_in_the_place_of_an_answer(open_platform, row):
    plan = [{"on": "message", "where": {"end": True}, "do": [{"error": row.name}]}]
    async with open_platform(plan=plan) as (_, client):
        await client.open()
        await client.audio("r1", bytes(32000), end=True)
        assert (await client.error()).code == row.message["code"]
        if row.close:
            assert (await client.closing())[0] == row.close.code


def test_a_row_of_another_moment_is_refused_when_the_plan_is_loaded():
    with pytest.raises(ConfigurationError, match="cannot happen on: message"):
        mock("avatarkit", plan=[{"on": "message", "do": [{"error": "session_token_expired"}]}])


# -- the rest --------------------------------------------------------------------------------------


async def test_the_description_is_all_that_a_client_needs(open_platform):
    async with open_platform(seed=3) as (platform, _):
        document = platform.describe()
        assert document["protocol"] == "avatarkit"
        assert document["seed"] == 3
        assert document["credentials"]["app_id"] == Demo.APP_ID
        assert document["urls"]["console"].startswith("http://127.0.0.1:")
        assert document["urls"]["ingress"].startswith("ws://127.0.0.1:")


def test_options_are_checked():
    with pytest.raises(ConfigurationError, match="idle_timeout"):
        mock("avatarkit", idle_timeout="long")
    with pytest.raises(ConfigurationError, match="colour"):
        mock("avatarkit", colour="blue")


async def test_a_message_of_the_limit_passes_and_one_byte_more_does_not(open_platform):
    async with open_platform() as (_, client):
        await client.open()
        overhead = 14
        await client.audio("r1", bytes(Limit.MESSAGE_BYTES - overhead))
        await client.seen(1, name="MESSAGE_CLIENT_AUDIO_INPUT")
        await client.ws.send_bytes(bytes(Limit.MESSAGE_BYTES + 1))
        while (message := await client.ws.receive()).type is aiohttp.WSMsgType.BINARY:
            pass
        assert message.data == CloseCode.MESSAGE_TOO_BIG


async def test_plans_can_admit_anybody(open_platform):
    plan = [{"on": "upgrade", "do": [{"delay": 0}], "then_default": True}]
    async with open_platform(plan=plan) as (_, client):
        await client.open()


async def test_the_same_seed_gives_the_same_platform(open_platform):
    seen = []
    for _ in range(2):
        async with open_platform(seed=9) as (_platform, client):
            token = await client.token()
            connection_id = await client.open()
            await client.audio("r1", bytes(32000), end=True)
            answer = [message.SerializeToString() for message in await client.answer()]
            seen.append((token, connection_id, answer))
    assert seen[0] == seen[1]
