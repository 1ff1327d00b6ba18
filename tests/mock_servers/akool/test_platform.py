"""Discovery, upgrades, and every row of the error catalogue."""

from __future__ import annotations

import json

import aiohttp
import pytest

from avatar_protocols.akool.v0_1_8 import errors as v2
from avatar_protocols.akool.v0_1_8_documented import errors as documented
from mock_servers import mock
from protocol_core.errors import ConfigurationError
from tests.mock_servers.akool.conftest import DOCUMENTED, set_params

REVISIONS = {"0.1.8": v2.CATALOGUE, DOCUMENTED: documented.CATALOGUE}


def rows(*points):
    """A parametrisation with every row of both dialects that happens at one of these points."""
    return pytest.mark.parametrize(
        ("revision", "row"),
        [
            pytest.param(revision, row, id=f"{revision}-{row.name}")
            for revision, catalogue in REVISIONS.items()
            for row in catalogue.values()
            if row.at in points
        ],
    )


# -- discovery -------------------------------------------------------------------------------------


async def test_each_group_has_its_own_instances(open_platform):
    async with open_platform() as (platform, client):
        status, body = await client.discover()
        assert (status, body["code"]) == (200, 1000)
        test = body["data"]["instances"]
        assert [f"{each['ip']}:{each['port']}" for each in test] == list(platform.addresses[:3])
        assert {(each["status"], each["healthy"], each["avatar_id"]) for each in test} == {
            ("available", True, "demo-avatar")
        }
        _, body = await client.discover(group=None)
        (only,) = body["data"]["instances"]
        assert only["index"] == 3
        status, body = await client.discover(group="NOBODY")
        assert (status, body["code"]) == (200, 5000)


async def test_discovery_answers_at_the_root_and_below_the_mount(open_platform):
    async with open_platform() as (platform, client):
        path = platform.modules.constants.Endpoint.SERVICE_STATUS.path
        url = f"http://{platform.mount_address}{path}"
        headers = {"api_key": platform.credentials["api_key"]}
        async with client.http.get(url, headers=headers) as reply:
            assert (await reply.json())["code"] == 1000


@pytest.mark.parametrize(("how", "status", "code"), [("status", 401, None), ("code", 200, 4001)])
async def test_bad_keys_are_refused_at_discovery(open_platform, how, status, code):
    async with open_platform(discovery_refusal=how) as (_, client):
        for headers in ({"api_key": "wrong"}, {}):
            got, body = await client.discover(headers=headers)
            assert got == status
            assert code is None or body["code"] == code


async def test_instances_as_they_are_set_up(open_platform):
    instances = [{"healthy": False}, {"status": "draining"}, {"occupied": True}, {"avatar_id": "x"}]
    async with open_platform(instances=instances, production_instances=0) as (platform, client):
        listed = (await client.discover())[1]["data"]["instances"]
        assert [(each["healthy"], each["status"]) for each in listed] == [
            (False, "available"),
            (True, "draining"),
            (True, "busy"),
            (True, "available"),
        ]
        assert listed[3]["avatar_id"] == "x"
        assert (await client.discover(group=None))[1]["data"]["instances"] == []
        assert len(platform.addresses) == 4


async def test_who_is_connected_makes_an_instance_busy(open_platform):
    async with open_platform() as (_, client):
        await client.open(1, avatar_id="another avatar")
        listed = (await client.discover())[1]["data"]["instances"]
        assert [each["status"] for each in listed] == ["available", "busy", "available"]
        assert listed[1]["avatar_id"] == "another avatar"
        await client.close()
        listed = (await client.discover())[1]["data"]["instances"]
        assert [each["status"] for each in listed] == ["available"] * 3


async def test_documented_discovery(open_platform):
    async with open_platform(DOCUMENTED) as (platform, client):
        for headers in ({}, {"api_key": platform.credentials["api_key"]}):
            status, body = await client.discover(headers=headers)
            assert (status, body["success"]) == (200, True)
            services = body["data"]["services"]
            assert [f"{each['host']}:{each['port']}" for each in services] == list(
                platform.addresses[:3]
            )
            assert {each["status"] for each in services} == {"active"}
        assert (await client.discover(headers={"api_key": "wrong"}))[0] == 401
        assert (await client.discover(group="NOBODY"))[1] == {"success": False, "data": None}


@pytest.mark.parametrize("revision", ["0.1.8", DOCUMENTED])
async def test_members_that_nobody_names(open_platform, revision):
    async with open_platform(revision, extra_members={"region": "north"}) as (_, client):
        _, body = await client.discover()
        (entries,) = (part for part in body["data"].values() if isinstance(part, list))
        for place in (body, body["data"], *entries):
            assert place["region"] == "north"


# -- upgrades --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401", "403"])
async def test_bad_keys_can_be_refused_at_the_upgrade(open_platform, status):
    async with open_platform(key_refusal=status) as (_, client):
        assert await client.refusal(api_key="wrong") == int(status)
        await client.open()


async def test_without_instances_nobody_is_served(open_platform):
    async with open_platform(instances=0, production_instances=0) as (platform, client):
        assert (await client.discover())[1]["data"]["instances"] == []
        assert await client.refusal() == 503
        assert len(platform.addresses) == 1


