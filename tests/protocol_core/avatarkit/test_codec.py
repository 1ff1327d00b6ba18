"""Messages as bytes."""

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit import AgoraEgress, AudioFormat, LiveKitEgress, codec
from tests.protocol_core.avatarkit.support import config, load, vectors

RID = "20250102030405_AbCdEfGhIjKl"
BYTES = {row["id"]: bytes.fromhex(row["hex"]) for row in load("messages")}
LIVEKIT = LiveKitEgress(
    url="wss://lk.example",
    api_token="tok",
    room_name="r",
    publisher_id="p",
    extra_attributes={"k": "v"},
    idle_timeout=30,
)
AGORA = AgoraEgress(channel_name="ch", token="t", uid=7, publisher_id="p")


@vectors("messages")
def test_the_documented_bytes_both_ways(vector):
    data = bytes.fromhex(vector["hex"])
    message = codec.decode(data)
    assert MessageToDict(message, preserving_proto_field_name=True) == vector["message"]
    assert ParseDict(vector["message"], pb.Message()).SerializeToString() == data


@pytest.mark.parametrize(
    ("made", "vector"),
    [
        (codec.configure(config()), "configure-pcm-16000"),
        (
            codec.configure(
                config(sample_rate=24000, bitrate=32000, audio_format=AudioFormat.OGG_OPUS)
            ),
            "configure-ogg-24000",
        ),
        (codec.configure(config(livekit=LIVEKIT)), "configure-livekit"),
        (codec.configure(config(agora=AGORA)), "configure-agora"),
        (codec.confirm("conn-1"), "confirm"),
        (codec.audio(RID, b"\1\0\2\0", end=False), "audio"),
        (codec.audio(RID, b"", end=True), "audio-end"),
        (codec.error("conn-1", RID, 4001, "credits exhausted"), "error-credits"),
        (codec.animation("conn-1", RID, end=False), "animation"),
        (codec.animation("conn-1", RID, end=True), "animation-end"),
        (codec.interrupt(RID), "interrupt"),
    ],
)
def test_our_messages_are_the_documented_ones(made, vector):
    assert made == BYTES[vector]


@pytest.mark.parametrize("size", [1, 127, 128, 70_000])
def test_frame_content_is_unknown_to_the_schema_and_kept(size):
    frame = bytes(size)
    data = codec.animation("c", "r", end=False, frame=frame)
    message = codec.decode(data)
    assert message.server_response_animation.req_id == "r"
    assert frame in message.SerializeToString()
    assert message.SerializeToString() == data


def test_what_is_no_message():
    with pytest.raises(codec.DecodeError):
        codec.decode(b"\x1a\xff\x01")
