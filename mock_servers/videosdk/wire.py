"""Payloads and bodies of the avatar channel, named, explained and built.

A JSON control message is shown as it is. A binary payload is shown by its size: it is audio,
whatever its content, unless it is the control literal (VSD-PCM-010). In a plan, audio is described
by its number of bytes. Of a token the journal shows what it says, never its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from avatar_protocols import schemas as generated
from mock_servers.codec import Codec, Decoded
from mock_servers.documents import NoObjectError, is_object, parse_object
from mock_servers.mistakes import fail
from mock_servers.videosdk.tokens import describe_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_servers.schemas import SchemaCheck
    from protocol_core.videosdk.revision import Revision

__all__ = ["VideoSdkCodec"]

#: The sample -1 in both bytes: not silence, and no UTF-8 either, so that no transport mistakes it.
_SAMPLE = b"\xff\xff"
#: Audio that a plan can send at a time: far above the room's limit, far below the memory's.
_MOST_BYTES = 1 << 24


class VideoSdkCodec(Codec):
    """The codec of one revision.

    Args:
        revision: the generated modules.
        schemas: the revision's schemas.
        secrets: the accounts' secrets by API key, to tell whether a token is signed by one.
    """

    def __init__(
        self, revision: Revision, schemas: SchemaCheck, secrets: Mapping[str, str]
    ) -> None:
        self._revision = revision
        self._schemas = schemas
        self._secrets = secrets
        constants = revision.constants
        self._pcm: str = constants.Payload.PCM
        self._literal: str = constants.Control.INTERRUPT
        self._type: str = constants.Member.TYPE
        self._token: str = constants.JoinField.TOKEN
        bundle = generated.load(constants.PROTOCOL, revision.id)
        self._definitions: dict[str, str] = bundle["messages"]["discriminator"]["mapping"]
        endpoint = constants.Endpoint
        self._bodies = {
            (endpoint.DISPATCH.name, False): "join-request",
            (endpoint.ROOMS.name, True): "room-response",
        }
        name = revision.messages.MessageName
        self._senders = {name.SEGMENT_END: "client", name.STREAM_ENDED: "server"}

    @property
    def names(self) -> frozenset[str]:
        """Every name that a payload of the documents may have."""
        return frozenset((self._pcm, self._literal, *self._definitions))

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        """Explain a payload."""
        if isinstance(message, bytes):
            return self._decode_binary(message, sender)
        if message == self._literal:
            return Decoded(name=self._literal, data={}, views=({},))
        try:
            document = parse_object(message)
        except NoObjectError as fault:
            return Decoded(problems=[str(fault)])
        name = document.get(self._type)
        if not isinstance(name, str):
            problem = f"no string member {self._type}"
            return Decoded(data=document, views=(document,), problems=[problem])
        inner = document.get(self._revision.constants.Member.DATA)
        views = ({**document, **(inner if is_object(inner) else {})}, document)
        problems = self._problems(name, document, sender)
        return Decoded(name=name, data=document, views=views, problems=problems)

    def encode(self, name: str, data: dict[str, Any]) -> bytes | str:
        """Build a payload: audio from ``bytes``, the literal, or a control message by members.

        Raises:
            ConfigurationError: audio without a number of bytes.
        """
        if name == self._literal:
            return self._literal.encode()
        if name != self._pcm:
            return msgspec.json.encode({self._type: name, **data}).decode()
        size = data.get("bytes")
        if not isinstance(size, int) or not 0 <= size <= _MOST_BYTES or set(data) - {"bytes"}:
            fail(f"{name}.data", "audio is described by its number of bytes alone", data)
        return (_SAMPLE * (size // len(_SAMPLE) + 1))[:size]

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        """Explain an HTTP body."""
        schema = self._bodies.get((endpoint, response))
        if not body or schema is None:
            return Decoded()
        try:
            document = parse_object(body)
        except NoObjectError as fault:
            return Decoded(problems=[str(fault)])
        problems = self._schemas.problems(schema, document)
        shown = self._without_token(document)
        return Decoded(name=endpoint, data=shown, views=(shown, document), problems=problems)

    def describe_token(self, token: str) -> dict[str, Any] | None:
        """What a token says; None if it is no JWT."""
        constants = self._revision.constants
        return describe_token(
            token,
            self._secrets,
            algorithm=constants.Jwt.ALGORITHM,
            key_claim=constants.Claim.API_KEY,
        )

    def _decode_binary(self, message: bytes, sender: str) -> Decoded:
        if message == self._literal.encode():
            return Decoded(name=self._literal, data={}, views=({},))
        data = {"bytes": len(message)}
        problems = ["audio is the agent's to send"] if sender == "server" else []
        return Decoded(name=self._pcm, data=data, views=(data,), problems=problems)

    def _problems(self, name: str, document: dict[str, Any], sender: str) -> list[str]:
        definition = self._definitions.get(name)
        if definition is None:
            return []  # Unknown types are legal (VSD-CHAN-009).
        problems = self._schemas.problems(f"messages{definition}", document)
        if sender and sender != self._senders[name]:
            problems.append(f"{name} is not the {sender}'s to send")
        return problems

    def _without_token(self, document: dict[str, Any]) -> dict[str, Any]:
        token = document.get(self._token)
        described = self.describe_token(token) if isinstance(token, str) else None
        return document if described is None else {**document, self._token: described}