async def test_a_plan_admits_a_client_where_there_is_no_instance(open_platform):
    plan = [{"on": "upgrade", "do": [{"delay": 0}], "then_default": True}]
    async with open_platform(plan=plan) as (_, client):
        await client.open()


# -- the catalogue, by name ------------------------------------------------------------------------


@rows("rest")
async def test_every_failure_of_discovery_on_demand(open_platform, revision, row):
    plan = [{"on": "http", "endpoint": "service_status", "do": [{"error": row.name}]}]
    async with open_platform(revision, plan=plan) as (_, client):
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.discover()
            return
        status, body = await client.discover()
        assert status == row.http.status
        assert "$" not in json.dumps(body)
        if row.http.json is None:
            assert body == (row.http.text or "")
        else:
            assert type(body) is type(row.http.json)


@rows("upgrade")
async def test_every_rejection_on_demand(open_platform, revision, row):
    plan = [{"on": "upgrade", "endpoint": "websocket", "do": [{"error": row.name}]}]
    async with open_platform(revision, plan=plan) as (_, client):
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.dial()
        else:
            assert await client.refusal() == row.http.status


@rows("handshake")
async def test_every_refusal_on_demand(open_platform, revision, row):
    plan = [{"on": "open", "do": [{"error": row.name}]}]
    async with open_platform(revision, plan=plan) as (platform, client):
        await client.dial()
        if row.message:
            message = await client.receive()
            assert message["pld"] == row.message["pld"]
        if row.close:
            assert await client.closing() == (row.close.code, row.close.reason)
        if not row.message and not row.close:
            await platform.advance(60)
            assert platform.journal.messages(sender="server") == []


@rows("runtime", "close")
async def test_every_error_of_a_running_session_on_demand(open_platform, revision, row):
    async with open_platform(revision, check=row.name != "error_without_text") as (
        platform,
        client,
    ):
        if revision == DOCUMENTED:
            await client.dial_documented()
            await client.send({"type": "auth", "token": "demo-api-key", "avatar_id": "a"})
            await client.receive()
        else:
            await client.open()
        await platform.act({"error": row.name})
        if row.message:
            message = await client.receive()
            assert (message["type"], message["pld"].keys()) == (
                row.message["type"],
                row.message["pld"].keys(),
            )
            assert "$" not in json.dumps(message)
        if row.abort:
            assert (await client.ws.receive()).type in {
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.ERROR,
            }
        elif row.close:
            assert await client.closing() == (row.close.code, row.close.reason)


SET_PARAMS = {"on": "message", "message": "command/set-params"}


@pytest.mark.parametrize(
    ("name", "acked"), [("agora_unanswered", True), ("params_unanswered", False)]
)
async def test_parameters_that_never_complete(open_platform, name, acked):
    async with open_platform(plan=[{**SET_PARAMS, "do": [{"error": name}]}]) as (_, client):
        await client.open()
        await client.send(set_params())
        if acked:
            assert (await client.receive())["pld"]["original_mid"] == "m-params"
        await client.pong()


async def test_an_ack_that_says_no(open_platform):
    plan = [{**SET_PARAMS, "do": [{"error": "params_ack_failed"}]}]
    async with open_platform(plan=plan) as (platform, client):
        await client.open()
        await client.send(set_params())
        assert (await client.receive())["pld"] == {"original_mid": "m-params", "status": "failed"}
        assert platform.session().core.state == "OPEN"


# -- the platform as a whole -----------------------------------------------------------------------


async def test_description_and_secrets(open_platform):
    async with open_platform(api_key="very-secret") as (platform, client):
        await client.ready()
        described = platform.describe()
        assert [each["busy"] for each in described["instances"]] == [True, False, False, False]
        assert described["urls"]["instance"] == f"http://{platform.addresses[0]}"
        assert set(described["credentials"]) == {
            "api_key",
            "avatar_id",
            "app_id",
            "channel",
            "token",
            "uid",
        }
        trace = json.dumps(
            [[each.raw, each.target, each.headers, each.data] for each in platform.journal.records]
        )
        assert "very-secret" not in trace
        assert "rtc-secret" not in trace


async def test_a_reset_frees_the_instances(open_platform):
    async with open_platform() as (platform, client):
        await client.open()
        platform.instances[1].occupied = True
        platform.reset()
        assert [each.busy for each in platform.instances] == [False] * 4


def test_options_are_checked():
    for wrong in (
        {"instances": "many"},
        {"key_refusal": "404"},
        {"instances": [{"health": 1}]},
        {"silense": 1},
    ):
        with pytest.raises(ConfigurationError):
            mock("akool", **wrong)


@pytest.mark.parametrize(
    "options",
    [
        {"instances": -1},
        {"instances": 10**9},
        {"production_instances": [{}] * 1001},
        {"silence": 0},
        {"join_delay": -1},
        {"error_number": 10**30},
        {"extra_members": {"a": object()}},
    ],
)
def test_options_that_cannot_work(options):
    with pytest.raises(ConfigurationError, match="options"):
        mock("akool", **options)
