"""What a server refuses in a configuration."""

import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import SampleRate
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit.configuration import find_problem

LIVEKIT = {"url": "wss://lk", "room_name": "r", "api_token": "t"}


def configuration(**fields):
    return pb.ClientConfigureSession(**{"sample_rate": 16_000} | fields)


def livekit(**fields):
    settings = pb.LiveKitEgressConfig(**(LIVEKIT | fields))
    return configuration(egress_type=1, livekit_egress=settings)


def agora(**fields):
    return configuration(egress_type=2, agora_egress=pb.AgoraEgressConfig(**fields))


@pytest.mark.parametrize(
    "config",
    [
        *(configuration(sample_rate=rate) for rate in SampleRate.PCM),
        *(configuration(sample_rate=rate, audio_format=1) for rate in SampleRate.OGG_OPUS),
        configuration(bitrate=-5),
        livekit(),
        livekit(api_token="", api_key="k", api_secret="s", idle_timeout=5),
        agora(channel_name="c"),
    ],
)
def test_what_is_accepted(config):
    assert find_problem(config) is None


@pytest.mark.parametrize(
    ("config", "error_name"),
    [
        (configuration(sample_rate=0), "sample_rate_unsupported"),
        (configuration(sample_rate=12_000), "sample_rate_unsupported"),
        (configuration(sample_rate=22_050, audio_format=1), "sample_rate_unsupported"),
        (configuration(audio_format=2), "audio_format_unknown"),
        (configuration(transport_compression=1), "compression_unknown"),
        (configuration(egress_type=3), "egress_type_unknown"),
        (configuration(egress_type=1), "egress_settings_inconsistent"),
        (configuration(agora_egress={"channel_name": "c"}), "egress_settings_inconsistent"),
        (
            configuration(egress_type=1, agora_egress={"channel_name": "c"}),
            "egress_settings_inconsistent",
        ),
        (livekit(api_token=""), "livekit_credentials_missing"),
        (livekit(api_token="", api_key="k"), "livekit_credentials_incomplete"),
        (livekit(url=""), "livekit_settings_invalid"),
        (livekit(room_name=""), "livekit_settings_invalid"),
        (livekit(idle_timeout=-1), "livekit_settings_invalid"),
        (agora(), "agora_settings_invalid"),
    ],
)
def test_what_is_refused(config, error_name):
    problem = find_problem(config)
    assert problem is not None
    assert problem.error_name == error_name
    assert CATALOGUE[error_name].at == "handshake"
