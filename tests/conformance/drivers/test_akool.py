from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.registry import resolve
from conformance.drivers.akool import NOT_DOCUMENTED, AkoolDriver, features
from conformance.drivers.base import UnsupportedError, encoded
from mock_servers import mock
from protocol_core.akool.errors import AkoolError, SendRefused
from protocol_core.errors import ConfigurationError
from tests.conformance.helpers import opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conformance.drivers.conftest import Driven

DOCUMENTED = "0.1.8-documented"
REVISIONS = ("0.1.8", DOCUMENTED, "0.1.9")


@pytest.fixture
def driven(platform: Any, drive: Callable[..., Driven]) -> Driven:  # noqa: ARG001 - outlives the client
    return drive(AkoolDriver)


@pytest.fixture
def revision() -> str:
    return "0.1.8"


@pytest.fixture
async def platform(revision: str) -> AsyncIterator[Any]:
    async with mock("akool", revision, pace=False, seed=1) as made:
        yield made


@pytest.fixture
async def opened(driven: Driven, platform: Any) -> Any:
    """A session that is open; the platform behind it."""
    await driven.do("open", **opening(platform))
    return platform


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_whole_session(driven: Driven, platform: Any) -> None:
    result = await driven.do("open", **opening(platform))
    assert await driven.do("set_params") == {}
    assert await driven.do("send_audio", audio=encoded(bytes(64))) == {}
    assert await driven.do("send_audio", chunks=[encoded(b"ab"), encoded(b"cd")]) == {}
    assert await driven.do("close") == {}
    assert driven.told("opened") == [result]
    assert driven.told("agora") == [{"channel_id": "demo-channel"}]
    assert driven.told("closed") == [{"code": 1000, "reason": ""}]
    assert driven.told("message")[0]["message"]["pld"] == {"status": "websocket_connected"}
    audio = [r for r in platform.journal.where(sender="client") if r.name in {"chat", "audio_data"}]
    assert len(audio) == 3


async def test_the_settings_reach_the_platform(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, environment="prod", session_id="s-1", seed=3))
    (request,) = platform.journal.where(kind="http_request")
    assert "group_name" not in request.target
    (upgrade,) = platform.journal.where(kind="upgrade_request")
    assert "session_id=s-1" in upgrade.target
    chosen = {"voice_id": "v", "language": "de", "background_url": "b", "channel": "c"}
    await driven.do("set_params", **chosen)
    (params,) = platform.journal.where(name="command/set-params")
    assert params.data["pld"]["data"] == {"vid": "v", "lang": "de", "mode": 3, "bgurl": "b"}
    assert params.data["pld"]["metadata"]["agora_data"]["channel_id"] == "c"


@pytest.mark.parametrize("revision", ["0.1.9"])
async def test_a_given_server(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, server_url=platform.urls["instance"]))
    assert platform.journal.where(kind="http_request") == []


async def test_errors_become_records(driven: Driven, opened: Any) -> None:
    await opened.act({"error": "server_error"})
    await opened.journal.wait_for({"name": "error"})
    await opened.act({"send_text": "no json"})
    await opened.act({"close": {"code": 1011, "reason": "fault"}})
    await opened.journal.wait_for({"kind": "close", "sender": "client"})
    await driven.driver.client.wait_disconnected()
    await driven.driver.settle()
    first, second, third = driven.told("error")
    assert (first["code"], first["kind"], first["phase"]) == ("SERVER_ERROR", "protocol", "session")
    assert (first["server_code"], first["server_detail"]) == ("4000", "renderer failed")
    assert second["code"] == "INVALID_MESSAGE"
    assert (third["code"], third["kind"]) == ("CONNECTION_LOST", "transport")
    assert (third["close_code"], third["close_reason"]) == (1011, "fault")
    assert driven.told("closed") == [{"code": 1011, "reason": "fault"}]


async def test_local_refusals(driven: Driven, platform: Any) -> None:
    with pytest.raises(AkoolError) as caught:
        await driven.do("open", **opening(platform, api_key=None))
    record = driven.driver.record(caught.value)
    assert (record["code"], record["kind"]) == ("AUTHENTICATION_FAILED", "local")
    await driven.do("open", **opening(platform))
    with pytest.raises(SendRefused) as refused:
        await driven.do("send_audio", audio=encoded(b"ab"))
    record = driven.driver.record(refused.value)
    assert (record["code"], record["kind"], record["phase"]) == ("NOT_READY", "local", "audio")
    with pytest.raises(ConfigurationError) as wrong:
        await driven.do("set_params", app_id=None)
    assert driven.driver.record(wrong.value)["kind"] == "local"


async def test_what_the_runner_got_wrong(driven: Driven, platform: Any) -> None:
    with pytest.raises(RuntimeError, match="`open` comes first"):
        await driven.do("interrupt")
    params = opening(platform)
    params["credentials"] = {"api_key": "demo-api-key", "avatar_id": "a"}
    await driven.do("open", **params)
    with pytest.raises(UnsupportedError, match="channel, token, uid"):
        await driven.do("set_params")
    with pytest.raises(UnsupportedError, match="base64"):
        await driven.do("send_audio", chunks=["?"])


async def test_the_same_client_again(driven: Driven, opened: Any) -> None:
    await driven.do("close")
    await driven.do("open", **opening(opened, same_client=True))
    assert len(driven.driver.clients) == 1
    await driven.do("set_params")
    assert await driven.do("interrupt") == {}


async def test_every_frame_is_a_message_event(driven: Driven, opened: Any) -> None:
    await opened.act({"send_text": '{"type": "weather"}'})
    await opened.journal.wait_for({"raw": '{"type": "weather"}'})
    await driven.do("set_params")
    await driven.driver.settle()
    assert {"message": {"type": "weather"}} in driven.told("message")


def test_what_is_claimed() -> None:
    for name in REVISIONS:
        claimed, missing = features(resolve("akool", name))
        assert not {*claimed} & missing.keys()
        assert ("direct_connect" in claimed) == (name == "0.1.9")
        assert NOT_DOCUMENTED.isdisjoint(claimed) == (name == DOCUMENTED)
        assert {"clock", "reconnect", "pong_deadline", "audio_batch"} <= {*claimed}
        assert "occupancy" not in claimed
