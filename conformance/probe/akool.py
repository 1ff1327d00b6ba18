"""The Akool probe.

    http: {endpoint: service_status}    api_key, environment (test, prod), query, headers, path
                                        override
    connect: {instance, url, api_key, session_id, avatar_id, query, headers, auth: {…}}
                                discovers first, unless that was done or a URL is given; the
                                instance is the first usable one, unless a number (from 1) is given;
                                auth sends auth in the documented dialect, with these members
    open: {…}                   the same with auth, and await websocket_connected
    send_audio: {seconds | audio, chunk}    silence, or base64, in chunks of so many bytes
    command: {name: auth, …}    documented dialect: auth; members replace its own
    command: {name: set_params, wait: true, …}    set-params or agora_params, and what completes it;
                                app_id, channel, token, uid, voice_id, language, background_url
                                override

Variables: $session_id, $instance (its address), and every credential.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any
from urllib.parse import urlencode, urlsplit

from conformance.probe.base import Args, Probe
from conformance.probe.calls import json_body, merged
from conformance.stage.base import StepUnmetError
from protocol_core.akool.addresses import Instance, websocket_url
from protocol_core.akool.discovery import read_discovery
from protocol_core.akool.errors import AkoolError
from protocol_core.akool.revision import load
from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["PROBE", "AkoolProbe"]

_CHUNK = 3200
"""Bytes of a chunk: 100 ms."""


class AkoolProbe(Probe):
    """Plays an Akool client by hand."""

    protocol = "akool"
    credentials = ("api_key", "avatar_id")

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - those of Probe
        super().__init__(*args)
        self._modules = load(self.revision.id)
        self._names = self._modules.states.CONNECTION.messages
        self._instances: list[Instance] = []
        demo = self.constants.Demo
        wanted = {
            "app_id": demo.APP_ID,
            "channel": demo.CHANNEL,
            "token": demo.TOKEN,
            "uid": demo.UID,
        }
        self.variables = {**wanted, "session_id": str(uuid.uuid4()), **self.variables}
        self.commands = {"set_params": self._set_params}
        if self._modules.documented:
            self.commands["auth"] = self._auth

    # --- discovery ------------------------------------------------------------------------------

    def request(self, endpoint: str, args: Args) -> HttpRequest:
        spec, names = self.endpoints[endpoint], self.constants
        headers = {
            names.Header.API_KEY: args.get("api_key", self.variables.get("api_key", "")),
            names.Header.CONTENT_TYPE: names.MediaType.JSON,
        }
        query: dict[str, str] = {}
        if self._modules.names_avatar:
            query[names.Query.AVATAR_ID] = self.variables.get("avatar_id", "")
        if args.get("environment", names.Environment.TEST) == names.Environment.TEST:
            query[names.Query.GROUP_NAME] = names.Group.TEST
        query |= args.get("query", {})
        base = self.site.urls.get(spec.base) or next(iter(self.site.urls.values()))
        root = urlsplit(base)
        asked = f"?{urlencode(query)}" if query else ""
        given = bool({"json", "text", "body"} & args.keys())
        return HttpRequest(
            method=args.get("method", spec.method),
            url=f"{root.scheme}://{root.netloc}{args.get('path', spec.path)}{asked}",
            headers=merged(headers, args.get("headers", {})),
            body=json_body(args, None) if given else b"",
        )

    def replied(self, endpoint: str, response: HttpResponse) -> None:  # noqa: ARG002 - the only one
        try:
            found = read_discovery(self._modules, response)
        except AkoolError:
            return  # a refusal, or nobody; the trace shows it
        self._instances = self._instances or found

    async def _chosen(self, args: Args) -> Instance:
        if not self._instances:
            await self.call(self.constants.Endpoint.SERVICE_STATUS.name, {})
        place: int = args.get("instance", 1)
        if len(self._instances) < place:
            usable = len(self._instances)
            raise StepUnmetError(f"discovery gave {usable} usable instances; {place} are needed")
        return self._instances[place - 1]

    # --- the connection -------------------------------------------------------------------------

    async def connect(self, args: Args) -> None:
        url = args.get("url")
        if url is None:
            instance = await self._chosen(args)
            self.learn("instance", instance.address)
            url = websocket_url(self._modules, instance, self._query(args))
        headers: dict[str, str | None] = {}
        if not self._modules.documented:
            key = args.get("api_key", self.variables.get("api_key", ""))
            headers = {self.constants.Header.API_KEY: key}
        socket = await self.upgrade(self.constants.Endpoint.WEBSOCKET.name, url, headers, args)
        if self._modules.documented and "auth" in args and socket.is_open:
            await self._auth(args["auth"])

    def _query(self, args: Args) -> dict[str, str]:
        names = self.constants.Query
        query: dict[str, str] = {}
        if not self._modules.documented:
            members = {names.SESSION_ID: "session_id", names.AVATAR_ID: "avatar_id"}
            query = {
                name: args.get(member, self.variables.get(member, ""))
                for name, member in members.items()
            }
        return {**query, **args.get("query", {})}

    async def open(self, args: Args) -> None:
        before = self.seen
        await self.connect({"auth": {}, **args})
        socket = self.sockets[-1]
        if not socket.is_open:
            raise StepUnmetError(f"the upgrade was answered by HTTP {socket.status}")
        name = self._names[self._modules.states.Trigger.CONNECTED]
        await self.answer_to(socket, name, after=before, text="confirming the connection")

    async def _auth(self, args: Args) -> None:
        own = {
            "token": self.variables.get("api_key", ""),
            "avatar_id": self.variables.get("avatar_id", ""),
        }
        name = self.constants.MessageType.AUTH
        self.deliver(self.codec.encode(name, {**own, **_data(args)}), args)

    # --- what it is for -------------------------------------------------------------------------

    async def _set_params(self, args: Args) -> None:
        socket, before = self.socket(args), self.seen
        given = {**self.variables, **args}
        triggers = self._modules.states.Trigger
        if self._modules.documented:
            name = self._names[triggers.AGORA_PARAMS]
            due = {self._names[triggers.AGORA]}
            data = {
                "data": {
                    "channel": given["channel"],
                    "userId": int(given["uid"]),
                    "rtcToken": given["token"],
                }
            }
        else:
            name = self._names[triggers.SET_PARAMS]
            due = {self._names[triggers.AGORA], self._names[triggers.ACK]}
            data = self._parameters(given)
        socket.send(self.codec.encode(name, data))
        if args.get("wait", True):
            for item in sorted(due):
                wanted = {"connection": socket.number, "sender": "server", "name": item}
                await self.journal.wait_for(wanted, after=before)

    def _parameters(self, given: Args) -> dict[str, Any]:
        default = self.constants.Default
        return {
            "data": {
                "vid": given.get("voice_id", default.VOICE),
                "lang": given.get("language", default.LANGUAGE),
                "mode": given.get("mode", self.constants.Mode.STREAMING),
                "bgurl": given.get("background_url", default.BACKGROUND),
            },
            "metadata": {
                "agora_data": {
                    "appid": given["app_id"],
                    "channel_id": given["channel"],
                    "token": given["token"],
                    "uid": given["uid"],
                }
            },
        }

    async def send_audio(self, args: Args) -> None:
        audio = base64.b64decode(args.get("audio", ""))
        if "audio" not in args:
            audio = bytes(round(args.get("seconds", 0.1) * self.constants.Audio.BYTES_PER_SECOND))
        chunk = args.get("chunk", _CHUNK)
        name = self._names[self._modules.states.Trigger.AUDIO]
        member = "data" if self._modules.documented else "audio"
        for start in range(0, len(audio), chunk):
            text = base64.b64encode(audio[start : start + chunk]).decode()
            self.deliver(self.codec.encode(name, {member: text}), args)


def _data(args: Args) -> Args:
    return {name: value for name, value in args.items() if name != "connection"}


PROBE = AkoolProbe
