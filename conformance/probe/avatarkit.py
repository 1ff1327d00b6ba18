"""The AvatarKit probe.

    http: {endpoint: session_tokens}    json, text, headers, path override
    connect: {auth: header | query}     fetches a token, unless one was fetched or is given;
                                        token, app_id, avatar_id, query: {…}, headers: {…} override
    open: {auth, sample_rate, audio_format, config: {…}}     connect, configure, await the confirm
    send_audio: {seconds | bytes | audio, chunks, end, req_id}

Variables: $session_token, $connection_id, $req_id and every credential.
"""

from __future__ import annotations

import base64
import itertools
from typing import Any
from urllib.parse import urlencode

import msgspec

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from conformance.probe.base import Args, Probe
from conformance.probe.calls import json_body, merged
from conformance.stage.base import StepUnmetError
from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["PROBE", "AvatarKitProbe"]

_LIFETIME = 300
"""Seconds for which tokens are asked."""

_CONFIGURE, _CONFIRM, _AUDIO = map(
    pb.MessageType.Name,
    (
        pb.MESSAGE_CLIENT_CONFIGURE_SESSION,
        pb.MESSAGE_SERVER_CONFIRM_SESSION,
        pb.MESSAGE_CLIENT_AUDIO_INPUT,
    ),
)


class AvatarKitProbe(Probe):
    """Plays an AvatarKit client by hand."""

    protocol = "avatarkit"
    credentials = ("api_key", "app_id", "avatar_id")

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - those of Probe
        super().__init__(*args)
        self._requests = itertools.count(1)
        self._request = ""
        self._rate = 16000

    def request(self, endpoint: str, args: Args) -> HttpRequest:
        spec, names = self.endpoints[endpoint], self.constants
        headers = {
            names.Header.API_KEY: self.variables.get("api_key", ""),
            names.Header.CONTENT_TYPE: names.MediaType.JSON,
        }
        body = {names.TokenBody.EXPIRE_AT: int(self.now()) + _LIFETIME}
        return HttpRequest(
            method=args.get("method", spec.method),
            url=self.site.urls[spec.base].rstrip("/") + args.get("path", spec.path),
            headers=merged(headers, args.get("headers", {})),
            body=json_body(args, body),
        )

    def replied(self, endpoint: str, response: HttpResponse) -> None:
        del endpoint  # there is only one
        member = self.constants.TokenBody.SESSION_TOKEN
        try:
            token = msgspec.json.decode(response.body, type=dict[str, Any])[member]
        except (msgspec.MsgspecError, KeyError):
            return  # a refusal; the trace shows it
        if isinstance(token, str):
            self.learn("session_token", token, secret=True)

    async def connect(self, args: Args) -> None:
        if "token" not in args and "session_token" not in self.variables:
            await self.call(self.constants.Endpoint.SESSION_TOKENS.name, {})
            if "session_token" not in self.variables:
                raise StepUnmetError("the server issued no session token")
        variables, names = self.variables, self.constants
        spec, header, parameter = names.Endpoint.WEBSOCKET, names.Header, names.Query
        token = args.get("token", variables.get("session_token", ""))
        app = args.get("app_id", variables.get("app_id", ""))
        query = {parameter.AVATAR_ID: args.get("avatar_id", variables.get("avatar_id", ""))}
        headers: dict[str, str | None] = {}
        if args.get("auth", "header") == "query":
            query |= {parameter.APP_ID: app, parameter.SESSION_KEY: token}
        else:
            headers = {header.APP_ID: app, header.SESSION_KEY: token}
        query |= args.get("query", {})
        shown = {name: value for name, value in query.items() if value is not None}
        base = self.site.urls[spec.base].rstrip("/")
        url = f"{base}{args.get('path', spec.path)}?{urlencode(shown)}"
        await self.upgrade(spec.name, url, headers, args)

    async def open(self, args: Args) -> None:
        await self.connect(args)
        socket = self.sockets[-1]
        if not socket.is_open:
            raise StepUnmetError(f"the upgrade was answered by HTTP {socket.status}")
        self._rate = args.get("sample_rate", 16000)
        config: dict[str, Any] = {"sample_rate": self._rate, **args.get("config", {})}
        if "audio_format" in args:
            config["audio_format"] = args["audio_format"]
        before = self.seen
        socket.send(self.codec.encode(_CONFIGURE, config))
        data = await self.answer_to(socket, _CONFIRM, after=before, text="confirming the session")
        confirm = data.get("server_confirm_session", {})
        self.learn("connection_id", confirm.get("connection_id", ""))

    async def send_audio(self, args: Args) -> None:
        if "req_id" in args:
            self._request = args["req_id"]
        elif not self._request:
            self._request = f"probe-{next(self._requests)}"
        self.learn("req_id", self._request)
        audio = self._audio(args)
        chunks = args.get("chunks", 1)
        size = -(-len(audio) // chunks) if audio else 0
        end = args.get("end", False)
        socket = self.socket(args)
        for index in range(chunks):
            piece = audio[index * size : (index + 1) * size]
            data = {
                "req_id": self._request,
                "audio": base64.b64encode(piece).decode(),
                "end": end and index == chunks - 1,
            }
            socket.send(self.codec.encode(_AUDIO, data))
        if end:
            self._request = ""

    def _audio(self, args: Args) -> bytes:
        """The bytes to send: given, or silence of a length in bytes or seconds."""
        if "audio" in args:
            return base64.b64decode(args["audio"])
        if "bytes" in args:
            return bytes(args["bytes"])
        return bytes(2 * int(self._rate * args.get("seconds", 0)))


PROBE = AvatarKitProbe
