"""The platform's side of one connection to an instance.

The rules of the wire are the `ServerSession`'s; this class adds what an instance knows besides
them: whom it takes, the Agora channel, which is simulated, and what the avatar says.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mock_servers.akool.rendering import Renderer
from mock_servers.documents import substitute
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession
from mock_servers.timers import Alarm
from protocol_core.akool import platform_events as p
from protocol_core.akool.server import ServerConfig, ServerSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mock_servers.accounts import Account
    from mock_servers.akool.instances import Instance
    from mock_servers.akool.platform import AkoolPlatform
    from mock_servers.channel import Channel
    from protocol_core.clock import Timer

__all__ = ["JOINED", "LEFT", "AkoolSession"]

#: Names of what the platform tells about the Agora channel.
JOINED, LEFT = "agora_joined", "agora_left"


class AkoolSession(LiveSession):
    """One connection to an instance.

    Args:
        platform: the platform.
        connection: the socket.
        instance: whom the client has dialled.
        account: whose key the upgrade carried; None for nobody's, or if it carries none.
        variables: what the upgrade said, for plans.

    Attributes:
        core: the protocol's own session.
        account: who is connected, once that is known.
        renderer: what the avatar says.
        parameters: what the client has asked for last.
    """

    platform: AkoolPlatform

    def __init__(
        self,
        platform: AkoolPlatform,
        connection: Channel,
        instance: Instance,
        account: Account | None,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(platform, connection, platform.mint.identifier("conn"))
        options = platform.options
        self.instance = instance
        self.account = account
        self.parameters: p.Parameters | None = None
        self.core = ServerSession(
            ServerConfig(silence=options.silence, error_number=options.error_number),
            revision=platform.modules,
        )
        self.renderer = Renderer(
            tell=self._tell,
            at=self.at,
            now=platform.now,
            latency=options.render_latency if platform.pace else 0.0,
            pace=platform.pace,
        )
        self._mids = itertools.count(1)
        self.variables = {
            "session_id": "",
            "avatar_id": "",
            "original_mid": "",
            "channel_id": "",
            **variables,
        }
        self._next_mid()
        self._channel: str | None = None
        self._early: p.ParametersReceived | None = None
        self._joining: Timer | None = None
        self._alarm = Alarm(self.at, self._on_deadline)

    def describe(self) -> dict[str, Any]:
        speech = self.renderer
        return {
            **super().describe(),
            "state": self.core.state,
            "account": "" if self.account is None else self.account.name,
            "instance": self.instance.index,
            "session_id": self.variables["session_id"],
            "avatar_id": self.variables["avatar_id"],
            "channel_id": self._channel,
            "received_seconds": round(speech.received, 3),
            "rendered_seconds": round(speech.rendered, 3),
            "remaining_seconds": round(speech.remaining, 3),
            "dropped_seconds": round(speech.dropped, 3),
        }

    # -- life --------------------------------------------------------------------------------------

    def default_open(self) -> None:
        self.core.open(self.platform.now())
        if not self.platform.modules.documented:
            self._decide()
        self._arm()

    def observe_open(self) -> None:
        self.core.open(self.platform.now())
        self._arm()

    def default_message(self, message: bytes | str) -> None:
        events = self.core.receive(message, self.platform.now())
        if not self.platform.options.pongs:
            self._withhold_pongs()
        self._step(events)

    def observe_message(self, message: bytes | str) -> None:
        for event in self.core.receive(message, self.platform.now()):
            self._remember(event)
        self.core.data_to_send()
        self._arm()

    def default_end(self, code: int | None, reason: str) -> None:
        self.core.closed(code, reason, self.platform.now())
        self._leave_channel()
        self.platform.vacate(self.instance, self)

    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """A plan has sent a message of its own making; what it says to the client counts."""
        self._took(str(self.connection.codec.encode(name, data)))

    def send_error(self, name: str) -> None:
        row = self.platform.modules.errors.CATALOGUE[name]
        if row.message is not None:
            document = substitute(row.message, self.variables)
            text = json.dumps(document)
            self.send(text)
            self._took(text)
        elif name in _ACKNOWLEDGED_ONLY:
            self._acknowledge_waiting()
        if row.abort:
            self.connection.abort(name)
        elif row.close is not None:
            self.core.end(row.close.code, row.close.reason)
            self._close_if_over()

    # -- the core's events -------------------------------------------------------------------------

    def _step(self, happened: Iterable[p.PlatformEvent]) -> None:
        self._deliver(())
        for event in happened:
            self._remember(event)
            handler = self._HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        self._close_if_over()
        self._arm()

    def _deliver(self, messages: Iterable[str]) -> None:
        for message in (*messages, *self.core.data_to_send()):
            self.send(message)

    def _remember(self, event: p.PlatformEvent) -> None:
        if isinstance(event, (p.ParametersReceived, p.InterruptReceived, p.LeaveReceived)):
            self.variables["original_mid"] = event.mid
        if isinstance(event, p.ParametersReceived):
            self.parameters = event.parameters
            self.variables["channel_id"] = event.parameters.channel_id
        if isinstance(event, p.AuthReceived):
            self.account = self.platform.accounts.by_key(event.token)
            self.variables["avatar_id"] = event.avatar_id

    def _decide(self) -> None:
        """Take the client, or turn it away (OP-2, OP-15)."""
        refusal = self.platform.refusal(self.instance, self.account)
        if refusal:
            self._deliver(self.core.refuse(refusal))
            self._close_if_over()
        else:
            self._deliver(self.core.accept(self.platform.now()))
            self._seat()

    def _seat(self) -> None:
        """The client is in: the instance is its own, and what came early is due."""
        self.platform.occupy(self.instance, self)
        early, self._early = self._early, None
        if early is not None:
            self._on_parameters(early)

    def _on_auth(self, _: p.AuthReceived) -> None:
        self._decide()

    def _on_parameters(self, event: p.ParametersReceived) -> None:
        if not self.core.accepted:
            self._early = event
            return
        options = self.platform.options
        if not options.agora_first:
            self._acknowledge(event.mid)
        if self._joining is not None:
            self._joining.cancel()
        if options.join_delay > 0:
            self._joining = self.later(options.join_delay, self._join)
        else:
            self._join()

    def _join(self) -> None:
        """The join has come to its end, one way or the other."""
        self._joining = None
        options, parameters = self.platform.options, self.parameters
        if not self.core.joining or parameters is None or not options.joins:
            return
        if options.join_fails:
            self.send_error("agora_failed")
            return
        self._channel = parameters.channel_id
        self._tell(JOINED, {"channel_id": parameters.channel_id})
        self._deliver(self.core.joined(parameters.channel_id, self.platform.now()))
        if options.agora_first:
            self._acknowledge_waiting()
        if options.token_lifetime is not None:
            self.later(options.token_lifetime, self._expire)

    def _expire(self) -> None:
        """The Agora token is no longer good: the server drops out of the channel (OP-10)."""
        if self._channel is not None:
            self._leave_channel()
            self.send_error("agora_token_expired")

    def _on_audio(self, event: p.AudioReceived) -> None:
        if self._channel is None:
            self.renderer.discard(event.seconds)  # it has dropped out of the channel
        else:
            self.renderer.add(event.seconds)

    def _on_interrupt(self, event: p.InterruptReceived) -> None:
        """AKO-INT-002, AKO-INT-004, and the ack in any case (AKO-INT-003)."""
        self.renderer.stop()
        self._acknowledge(event.mid)

    def _on_leave(self, event: p.LeaveReceived) -> None:
        """The ack, then the channel (AKO-LEAVE-003)."""
        self._acknowledge(event.mid)
        self._leave_channel()
        wait = self.platform.options.leave_close
        if wait is not None:
            self.later(wait, self._close_after_leave)

    def _close_after_leave(self) -> None:
        self.send_error("closed_after_leave")

    # -- helpers -----------------------------------------------------------------------------------

    def _acknowledge(self, mid: str) -> None:
        options = self.platform.options
        if mid in self.core.waiting and options.acks:
            now = self.platform.now()
            self._deliver(self.core.acknowledge(mid, now, status=options.ack_status))

    def _acknowledge_waiting(self) -> None:
        for mid in self.core.waiting:
            self._acknowledge(mid)

    def _took(self, text: str) -> None:
        before = self.core.accepted
        self.core.took(text)
        self._next_mid()
        self._deliver(())
        if self.core.accepted and not before:
            self._seat()
        self._arm()

    def _next_mid(self) -> None:
        self.variables["mid"] = f"{self.id}-{next(self._mids)}"

    def _withhold_pongs(self) -> None:
        kept = [text for text in self.core.data_to_send() if not self._is_pong(text)]
        self._deliver(kept)

    def _is_pong(self, text: str) -> bool:
        decoded = self.connection.codec.decode(text, "server")
        return bool(decoded.name == self.platform.modules.messages.MessageName.PONG)

    def _leave_channel(self) -> None:
        self.renderer.stop()
        channel, self._channel = self._channel, None
        if channel is not None:
            self._tell(LEFT, {"channel_id": channel})

    def _tell(self, name: str, data: Mapping[str, Any]) -> None:
        """Say what no message shows: to whoever listens, and in the journal."""
        number = self.connection.number
        self.platform.journal.add(
            "note", source="platform", name=name, connection=number, data=dict(data)
        )
        self.platform.tell(name, {"connection": number, **data})

    def _close_if_over(self) -> None:
        over = self.core.close_to_send()
        if over is not None and self.connection.writable:
            self.connection.close(*over)

    def _act_expire_token(self, _: bool) -> None:  # noqa: FBT001 - an action's value
        if self._channel is None:
            fail("expire_token", "no channel was joined", value=True)
        self._expire()

    # -- timers ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        self._alarm.set(self.core.deadline() if self.connection.writable else None)

    def _on_deadline(self) -> None:
        self._step(self.core.timeout(self.platform.now()))

    _HANDLERS: Final[dict[type, Callable[[Any, Any], None]]] = {
        p.AuthReceived: _on_auth,
        p.ParametersReceived: _on_parameters,
        p.AudioReceived: _on_audio,
        p.InterruptReceived: _on_interrupt,
        p.LeaveReceived: _on_leave,
    }
    extra_actions: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {
        "expire_token": _act_expire_token,
    }


#: Rows of the catalogue where the ack comes and what follows it does not.
_ACKNOWLEDGED_ONLY: Final = frozenset({"agora_unanswered"})
