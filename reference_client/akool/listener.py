"""The callbacks of an Akool session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.akool import events as e

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.akool.errors import AkoolError

__all__ = ["Listener", "report"]


class Listener:
    """Callbacks; override those you care about, as functions or coroutine functions.

    They run one after the other, beside the receive loop, in the order of what they report. One
    that fails is logged and disturbs nothing. They may call back into the client.
    """

    def on_connected(self, session_id: str) -> object:
        """The server has confirmed the connection; again after each reconnect."""

    def on_agora_connected(self, channel_id: str) -> object:
        """The server has joined the Agora channel."""

    def on_message(self, message: object) -> object:
        """A frame of the server, known or not, as the JSON value it is (AKO-CONN-010)."""

    def on_error(self, error: AkoolError) -> object:
        """An error frame, a frame that is no message, or a lost connection.

        What a call raises is not repeated here, but an error frame is both: it fails the pending
        command, and arrives here.
        """

    def on_disconnected(self, code: int, reason: str) -> object:
        """The connection is over, by us or the server (AKO-CONN-016); 1006 if it was lost."""

    def on_reconnecting(self, delay: float, error: AkoolError) -> object:
        """The client will dial again in ``delay`` seconds, because of this error."""

    def on_ignored(self, ignored: e.Ignored) -> object:
        """A frame arrived that has no effect."""


#: Event -> name of its callback and of the event's members that it gets; None: the event itself.
_CALLBACKS: dict[type[e.Event], tuple[str, tuple[str, ...] | None]] = {
    e.Connected: ("on_connected", ("session_id",)),
    e.AgoraConnected: ("on_agora_connected", ("channel_id",)),
    e.MessageReceived: ("on_message", ("message",)),
    e.ErrorRaised: ("on_error", ("error",)),
    e.Closed: ("on_disconnected", ("code", "reason")),
    e.AttemptFailed: ("on_reconnecting", ("delay", "error")),
    e.Ignored: ("on_ignored", None),
}


def report(listener: Listener, event: e.Event, call: Callable[..., None]) -> None:
    """Hand the callback of an event, and its arguments, to ``call``; some events have none."""
    name, members = _CALLBACKS.get(type(event), ("", None))
    if isinstance(event, e.Closed) and not event.opened:
        return  # nobody was told of a connection
    if name:
        arguments = (event,) if members is None else [getattr(event, item) for item in members]
        call(getattr(listener, name), *arguments)
