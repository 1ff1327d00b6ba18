"""AIAvatarKit messages, named, explained and built for the journal and for plans.

A message is shown as it is; its name is its type. A plan needs to give only the members that it
cares about: the others of the response model are written as null (AIA-RESP-001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols import schemas as generated
from mock_servers.codec import Codec, Decoded, decode_body
from mock_servers.documents import NoObjectError, parse_object

if TYPE_CHECKING:
    from mock_servers.schemas import SchemaCheck
    from protocol_core.aiavatar.revision import Revision

__all__ = ["AIAvatarCodec"]

#: (endpoint, is it the response) -> schema of the body.
_BODIES: Final = {
    ("chat", False): "chat-request",
    ("transcribe", True): "transcribe-response",
    ("synthesize", False): "synthesize-request",
}
_REQUESTS: Final = "socket-requests"
_EVENTS: Final = "events"
_STREAM_EVENTS: Final = "stream-events"


class AIAvatarCodec(Codec):
    """The codec of one revision.

    Args:
        revision: the generated modules.
        schemas: the revision's schemas.
        stream: whether the channel is an event stream, where fewer events are legal (AIA-SSE-008).
    """

    def __init__(self, revision: Revision, schemas: SchemaCheck, *, stream: bool = False) -> None:
        self._revision = revision
        self._schemas = schemas
        self._stream = stream
        bundle = generated.load("aiavatar", revision.id)
        self._tag: str = bundle[_EVENTS]["discriminator"]["propertyName"]
        self._requests = _mapping(bundle, _REQUESTS)
        self._events = _mapping(bundle, _EVENTS)
        self._legal = _mapping(bundle, _STREAM_EVENTS) if stream else self._events
        model = revision.messages.StopEvent.__struct_fields__
        self._unused: dict[str, None] = dict.fromkeys(model)
        self._stream_endpoint: str = revision.constants.Endpoint.CHAT.name

    def for_endpoint(self, endpoint: str) -> AIAvatarCodec:
        """The codec of the sockets, or of the event streams."""
        stream = endpoint == self._stream_endpoint
        if stream == self._stream:
            return self
        return AIAvatarCodec(self._revision, self._schemas, stream=stream)

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        """Explain a message of a socket, or an event of a stream."""
        if isinstance(message, bytes):
            return Decoded(problems=["a binary message; the protocol has only text"])
        try:
            document = parse_object(message)
        except NoObjectError as fault:
            return Decoded(problems=[str(fault)])
        name = document.get(self._tag)
        if not isinstance(name, str):
            problems = [f"no string member {self._tag}"]
            return Decoded(data=document, views=(document,), problems=problems)
        problems = self._problems(name, document, sender)
        return Decoded(name=name, data=document, views=(document,), problems=problems)

    def encode(self, name: str, data: dict[str, Any]) -> str:
        """Build an event from its members; those of the model that are not given are null."""
        unused = self._unused if name in self._events else {}
        return msgspec.json.encode({self._tag: name, **unused, **data}).decode()

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        """Explain a JSON body."""
        if not body:
            return Decoded()
        schema = _BODIES.get((endpoint, response))

        def problems(document: dict[str, Any]) -> list[str]:
            # A refusal has another form; what it says is no fault of the answer.
            known = schema is not None and not (response and "text" not in document)
            return self._schemas.problems(str(schema), document) if known else []

        return decode_body(endpoint, body, problems)

    def _problems(self, name: str, document: dict[str, Any], sender: str) -> list[str]:
        if sender == "client":
            place = self._requests.get(name)
            return self._schemas.problems(f"{_REQUESTS}{place}", document) if place else []
        place = self._events.get(name)
        if place is None:
            return []  # Unknown events are legal (AIA-RESP-003).
        problems = self._schemas.problems(f"{_EVENTS}{place}", document)
        if name not in self._legal:
            problems.append(f"{name} does not belong on an event stream")
        return problems


def _mapping(bundle: dict[str, Any], schema: str) -> dict[str, str]:
    mapping: dict[str, str] = bundle[schema]["discriminator"]["mapping"]
    return mapping
