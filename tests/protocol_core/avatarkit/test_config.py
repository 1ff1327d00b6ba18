"""A client's settings."""

from datetime import UTC, datetime

import pytest

from protocol_core.avatarkit import AgoraEgress, AudioFormat, EncoderSettings, LiveKitEgress
from protocol_core.errors import ConfigurationError
from tests.protocol_core.avatarkit.support import config, load

OGG = AudioFormat.OGG_OPUS
LIVEKIT = LiveKitEgress(url="wss://lk", room_name="r", api_token="t")
AGORA = AgoraEgress(channel_name="c")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sample_rate": 22_050},
        {"audio_format": OGG, "sample_rate": 12_000},
        {"audio_format": OGG, "encoder": EncoderSettings()},
        {"audio_format": OGG, "encoder": EncoderSettings(frame_ms=60, application="voip")},
        {"livekit": LIVEKIT},
        {"livekit": LiveKitEgress(url="wss://lk", room_name="r", api_key="k", api_secret="s")},
        {"agora": AGORA},
    ],
)
def test_what_works(changes):
    config(**changes).check()


@pytest.mark.parametrize(
    ("changes", "setting", "rule"),
    [
        ({"sample_rate": 12_000}, "sample_rate", "AVK-AUDIO-002"),
        ({"audio_format": OGG, "sample_rate": 44_100}, "sample_rate", "AVK-AUDIO-003"),
        ({"bitrate": -1}, "bitrate", ""),
        ({"bitrate": "x"}, "config", "$.bitrate"),
        ({"api_key": 5}, "config", "$.api_key"),
        ({"audio_format": "mp3"}, "config", "mp3"),
        ({"expire_at": "tomorrow"}, "config", "$.expire_at"),
        ({"livekit": {"url": "u"}}, "livekit", "LiveKitEgress"),
        ({"agora": AgoraEgress(channel_name="c", uid=-1)}, "agora", "$.uid"),
        ({"agora": AgoraEgress(channel_name="c", uid=1 << 32)}, "agora", "$.uid"),
        ({"api_key": "a\nb"}, "api_key", "control characters"),
        ({"app_id": "a\r"}, "app_id", "control characters"),
        ({"encoder": EncoderSettings()}, "encoder", ""),
        (
            {"audio_format": OGG, "encoder": EncoderSettings(frame_ms=30)},
            "encoder.frame_ms",
            "AVK-OGG-019",
        ),
        (
            {"audio_format": OGG, "encoder": EncoderSettings(application="music")},
            "encoder.application",
            "AVK-OGG-019",
        ),
        ({"livekit": LIVEKIT, "agora": AGORA}, "agora", "AVK-EGRESS-002"),
        ({"livekit": LiveKitEgress(url="u", room_name="r")}, "livekit", "AVK-EGRESS-003"),
        (
            {"livekit": LiveKitEgress(url="u", room_name="r", api_key="k")},
            "livekit",
            "AVK-EGRESS-003",
        ),
    ],
)
def test_what_cannot_work_is_named(changes, setting, rule):
    with pytest.raises(ConfigurationError) as caught:
        config(**changes).check()
    assert caught.value.setting == setting
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (600.9, 600),
        (600, 600),
        (datetime(1970, 1, 1, 0, 10, 0, 900_000, tzinfo=UTC), 600),
    ],
)
def test_the_expiry_is_cut_to_whole_seconds(moment, seconds):
    assert config(expire_at=moment).expire_at_seconds == seconds


@pytest.mark.parametrize(
    ("moment", "problem"),
    [(None, "missing"), (float("inf"), "no instant"), (datetime(2030, 1, 1), "without time zone")],  # noqa: DTZ001 - the point
)
def test_an_expiry_that_is_no_instant(moment, problem):
    with pytest.raises(ConfigurationError, match=problem):
        _ = config(expire_at=moment).expire_at_seconds


def test_secrets_are_not_shown():
    shown = repr(config(livekit=LIVEKIT, agora=AgoraEgress(channel_name="c", token="hush")))
    assert "api_key=‹hidden›" in shown
    assert "LiveKitEgress(url='wss://lk', room_name='r', api_token=‹hidden›" in shown
    assert "hush" not in shown
    assert "'key'" not in shown
    assert "avatar_id='avatar'" in shown


def test_empty_settings_are_named():
    config().require("app_id", "avatar_id", requirement="AVK-CONN-012")
    with pytest.raises(ConfigurationError, match="avatar_id: missing: AVK-CONN-012"):
        config(avatar_id="").require("app_id", "avatar_id", requirement="AVK-CONN-012")


@pytest.mark.parametrize(
    "base",
    [row["base"] for row in load("urls") if row.get("refused")]
    + ["wss://", "wss:host", "ws://h:port", "ws://h:99999", "ws://h:0", "ws://[::1"],
)
def test_bases_that_are_refused(base):
    with pytest.raises(ConfigurationError, match="ingress_url: "):
        config(ingress_url=base).socket_scheme()
