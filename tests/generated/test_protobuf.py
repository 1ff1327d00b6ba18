"""The protobuf modules against the vectors of the protocol document, in both directions."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from avatar_protocols.avatarkit.v2 import message_pb2 as pb


@pytest.mark.vectors("avatarkit", "messages", only=lambda row: "message" in row and row.get("hex"))
def test_bytes_and_messages_agree(vector) -> None:
    data = bytes.fromhex(vector["hex"])
    built = ParseDict(vector["message"], pb.Message())
    read = pb.Message.FromString(data)
    assert read == built
    assert MessageToDict(read, preserving_proto_field_name=True) == MessageToDict(
        built, preserving_proto_field_name=True
    )
    assert built.SerializeToString(deterministic=True) == data


def test_the_package_does_not_clash_with_the_vendors() -> None:
    assert pb.DESCRIPTOR.name == "avatarkit/v2/message.proto"
    assert pb.DESCRIPTOR.package == "avatarkit.v2"
