"""Control tags in the text of a model: what is spoken, what the avatar shows, what is asked for.

A tag is ``[name:value]``. Only its own names mean something, and only with a word as value; yet
every tag leaves the voice (AIA-RESP-007).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from protocol_core.aiavatar.revision import Revision

__all__ = ["Tags"]

_ANY_TAG: Final = re.compile(r"\[\w+:[^\]]+\]")


class Tags:
    """The tags of one revision.

    Args:
        revision: the generated modules.
    """

    def __init__(self, revision: Revision) -> None:
        tags = revision.constants.Tag
        self._request: Any = revision.messages.AvatarControlRequest
        self._face = _pattern(tags.FACE)
        self._animation = _pattern(tags.ANIMATION)
        self._vision = _pattern(tags.VISION)
        self._face_seconds: float = revision.constants.Face.DURATION
        self._animation_seconds: float = revision.constants.Animation.DURATION

    def voice(self, text: str) -> str:
        """What is spoken of a text: without its tags, trimmed."""
        return _ANY_TAG.sub("", text).strip()

    def control(self, text: str) -> Any:  # noqa: ANN401 - the revision's AvatarControlRequest
        """What the avatar shows: the first face and the first animation (AIA-FACE-001, -002)."""
        face, animation = _first(self._face, text), _first(self._animation, text)
        return self._request(
            animation_name=animation,
            animation_duration=None if animation is None else self._animation_seconds,
            face_name=face,
            face_duration=None if face is None else self._face_seconds,
        )

    def vision(self, text: str) -> str | None:
        """Where the picture shall come from that a whole answer asks for (AIA-VISION-001)."""
        return _first(self._vision, text)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"\[{re.escape(name)}:(\w+)\]")


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return None if found is None else found[1]
