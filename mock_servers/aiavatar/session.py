"""The server's side of one WebSocket."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mock_servers.aiavatar.errors import send_catalogued
from mock_servers.aiavatar.pipeline import TurnRequest
from mock_servers.aiavatar.said import Said
from mock_servers.session import LiveSession
from mock_servers.timers import Alarm
from protocol_core.aiavatar import server_events as s
from protocol_core.aiavatar.server import DROP, ServerConfig, ServerSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import msgspec

    from mock_servers.aiavatar.actions import Speak
    from mock_servers.aiavatar.generation import Generation
    from mock_servers.aiavatar.platform import AIAvatarPlatform
    from mock_servers.channel import Channel
    from protocol_core.aiavatar.events import Event

__all__ = ["SocketLiveSession"]


class SocketLiveSession(LiveSession):
    """One socket.

    Args:
        platform: the platform.
        connection: the socket.

    Attributes:
        core: the protocol's session.
        newest: the turn that speaks here; None before the first.
    """

    platform: AIAvatarPlatform

    def __init__(self, platform: AIAvatarPlatform, connection: Channel) -> None:
        super().__init__(platform, connection, f"socket-{connection.number}")
        options = platform.options
        self.pcm_bytes: int = options.pcm_chunk_bytes
        self.flushes = True
        config = ServerConfig(
            sample_rate=options.sample_rate,
            volume_db_threshold=options.volume_db_threshold,
            silence=options.silence,
            min_speech=options.min_speech,
            max_recording=options.max_recording,
            silence_by_clock=options.listen_on == "clock",
            drops_malformed=options.malformed == "drop",
        )
        self.core = ServerSession(config, revision=platform.modules)
        self.newest: Generation | None = None
        self._said = Said(platform.modules)
        self.variables = {"session_id": "", "user_id": "", "context_id": "", "partial_text": ""}
        self._alarm = Alarm(self.at, self._on_deadline)
        self._blocked = False
        self._overruled = False
        self._waiting: deque[bytes | str] = deque()

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "state": self.core.connection_state,
            "turn": self.core.turn_state,
            "context_id": self.core.context_id,
            "volume_db_threshold": self.core.volume_db_threshold,
        }

    # -- life --------------------------------------------------------------------------------------

    def default_open(self) -> None:
        self.core.open(self.platform.now())
        self._keep_pinging()

    def observe_open(self) -> None:
        self.default_open()

    def default_message(self, message: bytes | str) -> None:
        if self._blocked:
            self._waiting.append(message)
        else:
            self._step(self.core.receive(message, self.platform.now()))

    def observe_message(self, message: bytes | str) -> None:
        for event in self.core.receive(message, self.platform.now()):
            self._remember(event)
            if isinstance(event, s.TurnAsked):
                turn = TurnRequest.from_request(event.request)
                self.announced(self.platform.pipeline.improvise(turn))
        self.core.data_to_send()
        self._overruled = self.core.close_to_send() is not None

    def default_end(self, code: int | None, reason: str) -> None:
        """Forget the socket; the conversation stays (AIA-WS-011)."""
        self._waiting.clear()
        self.platform.abandon(self)
        self.platform.unbind(self)
        self.core.closed(code, reason, self.platform.now())

    # -- plans -------------------------------------------------------------------------------------

    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """A plan sent an event itself; the conversation that it announces counts."""
        self._said.note(name, data.get("text"))
        context_id = data.get("context_id")
        if name == self.platform.event_types.START and isinstance(context_id, str):
            self.platform.conversations.adopt(context_id, self.platform.now())
            self.announced(context_id)

    def send_error(self, name: str) -> None:
        self.variables["partial_text"] = self._said.partial
        if send_catalogued(self, name) and self.newest is not None:
            self.newest.cancel()
            self.done()

    # -- the outlet of turns -----------------------------------------------------------------------

    def say(self, event: msgspec.Struct, *, late: bool = False) -> None:
        for message in self.core.send(event, late=late):
            self.send(message)
        if not late:
            self._said.note(str(event.__struct_config__.tag), getattr(event, "text", None))

    def announced(self, context_id: str) -> None:
        self.variables["context_id"] = context_id

    def nothing_heard(self) -> None:
        self.core.nothing_heard()

    def done(self) -> None:
        self._blocked = False
        while self._waiting and not self._blocked and self.live:
            self.default_message(self._waiting.popleft())

    # -- the core's events -------------------------------------------------------------------------

    def _step(self, happened: Sequence[Event]) -> None:
        for message in self.core.data_to_send():
            self.send(message)
        for event in happened:
            self._remember(event)
            handler = self._HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        over = None if self._overruled else self.core.close_to_send()
        if over == DROP:
            self.connection.abort("malformed")
        elif over is not None and self.connection.writable:
            self.connection.close(*over)
        self._arm()

    def _remember(self, event: Event) -> None:
        if isinstance(event, s.SessionStarted):
            self.id = event.session_id
            self.variables["session_id"] = event.session_id
            self.variables["user_id"] = event.user_id or ""
            self.variables["context_id"] = event.context_id or ""
        elif isinstance(event, s.Malformed):
            self.platform.journal.note(
                f"malformed: {event.detail}", connection=self.connection.number
            )

    def _on_started(self, _: s.SessionStarted) -> None:
        self.platform.bind(self)

    def _on_asked(self, event: s.TurnAsked) -> None:
        """A turn of its own; nothing of it is kept for the next one."""
        self._blocked = self.platform.blocks
        self.platform.pipeline.run(self, TurnRequest.from_request(event.request))

    def _on_heard(self, _: s.UtteranceHeard) -> None:
        self.hear(None)

    def hear(self, text: str | None) -> None:
        """The person said something; the session keeps the conversation (AIA-CTX-004).

        Args:
            text: what it is recognised as; None for the dialogue's next transcript.
        """
        core = self.core
        if text == "":
            core.nothing_heard()
            return
        turn = TurnRequest(
            session_id=core.session_id or "",
            user_id=core.user_id,
            context_id=core.context_id,
            text=text,
            audio=text is None,
        )
        generation = self.platform.pipeline.run(self, turn)
        if generation is not None and generation.answer.context_id is not None:
            core.context_id = generation.answer.context_id

    def _act_speak(self, value: Speak) -> None:
        self.hear(value.text)

    # -- timers ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        self._alarm.set(self.core.deadline() if self.connection.writable else None)

    def _keep_pinging(self) -> None:
        """Ping as the server's runtime does; a pong that does not come costs nothing."""
        every = self.platform.ping_interval
        if every > 0:
            self.later(every, self._ping)

    def _ping(self) -> None:
        if self.connection.writable:
            self.connection.ping()
            self._keep_pinging()

    def _on_deadline(self) -> None:
        self._step(self.core.timeout(self.platform.now()))

    _HANDLERS: Final[dict[type, Callable[[Any, Any], None]]] = {
        s.SessionStarted: _on_started,
        s.TurnAsked: _on_asked,
        s.UtteranceHeard: _on_heard,
    }
    extra_actions: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {"speak": _act_speak}
