"""Akool messages, named, explained and built for the journal and for plans.

A message is called by its type; a command, an event and a system message by type and kind, as in
``command/set-params``, ``event/leave_channel`` and ``system/agora_connected``. In a plan, ``data``
holds what a message carries besides its name: the payload in the v2 envelope, the other members of
a bare one. A version, a mid and the kind are filled in; what ``data`` says of ``v``, ``mid`` and
``pld`` replaces them, legal or not.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols import schemas as generated
from mock_servers.codec import Codec, Decoded, decode_body
from mock_servers.documents import NoObjectError, is_object, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mock_servers.schemas import SchemaCheck
    from protocol_core.akool.revision import Revision

__all__ = ["AkoolCodec"]

#: Endpoint whose answer has a body -> schema of that body.
_BODIES: Final = {"service_status": "discovery-response"}
_DIRECTIONS: Final = {"client": "client-messages", "server": "server-messages"}


class AkoolCodec(Codec):
    """The codec of one revision.

    Args:
        revision: the generated modules.
        schemas: the revision's schemas.
        mint: makes the mid of a message that a plan gives none.
    """

    def __init__(self, revision: Revision, schemas: SchemaCheck, mint: Callable[[], str]) -> None:
        self._schemas = schemas
        self._mint = mint
        self._version: int = revision.constants.Envelope.VERSION
        member = revision.constants.Member
        self._member = member
        self._envelope = frozenset({member.VERSION, member.ID, member.PAYLOAD})
        bundle = generated.load("akool", revision.id)
        definitions: Mapping[str, Any] = bundle["messages"]["$defs"]
        mapping: Mapping[str, str] = bundle["messages"]["discriminator"]["mapping"]
        self._definitions = dict(mapping)
        self._directions = {
            sender: frozenset(bundle[schema]["discriminator"]["mapping"])
            for sender, schema in _DIRECTIONS.items()
        }
        self._bare = {
            name
            for name, place in mapping.items()
            if member.PAYLOAD not in definitions[_last(place)]["properties"]
        }
        self._kinds = {
            name: kinds
            for name, place in mapping.items()
            if (kinds := _kinds(definitions, definitions[_last(place)], member.PAYLOAD))
        }

    @property
    def names(self) -> frozenset[str]:
        """Every name that a message of the revision may have."""
        plain = {name for name in self._definitions if name not in self._kinds}
        two_level = {f"{name}/{kind}" for name, (_, kinds) in self._kinds.items() for kind in kinds}
        return frozenset(plain | two_level)

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        """Explain a WebSocket message."""
        if isinstance(message, bytes):
            return Decoded(problems=["a binary frame; messages are text (AKO-CONN-003)"])
        try:
            document = parse_object(message)
        except NoObjectError as fault:
            return Decoded(problems=[str(fault)])
        kind = document.get(self._member.TYPE)
        if not isinstance(kind, str):
            problem = f"no string member {self._member.TYPE}"
            return Decoded(data=document, views=(document,), problems=[problem])
        payload = document.get(self._member.PAYLOAD)
        inner = payload if is_object(payload) else {}
        return Decoded(
            name=self._name(kind, inner),
            data=document,
            views=({**document, **inner}, inner, document),
            problems=self._problems(kind, document, sender),
        )

    def encode(self, name: str, data: dict[str, Any]) -> str:
        """Build a message from its name and from what it carries."""
        of = self._member
        kind, _, second = name.partition("/")
        if kind in self._bare:
            return _json({of.TYPE: kind, **data})
        payload = {key: value for key, value in data.items() if key not in self._envelope}
        if second and kind in self._kinds:
            member, _ = self._kinds[kind]
            payload = {member: second, **payload}
        document = {of.VERSION: self._version, of.TYPE: kind, of.ID: "", of.PAYLOAD: payload}
        document |= {key: value for key, value in data.items() if key in self._envelope}
        if of.ID not in data:
            document[of.ID] = self._mint()
        return _json(document)

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        """Explain an HTTP body."""
        schema = _BODIES.get(endpoint) if response else None
        if not body or schema is None:
            return Decoded()
        return decode_body(endpoint, body, partial(self._schemas.problems, schema))

    def _name(self, kind: str, payload: dict[str, Any]) -> str:
        if kind not in self._kinds:
            return kind
        member, _ = self._kinds[kind]
        second = payload.get(member)
        return f"{kind}/{second}" if isinstance(second, str) else kind

    def _problems(self, kind: str, document: dict[str, Any], sender: str) -> list[str]:
        definition = self._definitions.get(kind)
        if definition is None:
            return [f"{kind!r} is no type of this revision"] if sender == "client" else []
        problems = self._schemas.problems(f"messages{definition}", document)
        if sender in self._directions and kind not in self._directions[sender]:
            problems.append(f"{kind} is not the {sender}'s to send")
        return problems


def _json(document: dict[str, Any]) -> str:
    return msgspec.json.encode(document).decode()


def _last(place: str) -> str:
    return place.rpartition("/")[2]


def _kinds(
    definitions: Mapping[str, Any], message: Mapping[str, Any], payload_member: str
) -> tuple[str, tuple[str, ...]] | None:
    """The member of the payload that tells its kind, and the kinds; None if there are none."""
    reference: str = message["properties"].get(payload_member, {}).get("$ref", "")
    payload: Mapping[str, Any] = definitions[_last(reference)] if reference else {}
    told: Mapping[str, Any] | None = payload.get("discriminator")
    if told is not None:
        mapping: Mapping[str, str] = told["mapping"]
        return told["propertyName"], tuple(mapping)
    properties: Mapping[str, Mapping[str, Any]] = payload.get("properties", {})
    for member, rule in properties.items():
        if "const" in rule:
            return member, (rule["const"],)
    return None
