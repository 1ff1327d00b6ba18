"""The callbacks of an AIAvatarKit client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import performance as p

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from protocol_core.aiavatar.errors import AIAvatarError

__all__ = ["Listener", "report"]


class Listener:
    """Callbacks; override those you care about, as functions or coroutine functions.

    They run one after the other, beside the receive loop, in the order of what they report; one
    that fails is logged and disturbs nothing. They may call back into the client. `play` is the
    exception: it runs beside them, for as long as its sound lasts.
    """

    async def play(self, speech: p.Speech) -> None:
        """Play one sound, and return when it is over.

        Sounds come one at a time, in the order of their arrival. Cancelled where playback has to
        stop at once (AIA-INT-002).
        """

    def on_connected(self, session_id: str, context_id: str | None) -> object:
        """The session is open; again after each start."""

    def on_start(self, context_id: str | None, request_text: str | None) -> object:
        """The server understood the request; ``request_text`` is what it heard."""

    def on_chunk(self, response: e.Response) -> object:
        """A part of the answer has arrived; when it is played, `play` and `on_face` say."""

    def on_tool_call(self, call: e.ToolCalled) -> object:
        """A tool of the server started, progressed or finished."""

    def on_vision(self, source: str) -> str | Awaitable[str | None] | None:  # noqa: ARG002 - for whoever overrides it
        """The answer asks for a picture.

        Args:
            source: where it shall come from, such as ``camera``.

        Returns:
            http, https or data URL of the picture; None if there is none (AIA-VISION-004).
        """
        return None

    def on_final(self, text: str, voice_text: str) -> object:
        """The answer is complete; this is the whole of it."""

    def on_superseded(self, text: str) -> object:
        """An older turn has ended with part of its answer."""

    def on_nothing_heard(self) -> object:
        """Nothing was recognised in the audio of an HTTP turn."""

    def on_stop(self, context_id: str | None) -> object:
        """The server stops playback; `play` was cancelled already."""

    def on_flush(self, dropped: int, playing: bool) -> object:  # noqa: FBT001 - a callback
        """Playback was stopped: so many sounds were dropped, and one was cut off or not."""

    def on_face(self, name: str, duration: float | None) -> object:
        """Show this face; for ``duration`` seconds, or for good."""

    def on_animation(self, name: str, duration: float | None) -> object:
        """Move like this; for ``duration`` seconds, or for good."""

    def on_error(self, error: AIAvatarError) -> object:
        """Something failed that nobody waits for: a turn, the session, the connection."""

    def on_closed(self, code: int, reason: str) -> object:
        """The socket has ended, cleanly or not; 1006 if without a close frame."""

    def on_ignored(self, ignored: e.Ignored) -> object:
        """Something arrived that has no effect."""


def _connected(event: e.Connected) -> tuple[object, ...]:
    return event.response.session_id or "", event.response.context_id


def _stopped(event: e.PlaybackStopped) -> tuple[object, ...]:
    return (event.response.context_id,)


#: Event -> name of its callback, and its arguments: members of the event, or what a function says.
_CALLBACKS: dict[type[e.Event], tuple[str, tuple[str, ...] | Callable[..., tuple[object, ...]]]] = {
    e.Connected: ("on_connected", _connected),
    e.TurnStarted: ("on_start", ("context_id", "request_text")),
    e.ChunkReceived: ("on_chunk", ("response",)),
    e.TurnFinished: ("on_final", ("text", "voice_text")),
    e.TurnSuperseded: ("on_superseded", ("text",)),
    e.NothingHeard: ("on_nothing_heard", ()),
    e.PlaybackStopped: ("on_stop", _stopped),
    p.Flushed: ("on_flush", ("dropped", "playing")),
    p.FaceChanged: ("on_face", ("name", "duration")),
    p.AnimationChanged: ("on_animation", ("name", "duration")),
    e.Closed: ("on_closed", ("code", "reason")),
}
_WHOLE: dict[type[e.Event], str] = {e.ToolCalled: "on_tool_call", e.Ignored: "on_ignored"}


def report(listener: Listener, event: e.Event, call: Callable[..., None]) -> None:
    """Hand the callback of an event, and its arguments, to ``call``; some events have none."""
    whole = _WHOLE.get(type(event))
    if whole is not None:
        call(getattr(listener, whole), event)
        return
    name, members = _CALLBACKS.get(type(event), ("", ()))
    if name:
        arguments = (
            members(event) if callable(members) else [getattr(event, item) for item in members]
        )
        call(getattr(listener, name), *arguments)
