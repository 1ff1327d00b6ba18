"""What a server refuses in a client's configuration (sections 5, 6 and 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import SampleRate
from avatar_protocols.avatarkit.v2 import message_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Problem", "find_problem"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a configuration is refused.

    Attributes:
        error_name: catalogue name of the refusal.
        requirement: the rule that demands it.
        reason: what is wrong, in words.
    """

    error_name: str
    requirement: str
    reason: str


RATES: Final[dict[int, tuple[int, ...]]] = {
    pb.AUDIO_FORMAT_PCM_S16LE: SampleRate.PCM,
    pb.AUDIO_FORMAT_OGG_OPUS: SampleRate.OGG_OPUS,
}


def find_problem(config: pb.ClientConfigureSession) -> Problem | None:
    """The first problem of a configuration, or None."""
    return next((problem for check in _CHECKS if (problem := check(config))), None)


def _enums(config: pb.ClientConfigureSession) -> Problem | None:
    for name, value, enum, error_name in (
        ("audio_format", config.audio_format, pb.AudioFormat, "audio_format_unknown"),
        (
            "transport_compression",
            config.transport_compression,
            pb.TransportCompression,
            "compression_unknown",
        ),
        ("egress_type", config.egress_type, pb.EgressType, "egress_type_unknown"),
    ):
        if value not in enum.values():
            return Problem(
                error_name=error_name,
                requirement="AVK-FRAME-011",
                reason=f"{name} {value} is unknown",
            )
    return None


def _rate(config: pb.ClientConfigureSession) -> Problem | None:
    allowed = RATES[config.audio_format]
    if config.sample_rate in allowed:
        return None
    return Problem(
        error_name="sample_rate_unsupported",
        requirement="AVK-HS-008",
        reason=f"{config.sample_rate} Hz is none of {', '.join(map(str, allowed))}",
    )


def _egress_members(config: pb.ClientConfigureSession) -> Problem | None:
    present = (
        (pb.EGRESS_TYPE_LIVEKIT, config.HasField("livekit_egress")),
        (pb.EGRESS_TYPE_AGORA, config.HasField("agora_egress")),
    )
    if all(there is (config.egress_type == kind) for kind, there in present):
        return None
    return Problem(
        error_name="egress_settings_inconsistent",
        requirement="AVK-EGRESS-001",
        reason=f"egress_type {config.egress_type} does not fit the settings that are present",
    )


def _livekit(config: pb.ClientConfigureSession) -> Problem | None:
    if config.egress_type != pb.EGRESS_TYPE_LIVEKIT:
        return None
    livekit = config.livekit_egress
    if not (livekit.api_token or (livekit.api_key and livekit.api_secret)):
        half = livekit.api_key or livekit.api_secret
        return Problem(
            error_name="livekit_credentials_incomplete" if half else "livekit_credentials_missing",
            requirement="AVK-EGRESS-005",
            reason="neither api_token nor both api_key and api_secret",
        )
    if not livekit.url or not livekit.room_name or livekit.idle_timeout < 0:
        return Problem(
            error_name="livekit_settings_invalid",
            requirement="AVK-EGRESS-006",
            reason="livekit_egress without url or room_name, or with a negative idle_timeout",
        )
    return None


def _agora(config: pb.ClientConfigureSession) -> Problem | None:
    if config.egress_type != pb.EGRESS_TYPE_AGORA or config.agora_egress.channel_name:
        return None
    return Problem(
        error_name="agora_settings_invalid",
        requirement="AVK-EGRESS-006",
        reason="agora_egress without channel_name",
    )


_CHECKS: Final[tuple[Callable[[pb.ClientConfigureSession], Problem | None], ...]] = (
    _enums,
    _rate,
    _egress_members,
    _livekit,
    _agora,
)
