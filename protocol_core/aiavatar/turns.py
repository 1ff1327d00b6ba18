"""Which event belongs to which turn of a WebSocket session, where nothing but order says so.

A 0.7 server numbers no turns. A turn that is interrupted still sends its own final, with the part
of the answer that it had reached, at any time after the stop that interrupted it: before the new
turn's start, amid its chunks, after its end (AIA-INT-005). So the chunks of each interrupted turn
are remembered until that final has come; a final that does not go on from the current turn's chunks
while one is owed is the older turn's (OP-2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.reading import Reader
from protocol_core.aiavatar.revision import PROTOCOL
from protocol_core.errors import RemoteProtocolError
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from protocol_core.aiavatar.revision import Revision

__all__ = ["Turns"]

#: How many interrupted turns may still owe their final; older ones are forgotten.
_OWED = 16


class Turns:
    """The turns of one session, as a client sees them.

    Args:
        revision: the generated modules.
    """

    def __init__(self, revision: Revision) -> None:
        self._machine = StateMachine(revision.states.TURN, protocol=PROTOCOL)
        self._triggers = revision.states.Trigger
        self._states = revision.states.State
        self._names = revision.constants.EventType
        self._phase: str = revision.errors.Phase.RUNTIME
        self._reader = Reader(revision)
        self._said = ""
        self._awake = True
        self._owed: list[str] = []

    @property
    def state(self) -> str:
        """State of the turns, as in the state table."""
        return self._machine.state

    def invoke(self) -> None:
        """We ask for a turn."""
        self._machine.send(self._triggers.INVOKE)

    def stop(self) -> None:
        """Playback was stopped: the answer under way, if there is one, is interrupted."""
        self._interrupt()
        self._machine.receive(self._triggers.STOP)

    def lose(self) -> None:
        """The socket has ended, and every turn with it."""
        self._machine.state = self._machine.table.initial
        self._said = ""
        self._owed.clear()

    def receive(self, response: e.Response) -> e.Event:
        """What an event of a turn means now."""
        names = self._names
        failed = self._reader.error_text(response) is not None
        if response.type == names.ERROR or (failed and response.type == names.FINAL):
            self._machine.receive(self._triggers.ERROR)
            return self._reader.failure(response, phase=self._phase)
        if response.type == names.START:
            return self._start(response)
        trigger = self._machine.table.messages[response.type]
        if response.type in {names.FINAL, names.VISION} and self._is_late(response):
            self._machine.receive(self._triggers.LATE_FINAL)
            return e.TurnSuperseded(text=response.text or "", response=response)
        try:
            taken = self._machine.receive(trigger)
        except RemoteProtocolError as error:
            return e.Ignored(
                reason=e.Reason.OUT_OF_TURN,
                name=response.type,
                detail=error.problem,
                requirement="AIA-SSE-002",
                data=response.raw,
            )
        if not taken:
            return self._after_stop(response)
        self._said += response.text or "" if response.type == names.CHUNK else ""
        return self._reader.read(response)

    def _start(self, response: e.Response) -> e.Event:
        if not self._machine.allows(self._triggers.START):
            # Two starts without stop: the newer turn is the one that is being answered.
            self._interrupt()
            self._machine.receive(self._triggers.STOP)
        self._machine.receive(self._triggers.START)
        event = self._reader.read(response)
        self._said = ""
        self._awake = isinstance(event, e.TurnStarted) and event.request_text is not None
        return event

    def _interrupt(self) -> None:
        if self._machine.state == self._states.ANSWERING:
            self._owed = [*self._owed, self._said][-_OWED:]
            self._said = ""

    def _after_stop(self, response: e.Response) -> e.Event:
        if response.type == self._names.FINAL:
            self._settle(_plain(response.text))
            return e.TurnSuperseded(text=response.text or "", response=response)
        return e.Ignored(
            reason=e.Reason.AFTER_STOP,
            name=response.type,
            detail="it belongs to the answer that was stopped",
            requirement="AIA-INT-002",
            data=response.raw,
        )

    def _is_late(self, response: e.Response) -> bool:
        """Whether it ends an older turn than the current one (AIA-INT-005)."""
        state = self._machine.state
        if state in {self._states.QUIET, self._states.WAITING}:
            # A vision is the end of an answer, too; it is late if an end is still owed.
            late = bool(self._owed) or response.type == self._names.FINAL
            self._settle(_plain(response.text))
            return late
        if state != self._states.ANSWERING or not self._owed or response.text is None:
            return False
        text, said = _plain(response.text), _plain(self._said)
        if said:
            late = not text.startswith(said)
        else:
            # Nothing of the current answer has come: then the older one, whose final is owed, is
            # the only one whose words these can be.
            late = self._awake and any(text.startswith(_plain(owed)) for owed in self._owed)
        if late:
            self._settle(text)
        return late

    def _settle(self, text: str) -> None:
        """One final that was owed has come: of the turn whose words it begins with, if of any."""
        fits = [owed for owed in self._owed if text.startswith(_plain(owed))]
        for owed in [*sorted(fits, key=len, reverse=True), *self._owed][:1]:
            self._owed.remove(owed)


def _plain(text: str | None) -> str:
    """Without white space: the parts of an answer and the whole are trimmed differently."""
    return "".join((text or "").split())
