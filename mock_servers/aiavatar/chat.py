"""The server's side of one POST /chat: an event stream that plays one turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mock_servers.aiavatar.errors import send_catalogued
from mock_servers.aiavatar.pipeline import TurnRequest
from mock_servers.aiavatar.said import Said
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession
from mock_servers.timers import Alarm
from protocol_core.aiavatar.answer import Answer
from protocol_core.aiavatar.server_stream import ServerStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from mock_servers.aiavatar.generation import Generation
    from mock_servers.aiavatar.platform import AIAvatarPlatform
    from mock_servers.channel import Channel
    from protocol_core.aiavatar.codec import Request

__all__ = ["ChatLiveSession"]


class ChatLiveSession(LiveSession):
    """One stream.

    Args:
        platform: the platform.
        connection: the stream.
        request: what it answers.

    Attributes:
        core: the protocol's stream.
        newest: the turn; None before it begins, and where a plan plays it.
    """

    platform: AIAvatarPlatform

    def __init__(self, platform: AIAvatarPlatform, connection: Channel, request: Request) -> None:
        super().__init__(platform, connection, request.session_id or "")
        self.pcm_bytes = 0
        self.flushes = False
        self.core = ServerStream(revision=platform.modules, now=platform.now())
        self.newest: Generation | None = None
        self._turn = TurnRequest.from_request(request)
        self._asked = request.text or ""
        self._said = Said(platform.modules)
        self.variables = {
            "session_id": request.session_id or "",
            "user_id": request.user_id or "",
            "context_id": request.context_id or "",
            "partial_text": "",
        }
        self._alarm = Alarm(self.at, self._keep_alive)

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "state": self.core.state}

    # -- life --------------------------------------------------------------------------------------

    def default_open(self) -> None:
        self._arm()
        self.platform.pipeline.run(self, self._turn)

    def observe_open(self) -> None:
        self._arm()
        self.announced(self.platform.pipeline.improvise(self._turn))

    def default_message(self, message: bytes | str) -> None:
        raise AssertionError(f"a stream brings no message in: {message!r}")

    def observe_message(self, message: bytes | str) -> None:
        raise AssertionError(f"a stream brings no message in: {message!r}")

    def default_end(self, code: int | None, reason: str) -> None:  # noqa: ARG002 - of sockets
        self.core.broken()
        self._alarm.cancel()
        self.platform.abandon(self)

    # -- plans -------------------------------------------------------------------------------------

    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """A plan sent an event itself; the conversation that it announces counts."""
        self._said.note(name, data.get("text"))
        context_id = data.get("context_id")
        if name == self.platform.event_types.START and isinstance(context_id, str):
            self.platform.conversations.adopt(context_id, self.platform.now())
            self.announced(context_id)

    def send_error(self, name: str) -> None:
        """Send an error of the catalogue; whatever ends the turn ends the stream."""
        self.variables["partial_text"] = self._said.partial
        if self.newest is not None:
            self.newest.cancel()
        special = self._ERRORS.get(name)
        if special is not None:
            special(self)
        else:
            send_catalogued(self, name)
            if self.platform.modules.errors.CATALOGUE[name].message is not None:
                self.connection.close()

    def _without_end(self) -> None:
        self._started()
        self.connection.close()

    def _not_json(self) -> None:
        self._started()
        self.send("this is no JSON")

    def _started(self) -> None:
        """Send start, unless it was sent."""
        if self.newest is not None or not self.connection.writable:
            return
        answer = Answer(
            self.platform.modules,
            session_id=self._turn.session_id,
            user_id=self._turn.user_id,
            context_id=self.variables["context_id"] or None,
        )
        self.say(answer.start(self._asked))

    # -- the outlet of turns -----------------------------------------------------------------------

    def say(self, event: msgspec.Struct, *, late: bool = False) -> None:  # noqa: ARG002 - of sockets
        for message in self.core.send(event):
            self.send(message)
        self._said.note(str(event.__struct_config__.tag), getattr(event, "text", None))

    def announced(self, context_id: str) -> None:
        self.variables["context_id"] = context_id

    def nothing_heard(self) -> None:
        """The stream stays empty."""

    def done(self) -> None:
        self.core.end()
        self._alarm.cancel()
        self.connection.close()

    # -- keepalives --------------------------------------------------------------------------------

    def _arm(self) -> None:
        self._alarm.set(self.core.deadline())

    def _keep_alive(self) -> None:
        """A comment, whether or not something is being said (AIA-SSE-005)."""
        moment = datetime.fromtimestamp(self.platform.wall(), UTC).isoformat(sep=" ")
        for comment in self.core.timeout(self.platform.now(), moment):
            self.connection.comment(comment)
        self._arm()

    def _act_speak(self, value: object) -> None:
        fail("speak", "an event stream hears nothing", value)

    _ERRORS: Final[dict[str, Callable[[Any], None]]] = {
        "stream_empty": lambda session: session.connection.close(),
        "stream_without_end": _without_end,
        "stream_silence": _started,
        "stream_not_json": _not_json,
    }
    extra_actions: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {"speak": _act_speak}
