from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.registry import resolve
from conformance.drivers.avatarkit import AvatarKitDriver, features
from conformance.drivers.base import UnsupportedError, encoded
from mock_servers import mock
from protocol_core.avatarkit.errors import AvatarKitError, ErrorCode, Phase
from protocol_core.errors import ConfigurationError, LocalProtocolError
from reference_client.websocket import ConnectFailed
from tests.conformance.helpers import opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conformance.drivers.conftest import Driven

PCM = encoded(bytes(640))
ANIMATION = "MESSAGE_SERVER_RESPONSE_ANIMATION"


@pytest.fixture
def driven(platform: Any, drive: Callable[..., Driven]) -> Driven:  # noqa: ARG001 - outlives the client
    return drive(AvatarKitDriver)


@pytest.fixture
async def platform() -> AsyncIterator[Any]:
    async with mock("avatarkit", pace=False, seed=1) as made:
        yield made


async def test_a_whole_session(driven: Driven, platform: Any) -> None:
    opened = await driven.do("open", **opening(platform))
    assert driven.events == [("opened", opened)]
    first = await driven.do("send_audio", audio=PCM)
    assert await driven.do("send_audio", end=True) == first
    last = {"server_response_animation": {"end": True}}
    await platform.journal.wait_for({"name": ANIMATION, "data": last})
    assert await driven.do("interrupt") == first
    assert await driven.do("close") == {}
    await driven.driver.settle()
    frames = driven.told("frame")
    assert [frame["end"] for frame in frames][-1:] == [True]
    sent = platform.journal.messages(ANIMATION, sender="server")
    assert [frame["data"] for frame in frames] == [record.raw for record in sent]
    assert driven.events[-1] == ("closed", {"code": None, "reason": None})


async def test_the_settings_reach_the_platform(driven: Driven, platform: Any) -> None:
    livekit = {"url": "wss://room", "room_name": "r", "api_token": "t"}
    await driven.do(
        "open",
        **opening(
            platform,
            auth="query",
            audio_format="ogg_opus",
            sample_rate=24000,
            bitrate=32000,
            livekit_egress=livekit,
            expire_in=60,
        ),
    )
    (request,) = platform.journal.where(kind="http_request")
    assert request.data["expireAt"] == pytest.approx(platform.wall() + 60, abs=5)
    (upgrade,) = platform.journal.where(kind="upgrade_request")
    assert "sessionKey=" in upgrade.target
    (message,) = platform.journal.messages(sender="client")
    told = message.data["client_configure_session"]
    assert (told["sample_rate"], told["bitrate"]) == (24000, 32000)
    assert told["livekit_egress"]["url"] == "wss://room"


async def test_an_expiry_of_the_scenarios_own(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, expire_at=4102444800, start=False))
    (request,) = platform.journal.where(kind="http_request")
    assert request.data["expireAt"] == 4102444800
    assert platform.journal.where(kind="upgrade_request") == []


async def test_which_opens_share_a_client_and_a_token(driven: Driven, platform: Any) -> None:
    calls = {"kind": "http_request"}
    for options, tokens in [
        ({}, 1),
        ({"same_client": True}, 2),
        ({"reuse_token": True}, 2),
        ({}, 3),
    ]:
        await driven.do("open", **opening(platform, **options))
        await driven.do("close")
        assert len(platform.journal.where(calls)) == tokens, options
    assert len(driven.told("opened")) == 4
    assert len({data["connection_id"] for data in driven.told("opened")}) == 4


async def test_a_callback_fails_where_the_scenario_says(
    driven: Driven, platform: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await driven.do("open", **opening(platform, callbacks={"closed": "raise"}))
    await driven.do("close")
    await driven.driver.settle()
    assert len(driven.told("closed")) == 1
    assert "the scenario lets the callback behind 'closed' fail" in caplog.text


async def test_nothing_is_reported_once_the_scenario_is_over(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    driven.driver.mute()
    await driven.do("close")
    await driven.driver.settle()
    assert [name for name, _ in driven.events] == ["opened"]


async def test_an_end_closes_every_client(driven: Driven, platform: Any) -> None:
    for _ in range(2):
        await driven.do("open", **opening(platform))
    await driven.driver.end()
    assert len(driven.told("closed")) == 2
    with pytest.raises(RuntimeError, match="`open` comes first"):
        await driven.do("interrupt")


async def test_commands_that_cannot_be_obeyed(driven: Driven, platform: Any) -> None:
    with pytest.raises(RuntimeError, match="`open` comes first"):
        await driven.do("send_audio", audio=PCM)
    await driven.do("open", **opening(platform))
    with pytest.raises(UnsupportedError, match="`audio` must be base64"):
        await driven.do("send_audio", audio="%")


async def test_audio_is_encoded_with_the_settings_of_the_scenario(
    driven: Driven, platform: Any
) -> None:
    pytest.importorskip("opuslib")
    encoder = {"frame_duration_ms": 40, "application": "voip"}
    await driven.do("open", **opening(platform, audio_format="ogg_opus", encoder=encoder))
    sent = await driven.do("send_audio", audio=PCM, end=True)
    await driven.driver.settle()
    (heard,) = driven.told("encoded")
    assert heard["req_id"] == sent["req_id"]
    assert heard["audio"].startswith(encoded(b"OggS")[:4])


@pytest.mark.parametrize(
    ("code", "cause", "kind"),
    [
        (ErrorCode.UPSTREAM_ERROR, None, "protocol"),
        (ErrorCode.CONNECTION_CLOSED, None, "transport"),
        (ErrorCode.CONNECTION_FAILED, ConnectFailed("refused"), "transport"),
        (ErrorCode.CONNECTION_FAILED, ConnectFailed("late", timed_out=True), "timeout"),
    ],
)
async def test_errors_of_the_peer(
    driven: Driven, code: ErrorCode, cause: Exception | None, kind: str
) -> None:
    error = AvatarKitError(code=code, phase=Phase.WEBSOCKET_CONNECT, message="told")
    error.__cause__ = cause
    record = driven.driver.record(error)
    assert (record["kind"], record["code"], record["phase"]) == (
        kind,
        str(code),
        str(Phase.WEBSOCKET_CONNECT),
    )
    assert (record["type"], record["message"]) == ("AvatarKitError", "told")


@pytest.mark.parametrize(
    "error",
    [ConfigurationError("no", setting="x"), LocalProtocolError("no"), TypeError("no")],
    ids=lambda error: type(error).__name__,
)
async def test_errors_of_ones_own(driven: Driven, error: Exception) -> None:
    told = {"kind": "local", "type": type(error).__name__, "message": str(error)}
    assert driven.driver.record(error) == told


def test_without_an_encoder_the_claim_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise ConfigurationError("libopus is not installed", setting="encoder")

    home = "reference_client.avatarkit.opus_encoder.load_encoder"
    monkeypatch.setattr(home, absent)
    claimed, missing = features(resolve("avatarkit"))
    assert "opus_encoder" not in claimed
    assert missing == {"opus_encoder": "encoder: libopus is not installed"}
    monkeypatch.setattr(home, lambda: None)
    assert features(resolve("avatarkit")) == ([*claimed, "opus_encoder"], {})
