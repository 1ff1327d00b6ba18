"""Everything a client may send, each with its meaning for the instance.

Nothing here raises for what arrives: what has no effect comes out as `FrameRefused`, answered by an
error frame. `ServerSession` adds the connection's life around it.
"""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING, Any

from protocol_core.akool import platform_events as p
from protocol_core.akool.codec import Codec, Fault, Unfit
from protocol_core.akool.revision import PROTOCOL, Revision
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    from avatar_protocols.tables import WireError

__all__ = ["PlatformReceiving"]


class PlatformReceiving:
    """The receiving half of an instance's session, and what it answers by itself.

    Args:
        revision: which revision's messages.
        error_number: number in the answers to illegal frames; None as catalogued.

    Attributes:
        revision: as given.
    """

    def __init__(self, revision: Revision, *, error_number: int | None = None) -> None:
        self.revision = revision
        self._codec = Codec(revision)
        self._machine = StateMachine(revision.states.CONNECTION, protocol=PROTOCOL)
        self._messages = revision.messages
        self._triggers = revision.states.Trigger
        self._states = revision.states.State
        self._error_number = error_number
        self._mids = itertools.count(1)
        self._out: list[str] = []
        self._held: list[str] = []
        self._pending: dict[str, str] = {}
        self._joining = False
        m = self._messages
        handlers: dict[str, Callable[[str, Any, str], list[p.PlatformEvent]]] = {
            "PingMessage": self._on_ping,
            "CommandMessage": self._on_command,
            "ChatMessage": self._on_chat,
            "EventMessage": self._on_leave,
            "AuthMessage": self._on_auth,
            "AgoraParamsMessage": self._on_agora_params,
            "AudioDataMessage": self._on_audio_data,
        }
        self._handlers = {
            getattr(m, name): handler for name, handler in handlers.items() if hasattr(m, name)
        }

    # -- what the owner asks -----------------------------------------------------------------------

    @property
    def state(self) -> str:
        """State of the connection, as in the state table."""
        return self._machine.state

    @property
    def accepted(self) -> bool:
        """Whether websocket_connected was sent, and no refusal."""
        states = self._states
        early = {states.NEW, states.LOCATED, states.OPENING, states.GREETING, states.EARLY}
        waiting = {getattr(states, "AUTH_WAIT", states.GREETING), states.REFUSED}
        return self.state not in early | waiting

    @property
    def ready(self) -> bool:
        """Whether audio may flow."""
        return bool(self.state == self._states.READY)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Mids of the requests that wait for an ack, oldest first."""
        return tuple(self._pending)

    @property
    def joining(self) -> bool:
        """Whether `joined` is due: parameters were asked for, and nothing has failed them."""
        return self._joining

    def data_to_send(self) -> list[str]:
        """Answers that the rules demand, in order; each is handed out once."""
        out, self._out = self._out, []
        return out

    # -- receiving ---------------------------------------------------------------------------------

    def receive(self, data: bytes | str, now: float) -> list[p.PlatformEvent]:  # noqa: ARG002 - the shape of all sessions
        """What a frame means. Never raises for what the client sends."""
        frame = self._codec.decode_client(data)
        if isinstance(frame, Unfit):
            return self._on_unfit(frame)
        return self._handlers[type(frame.message)](frame.name, frame.message, data_of(data))

    def _on_unfit(self, unfit: Unfit) -> list[p.PlatformEvent]:
        """OP-6: an error frame, and the frame is ignored."""
        unknown = unfit.fault is Fault.UNKNOWN
        trigger = self._triggers.UNKNOWN if unknown else self._triggers.MALFORMED
        self._machine.receive(trigger)
        name = "unknown_message" if unknown else "malformed_message"
        if self._is_other_mode(unfit):
            name = "params_refused"
        return self._refused(name, unfit.detail, unfit.name, "AKO-CONN-012", unfit.data)

    def _on_ping(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        if not self._machine.allows(self._triggers.PING):
            return self._misplaced(self._triggers.PING, name, text)
        self._machine.receive(self._triggers.PING)
        m = self._messages
        self._answer(self._encode(m.PongMessage, "pong", m.EmptyPayload()))  # AKO-HB-002
        return [p.PingReceived(mid=getattr(message, "mid", ""))]

    def _on_command(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        payload = message.pld
        if isinstance(payload, self._messages.InterruptPayload):
            if not self._machine.allows(self._triggers.INTERRUPT):
                return self._misplaced(self._triggers.INTERRUPT, name, text)
            self._machine.receive(self._triggers.INTERRUPT)
            self._pending[message.mid] = self._triggers.INTERRUPT
            return [p.InterruptReceived(mid=message.mid)]
        agora = payload.metadata.agora_data
        wanted = p.Parameters(
            channel_id=agora.channel_id,
            uid=agora.uid,
            token=agora.token,
            app_id=agora.appid,
            voice_id=payload.data.vid,
            language=payload.data.lang,
            background_url=payload.data.bgurl,
        )
        trigger = self._triggers.SET_PARAMS
        return self._parameters(trigger, name, text, message.mid, wanted)

    def _on_agora_params(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        data = message.data
        wanted = p.Parameters(channel_id=data.channel, uid=data.user_id, token=data.rtc_token)
        return self._parameters(self._triggers.AGORA_PARAMS, name, text, "", wanted)

    def _parameters(
        self, trigger: str, name: str, text: str, mid: str, wanted: p.Parameters
    ) -> list[p.PlatformEvent]:
        if not self._machine.allows(trigger):
            return self._misplaced(trigger, name, text)
        repeated = self.ready
        self._machine.receive(trigger)
        self._joining = True
        if mid:
            self._pending[mid] = trigger
        return [p.ParametersReceived(mid=mid, parameters=wanted, repeated=repeated)]

    def _on_chat(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        return self._audio(name, message.mid, message.pld.audio, text)

    def _on_audio_data(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        return self._audio(name, "", message.data, text)

    def _audio(self, name: str, mid: str, encoded: str, text: str) -> list[p.PlatformEvent]:
        if not self._machine.allows(self._triggers.AUDIO):
            return self._misplaced(self._triggers.AUDIO, name, text)
        self._machine.receive(self._triggers.AUDIO)
        audio = base64.b64decode(encoded)
        rate: int = self.revision.constants.Audio.BYTES_PER_SECOND
        return [p.AudioReceived(mid=mid, audio=audio, seconds=len(audio) / rate)]

    def _on_leave(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        if not self._machine.allows(self._triggers.LEAVE):
            return self._misplaced(self._triggers.LEAVE, name, text)
        self._machine.receive(self._triggers.LEAVE)
        self._fail_parameters()
        self._pending[message.mid] = self._triggers.LEAVE
        self._out += self._release()
        return [p.LeaveReceived(mid=message.mid, reason=message.pld.reason)]

    def _on_auth(self, name: str, message: Any, text: str) -> list[p.PlatformEvent]:
        if not self._machine.allows(self._triggers.AUTH):
            return self._misplaced(self._triggers.AUTH, name, text)
        self._machine.receive(self._triggers.AUTH)
        return [p.AuthReceived(token=message.token, avatar_id=message.avatar_id)]

    # -- answers -----------------------------------------------------------------------------------

    def _misplaced(self, trigger: str, name: str, text: str) -> list[p.PlatformEvent]:
        """A known frame that is not legal here: answered, without effect (OP-5, OP-8)."""
        if self.state == self._states.REFUSED:
            return [p.FrameRefused(error_name="", reason="refused already", name=name, data=text)]
        row, requirement = self._row_of(trigger)
        reason = f"{name} is not legal in state {self.state}"
        return self._refused(row, reason, name, requirement, text)

    def _row_of(self, trigger: str) -> tuple[str, str]:
        """Row of the catalogue that answers a misplaced frame, and the rule behind it."""
        to, states = self._triggers, self._states
        if self.state in {getattr(states, "AUTH_WAIT", ""), getattr(states, "GREETED", "")}:
            return "auth_expected", "AKO-AUTH-010"
        if self.state == getattr(states, "LEAVING", ""):
            return "message_out_of_place", ""
        if self._must_wait(trigger):
            return "parameters_pending", "AKO-PARAM-012"
        if trigger == to.AUDIO:
            return "audio_before_parameters", "AKO-AUDIO-008"
        if trigger == getattr(to, "INTERRUPT", ""):
            return "interrupt_before_parameters", "AKO-PARAM-001"
        return "message_out_of_place", ""

    def _must_wait(self, trigger: str) -> bool:
        """Whether a frame comes too early because parameters are being set (OP-8)."""
        again = self.state == getattr(self._states, "RECONFIGURING", "")
        return again or trigger == getattr(self._triggers, "SET_PARAMS", "")

    def _is_other_mode(self, unfit: Unfit) -> bool:
        """Whether a set-params wants another mode than streaming, which servers refuse (OP-6)."""
        commands = getattr(self.revision.constants, "Command", None)
        if commands is None or not unfit.name.endswith(f"/{commands.SET_PARAMS}"):
            return False
        return ".mode`" in unfit.detail

    def _refused(
        self, error_name: str, reason: str, name: str, requirement: str, data: bytes | str
    ) -> list[p.PlatformEvent]:
        if self.state == self._states.REFUSED:
            error_name = ""
        else:
            row: WireError = self.revision.errors.CATALOGUE[error_name]
            self._answer(self._error(row, number=self._error_number))
        return [
            p.FrameRefused(
                error_name=error_name,
                reason=reason,
                name=name,
                requirement=requirement,
                data=data,
            )
        ]

    def _answer(self, text: str) -> None:
        """Send an answer, if need be after websocket_connected (AKO-CONN-005)."""
        states = self._states
        wait = self.state in {states.GREETING, states.EARLY}
        (self._held if wait else self._out).append(text)

    def _release(self) -> list[str]:
        held, self._held = self._held, []
        return held

    def _error(self, row: WireError, *, number: int | None = None, text: str | None = None) -> str:
        payload: dict[str, Any] = dict((row.message or {})[self.revision.constants.Member.PAYLOAD])
        if number is not None:
            payload["error_code"] = number
        if text is not None:
            payload["error_message"] = text
        m = self._messages
        return self._encode(m.ErrorMessage, "error", m.ErrorPayload(**payload))

    def _encode(self, kind: Any, prefix: str, payload: Any) -> str:
        """A message of ours, in the envelope, under a fresh mid."""
        version: int = self.revision.constants.Envelope.VERSION
        mid = f"{prefix}-{next(self._mids)}"
        return self._codec.encode(kind(v=version, mid=mid, pld=payload))

    # -- parameters --------------------------------------------------------------------------------

    def _fail_parameters(self) -> None:
        """Pending parameters are not going to be set (OP-7)."""
        self._joining = False
        setting = getattr(self._triggers, "SET_PARAMS", None)
        self._pending = {mid: kind for mid, kind in self._pending.items() if kind != setting}


def data_of(data: bytes | str) -> str:
    """A frame that was understood is text."""
    return data if isinstance(data, str) else data.decode()
