"""One turn at work: the steps of a scripted answer, one after the other, on the platform's clock.

A newer turn of the same session ends it at its next step, with a final that holds what was said so
far (AIA-INT-004, AIA-INT-005).
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from mock_servers.aiavatar.dialogue import Fail, Say, UseTool, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from mock_servers.aiavatar.contexts import Conversation
    from mock_servers.aiavatar.dialogue import Step
    from mock_servers.aiavatar.platform import AIAvatarPlatform
    from protocol_core.aiavatar.answer import Answer

__all__ = ["Generation", "Outlet"]


class Outlet(Protocol):
    """Where the events of a turn go.

    Attributes:
        newest: the turn that speaks here; whatever was begun before is over.
    """

    newest: Generation | None

    @property
    def pcm_bytes(self) -> int:
        """Size of PCM chunks; 0 for whole WAV files."""
        ...

    @property
    def flushes(self) -> bool:
        """Whether it says stop before a turn."""
        ...

    def say(self, event: msgspec.Struct, *, late: bool = False) -> None:
        """Send one event."""

    def later(self, seconds: float, callback: Callable[[], None]) -> Any:  # noqa: ANN401 - a timer
        """Call back on the platform's clock, unless the channel ends before."""

    def announced(self, context_id: str) -> None:
        """A turn goes on in this conversation from now on."""

    def nothing_heard(self) -> None:
        """Nothing was recognised; there is no turn."""

    def done(self) -> None:
        """The turn is over."""


class Generation:
    """One turn's answer in the making.

    Args:
        platform: the platform.
        outlet: where its events go.
        answer: makes its events.
        session_id: whose turn it is.
        conversation: what it goes on in; None where nobody is awake.
        steps: what is said and done.

    Attributes:
        outlet, answer: as given.
    """

    def __init__(
        self,
        platform: AIAvatarPlatform,
        outlet: Outlet,
        answer: Answer,
        *,
        session_id: str,
        conversation: Conversation | None,
        steps: Sequence[Step],
    ) -> None:
        self.answer = answer
        self._platform = platform
        self.outlet = outlet
        self._session_id = session_id
        self._conversation = conversation
        self._interval = platform.options.chunk_interval if platform.pace else 0.0
        self._todo: deque[tuple[float, Callable[[], bool]]] = deque()
        self._rest = 0.0
        for step in steps:
            if isinstance(step, Wait):
                self._rest += step.wait
            else:
                self._todo += self._plan(step)
        self._over = False

    @property
    def current(self) -> bool:
        """Whether no newer turn has begun, of the session or on the same channel."""
        if self.outlet.newest is not self:
            return False
        return self._conversation is None or self._platform.active.get(self._session_id) is self

    def run(self) -> None:
        """Do what is due, and come back for the rest."""
        while self._todo and not self._over:
            wait, act = self._todo[0]
            if wait > 0:
                self._todo[0] = (0.0, act)
                self.outlet.later(wait, self.run)
                return
            self._todo.popleft()
            if not self.current:
                self._end(complete=False)
            elif not act():
                return
        if not self._over and self._rest > 0:
            wait, self._rest = self._rest, 0.0
            self.outlet.later(wait, self.run)
        elif not self._over:
            self._end(complete=True)

    def cancel(self) -> None:
        """Nothing more is said, not even an end."""
        self._over = True
        self._platform.release(self._session_id, self)

    def _plan(self, step: Say | UseTool | Fail) -> list[tuple[float, Callable[[], bool]]]:
        """What a step does: seconds to wait before, and whether the turn goes on after it."""
        wait, self._rest = self._interval + self._rest, 0.0
        if isinstance(step, Say):
            return [(wait, lambda: self._say(step))]
        return [(wait, self._fail)] if isinstance(step, Fail) else self._use(step, wait)

    def _say(self, step: Say) -> bool:
        speech = self._platform.speak(self._platform.tags.voice(step.say), step.speech)
        events = self.answer.chunk(
            step.say, speech, language=step.language, pcm_bytes=self.outlet.pcm_bytes
        )
        for event in events:
            self.outlet.say(event)
        return True

    def _use(self, step: UseTool, wait: float) -> list[tuple[float, Callable[[], bool]]]:
        tool = step.tool
        call_id = tool.id or self._platform.mint.identifier("call")
        arguments = json.dumps(tool.arguments, ensure_ascii=False)
        reports: list[tuple[dict[str, Any] | None, bool]] = [
            (None, True),
            *((data, False) for data in tool.progress),
            (tool.result, True),
        ]
        between = tool.seconds / (len(reports) - 1)

        def reporter(data: dict[str, Any] | None, *, is_final: bool) -> Callable[[], bool]:
            def report() -> bool:
                event = self.answer.tool_call(
                    call_id, tool.name, arguments, data=data, is_final=is_final
                )
                self.outlet.say(event)
                return True

            return report

        return [
            (between if index else wait, reporter(data, is_final=is_final))
            for index, (data, is_final) in enumerate(reports)
        ]

    def _fail(self) -> bool:
        self.outlet.say(self.answer.error())
        self.cancel()
        self.outlet.done()
        return False

    def _end(self, *, complete: bool) -> None:
        late = not self.current
        if complete and self._conversation is not None:
            self._conversation.last_turn_at = self._platform.now()
        self.cancel()
        self.outlet.say(self.answer.final(), late=late)
        self.outlet.done()
