"""What plans and `act` can do on this platform, besides the common actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mock_servers.actions import SESSION_POINTS, ActionSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ACTIONS", "Speak"]


class Speak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The person says something that the server hears, whatever the microphone sends.

    Attributes:
        text: what it is recognised as; None for the dialogue's next transcript, "" for nothing.
    """

    text: str | None = None


ACTIONS: Final[Mapping[str, ActionSpec]] = {"speak": ActionSpec(Speak, SESSION_POINTS)}
