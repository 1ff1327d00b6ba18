"""What every mock session does, whatever its protocol: plans, scripts and timers.

A session is the platform's side of one channel: a WebSocket, or an event stream, which brings no
messages in. All of its behaviour is synchronous: it reacts to a message, to the end of the
connection, or to a timer of the platform's clock, and what it sends waits in the connection's
queue. So `advance` makes minutes of behaviour happen in order, in one call.

A plan's actions run one after the other; after a ``delay`` the rest continues on the clock.
Meanwhile messages of the same connection wait, so that they are still answered in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from mock_servers.actions import Close
from mock_servers.documents import substitute
from mock_servers.mistakes import fail
from mock_servers.timers import SessionTimer
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mock_servers.actions import Action, Repeated
    from mock_servers.channel import Channel
    from mock_servers.codec import Decoded
    from mock_servers.plan import Rule
    from mock_servers.platform import Platform
    from protocol_core.clock import Timer

__all__ = ["LiveSession"]


class LiveSession(ABC):
    """The platform's side of one channel.

    Attributes:
        id: the protocol's public id of the session or connection.
        connection: the channel.
        variables: what ``$name`` stands for in a plan.
        opened_at: clock time when the channel opened, in seconds.
    """

    #: Actions beyond the common ones: name -> function of session and value.
    extra_actions: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {}

    def __init__(self, platform: Platform, connection: Channel, identity: str) -> None:
        self.platform = platform
        self.connection = connection
        self.id = identity
        self.variables: dict[str, str] = {}
        self.opened_at = platform.now()
        self.live = True
        self._timers: set[SessionTimer] = set()
        self._inbox: deque[Callable[[], None]] = deque()
        self._busy = False

    # What a protocol adds.

    @abstractmethod
    def default_open(self) -> None:
        """The channel is open."""

    @abstractmethod
    def observe_open(self) -> None:
        """The channel is open, and a plan decides what happens."""

    @abstractmethod
    def default_message(self, message: bytes | str) -> None:
        """Behave as usual on a message."""

    @abstractmethod
    def observe_message(self, message: bytes | str) -> None:
        """Take note of a message that a plan answers instead."""

    @abstractmethod
    def default_end(self, code: int | None, reason: str) -> None:
        """The connection is over; free what the session held."""

    @abstractmethod
    def send_error(self, name: str) -> None:
        """Send an error of the catalogue and close, if it closes."""

    @abstractmethod
    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """A plan has sent a message by its name; the session may take note of it."""

    def describe(self) -> dict[str, Any]:
        """The session for the control API."""
        return {
            "id": self.id,
            "connection": self.connection.number,
            "endpoint": self.connection.endpoint,
            "open_seconds": round(self.platform.now() - self.opened_at, 3),
            "received_bytes": self.connection.received_bytes,
            "sent_bytes": self.connection.sent_bytes,
            "variables": dict(self.variables),
        }

    # Driven by the connection.

    def opened(self) -> None:
        rule = self.platform.plan.find("open", endpoint=self.connection.endpoint)
        if rule is None:
            self._guard(self.default_open)
        else:
            self._follow(rule, self.default_open, self.observe_open)

    def received(self, message: bytes | str) -> None:
        self.in_turn(partial(self._process, message))

    def ended(self, code: int | None, reason: str) -> None:
        self.live = False
        for timer in tuple(self._timers):
            timer.cancel()
        self._inbox.clear()
        try:
            self._guard(lambda: self.default_end(code, reason))
        finally:
            self.platform.forget(self)

    # For protocols.

    def send(self, message: bytes | str) -> bool:
        """Send a message; False if the connection is closing."""
        return self.connection.send(message)

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back on the platform's clock, unless the session ends before."""
        return self.at(self.platform.now() + seconds, callback)

    def at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back at this clock time, unless the session ends before."""
        timer = SessionTimer(self._timers, lambda: self._guard(callback))
        timer.arm(self.platform.clock.call_at(when, timer.fire))
        return timer

    def in_turn(self, reaction: Callable[[], None]) -> None:
        """React now, or once a plan's delay is over: everything stays in its order."""
        if not self._busy:
            reaction()
        elif len(self._inbox) < self.platform.limits.inbox_messages:
            self._inbox.append(reaction)
        else:
            self.connection.abort("too many messages wait behind a delay")

    # Plans.

    def act(self, actions: Sequence[Action]) -> None:
        """Run actions now, besides whatever else goes on.

        Raises:
            ConfigurationError: an action cannot be done here.
        """
        self._run(tuple(actions), lambda: None)

    def _process(self, message: bytes | str) -> None:
        if not self.connection.writable:
            return
        rule = self._rule(message)
        if rule is None:
            self._guard(lambda: self.default_message(message))
        else:
            self._follow(
                rule,
                lambda: self.default_message(message),
                lambda: self.observe_message(message),
            )

    def _rule(self, message: bytes | str) -> Rule | None:
        plan = self.platform.plan
        if not plan.listens("message"):
            return None
        decoded: Decoded = self.connection.codec.decode(message, "client")
        return plan.find(
            "message",
            endpoint=self.connection.endpoint,
            message=decoded.name,
            views=lambda: decoded.views,
        )

    def _follow(self, rule: Rule, default: Callable[[], None], observe: Callable[[], None]) -> None:
        """Do what a rule says. The session knows of the message in any case."""
        self.platform.journal.note(f"plan[{rule.index}] acts", connection=self.connection.number)
        self._busy = True
        if not rule.data.then_default:
            self._guard(observe)

        def done() -> None:
            self._busy = False
            if rule.data.then_default:
                self._guard(default)
            while self._inbox and not self._busy and self.live:
                self._inbox.popleft()()

        self._guard(lambda: self._run(rule.actions, done))

    def _run(self, actions: tuple[Action, ...], then: Callable[[], None]) -> None:
        for position, action in enumerate(actions):
            if action.name == "delay" and action.value > 0:
                self.later(action.value, partial(self._run, actions[position + 1 :], then))
                return
            if action.name != "delay":
                self.perform(action)
        then()

    def perform(self, action: Action) -> None:
        """Do one action.

        Raises:
            ConfigurationError: it cannot be done here.
        """
        handler = _PERFORM.get(action.name) or self.extra_actions.get(action.name)
        if handler is not None:
            handler(self, action.value)
        else:
            self.platform.perform(action)

    def _guard(self, callback: Callable[[], None]) -> None:
        """Run a reaction; its failure costs this connection alone, and is never silent."""
        try:
            callback()
        except ConfigurationError as error:
            self.platform.report(error, self.connection.number)
        except Exception as error:  # noqa: BLE001 - reported, and the connection ends
            self.platform.report(error, self.connection.number)
            self.connection.fail("mock platform failure")


