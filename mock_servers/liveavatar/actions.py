"""What a plan or a test can make the user and the platform do, besides the common actions."""

from __future__ import annotations

import base64
from typing import Annotated, Final

import msgspec

from mock_servers.actions import SESSION_POINTS, ActionSpec

__all__ = ["ACTIONS", "Closing", "Idle", "Image", "Interrupt", "Say", "Speak"]

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Say(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user types a text.

    Attributes:
        text: the text.
        request_id: id of the turn; None mints one.
    """

    text: str
    request_id: str | None = None


class Speak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user speaks.

    Under developer ASR the voice goes to the agent as audio frames. Under platform ASR the platform
    listens, and delivers the text when the speech is over.

    Attributes:
        seconds: how long.
        text: what is recognised, under platform ASR; "" for nothing.
        request_id: id of the turn, under platform ASR; None mints one.
    """

    seconds: Seconds = 1.0
    text: str = ""
    request_id: str | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user shows a picture.

    Attributes:
        format: JPG, PNG, WEBP, GIF or AVIF.
        width: in pixels.
        height: in pixels.
        quality: 0 to 255.
        image_id: its id; None counts up.
        payload: the encoded picture in base64; None makes some bytes up.
    """

    format: str = "JPG"
    width: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 640
    height: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 360
    quality: Annotated[int, msgspec.Meta(ge=0, le=255)] = 85
    image_id: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    payload: str | None = None

    def __post_init__(self) -> None:
        base64.b64decode(self.payload or "", validate=True)


class Interrupt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform interrupts the agent, under platform ASR.

    Attributes:
        request_id: the turn to stop; None for whatever is playing.
    """

    request_id: str | None = None


class Idle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform says that the user has been idle.

    Attributes:
        milliseconds: how long; None for the measured time.
        reason: None for the usual one.
    """

    milliseconds: Annotated[int, msgspec.Meta(ge=0)] | None = None
    reason: str | None = None


class Closing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform announces the end of the session, and closes.

    Attributes:
        reason: "" sends none; None for the usual one.
        notice: seconds until the close; None as configured.
    """

    reason: str | None = None
    notice: Seconds | None = None


ACTIONS: Final = {
    "say": ActionSpec(Say, SESSION_POINTS),
    "speak": ActionSpec(Speak, SESSION_POINTS),
    "image": ActionSpec(Image, SESSION_POINTS),
    "interrupt": ActionSpec(Interrupt, SESSION_POINTS),
    "idle": ActionSpec(Idle, SESSION_POINTS),
    "closing": ActionSpec(Closing, SESSION_POINTS),
    "scene_ready": ActionSpec(bool, SESSION_POINTS),
    "finish_playout": ActionSpec(bool, SESSION_POINTS),
    "happened": ActionSpec(str, SESSION_POINTS),
}
