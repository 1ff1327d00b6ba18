"""Forms that a step describes: ``parts`` of an ``http`` step as a multipart body.

    parts: {model: whisper, file: {filename: voice.wav, content_type: audio/wav, wav: {seconds: 1}}}

A field is a text, or a mapping with one content:

    text      the text
    base64    the bytes in base64
    bytes     so many zero bytes
    pcm, wav  {seconds, sample_rate: 16000, hz: 0}: S16LE mono, silence or a tone; wav has a header

and optionally ``filename`` and ``content_type``.
"""

from __future__ import annotations

import array
import base64
import io
import math
import sys
import wave
from typing import TYPE_CHECKING, Any

from conformance.errors import ConformanceError
from mock_servers.documents import is_object
from protocol_core.multipart import Part, build, content_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["form", "pcm", "wav"]

BOUNDARY = "understudy-probe-7d91c3"
_RATE = 16000
_AMPLITUDE = 8000


def form(parts: Mapping[str, Any]) -> tuple[str, bytes]:
    """The value of Content-Type and the body of a form.

    Args:
        parts: its fields as a step describes them.

    Raises:
        ConformanceError: a field has no content, or one that is not known.
    """
    made = [_part(name, value) for name, value in parts.items()]
    return content_type(BOUNDARY), build(made, BOUNDARY)


def pcm(seconds: float, *, sample_rate: int = _RATE, hz: float = 0.0) -> bytes:
    """Audio: S16LE, mono; silence, or a tone.

    Args:
        seconds: how long.
        sample_rate: in Hz.
        hz: frequency of the tone; 0 for silence.
    """
    count = round(seconds * sample_rate)
    if not hz:
        return bytes(2 * count)
    step = 2 * math.pi * hz / sample_rate
    samples = array.array("h", (round(_AMPLITUDE * math.sin(step * n)) for n in range(count)))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def wav(seconds: float, *, sample_rate: int = _RATE, hz: float = 0.0) -> bytes:
    """The same with a WAV header."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm(seconds, sample_rate=sample_rate, hz=hz))
    return target.getvalue()


_CONTENTS: dict[str, Callable[[Any], bytes]] = {
    "text": lambda value: str(value).encode(),
    "base64": base64.b64decode,
    "bytes": bytes,
    "pcm": lambda value: pcm(**value),
    "wav": lambda value: wav(**value),
}


def _part(name: str, value: object) -> Part:
    if not is_object(value):
        return Part(name=name, content=str(value).encode())
    kinds = [kind for kind in _CONTENTS if kind in value]
    if len(kinds) != 1 or value.keys() - {*kinds, "filename", "content_type"}:
        known = ", ".join(_CONTENTS)
        raise ConformanceError(
            f"parts: {name}: one of {known}, and perhaps filename and content_type"
        )
    return Part(
        name=name,
        content=_CONTENTS[kinds[0]](value[kinds[0]]),
        filename=value.get("filename"),
        content_type=value.get("content_type", ""),
    )
