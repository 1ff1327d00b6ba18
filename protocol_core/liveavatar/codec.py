"""JSON text to messages and back, strict where the rules are and lenient where they are.

Decoding runs in one pass over the tagged union of the revision. Only what does not fit goes the
slow way, to find out why: no JSON, no object, an unknown event, a missing member. Nothing here
raises for what a peer sent: the reason comes back as `Ignored`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from protocol_core.liveavatar.events import Ignored, Reason
from protocol_core.loose import loosen

if TYPE_CHECKING:
    from protocol_core.liveavatar.revision import Revision

__all__ = ["Codec", "Envelope"]

#: How much of an offending text an event carries (characters).
EXCERPT = 2000


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every event may carry, of whatever type.

    Attributes:
        name: the event's name.
        request_id: the turn; None if missing or no string.
        data: the payload.
    """

    name: str
    request_id: str | None
    data: Any


class Codec:
    """Encodes and decodes the JSON messages of one revision.

    Args:
        revision: which one.
    """

    def __init__(self, revision: Revision) -> None:
        messages = revision.messages
        self._decode = msgspec.json.Decoder(messages.Event).decode
        self._decode_any = msgspec.json.Decoder().decode
        self._encode = msgspec.json.Encoder().encode
        self._known = frozenset(str(name) for name in messages.MessageName)
        self._tag: str = messages.SessionReady.__struct_config__.tag_field
        self._loose = loosen(messages.ErrorEvent)
        self._loose_state = loosen(messages.SessionStateEvent)
        self._loose_state_data = loosen(messages.SessionStateData)

    @property
    def known(self) -> frozenset[str]:
        """Names of the events that the revision defines."""
        return self._known

    def encode(self, message: msgspec.Struct) -> str:
        """The JSON text of a message."""
        return self._encode(message).decode()

    def custom(self, name: str, request_id: str | None, data: dict[str, Any] | None) -> str:
        """The JSON text of an event that the revision does not define.

        Raises:
            TypeError: the data is not JSON; likewise ValueError and RecursionError.
        """
        members = {"request_id": request_id, "data": data}
        document: dict[str, Any] = {self._tag: name}
        for field in msgspec.structs.fields(self._loose):
            if members.get(field.name) is not None:
                document[field.encode_name] = members[field.name]
        return self._encode(document).decode()

    def decode(self, text: str) -> Any:
        """The message, or an `Ignored` that says why there is none."""
        try:
            return self._decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return self._explain(text, error)

    def envelope(self, text: str) -> Envelope:
        """The common members of a text that `decode` could not make a known event of."""
        document: dict[str, Any] = self._decode_any(text)
        loose: Any = msgspec.convert(document, self._loose)
        request_id = loose.request_id if isinstance(loose.request_id, str) else None
        return Envelope(name=document[self._tag], request_id=request_id, data=loose.data)

    def state(self, text: str) -> tuple[str, int | None, int | None] | None:
        """State, seq and timestamp of a session.state that lacks some of them (LAC-STATE-006).

        Returns:
            None if not even the state can be read.
        """
        loose: Any = msgspec.convert(self._decode_any(text), self._loose_state)
        payload: object = loose.data
        if not isinstance(payload, dict):
            return None
        data: Any = msgspec.convert(payload, self._loose_state_data)
        if not isinstance(data.state, str):
            return None
        return data.state, _whole(loose.seq), _whole(loose.timestamp)

    def _explain(self, text: str, error: Exception) -> Ignored:
        excerpt = text[:EXCERPT]
        try:
            document = self._decode_any(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as broken:
            return Ignored(
                reason=Reason.NOT_JSON,
                detail=str(broken),
                requirement="LAC-MSG-004",
                data=excerpt,
            )
        if not isinstance(document, dict):
            return Ignored(
                reason=Reason.NOT_AN_OBJECT,
                detail=f"a JSON {type(document).__name__}",
                requirement="LAC-MSG-005",
                data=excerpt,
            )
        members = cast("dict[str, Any]", document)
        name = members.get(self._tag)
        if not isinstance(name, str):
            return Ignored(
                reason=Reason.NO_EVENT_NAME,
                detail=f"no string member {self._tag}",
                requirement="LAC-MSG-001",
                data=excerpt,
            )
        unknown = name not in self._known
        return Ignored(
            reason=Reason.UNKNOWN_EVENT if unknown else Reason.MALFORMED_EVENT,
            name=name,
            detail="" if unknown else str(error),
            requirement="LAC-MSG-003" if unknown else "LAC-MSG-006",
            data=excerpt,
        )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
