"""Reference client for SpatialWalk AvatarKit."""

from __future__ import annotations

from protocol_core.avatarkit import (
    AgoraEgress,
    AudioFormat,
    AvatarKitError,
    EncoderSettings,
    ErrorCode,
    LiveKitEgress,
    Phase,
    SessionConfig,
    SessionTokenError,
)
from reference_client.avatarkit.client import AvatarKitClient, connect, new_log_id
from reference_client.avatarkit.frames import Frame, FrameStream

__all__ = [
    "AgoraEgress",
    "AudioFormat",
    "AvatarKitClient",
    "AvatarKitError",
    "EncoderSettings",
    "ErrorCode",
    "Frame",
    "FrameStream",
    "LiveKitEgress",
    "Phase",
    "SessionConfig",
    "SessionTokenError",
    "connect",
    "new_log_id",
]
