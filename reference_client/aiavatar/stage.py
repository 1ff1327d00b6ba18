"""What the person sees and hears: callbacks, playback and faces, in order, on the injectable clock.

Both clients put what their session tells on a stage. What is played when is decided in
`protocol_core.aiavatar.performance`; here are the task that waits for each sound and the timer of
the faces.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.performance import Performance, Speech
from reference_client.aiavatar.listener import Listener, report
from reference_client.callbacks import Callbacks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protocol_core.aiavatar.config import ClientSettings
    from protocol_core.aiavatar.errors import AIAvatarError
    from protocol_core.aiavatar.revision import Revision
    from protocol_core.clock import Clock, Timer

__all__ = ["Stage"]

logger = logging.getLogger(__name__)


class Stage:
    """One client's avatar.

    Args:
        revision: the generated modules.
        settings: which faces and animations are known.
        listener: the callbacks.
        clock: time of the faces.
    """

    def __init__(
        self, revision: Revision, settings: ClientSettings, listener: Listener, clock: Clock
    ) -> None:
        self.callbacks = Callbacks()
        self._listener = listener
        self._clock = clock
        self._performance = Performance(revision, settings)
        self._timer: Timer | None = None
        self._playing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def playing(self) -> bool:
        """Whether a sound is being played."""
        return self._performance.playing

    @property
    def busy(self) -> bool:
        """Whether a sound is being played, or waits."""
        return self._performance.playing or self._performance.waiting

    def report(self, event: e.Event) -> None:
        """Call back; chunks are performed besides, and a stop flushes."""
        if isinstance(event, e.PlaybackStopped):
            self.flush()
        report(self._listener, event, self.callbacks.call)
        if isinstance(event, e.ChunkReceived):
            self._performance.add(event.response)
            self._advance()

    def fail(self, error: AIAvatarError) -> None:
        """Report a failure that nobody waits for."""
        self.callbacks.call(self._listener.on_error, error)

    def flush(self) -> None:
        """Drop what is queued and stop playback at once (AIA-INT-002)."""
        flushed = self._performance.flush()
        task, self._playing = self._playing, None
        if task is not None:
            task.cancel()
        if flushed.dropped or flushed.playing:
            report(self._listener, flushed, self.callbacks.call)

    async def close(self) -> None:
        """Stop playing, let the callbacks that are due run, and leave nothing behind."""
        self._closed = True
        task = self._playing
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            if task is not None and task is not asyncio.current_task():
                await asyncio.wait({task})
        finally:
            await self.callbacks.close()

    def _advance(self) -> None:
        """Begin as much as can begin now."""
        while not self._closed and not self._performance.playing and self._performance.waiting:
            events, speech = self._performance.advance(self._clock.now())
            self._show(events)
            if speech is not None:
                self._playing = asyncio.create_task(self._play(speech), name="aiavatar playback")

    async def _play(self, speech: Speech) -> None:
        try:
            await self._listener.play(speech)
        except Exception:
            logger.exception("playing a sound failed")
        if self._playing is asyncio.current_task():
            # Otherwise it was flushed while it ended, and is no longer what is being played.
            self._playing = None
            self._performance.finish()
            self._advance()

    def _show(self, events: Iterable[e.Event]) -> None:
        for event in events:
            report(self._listener, event, self.callbacks.call)
        if self._timer is not None:
            self._timer.cancel()
        due = self._performance.deadline()
        self._timer = None if due is None else self._clock.call_at(due, self._on_due)

    def _on_due(self) -> None:
        self._timer = None
        self._show(self._performance.timeout(self._clock.now()))
