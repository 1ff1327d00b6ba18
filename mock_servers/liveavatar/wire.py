"""Live Avatar messages, named, explained and built for the journal and for plans.

A JSON event is shown as it is. A media frame is shown by its header fields, with enum names, and
the size of its payload; described in a plan it takes the same fields, the payload in base64.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols import schemas as generated
from avatar_protocols.tables import FrameError
from mock_servers.codec import Codec, Decoded, decode_body
from mock_servers.documents import NoObjectError, is_object, parse_object
from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from mock_servers.schemas import SchemaCheck
    from protocol_core.liveavatar.revision import Revision

__all__ = ["LiveAvatarCodec"]

#: (endpoint, is it the response) -> schema of the body.
_BODIES: Final = {
    ("session_start", False): "start-request",
    ("session_start", True): "start-response",
    ("session_stop", False): "stop-request",
    ("session_stop", True): "stop-response",
}
_DIRECTIONS: Final = {"client": "agent-events", "server": "platform-events"}
#: How a media frame's kind is told: the two top bits of its first byte (LAC-FRAME-001).
_KIND_SHIFT: Final = 6


class LiveAvatarCodec(Codec):
    """The codec of one revision.

    Args:
        revision: the generated modules.
        schemas: the revision's schemas.
    """

    def __init__(self, revision: Revision, schemas: SchemaCheck) -> None:
        self._schemas = schemas
        self._frames: dict[str, Any] = dict(revision.frames.FRAMES)
        self._unpack = revision.frames.unpack
        bundle = generated.load("liveavatar", revision.id)
        self._definitions: dict[str, str] = bundle["events"]["discriminator"]["mapping"]
        self._directions: dict[str, frozenset[str]] = {
            sender: frozenset(bundle[schema]["discriminator"]["mapping"])
            for sender, schema in _DIRECTIONS.items()
        }

    @property
    def names(self) -> frozenset[str]:
        """Every wire name that a message may have."""
        return frozenset((*self._definitions, *self._frames))

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        """Explain a WebSocket message."""
        if isinstance(message, bytes):
            return self._decode_frame(message)
        try:
            document = parse_object(message)
        except NoObjectError as fault:
            return Decoded(problems=[str(fault)])
        name = document.get("event")
        if not isinstance(name, str):
            return Decoded(data=document, views=(document,), problems=["no string member event"])
        payload = document.get("data")
        inner = payload if is_object(payload) else {}
        return Decoded(
            name=name,
            data=document,
            views=({**document, **inner}, document),
            problems=self._problems(name, document, sender),
        )

    def encode(self, name: str, data: dict[str, Any]) -> bytes | str:
        """Build a message: a frame from its fields, or an event from its members.

        Raises:
            ConfigurationError: no such message, or the fields do not fit it.
        """
        kind = self._frames.get(name)
        if kind is None:
            return msgspec.json.encode({"event": name, **data}).decode()
        fields = dict(data)
        try:
            fields["payload"] = base64.b64decode(fields.get("payload", ""), validate=True)
            # Python mode converts enum members by value only; plans name them.
            packed: bytes = kind(**_by_member(kind, fields)).pack()
        except (FrameError, TypeError, KeyError, binascii.Error) as error:
            fail(f"{name}.data", str(error), data)
        return packed

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        """Explain an HTTP body."""
        schema = _BODIES.get((endpoint, response))
        if not body or schema is None:
            return Decoded()
        return decode_body(endpoint, body, partial(self._schemas.problems, schema))

    def _problems(self, name: str, document: dict[str, Any], sender: str) -> list[str]:
        definition = self._definitions.get(name)
        if definition is None:
            return []  # Unknown events are legal (LAC-MSG-003, LAC-MSG-009).
        problems = self._schemas.problems(f"events{definition}", document)
        if sender in self._directions and name not in self._directions[sender]:
            problems.append(f"{name} is not the {sender}'s to send")
        return problems

    def _decode_frame(self, message: bytes) -> Decoded:
        try:
            frame = self._unpack(message)
        except FrameError as error:
            return Decoded(name=self._frame_name(message), problems=[str(error)])
        if frame is None:
            return Decoded(problems=["no frame of a known kind"])
        data = frame.describe()
        return Decoded(name=type(frame).__name__, data=data, views=(data,))

    def _frame_name(self, message: bytes) -> str:
        kind = message[0] >> _KIND_SHIFT if message else None
        return {1: "AudioFrame", 2: "ImageFrame"}.get(kind or 0, "")


def _by_member(kind: Any, fields: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a frame class
    """Fields with the names of enum members replaced by the members."""
    types = {item.name: item.type for item in msgspec.structs.fields(kind)}
    return {
        name: types[name][value] if isinstance(value, str) and name in types else value
        for name, value in fields.items()
    }
