"""The callbacks of a Live Avatar session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.liveavatar import events as e

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.liveavatar.errors import HandshakeError

__all__ = ["Listener", "report"]


class Listener:
    """Callbacks; override those you care about, as functions or coroutine functions.

    They run one after the other, beside the receive loop, in the order of what they report. One
    that fails is logged and disturbs nothing (LAC-MSG-008). They may call back into the client.
    """

    def on_session_init(self, session_id: str, user_id: str) -> object:
        """The handshake is done; again after each reconnect."""

    def on_scene_ready(self) -> object:
        """The user's frontend has rendered the scene: speech of our own may begin (LAC-HS-009)."""

    def on_session_state(self, state: e.StateChanged) -> object:
        """The conversation's state changed; informative."""

    def on_text_input(self, text: str, request_id: str) -> object:
        """The user said something; answer with this ``request_id``."""

    def on_audio_frame(self, frame: e.AudioReceived) -> object:
        """Audio of the user, where we own speech recognition."""

    def on_image_frame(self, frame: e.ImageReceived) -> object:
        """An image of the user."""

    def on_interrupt(self, request_id: str | None) -> object:
        """The platform stopped the response to this turn; None: whatever was playing."""

    def on_idle_trigger(self, reason: str, idle_time_ms: int) -> object:
        """The user has been inactive for that many milliseconds; a prompt may follow."""

    def on_session_closing(self, reason: str | None) -> object:
        """The platform will close soon."""

    def on_responses_ended(self, response_ids: tuple[str, ...]) -> object:
        """These responses are over without our doing: new input, an interrupt, a lost socket."""

    def on_error(self, code: str, message: str, request_id: str | None) -> object:
        """The platform reported a failure; the session goes on."""

    def on_session_failed(self, error: HandshakeError) -> object:
        """The handshake after a reconnect failed, and with it the session."""

    def on_closed(self, code: int, reason: str) -> object:
        """A socket has ended, cleanly or not (LAC-CLOSE-004); 1006 if without a close frame."""

    def on_reconnecting(self, attempt: int, delay: float) -> object:
        """The client will dial again in ``delay`` seconds."""

    def on_ignored(self, ignored: e.Ignored) -> object:
        """Something arrived that has no effect."""


#: Event -> name of its callback and of the event's members that it gets; None: the event itself.
_CALLBACKS: dict[type[e.Event], tuple[str, tuple[str, ...] | None]] = {
    e.SessionOpened: ("on_session_init", ("session_id", "user_id")),
    e.SceneReady: ("on_scene_ready", ()),
    e.StateChanged: ("on_session_state", None),
    e.TextReceived: ("on_text_input", ("text", "request_id")),
    e.AudioReceived: ("on_audio_frame", None),
    e.ImageReceived: ("on_image_frame", None),
    e.InterruptReceived: ("on_interrupt", ("request_id",)),
    e.IdleTriggered: ("on_idle_trigger", ("reason", "idle_time_ms")),
    e.SessionClosing: ("on_session_closing", ("reason",)),
    e.ResponsesAbandoned: ("on_responses_ended", ("response_ids",)),
    e.ResponsesLost: ("on_responses_ended", ("response_ids",)),
    e.ErrorReceived: ("on_error", ("code", "message", "request_id")),
    e.Closed: ("on_closed", ("code", "reason")),
    e.ReconnectScheduled: ("on_reconnecting", ("attempt", "delay")),
    e.Ignored: ("on_ignored", None),
}


def report(listener: Listener, event: e.Event, call: Callable[..., None]) -> None:
    """Hand the callback of an event, and its arguments, to ``call``; some events have none."""
    name, members = _CALLBACKS.get(type(event), ("", None))
    if name:
        arguments = (event,) if members is None else [getattr(event, item) for item in members]
        call(getattr(listener, name), *arguments)
