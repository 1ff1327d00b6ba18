"""Dispatcher and room service: who gets a worker, and who is told what."""

from __future__ import annotations

import json

import aiohttp
import pytest

from avatar_protocols.videosdk.v1_0.errors import CATALOGUE
from mock_servers import mock
from protocol_core.errors import ConfigurationError
from tests.protocol_core.videosdk.support import load, vectors

from .conftest import WORKER, join_request, kinds, post

REST = [row for row in CATALOGUE.values() if row.at == "rest"]


def by_name(row):
    return row.name


async def test_a_worker_is_started_and_joins(http):
    async with mock("videosdk") as platform:
        status, text = await post(http, platform)
        assert (status, json.loads(text)) == (202, {"accepted": WORKER})
        await platform.journal.wait_for({"kind": "join", "participant": WORKER})
        records = [record.kind for record in platform.journal.records]
        assert records[:3] == ["http_request", "http_response", "join"]
        dispatched, joined = platform.journal.records[0].data, platform.journal.records[2].data
        assert dispatched["token"] == joined["token"]


async def test_nobody_can_read_a_secret_in_the_journal(http):
    async with mock("videosdk") as platform:
        body = join_request(platform)
        await post(http, platform, body, headers={"Authorization": body["token"]})
        await post(http, platform, {"token": "opaque-secret"})
        await platform.journal.wait_for({"kind": "join"})
        text = str(platform.journal.records)
        for secret in (body["token"], platform.options.secret, platform.options.api_key):
            assert secret not in text
        assert "opaque-secret" not in text
        assert "‹token›" in text


async def test_the_same_request_starts_nobody_else(http):
    async with mock("videosdk", start_delay=1, frozen=True) as platform:
        body = join_request(platform)
        for _ in range(2):
            assert (await post(http, platform, body))[0] == 202
        await platform.advance(1)
        assert (await post(http, platform, body))[0] == 202
        await platform.advance(1)
        assert kinds(platform, "join") == [("join", WORKER)]
        await platform.act({"worker_leaves": True})
        await post(http, platform, body)
        await platform.advance(1)
        assert kinds(platform, "join") == [("join", WORKER)] * 2


async def test_a_null_participant_means_the_tokens(http):
    async with mock("videosdk") as platform:
        body = join_request(platform, participant_id=WORKER) | {"participant_id": None}
        assert (await post(http, platform, body))[0] == 202
        await platform.journal.wait_for({"kind": "join", "participant": WORKER})


async def test_requests_may_say_more(http):
    async with mock("videosdk") as platform:
        assert (await post(http, platform, join_request(platform, attributes=None)))[0] == 202


@vectors("rest", lambda row: row.get("schema") == "join-request" and not row["valid"])
async def test_what_is_no_join_request_is_refused(http, vector):
    async with mock("videosdk") as platform:
        status, text = await post(http, platform, json.loads(vector["text"]))
        assert status == 400
        assert json.loads(text)["error"]


async def test_what_is_no_json_is_refused(http):
    async with mock("videosdk") as platform:
        async with http.post(platform.urls["dispatcher"], data=b"{") as reply:
            assert reply.status == 400
        async with http.post(platform.urls["dispatcher"], data=b"[" * 100_000) as reply:
            assert reply.status == 400


REFUSALS = {
    "header": "token_unsigned",
    "signature": "token_signature_invalid",
    "claims": "token_claims_invalid",
    "expired": "token_expired",
    "participant": "token_participant_mismatch",
}


@vectors("tokens", lambda row: row["id"] != "agent")
async def test_tokens_are_judged_as_the_document_says(http, vector):
    account = {"api_key": "demo-key", "secret": vector["secret"]}
    async with mock("videosdk", **account) as platform:
        platform._epoch = vector["now"] - platform.now()
        platform.freeze()
        participant = "avatar_0a1b2c3d"
        body = join_request(platform, participant) | {"token": vector["token"]}
        status, text = await post(http, platform, body)
        refused = vector.get("refused")
        assert status == (202 if refused is None else 401)
        if refused is not None:
            row = CATALOGUE[REFUSALS[refused]]
            assert json.loads(text) == row.http.json


async def test_another_account_is_unknown(http):
    vector = load("tokens")[0]
    async with mock("videosdk", secret=vector["secret"]) as platform:
        platform._epoch = vector["now"]
        body = join_request(platform, "avatar_0a1b2c3d") | {"token": vector["token"]}
        assert (await post(http, platform, body))[0] == 401


async def test_there_are_only_so_many_workers(http):
    async with mock("videosdk", workers=1) as platform:
        assert (await post(http, platform))[0] == 202
        other = join_request(platform, "avatar_22222222")
        assert (await post(http, platform, other))[0] == 503
        await platform.journal.wait_for({"kind": "join"})
        await platform.act({"worker_leaves": True})
        assert (await post(http, platform, other))[0] == 202


