"""AvatarKit messages as bytes: one serialized `Message` for each binary WebSocket message.

Field assignment instead of keyword construction, because protobuf does the former faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from avatar_protocols.avatarkit.v2 import message_pb2 as pb

if TYPE_CHECKING:
    from protocol_core.avatarkit.config import SessionConfig

__all__ = [
    "DecodeError",
    "animation",
    "audio",
    "configure",
    "confirm",
    "decode",
    "error",
    "interrupt",
]

# Frame content travels as one length-delimited field that the schema does not declare (OP-1).
_FRAME_TAG = bytes((4 << 3 | 2,))


def decode(data: bytes) -> pb.Message:
    """Read one message; unknown fields are kept (AVK-FRAME-005).

    Raises:
        DecodeError: the bytes are no serialized `Message`.
    """
    return pb.Message.FromString(data)


def configure(config: SessionConfig) -> bytes:
    """The configuration of a session, as the client's first message (AVK-HS-001)."""
    message = pb.Message()
    message.type = pb.MESSAGE_CLIENT_CONFIGURE_SESSION
    body = message.client_configure_session
    body.sample_rate = config.sample_rate
    body.bitrate = config.bitrate
    body.audio_format = config.wire_format
    body.transport_compression = pb.TRANSPORT_COMPRESSION_NONE  # AVK-HS-009
    if config.livekit is not None:
        body.egress_type = pb.EGRESS_TYPE_LIVEKIT  # AVK-EGRESS-001
        livekit = body.livekit_egress
        livekit.SetInParent()
        livekit.url = config.livekit.url
        livekit.api_key = config.livekit.api_key
        livekit.api_secret = config.livekit.api_secret
        livekit.api_token = config.livekit.api_token
        livekit.room_name = config.livekit.room_name
        livekit.publisher_id = config.livekit.publisher_id
        livekit.extra_attributes.update(config.livekit.extra_attributes)
        livekit.idle_timeout = config.livekit.idle_timeout
    if config.agora is not None:
        body.egress_type = pb.EGRESS_TYPE_AGORA
        agora = body.agora_egress
        agora.SetInParent()
        agora.channel_name = config.agora.channel_name
        agora.token = config.agora.token
        agora.uid = config.agora.uid
        agora.publisher_id = config.agora.publisher_id
    return message.SerializeToString(deterministic=True)


def confirm(connection_id: str) -> bytes:
    """The server's acceptance."""
    message = pb.Message()
    message.type = pb.MESSAGE_SERVER_CONFIRM_SESSION
    message.server_confirm_session.connection_id = connection_id
    return message.SerializeToString()


def audio(req_id: str, data: bytes, *, end: bool) -> bytes:
    """Audio of a request (AVK-AUDIO-001)."""
    message = pb.Message()
    message.type = pb.MESSAGE_CLIENT_AUDIO_INPUT
    body = message.client_audio_input
    body.req_id = req_id
    body.audio = data
    body.end = end
    return message.SerializeToString()


def interrupt(req_id: str) -> bytes:
    """The wish to stop a request (AVK-INT-001)."""
    message = pb.Message()
    message.type = pb.MESSAGE_CLIENT_INTERRUPT
    message.client_interrupt.req_id = req_id
    return message.SerializeToString()


def animation(connection_id: str, req_id: str, *, end: bool, frame: bytes = b"") -> bytes:
    """Animation for a request; ``frame`` is opaque content in an undeclared field."""
    message = pb.Message()
    message.type = pb.MESSAGE_SERVER_RESPONSE_ANIMATION
    body = message.server_response_animation
    body.connection_id = connection_id
    body.req_id = req_id
    body.end = end
    if frame:
        body.MergeFromString(_FRAME_TAG + _varint(len(frame)) + frame)
    return message.SerializeToString()


def error(connection_id: str, req_id: str, code: int, text: str) -> bytes:
    """A failure that the server reports."""
    message = pb.Message()
    message.type = pb.MESSAGE_SERVER_ERROR
    body = message.server_error
    body.SetInParent()
    body.connection_id = connection_id
    body.req_id = req_id
    body.code = code
    body.message = text
    return message.SerializeToString()


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number >> 7:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
