"""The adapter of the reference clients, spoken to as a runner does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Adapter
from conformance.contract import claims_of
from conformance.drivers import driven
from conformance.target import active
from mock_servers import mock
from tests.conformance.helpers import opening, reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def adapter() -> AsyncIterator[Adapter]:
    made = await Adapter.start(reference())
    yield made
    await made.close()


async def ask(adapter: Adapter, command: str, **params: Any) -> Any:
    return await adapter.request(command, params, deadline=10)


def concerns(text: str, revision: str) -> bool:
    """Whether a feature is a client's in this revision: some end in (server), (0.9) or both."""
    tags = re.search(r" \(([^()]*)\)$", text)
    told = tags[1].split(", ") if tags is not None else []
    return "server" not in told and not (told and told[-1][0].isdigit() and revision not in told)


async def test_what_it_claims(adapter: Adapter) -> None:
    from avatar_protocols.registry import PROTOCOLS

    clients = [revision for revision in active() if revision.protocol in driven("client")]
    for revision in clients:
        claims = claims_of(adapter.description, revision.protocol, "client")
        (claim,) = (claim for claim in claims if revision.id in claim.revisions)
        assert claim.roles == ["client"]
        assert claim.name == "understudy reference client"
        told = {*claim.features, *claim.missing}
        features = PROTOCOLS[revision.protocol].features
        every = {name for name, text in features.items() if concerns(text, revision.id)}
        assert every <= told <= features.keys()
        assert every | {*claim.missing} >= told


async def test_commands_that_make_no_sense(adapter: Adapter) -> None:
    assert (await ask(adapter, "dance")).answer == "unsupported"
    assert (await ask(adapter, "send_audio", audio="AAAA")).answer == "unsupported"
    assert (await ask(adapter, "open", protocol="bogus")).answer == "unsupported"
    async with mock("avatarkit", pace=False) as platform:
        await ask(adapter, "open", **opening(platform))
        assert (await ask(adapter, "send_audio", audio="not base64!")).answer == "unsupported"
    assert (await ask(adapter, "reset")).result == {"pending": []}


async def test_errors_are_records(adapter: Adapter) -> None:
    plan = [{"on": "upgrade", "do": [{"error": "session_token_expired"}]}]
    async with mock("avatarkit", pace=False, plan=plan) as platform:
        answer = await ask(adapter, "open", **opening(platform))
        assert answer.answer == "error"
        assert answer.error["code"] == "sessionTokenExpired"
        assert answer.error["phase"] == "websocket_connect"
        assert answer.error["http_status"] == 401
        local = await ask(adapter, "send_audio", audio="AAAAAAAA")
        assert local.error["kind"] == "local"


async def test_a_setting_that_is_null_is_missing(adapter: Adapter) -> None:
    async with mock("avatarkit", pace=False) as platform:
        answer = await ask(adapter, "open", **opening(platform, api_key=None))
        assert (answer.answer, answer.error["kind"]) == ("error", "local")


async def test_a_reset_ends_what_waits(adapter: Adapter) -> None:
    async with mock("avatarkit", pace=False, plan=[{"on": "open", "do": []}]) as platform:
        silence = [{"on": "message", "do": []}]
        platform.plan.replace(silence)
        _, opened = adapter.send("open", opening(platform))
        await platform.journal.wait_for({"kind": "message"})
        answer = await ask(adapter, "reset")
        assert answer.result == {"pending": []}
        assert (await opened).error["type"] == "Reset"
        platform.plan.replace([])
        assert (await ask(adapter, "open", **opening(platform))).answer == "done"


async def test_time_can_be_moved(adapter: Adapter) -> None:
    async with mock("avatarkit", pace=False) as platform:
        await ask(adapter, "open", **opening(platform))
        answer = await ask(adapter, "advance", seconds=65)
        assert answer.result["fired"] >= 3
        pings = await platform.journal.wait_for({"kind": "ping", "sender": "client"}, 3)
        assert len(pings) == 3
        assert platform.sessions


async def test_a_handshake_that_never_comes_times_out_at_once(adapter: Adapter) -> None:
    async with mock("avatarkit", pace=False, plan=[{"on": "message", "do": []}]) as platform:
        _, opened = adapter.send("open", opening(platform))
        await platform.journal.wait_for({"kind": "message"})
        await ask(adapter, "advance", seconds=60)
        assert (await opened).error["code"] == "connectionFailed"


async def test_liveavatar_in_one_process_with_avatarkit(adapter: Adapter) -> None:
    async with mock("avatarkit", pace=False) as platform:
        assert (await ask(adapter, "open", **opening(platform))).answer == "done"
    await ask(adapter, "reset")
    async with mock("liveavatar", pace=False) as platform:
        opened = await ask(adapter, "open", **opening(platform))
        assert opened.answer == "done"
        assert opened.result["session_id"]
        sent = await ask(adapter, "send_text", request_id="r", chunks=["a", "b"])
        assert sent.result["request_id"] == "r"
        await platform.journal.wait_for({"name": "response.done"})
        names = [r.name for r in platform.journal.messages(sender="client")]
        assert names == ["session.ready", "response.chunk", "response.chunk", "response.done"]
        begun = await ask(adapter, "send_event", name="response.audio.start", data={})
        ids = {key: begun.result[key] for key in ("request_id", "response_id")}
        frame = {"sequence": 4, "sample_rate": 0, "samples": 2, "payload": "AAAAAA=="}
        assert (await ask(adapter, "send_frame", frame="AudioFrame", **frame)).answer == "done"
        finish = {"name": "response.audio.finish", "data": ids}
        assert (await ask(adapter, "send_event", **finish)).answer == "done"
        assert (
            await ask(adapter, "send_event", name="my.own", data={"data": {"x": 1}})
        ).answer == "done"
        assert (await ask(adapter, "send_event", name="system.prompt")).answer == "unsupported"
        bad = {"name": "response.done", "data": {"nonsense": 1}}
        assert (await ask(adapter, "send_event", **bad)).answer == "unsupported"
        assert (await ask(adapter, "send_frame", frame="Nonsense")).answer == "unsupported"
        spoken = await ask(adapter, "send_audio", audio="AAAA" * 1000, request_id="r2")
        assert spoken.result["request_id"] == "r2"
        assert (await ask(adapter, "send_audio", audio="AAAA" * 1000, prompt=True)).answer == "done"
        assert (await ask(adapter, "interrupt")).answer == "done"
        assert (await ask(adapter, "settle")).answer == "done"
        assert (await ask(adapter, "close")).answer == "done"
    assert (await ask(adapter, "reset")).result == {"pending": []}


async def test_a_callback_can_be_made_to_fail(adapter: Adapter) -> None:
    async with mock("avatarkit", pace=False) as platform:
        await ask(adapter, "open", **opening(platform, callbacks={"frame": "raise"}))
        for _ in range(2):
            await ask(adapter, "send_audio", audio="AAAAAAAA", end=True)
        assert (await ask(adapter, "close")).answer == "done"


async def test_encoded_audio(adapter: Adapter) -> None:
    (claim,) = claims_of(adapter.description, "avatarkit", "client")
    if "opus_encoder" not in claim.features:
        assert "libopus" in claim.missing["opus_encoder"]
        return
    async with mock("avatarkit", pace=False) as platform:
        options = {"audio_format": "ogg_opus", "encoder": {"frame_duration_ms": 20}}
        assert (await ask(adapter, "open", **opening(platform, **options))).answer == "done"
        assert (await ask(adapter, "send_audio", audio="AAAA" * 500, end=True)).answer == "done"
