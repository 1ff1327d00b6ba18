"""JSON text to requests and events and back, for both ends, on either transport.

One model of requests and one of events serve everything, so each is one record here whose ``type``
says what it is. Events are decoded as leniently as the rules ask (AIA-RESP-002, AIA-RESP-003): a
member that is null, missing or of a wrong type is None, an unknown one is passed over, and what is
no event at all comes back as `Ignored`. Requests are decoded as the server's framework does it: an
unknown member is passed over (AIA-REQ-004), a mistyped one is a `Fault` (AIA-REQ-003).
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from typing import TYPE_CHECKING, Any, cast

import msgspec

from protocol_core.aiavatar.events import AvatarControl, Ignored, PcmFormat, Reason, Response

if TYPE_CHECKING:
    from protocol_core.aiavatar.revision import Revision

__all__ = ["Codec", "Fault", "Request", "decode_audio", "encode_audio", "read_fault"]

#: How much of an offending text an event carries (characters).
EXCERPT = 2000

_PATH = re.compile(r" - at `\$((?:\.\w+|\[[^\]]*\])*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, over HTTP or on the WebSocket, as far as types go.

    Attributes:
        type: what it is; over HTTP any string (AIA-REQ-007).
        session_id: None or empty where the client broke AIA-REQ-001.
        user_id: the person who speaks.
        context_id: the conversation; None on its first turn.
        text: what the person said; wins over audio (AIA-REQ-005).
        audio_data: audio in base64, see `decode_audio`.
        files: pictures that belong to the turn, as ``type`` and ``url``.
        system_prompt_params: values of the placeholders in the system prompt.
        metadata: of start and config.
    """

    type: str
    session_id: str | None = None
    user_id: str | None = None
    context_id: str | None = None
    text: str | None = None
    audio_data: str | None = None
    files: list[dict[str, str]] | None = None
    system_prompt_params: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a text is no request.

    Attributes:
        json: whether the text is JSON at all.
        member: path of the member at fault, outermost first; empty for the whole.
        missing: whether that member is missing; otherwise it has a wrong type.
        detail: what exactly is wrong, in words.
    """

    json: bool
    member: tuple[str | int, ...] = ()
    missing: bool = False
    detail: str = ""


class Codec:
    """Encodes and decodes the messages of one revision.

    Args:
        revision: which one.
    """

    def __init__(self, revision: Revision) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._decode_any = msgspec.json.Decoder().decode
        self._decode_request = msgspec.json.Decoder(Request).decode
        self._known = frozenset(str(name) for name in _members(revision.constants.EventType))
        self._tag: str = revision.messages.StartEvent.__struct_config__.tag_field
        self._keys = revision.constants.MetadataKey

    @property
    def known(self) -> frozenset[str]:
        """Types of the events that the revision defines."""
        return self._known

    def encode(self, message: msgspec.Struct) -> str:
        """The JSON text of a generated message or body."""
        return self._encode(message).decode()

    def decode_request(self, text: str | bytes) -> Request | Fault:
        """The request, or why there is none."""
        try:
            return self._decode_request(text)
        except msgspec.ValidationError as error:
            return read_fault(str(error))
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return Fault(json=False, detail=str(error))

    def decode_event(self, text: str | bytes) -> Response | Ignored:
        """The event, or an `Ignored` that says why there is none."""
        try:
            document = self._decode_any(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return _ignored(Reason.NOT_JSON, text, str(error), "AIA-WS-001")
        if not isinstance(document, dict):
            detail = f"a JSON {type(document).__name__}"
            return _ignored(Reason.NOT_AN_OBJECT, text, detail, "AIA-WS-001")
        members = cast("dict[str, Any]", document)
        name = members.get(self._tag)
        if not isinstance(name, str):
            return _ignored(Reason.NO_TYPE, text, f"no string member {self._tag}", "AIA-RESP-001")
        raw = text if isinstance(text, str) else text.decode()
        if name not in self._known:
            return Ignored(
                reason=Reason.UNKNOWN_TYPE,
                name=name,
                requirement="AIA-RESP-003",
                data=raw[:EXCERPT],
            )
        return self._response(name, members, raw)

    def _response(self, name: str, members: dict[str, Any], raw: str) -> Response:
        metadata = _mapping(members.get("metadata"))
        return Response(
            type=name,
            session_id=_text(members.get("session_id")),
            user_id=_text(members.get("user_id")),
            context_id=_text(members.get("context_id")),
            text=_text(members.get("text")),
            voice_text=_text(members.get("voice_text")),
            language=_text(members.get("language")),
            control=_control(members.get("avatar_control_request")),
            audio=_audio(members.get("audio_data")),
            pcm_format=_pcm_format(metadata.get(self._keys.PCM_FORMAT)),
            metadata=metadata,
            raw=raw,
        )


def encode_audio(audio: bytes) -> str:
    """Audio as requests and events carry it (AIA-AUDIO-001)."""
    return base64.b64encode(audio).decode()


def decode_audio(text: str) -> bytes:
    """Audio of a request, as the package reads it: characters outside of the alphabet are skipped.

    Raises:
        ValueError: what is left is not base64.
    """
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _ignored(reason: Reason, text: str | bytes, detail: str, requirement: str) -> Ignored:
    shown = text if isinstance(text, str) else text.decode(errors="replace")
    return Ignored(reason=reason, detail=detail, requirement=requirement, data=shown[:EXCERPT])


def read_fault(message: str) -> Fault:
    """The fault that a decoder's message tells of: the member is named there alone."""
    path = _PATH.search(message)
    member: tuple[str | int, ...] = ()
    if path is not None:
        parts = re.findall(r"\.(\w+)|\[(\d*)[^\]]*\]", path.group(1))
        member = tuple(name or int(index or 0) for name, index in parts)
    missing = _MISSING.search(message)
    if missing is not None:
        member = (*member, missing.group(1))
    return Fault(json=True, member=member, missing=missing is not None, detail=message)


def _members(group: object) -> list[object]:
    return [value for name, value in vars(group).items() if name.isupper()]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    """A finite number; a whole one may be longer than any float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None


def _control(value: object) -> AvatarControl | None:
    if not isinstance(value, dict):
        return None
    members = cast("dict[str, Any]", value)
    return AvatarControl(
        animation_name=_text(members.get("animation_name")) or None,
        animation_duration=_number(members.get("animation_duration")),
        face_name=_text(members.get("face_name")) or None,
        face_duration=_number(members.get("face_duration")),
    )


def _pcm_format(value: object) -> PcmFormat | None:
    if not isinstance(value, dict):
        return None
    try:
        return msgspec.convert(value, PcmFormat)
    except msgspec.ValidationError:
        return None


def _audio(value: object) -> bytes:
    if not isinstance(value, str):
        return b""
    try:
        return decode_audio(value)
    except ValueError:
        return b""