async def test_an_absent_worker_never_comes(http):
    async with mock("videosdk", worker="absent") as platform:
        assert (await post(http, platform))[0] == 202
        await platform.advance(60)
        assert kinds(platform, "join") == []
        await platform.act({"worker_joins": True})
        assert kinds(platform, "join") == [("join", WORKER)]


async def test_a_worker_whose_join_is_refused_does_not_count(http):
    async with mock("videosdk", workers=1) as platform:
        await platform.act({"error": "join_token_expired"})
        await post(http, platform)
        await platform.journal.wait_for({"name": "join_refused"})
        assert (await post(http, platform))[0] == 202
        await platform.journal.wait_for({"kind": "join"})


async def test_only_posts_are_answered(http):
    async with mock("videosdk") as platform, http.get(platform.urls["dispatcher"]) as reply:
        assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("row", REST, ids=by_name)
async def test_every_answer_of_the_catalogue_can_be_had(http, row):
    async with mock("videosdk", plan=[{"on": "http", "do": [{"error": row.name}]}]) as platform:
        request = http.post(
            platform.urls["dispatcher"], json=join_request(platform), allow_redirects=False
        )
        if row.abort:
            with pytest.raises(aiohttp.ClientConnectionError):
                await request
            return
        async with request as reply:
            assert reply.status == row.http.status
            if row.http.json is not None:
                assert await reply.json() == row.http.json
            if "Location" in row.http.headers:
                assert reply.headers["Location"] == platform.urls["dispatcher"]


async def test_rooms_are_made_for_who_has_an_account(http):
    async with mock("videosdk", worker="present", pace=False) as platform:
        url = f"{platform.urls['signaling']}/v2/rooms"
        status, text = await post(
            http, platform, b"", url=url, headers={"Authorization": platform.token()}
        )
        room_id = json.loads(text)["roomId"]
        assert status == 200
        assert list(platform.rooms) == ["demo-room", room_id]
        assert platform.session(room_id).room.of_role("server").id == platform.options.worker_id
        for headers in ({}, {"Authorization": "secret"}):
            assert (await post(http, platform, b"", url=url, headers=headers))[0] == 401


async def test_rooms_are_found_by_position_and_by_id():
    async with mock("videosdk") as platform:
        meeting = platform.meeting(room_id="other")
        assert platform.session("other").id == "other"
        assert platform.session(0).id == "demo-room"
        meeting.join()
        platform.meeting().join()
        assert platform.session().id == "demo-room"
        for which in ("nowhere", 7):
            with pytest.raises(ConfigurationError, match="no such room"):
                platform.session(which)


async def test_rooms_are_not_remembered_for_ever():
    async with mock("videosdk", worker="absent") as platform:
        platform.meeting(room_id="kept").join()
        for number in range(1100):
            platform.meeting(room_id=f"room-{number}")
        assert len(platform.rooms) <= 1000
        assert {"demo-room", "kept"} <= set(platform.rooms)
        assert len(platform.sessions) == len(platform.rooms)


async def test_a_reset_brings_everything_back():
    async with mock("videosdk", worker="present") as platform:
        meeting = platform.meeting()
        meeting.join()
        platform.meeting(room_id="other")
        platform.reset()
        assert not meeting.joined
        assert list(platform.rooms) == ["demo-room"]
        assert [record.kind for record in platform.journal.records] == ["join", "track", "track"]
        platform.meeting().join()


async def test_a_platform_describes_itself():
    async with mock("videosdk") as platform:
        described = platform.describe()
        assert set(described["urls"]) == {"dispatcher", "signaling", "room"}
        assert set(described["credentials"]) == {"api_key", "secret", "room_id"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"secret": "short"}, "secret"),
        ({"worker": "asleep"}, "worker"),
        ({"loss": 2}, "loss"),
        ({"room_id": "a/b"}, "room_id"),
        ({"rooms": 3}, "rooms"),
    ],
)
def test_options_are_checked(options, problem):
    with pytest.raises(ConfigurationError, match=problem):
        mock("videosdk", **options)


async def test_rooms_with_nobody_but_workers_are_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr("mock_servers.videosdk.platform._ROOMS_KEPT", 2)
    async with mock("videosdk", worker="present") as platform:
        for name in "abc":
            platform.room(name)
        assert list(platform.rooms) == ["demo-room", "c"]


async def test_a_body_that_is_no_text(http):
    async with (
        mock("videosdk") as platform,
        http.post(platform.urls["dispatcher"], data=b'{"token": "\xff"}') as reply,
    ):
        assert reply.status == 400
