"""Audio that a step describes instead of spelling it out in base64.

    send_audio: {audio: {pcm: [{seconds: 0.6, hz: 220}, {seconds: 1}]}}

Each piece is S16LE mono, silence or a tone, as `conformance.probe.form.pcm` makes it, or a text:
some bytes in base64, for lengths and contents that no tone has.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from conformance.errors import ConformanceError
from conformance.probe.form import pcm
from mock_servers.documents import is_list, is_object

__all__ = ["spelled_out"]

_PARAMETER = "audio"


def spelled_out(params: dict[str, Any]) -> dict[str, Any]:
    """A command's parameters with described audio in base64.

    Raises:
        ConformanceError: the description is none.
    """
    value: object = params.get(_PARAMETER)
    if not is_object(value):
        return params
    pieces: object = value.get("pcm")
    if pieces is None or len(value) != 1:
        raise ConformanceError(f"{_PARAMETER}: described by pcm, not by {', '.join(value)}")
    try:
        listed: list[Any] = pieces if is_list(pieces) else [pieces]
        made = b"".join(map(_piece, listed))
    except (TypeError, binascii.Error) as error:
        raise ConformanceError(f"{_PARAMETER}: {error}") from error
    return {**params, _PARAMETER: base64.b64encode(made).decode()}


def _piece(piece: Any) -> bytes:  # noqa: ANN401 - whatever stands in the YAML
    return base64.b64decode(piece, validate=True) if isinstance(piece, str) else pcm(**piece)
