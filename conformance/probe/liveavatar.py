"""The Live Avatar probe.

    http: {endpoint: session_start | session_stop}    json, text, headers, path, api_key,
                                                      sandbox override
    connect: {url, headers}    starts a session first, unless one was started or a URL is given
    open: {ready: true}        connect, await session.init, answer session.ready
    send_audio: {frames | seconds | audio, samples, sample_rate, channel, codec, sequence,
                 timestamp}

Variables: $session_id, $agent_ws_url, $user_id, $request_id (of the newest input.text) and every
credential.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from conformance.probe.base import Args, Probe
from conformance.probe.calls import json_body, merged
from conformance.stage.base import StepUnmetError
from mock_servers.documents import is_object
from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["PROBE", "LiveAvatarProbe"]

_AUDIO = "AudioFrame"
_RATES = {"HZ_16000": 16000, "HZ_24000": 24000, "HZ_48000": 48000}
_SAMPLES = 640
"""Samples of a frame: 40 ms at 16 kHz, as LAC-FRAME-014 prefers."""


class LiveAvatarProbe(Probe):
    """Plays a Live Avatar agent by hand."""

    protocol = "liveavatar"
    credentials = ("api_key", "avatar_id")

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - those of Probe
        super().__init__(*args)
        self._events = self.revision.load("messages").MessageName
        self._sequence = 0
        self._timestamp = 0

    def request(self, endpoint: str, args: Args) -> HttpRequest:
        spec, names = self.endpoints[endpoint], self.constants
        headers = {
            names.Header.AUTHORIZATION: names.HeaderValue.BEARER_PREFIX
            + args.get("api_key", self.variables.get("api_key", "")),
            names.Header.CONTENT_TYPE: names.HeaderValue.JSON,
        }
        if args.get("sandbox"):
            headers[names.Header.SANDBOX] = names.HeaderValue.SANDBOX
        body: dict[str, Any] = {"avatarId": self.variables.get("avatar_id", "")}
        if endpoint == names.Endpoint.SESSION_STOP.name:
            body = {"sessionId": self.variables.get("session_id", "")}
        base = self.site.urls.get(spec.base) or next(iter(self.site.urls.values()))
        return HttpRequest(
            method=args.get("method", spec.method),
            url=base.rstrip("/") + args.get("path", spec.path),
            headers=merged(headers, args.get("headers", {})),
            body=json_body(args, body),
        )

    def replied(self, endpoint: str, response: HttpResponse) -> None:
        try:
            document = msgspec.json.decode(response.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            return  # no envelope; the trace shows it
        data = document.get("data")
        if endpoint != self.constants.Endpoint.SESSION_START.name or not is_object(data):
            return
        for member, name in (("sessionId", "session_id"), ("agentWsUrl", "agent_ws_url")):
            if isinstance(data.get(member), str):
                self.learn(name, data[member])
        self._hide(self.variables.get("agent_ws_url", ""))

    def _hide(self, url: str) -> None:
        """The URL is the credential (LAC-CONN-002); one of our own mint is recognised anyway."""
        _, _, target = url.partition("://")
        _, slash, path = target.partition("/")
        if self.redactor.text(url) == url and path:
            self.redactor.register("agent_ws_path", slash + path)

    async def connect(self, args: Args) -> None:
        if "url" not in args and "agent_ws_url" not in self.variables:
            await self.call(self.constants.Endpoint.SESSION_START.name, {})
            if "agent_ws_url" not in self.variables:
                raise StepUnmetError("the server gave no agentWsUrl")
        url = args.get("url", self.variables.get("agent_ws_url", ""))
        await self.upgrade(self.constants.Endpoint.AGENT_WEBSOCKET.name, url, {}, args)

    async def open(self, args: Args) -> None:
        before = self.seen
        await self.connect(args)
        socket = self.sockets[-1]
        if not socket.is_open:
            raise StepUnmetError(f"the upgrade was answered by HTTP {socket.status}")
        event = await self.answer_to(
            socket, self._events.SESSION_INIT, after=before, text="initialising the session"
        )
        data = event.get("data")
        if is_object(data):
            self.learn("user_id", str(data.get("userId", "")))
        if args.get("ready", True):
            socket.send(self.codec.encode(self._events.SESSION_READY, {}))

    async def send_audio(self, args: Args) -> None:
        samples = args.get("samples", _SAMPLES)
        rate = args.get("sample_rate", "HZ_16000")
        step = 1000 * samples // _RATES.get(rate, 16000)
        self._sequence = args.get("sequence", self._sequence)
        self._timestamp = args.get("timestamp", self._timestamp)
        socket = self.socket(args)
        payloads = self._payloads(args, samples, step)
        for index, payload in enumerate(payloads):
            frame = {
                "channel": args.get("channel", "MONO"),
                "key": args.get("key", index == 0),
                "sequence": self._sequence,
                "timestamp": self._timestamp,
                "sample_rate": rate,
                "samples": samples,
                "codec": args.get("codec", "PCM"),
                "payload": base64.b64encode(payload).decode(),
            }
            socket.send(self.codec.encode(_AUDIO, frame))
            self._sequence = (self._sequence + 1) % self.constants.Wrap.SEQUENCE
            self._timestamp = (self._timestamp + step) % self.constants.Wrap.TIMESTAMP

    def _payloads(self, args: Args, samples: int, step: int) -> list[bytes]:
        """The payload of each frame: given, or silence of a number of frames or seconds."""
        if "audio" in args:
            return [base64.b64decode(args["audio"])]
        count = args.get("frames") or max(1, round(1000 * args.get("seconds", 0) / step))
        channels = 2 if args.get("channel") == "STEREO" else 1
        return [bytes(2 * channels * samples)] * count


PROBE = LiveAvatarProbe
