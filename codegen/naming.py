"""From the names of the specification to those of Python."""

from __future__ import annotations

import keyword
import re

__all__ = ["class_name", "constant_name", "field_name", "revision_module"]

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")


def _words(name: str) -> list[str]:
    return _WORD.findall(name)


def constant_name(name: str) -> str:
    """``appIDMismatch`` -> ``APP_ID_MISMATCH``; ``input.voice.start`` -> ``INPUT_VOICE_START``."""
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        return name
    return "_".join(word.upper() for word in _words(name))


def class_name(name: str) -> str:
    """``session_start_request`` -> ``SessionStartRequest``; a name in Pascal case stays."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return name
    return "".join(word[:1].upper() + word[1:] for word in _words(name))


def field_name(name: str) -> str:
    """``sessionId`` -> ``session_id``; keywords get an underscore."""
    snake = "_".join(word.lower() for word in _words(name))
    return f"{snake}_" if keyword.iskeyword(snake) else snake


def revision_module(revision: str) -> str:
    """``0.1.7`` -> ``v0_1_7``."""
    return "v" + re.sub(r"[^0-9a-z]", "_", revision)
