"""A server's answer to one POST /chat: the order of its events, its end, its keepalives. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.aiavatar.codec import Codec
from protocol_core.aiavatar.revision import PROTOCOL, Revision, load
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    import msgspec

__all__ = ["ServerStream"]


class ServerStream:
    """The event stream of one turn, from its status line on.

    Args:
        revision: id, alias or modules of the revision; None for the default.
        now: the current time, seconds.
        keepalive: seconds between two comments; None for the documents' default (AIA-SSE-005).
    """

    def __init__(
        self,
        *,
        revision: str | Revision | None = None,
        now: float = 0.0,
        keepalive: float | None = None,
    ) -> None:
        self.revision = load(revision)
        self._codec = Codec(self.revision)
        self._triggers = self.revision.states.Trigger
        self._states = self.revision.states.State
        self._machine = StateMachine(self.revision.states.STREAM, protocol=PROTOCOL)
        self._machine.receive(self._triggers.REQUEST)
        self._machine.send(self._triggers.OPENED)
        usual: float = self.revision.constants.Heartbeat.SSE_COMMENT
        self._every = usual if keepalive is None else keepalive
        self._comment_at = now + self._every

    @property
    def state(self) -> str:
        """State of the stream, as in the state table."""
        return self._machine.state

    def send(self, event: msgspec.Struct) -> list[str]:
        """Say part of an answer: the text of one event, as `data` of the stream.

        Raises:
            LocalProtocolError: this event is not due (AIA-SSE-002, AIA-SSE-008).
        """
        self._machine.send(str(event.__struct_config__.tag))
        return [self._codec.encode(event)]

    def end(self) -> None:
        """The stream ends: after its terminal event, or empty where nothing was heard.

        Raises:
            LocalProtocolError: its terminal event has not been sent (AIA-SSE-002).
        """
        empty = self._machine.state == self._states.ACCEPTED
        self._machine.send(self._triggers.NOTHING_HEARD if empty else self._triggers.ENDED)

    def broken(self) -> None:
        """The connection broke. Harmless after the end."""
        if self._machine.allows(self._triggers.BROKEN):
            self._machine.receive(self._triggers.BROKEN)

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None once the stream has ended."""
        return None if self._machine.state == self._states.DONE else self._comment_at

    def timeout(self, now: float, timestamp: str) -> list[str]:
        """Time has passed: the comments to send; none if nothing was due.

        Args:
            now: the current time, seconds.
            timestamp: the time of day, as the comment says it.
        """
        due = self.deadline()
        if due is None or now < due:
            return []
        self._comment_at = now + self._every
        sse = self.revision.constants.Sse
        # The rest of a comment line; its colon and space are the encoder's.
        return [sse.PING_PREFIX.removeprefix(sse.COMMENT_PREFIX).lstrip() + timestamp]
