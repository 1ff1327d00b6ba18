"""JSON frames to messages and back, for both ends.

A frame is told apart on two levels: by its type, and some types by a member of their payload, so
that its name is ``command/set-params`` or ``system/agora_connected``, as in the state tables.
Nothing here raises for what a peer sent: it comes out as `Frame`, or as `Unfit` with the reason why
there is no message in it. What the documents say that a client reads into a missing member, is read
here (`Substitute`).
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

import msgspec

if TYPE_CHECKING:
    from protocol_core.akool.revision import Revision

__all__ = ["Codec", "Fault", "Frame", "Unfit", "name_of"]

#: How much of an offending frame is kept (characters or bytes).
EXCERPT = 2000


class Fault(StrEnum):
    """Why there is no message in a frame."""

    BINARY = "binary"
    NOT_JSON = "notJson"
    NOT_AN_OBJECT = "notAnObject"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that was understood.

    Attributes:
        name: such as ``ack`` or ``command/set-params``.
        message: the generated message.
        document: the JSON object as it came, members included that nobody names.
    """

    name: str
    message: Any
    document: dict[str, Any]


class Unfit(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that was not understood.

    Attributes:
        fault: why.
        name: its name, as far as it could be read.
        detail: what exactly is wrong, in words.
        document: the JSON value as it came; None where there is none.
        data: the beginning of the frame.
    """

    fault: Fault
    name: str = ""
    detail: str = ""
    document: Any = None
    data: str | bytes = ""


class _Level(msgspec.Struct, frozen=True, kw_only=True):
    """The second level of a type: which member of which member tells, and its known values."""

    payload: str
    member: str
    values: frozenset[str]


class Codec:
    """Encodes and decodes the frames of one revision.

    Args:
        revision: which one.
    """

    def __init__(self, revision: Revision) -> None:
        messages, names = revision.messages, revision.messages.MessageName
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder().decode
        self._client: Any = messages.ClientMessage
        self._server: Any = messages.ServerMessage
        self._levels = {**_levels(self._client), **_levels(self._server)}
        self._tag: str = revision.constants.Member.TYPE
        self._payload: str = revision.constants.Member.PAYLOAD
        texts, status = revision.constants.Substitute, revision.constants.SystemStatus
        #: name -> the payload's members that a client copes without, and what it reads instead
        self._substitutes: dict[str, dict[str, str]] = {
            f"{names.SYSTEM}/{status.AGORA_CONNECTED}": {"channel_id": texts.CHANNEL_ID},
            f"{names.ERROR}": {"error_message": texts.ERROR_TEXT},
        }

    def encode(self, message: msgspec.Struct) -> str:
        """The text of a frame."""
        return self._encode(message).decode()

    def decode_client(self, data: str | bytes) -> Frame | Unfit:
        """What a client's frame says, to a server (OP-6)."""
        return self._read(data, self._client)

    def decode_server(self, data: str | bytes) -> Frame | Unfit:
        """What a server's frame says, to a client."""
        return self._read(data, self._server)

    def _read(self, data: str | bytes, union: Any) -> Frame | Unfit:
        if isinstance(data, bytes):
            return Unfit(fault=Fault.BINARY, detail="a binary frame", data=data[:EXCERPT])
        excerpt = data[:EXCERPT]
        try:
            document = self._decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return Unfit(fault=Fault.NOT_JSON, detail=str(error), data=excerpt)
        if not isinstance(document, dict):
            kind = type(document).__name__
            return Unfit(
                fault=Fault.NOT_AN_OBJECT,
                detail=f"a JSON {kind}",
                document=document,
                data=excerpt,
            )
        return self._understand(cast("dict[str, Any]", document), union, excerpt)

    def _understand(self, document: dict[str, Any], union: Any, excerpt: str) -> Frame | Unfit:
        try:
            message = msgspec.convert(document, union)
        except msgspec.ValidationError as error:
            name, known = self._identify(document, union)
            completed = self._complete(name, document, union)
            if completed is not None:
                return Frame(name=name, message=completed, document=document)
            return Unfit(
                fault=Fault.MALFORMED if known else Fault.UNKNOWN,
                name=name,
                detail=str(error),
                document=document,
                data=excerpt,
            )
        return Frame(name=name_of(message), message=message, document=document)

    def _identify(self, document: dict[str, Any], union: Any) -> tuple[str, bool]:
        """The name of an object, and whether it is a known one, as far as it says."""
        kind = document.get(self._tag)
        if not isinstance(kind, str):
            return "", True  # it lacks what every frame has
        if kind not in _tags(union):
            return kind, False
        level = self._levels.get(kind)
        payload = None if level is None else document.get(level.payload)
        if level is None or not isinstance(payload, dict):
            return kind, True
        value = cast("dict[str, Any]", payload).get(level.member)
        if not isinstance(value, str):
            return kind, True
        return f"{kind}/{value}", value in level.values

    def _complete(self, name: str, document: dict[str, Any], union: Any) -> Any:
        """The message with its missing members filled in; None if that does not help."""
        if union is not self._server or name not in self._substitutes:
            return None
        payload = document.get(self._payload)
        if not isinstance(payload, dict):
            return None
        filled = {**self._substitutes[name], **cast("dict[str, Any]", payload)}
        try:
            return msgspec.convert({**document, self._payload: filled}, union)
        except msgspec.ValidationError:
            return None


def name_of(message: msgspec.Struct) -> str:
    """The name of a message, as in the state tables."""
    kind = str(message.__struct_config__.tag)
    level = _level(type(message))
    if level is None:
        return kind
    payload = getattr(message, level.payload)
    return f"{kind}/{payload.__struct_config__.tag or getattr(payload, level.member)}"


def _tags(union: Any) -> frozenset[str]:
    """Types of the messages of a union."""
    return frozenset(str(kind.__struct_config__.tag) for kind in get_args(union))


def _levels(union: Any) -> dict[str, _Level]:
    """The second level of each type that has one."""
    found = {str(kind.__struct_config__.tag): _level(kind) for kind in get_args(union)}
    return {tag: level for tag, level in found.items() if level is not None}


@cache
def _level(kind: type[msgspec.Struct]) -> _Level | None:
    """Where the payload of a message tells it further apart, if it does."""
    for item in msgspec.structs.fields(kind):
        choices = get_args(item.type) or (item.type,)
        tags = {_second_tag(choice) for choice in choices} - {None}
        if tags:
            members = {member for member, _ in cast("set[tuple[str, str]]", tags)}
            (member,) = members
            values = frozenset(value for _, value in cast("set[tuple[str, str]]", tags))
            return _Level(payload=item.encode_name, member=member, values=values)
    return None


def _second_tag(kind: Any) -> tuple[str, str] | None:
    """The member that tells a payload apart and its value: a tag, or a member with one value."""
    config = getattr(kind, "__struct_config__", None)
    if config is None:
        return None
    if config.tag_field is not None:
        return config.tag_field, config.tag
    for item in msgspec.structs.fields(kind):
        if get_origin(item.type) is Literal:
            return item.encode_name, get_args(item.type)[0]
    return None
