"""SpatialWalk AvatarKit, without I/O: REST token, WebSocket upgrade, protobuf session, Ogg Opus.

config, outgoing, encoding, client      the client's end
configuration, requests, server         the server's end
tokens, bodies, codec, errors, events   both
"""

from __future__ import annotations

from protocol_core.avatarkit.client import ClientSession
from protocol_core.avatarkit.config import (
    AgoraEgress,
    AudioFormat,
    EncoderSettings,
    LiveKitEgress,
    SessionConfig,
)
from protocol_core.avatarkit.errors import AvatarKitError, ErrorCode, Phase, SessionTokenError
from protocol_core.avatarkit.server import ServerSession

__all__ = [
    "AgoraEgress",
    "AudioFormat",
    "AvatarKitError",
    "ClientSession",
    "EncoderSettings",
    "ErrorCode",
    "LiveKitEgress",
    "Phase",
    "ServerSession",
    "SessionConfig",
    "SessionTokenError",
]