def _send(session: LiveSession, value: Any) -> None:  # noqa: ANN401 - actions.Send
    data = substitute(value.data, session.variables)
    session.send(session.connection.codec.encode(value.message, data))
    session.on_sent(value.message, data)


def _send_text(session: LiveSession, value: str | Repeated) -> None:
    session.send(value if isinstance(value, str) else value.text * value.times)


def _send_binary(session: LiveSession, value: str) -> None:
    session.send(bytes.fromhex(value))


def _close(session: LiveSession, value: Close) -> None:
    if value != Close() and not session.connection.has_close_codes:
        fail("close", "an event stream ends with neither code nor reason", value)
    session.connection.close(value.code, value.reason)


def _ping(session: LiveSession, value: bool | str) -> None:  # noqa: FBT001 - an action's value
    session.connection.ping(value.encode() if isinstance(value, str) else b"")


_PERFORM: dict[str, Callable[[LiveSession, Any], None]] = {
    "send": _send,
    "send_text": _send_text,
    "send_binary": _send_binary,
    "close": _close,
    "ping": _ping,
    "withhold_pong": lambda session, _: session.connection.withhold_pongs(),
    "comment": lambda session, value: session.connection.comment(value),
    "reset": lambda session, _: session.connection.abort(),
    "error": lambda session, value: session.send_error(value),
}
