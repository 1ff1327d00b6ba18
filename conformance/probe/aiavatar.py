"""The AIAvatarKit probe: an application, by hand.

    http: {endpoint: chat}         data: {…} changes members, without: [..] leaves members out,
                                   audio: {speech: 0.5, silence: 0.5} as audio_data; json, text,
                                   headers, api_key
    http: {endpoint: transcribe}   parts: {…}, else half a second of tone
    http: {endpoint: synthesize}   json, text, headers, api_key
    connect: {path, headers}
    open: {session_id, user_id, context_id, metadata}    connect, send start, await connected
    send: {message: TYPE, data: {…}, connection}         session_id is added unless it is given
    send_audio: {speech, silence, level, session_id, connection}
                                   seconds of tone, then of silence, as data messages

``level`` is the level of the tone, in dB below full scale (-12). Variables: $session_id and
$other_session_id (new ones in each scenario), $user_id, $context_id (what the newest start event of
the server announced), and every credential. The key is sent where there is one; ``api_key: null``
leaves it out.
"""

from __future__ import annotations

import array
import base64
import math
import sys
import uuid
from typing import Any

import msgspec

from conformance.probe.base import Args, Probe
from conformance.probe.calls import json_body, merged
from conformance.probe.form import form
from conformance.stage.base import StepUnmetError
from protocol_core.http import HttpRequest

__all__ = ["PROBE", "AIAvatarProbe", "tone"]

_LEVEL = -12.0
_HZ = 440.0
_TEXT = "Hello"


def tone(seconds: float, *, rate: int, level: float = _LEVEL) -> bytes:
    """A tone: S16LE, mono.

    Args:
        seconds: how long.
        rate: samples a second.
        level: of its peaks, in dB below full scale.
    """
    peak, step = 32767 * 10 ** (level / 20), 2 * math.pi * _HZ / rate
    samples = array.array(
        "h", (round(peak * math.sin(step * n)) for n in range(round(seconds * rate)))
    )
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


class AIAvatarProbe(Probe):
    """Plays an AIAvatarKit application by hand."""

    protocol = "aiavatar"
    credentials = ()

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - those of Probe
        super().__init__(*args)
        self.variables["session_id"] = f"probe-{uuid.uuid4().hex}"
        self.variables["other_session_id"] = f"probe-{uuid.uuid4().hex}"
        self.variables["user_id"] = "probe-user"
        self._audio = self.constants.Audio
        self._types = self.constants.RequestType
        self._tag: str = self.revision.load("messages").StartEvent.__struct_config__.tag_field
        self.steps["send"] = self._step_send_request

    def resolve(self, args: Any) -> Any:  # noqa: ANN401 - whatever stands in the YAML
        self._learn_context()
        return super().resolve(args)

    def request(self, endpoint: str, args: Args) -> HttpRequest:
        spec, names = self.endpoints[endpoint], self.constants
        headers: dict[str, str] = {names.Header.CONTENT_TYPE: names.HeaderValue.JSON}
        key = args.get("api_key", self.variables.get("api_key"))
        if key is not None:
            headers[names.Header.AUTHORIZATION] = names.HeaderValue.BEARER_PREFIX + key
        if endpoint == names.Endpoint.TRANSCRIBE.name:
            parts = {
                names.Form.AUDIO: {"filename": "voice.pcm", "pcm": {"seconds": 0.5, "hz": _HZ}}
            }
            headers[names.Header.CONTENT_TYPE], body = form(parts)
        else:
            body = json_body(args, self._body(endpoint, args))
        return HttpRequest(
            method=args.get("method", spec.method),
            url=self._url(spec.base) + args.get("path", spec.path),
            headers=merged(headers, args.get("headers", {})),
            body=body,
        )

    async def connect(self, args: Args) -> None:
        spec = self.constants.Endpoint.WEBSOCKET
        await self.upgrade(spec.name, self._url(spec.base) + args.get("path", spec.path), {}, args)

    async def open(self, args: Args) -> None:
        before = self.seen
        await self.connect(args)
        socket = self.sockets[-1]
        if not socket.is_open:
            raise StepUnmetError(f"the upgrade was answered by HTTP {socket.status}")
        members = {
            "session_id": self.variables["session_id"],
            "user_id": self.variables["user_id"],
            "context_id": None,
            **{k: v for k, v in args.items() if k not in {"path", "headers", "pong", "within"}},
        }
        socket.send(self._message(self._types.START, members))
        connected = self.constants.EventType.CONNECTED
        await self.answer_to(socket, connected, after=before, text="connecting")

    async def send_audio(self, args: Args) -> None:
        socket, size = self.socket(args), self._audio.FRAME_BYTES
        session = args.get("session_id", self.variables["session_id"])
        pcm = self._pcm(args)
        for start in range(0, len(pcm), size):
            audio = base64.b64encode(pcm[start : start + size]).decode()
            data = {"session_id": session, "audio_data": audio}
            socket.send(self._message(self._types.DATA, data))

    async def _step_send_request(self, args: Args) -> None:
        """A request as it is: nothing is added to it but the session, for it is ours to give."""
        resolved = self.resolve(args)
        data = {"session_id": self.variables["session_id"], **resolved.get("data", {})}
        self.deliver(self._message(resolved["message"], data), resolved)

    def _message(self, kind: str, members: Args) -> str:
        return msgspec.json.encode({self._tag: kind, **members}).decode()

    def _body(self, endpoint: str, args: Args) -> Args:
        if endpoint != self.constants.Endpoint.CHAT.name:
            return {"text": _TEXT}
        body: Args = {
            self._tag: self._types.START,
            "session_id": self.variables["session_id"],
            "user_id": self.variables["user_id"],
            "context_id": None,
            "text": None if "audio" in args else _TEXT,
            **args.get("data", {}),
        }
        if "audio" in args:
            body["audio_data"] = base64.b64encode(self._pcm(args["audio"])).decode()
        return {name: value for name, value in body.items() if name not in args.get("without", ())}

    def _pcm(self, args: Args) -> bytes:
        rate, width = self._audio.SAMPLE_RATE, self._audio.BYTES_PER_SAMPLE
        speech = tone(args.get("speech", 0.0), rate=rate, level=args.get("level", _LEVEL))
        return speech + bytes(width * round(args.get("silence", 0.0) * rate))

    def _url(self, base: str) -> str:
        if base not in self.site.urls:
            raise StepUnmetError(f"the server has no {base}")
        return self.site.urls[base].rstrip("/")

    def _learn_context(self) -> None:
        """What the newest start event announced; messages come while no step is being played."""
        start = self.constants.EventType.START
        for record in reversed(self.journal.records):
            if record.kind == "message" and record.sender == "server" and record.name == start:
                context = (record.data or {}).get("context_id")
                if isinstance(context, str):
                    self.variables["context_id"] = context
                return


PROBE = AIAvatarProbe
