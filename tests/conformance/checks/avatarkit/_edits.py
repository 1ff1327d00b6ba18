"""Edits of AvatarKit messages for the tables of mutants, beyond those of ``_mutants``.

message: {client_audio_input.end: true}   other values in a protobuf message; ``type`` is a number,
                                          bytes are hexadecimal, null leaves a member out
extra: 3a00                               further bytes behind the message
pages: {2: {granule: 5}}                  other values in the n-th Ogg page of an audio message; the
                                          CRC is made anew, unless ``crc: false``
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
from google.protobuf.json_format import MessageToDict

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from mock_servers.matching import matches
from protocol_core.ogg import Page, PageReader
from tests.conformance.checks._mutants import mutated as plainly_mutated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = ["mutated"]

Document = dict[str, Any]
_OWN = ("message", "extra", "pages")


def mutated(trace: Trace, changes: Iterable[Document]) -> Trace:
    """A copy of a trace with these changes, in order."""
    for change in changes:
        plain = _translated(trace, change) if any(key in change for key in _OWN) else change
        trace = plainly_mutated(trace, [plain])
    return trace


def _translated(trace: Trace, change: Document) -> Document:
    found = [r for r in trace.records if matches(change["at"], msgspec.to_builtins(r))]
    assert found, f"nothing matches {change['at']}"
    record = found[change.get("nth", 0)]
    return {"at": {"seq": record.seq}, "set": _edited(record, change)}


def _edited(record: Record, change: Document) -> Document:
    message = pb.Message.FromString(base64.b64decode(record.raw))
    for path, value in change.get("message", {}).items():
        _assign(message, path, value)
    if "pages" in change:
        audio = message.client_audio_input
        audio.audio = _repaged(audio.audio, change["pages"])
    raw = message.SerializeToString() + bytes.fromhex(change.get("extra", ""))
    data = MessageToDict(message, preserving_proto_field_name=True)
    known = pb.MessageType.DESCRIPTOR.values_by_number.get(message.type)
    name = known.name if known is not None else f"MESSAGE_{message.type}"
    return {
        "raw": base64.b64encode(raw).decode(),
        "name": name,
        "data": {**data, "type": name},
    }


def _assign(message: Any, path: str, value: Any) -> None:
    *steps, name = path.split(".")
    for step in steps:
        message = getattr(message, step)
    if value is None:
        message.ClearField(name)
    elif isinstance(value, dict):
        getattr(message, name).SetInParent()
    elif isinstance(getattr(message, name), bytes):
        setattr(message, name, bytes.fromhex(value))
    else:
        setattr(message, name, value)


def _repaged(audio: bytes, edits: dict[str, Document]) -> bytes:
    parts: list[bytes] = []
    for number, page in enumerate(PageReader().feed(audio)):
        parts.append(_page(page, dict(edits.get(str(number), edits.get(number, {})))))
    return b"".join(parts)


def _page(page: Page, edit: Document) -> bytes:
    if edit.pop("drop", False):
        return b""
    valid = edit.pop("crc", True)
    for member in ("body", "segments"):
        if member in edit:
            edit[member] = bytes.fromhex(edit[member])
    packed = msgspec.structs.replace(page, **edit).pack()
    return packed if valid else packed[:22] + b"\0\0\0\0" + packed[26:]
