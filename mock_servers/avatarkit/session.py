"""The platform's side of one AvatarKit connection: what the ingress does with audio.

The rules of the wire are the `ServerSession`'s; this class adds what a platform knows besides them:
which configuration it can serve, how long audio is, what is answered, and what it costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.avatarkit.v0_1_7.constants import CloseCode
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from avatar_protocols.avatarkit.v0_1_7.states import State
from mock_servers.avatarkit.animation import Answer, Responder
from mock_servers.avatarkit.audio import AudioMeter, make_meter
from mock_servers.avatarkit.wire import CONFIRM
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession
from mock_servers.timers import Alarm
from protocol_core.avatarkit import events as ev
from protocol_core.avatarkit.server import ServerSession
from protocol_core.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from avatar_protocols.avatarkit.v2 import message_pb2 as pb
    from mock_servers.accounts import Account
    from mock_servers.avatarkit.platform import AvatarKitPlatform
    from mock_servers.connection import Connection

__all__ = ["AvatarKitSession"]


class AvatarKitSession(LiveSession):
    """One connection to the ingress.

    Args:
        platform: the platform.
        connection: the socket.
        account: who pays.
        variables: what ``$name`` stands for in plans.

    Attributes:
        core: the protocol's own session.
        account: who pays.
        requests: seconds of audio of each request, by id.
    """

    platform: AvatarKitPlatform

    def __init__(
        self,
        platform: AvatarKitPlatform,
        connection: Connection,
        account: Account,
        variables: dict[str, str],
    ) -> None:
        identity = platform.mint.identifier("conn")
        super().__init__(platform, connection, identity)
        self.account = account
        self.requests: dict[str, float] = {}
        self.variables = {**variables, "connection_id": identity, "req_id": ""}
        self.core = ServerSession(
            connection_id=identity,
            idle_limit=platform.options.idle_timeout,
            duration_limit=platform.options.session_duration,
            max_message_bytes=platform.limits.message_bytes or platform.message_bytes,
        )
        self._responder = Responder(
            send=self._animate,
            later=self.at,
            now=platform.now,
            seed=f"{platform.seed}/{connection.number}",
            pace=platform.pace,
        )
        self._meters: dict[str, AudioMeter] = {}
        self._direct = True
        self._alarm = Alarm(self.at, self._on_deadline)

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "state": self.core.state,
            "account": self.account.name,
            "requests": {name: round(seconds, 3) for name, seconds in self.requests.items()},
        }

    # -- life --------------------------------------------------------------------------------------

    def default_open(self) -> None:
        self._step(self.core.open(self.platform.now()))

    def observe_open(self) -> None:
        self.core.open(self.platform.now())

    def default_message(self, message: bytes | str) -> None:
        self._step(self.core.receive(message, self.platform.now()))

    def observe_message(self, message: bytes | str) -> None:
        for event in self.core.receive(message, self.platform.now()):
            self._remember(event)
        self.core.data_to_send()

    def default_end(self, code: int | None, reason: str) -> None:
        self.account.active.discard(self.id)
        self._responder.clear()
        self.core.closed(code, reason, self.platform.now())

    def on_sent(self, name: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - see LiveSession
        """A plan has confirmed the session by a message of its own making."""
        if name == CONFIRM and self.core.state == State.HANDSHAKE:
            self.core.confirm(self.platform.now())
            self._arm()

    def send_error(self, name: str) -> None:
        row = CATALOGUE[name]
        if row.abort:
            self.connection.abort(name)
        elif row.message is not None:
            self._report(name)
        elif row.close is not None:
            self.connection.close(row.close.code, row.close.reason)

    # -- the core's events -------------------------------------------------------------------------

    def _step(self, happened: list[ev.ServerEvent]) -> None:
        for data in self.core.data_to_send():
            self.send(data)
        for event in happened:
            self._remember(event)
            handler = self._HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        self._close_if_over()
        self._arm()

    def _remember(self, event: ev.ServerEvent) -> None:
        req_id = getattr(event, "req_id", "")
        if req_id:
            self.variables["req_id"] = req_id
        if isinstance(event, ev.SessionConfigured):
            self._direct = event.direct

    def _on_configured(self, event: ev.SessionConfigured) -> None:
        refusal = self.platform.judge_configuration(event.config)
        if refusal:
            self._report(refusal)
            return
        for data in self.core.confirm(self.platform.now()):
            self.send(data)

    def _on_audio(self, event: ev.AudioReceived) -> None:
        meter = self._meters.get(event.req_id)
        if meter is None:
            meter = self._begin(event.req_id, self.core.config)
        before = meter.seconds
        meter.feed(event.audio)
        if event.end:
            self._end(event.req_id, meter)
        self.requests[event.req_id] = meter.seconds
        if not self.account.charge(max(0.0, meter.seconds - before)):
            self._report("credits_exhausted", event.req_id)
            return
        self._responder.run()

    def _on_interrupt(self, event: ev.InterruptReceived) -> None:
        if event.effective:
            self._meters.pop(event.req_id, None)
            self._responder.drop(event.req_id)

    def _begin(self, req_id: str, config: pb.ClientConfigureSession | None) -> AudioMeter:
        if config is None:
            fail("session", "audio without a configuration", req_id)
        meter = self._meters[req_id] = make_meter(config)
        if self._direct:
            number = len(self.requests)
            self._responder.add(Answer(req_id=req_id, meter=meter, number=number))
        return meter

    def _end(self, req_id: str, meter: AudioMeter) -> None:
        meter.end()
        self._meters.pop(req_id, None)
        if meter.problem:
            self.platform.journal.note(
                f"audio of {req_id}: {meter.problem}", connection=self.connection.number
            )
        for answer in self._responder.queue:
            if answer.req_id == req_id:
                answer.ended = True

    def _animate(self, req_id: str, end: bool, content: bytes) -> None:  # noqa: FBT001 - a field of the message
        for data in self.core.send_animation(req_id, end=end, frame=content):
            self.send(data)

    def _report(self, name: str, req_id: str = "") -> None:
        """Send an error of the catalogue, tied to the request being served (AVK-ERR-010)."""
        queue = self._responder.queue
        req_id = req_id or self.core.open_request or (queue[0].req_id if queue else "")
        try:
            frames = self.core.send_error(name, req_id=req_id)
        except LocalProtocolError as error:
            fail("error", str(error), name)
        for data in frames:
            self.send(data)
        self._close_if_over()
        self._arm()

    def _close_if_over(self) -> None:
        over = self.core.close_to_send()
        if over is not None:
            self._responder.clear()
            code, reason = over
            self.connection.close(code or CloseCode.NORMAL, reason)

    # -- timers ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        self._alarm.set(self.core.deadline() if self.connection.writable else None)

    def _on_deadline(self) -> None:
        self._step(self.core.timeout(self.platform.now()))

    _HANDLERS: Final[dict[type, Callable[[Any, Any], None]]] = {
        ev.SessionConfigured: _on_configured,
        ev.AudioReceived: _on_audio,
        ev.InterruptReceived: _on_interrupt,
    }
