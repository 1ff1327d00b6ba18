"""AvatarKit messages, named, explained and built for the journal and for plans.

A decoded message reads ``{"type": "MESSAGE_…", "<member>": {…}}``: protobuf's JSON form with the
field names of the schema, enum names, and bytes in base64. Members at their default value are not
shown, but a plan's ``where`` may ask for them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from mock_servers.codec import Codec, Decoded
from mock_servers.documents import is_object
from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from mock_servers.schemas import SchemaCheck

__all__ = ["CONFIRM", "MEMBERS", "NAMES", "AvatarKitCodec"]

NAMES: Final = frozenset(pb.MessageType.keys())
CONFIRM: Final = pb.MessageType.Name(pb.MESSAGE_SERVER_CONFIRM_SESSION)
#: Wire name -> member of the envelope that goes with it; the schema names one after the other.
MEMBERS: Final[dict[str, str]] = {
    f"MESSAGE_{member.name.upper()}": member.name
    for member in pb.Message.DESCRIPTOR.oneofs_by_name["data"].fields
}
#: Ids that the protocol wants filled in.
_REQUIRED_IDS: Final = {
    "server_confirm_session": "connection_id",
    "client_audio_input": "req_id",
    "client_interrupt": "req_id",
    "server_response_animation": "req_id",
}
#: (endpoint, is it the response) -> schema of the body.
_BODIES: Final = {
    ("session_tokens", False): "token-request",
    ("session_tokens", True): "token-response",
}


class AvatarKitCodec(Codec):
    """The codec of one revision.

    Args:
        schemas: the revision's schemas.
    """

    def __init__(self, schemas: SchemaCheck) -> None:
        self._schemas = schemas

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        """Explain a WebSocket message."""
        if isinstance(message, str):
            return Decoded(problems=["a text message; the protocol has only binary ones"])
        try:
            envelope = pb.Message.FromString(message)
        except DecodeError as error:
            return Decoded(problems=[f"not a serialized Message: {error}"])
        name = _type_name(envelope.type)
        case = envelope.WhichOneof("data")
        data: dict[str, Any] = {
            "type": name,
            **MessageToDict(envelope, preserving_proto_field_name=True),
        }
        data["type"] = name
        payload: dict[str, Any] = {}
        if case is not None:
            payload = MessageToDict(
                getattr(envelope, case),
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
        return Decoded(
            name=name,
            data=data,
            views=(payload, data),
            problems=_problems(name, case, payload, sender),
        )

    def encode(self, name: str, data: dict[str, Any]) -> bytes:
        """Build a message. ``frame`` of an animation is opaque content, in base64.

        Raises:
            ConfigurationError: no such message, or the data does not fit it.
        """
        if name not in NAMES:
            fail("message", "no such message", name, NAMES)
        envelope = pb.Message()
        envelope.type = pb.MessageType.Value(name)  # type: ignore[assignment] # the stubs say int
        member = MEMBERS.get(name)
        if member is None:
            return envelope.SerializeToString()
        payload = getattr(envelope, member)
        payload.SetInParent()
        try:
            ParseDict(data, payload)
        except ParseError as error:
            fail(f"{name}.data", str(error), data)
        return envelope.SerializeToString()

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        """Explain an HTTP body."""
        schema = _BODIES.get((endpoint, response))
        if not body:
            return Decoded()
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            # Errors may be plain text, of the console as of the ingress (section 2).
            return Decoded(problems=[] if response else [f"not JSON: {error}"])
        if not is_object(document):
            return Decoded(problems=["not a JSON object"])
        problems: list[str] = []
        # Error bodies have shapes of their own.
        if schema is not None and not (response and "sessionToken" not in document):
            problems = self._schemas.problems(schema, document)
        return Decoded(name=endpoint, data=document, views=(document,), problems=problems)


def _type_name(number: int) -> str:
    # Enums are open: an unknown number is shown as such (section 4.3).
    value = pb.MessageType.DESCRIPTOR.values_by_number.get(number)
    return value.name if value is not None else f"MESSAGE_{number}"


def _problems(name: str, case: str | None, payload: dict[str, Any], sender: str) -> list[str]:
    problems: list[str] = []
    if name in MEMBERS and not name.startswith(f"MESSAGE_{sender.upper()}_"):
        problems.append(f"{name} is not the {sender}'s to send")
    if name not in MEMBERS:
        problems.append(f"{name} is not a message of the protocol")
    elif case != MEMBERS[name]:
        problems.append(f"{name} carries {case or 'nothing'}, not {MEMBERS[name]} (AVK-FRAME-003)")
    wanted = _REQUIRED_IDS.get(case or "")
    if wanted is not None and not payload.get(wanted):
        problems.append(f"{case}.{wanted} is empty")
    return problems
