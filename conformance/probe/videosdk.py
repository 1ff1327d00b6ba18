"""The VideoSDK probe: an agent by hand.

    http: {endpoint: dispatch, …}   the join request; `members` changes members of its body (null
                                    removes one), `json`, `text`, `headers` replace; `mint` says
                                    which token: {secret, ttl, participant_id, unsigned, claims}
    open: {agent_id}                dispatch, if there is a dispatcher; join as the agent; wait
                                    until the worker is in the room
    connect: {}                     join as the agent, and nothing else
    send_audio: {bytes | seconds | audio, fill, chunk, reliability, as}
    send: {message, data, as, reliability, kind}      segment_end, INTERRUPT, stream_ended, …
    send_text, send_binary          a payload as text (RELIABLE) or binary (UNRELIABLE)
    command: {name: broadcast, text | hex, times, reliability, as}
    command: {name: join, as, participant_id, mint}   a further participant
    command: {name: leave, as}
    command: {name: room, …one action of the room's platform…}

Variables: $room_id, $worker_id, $agent_id and every credential.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.errors import ConformanceError
from conformance.probe.base import Args, Probe
from conformance.probe.calls import json_body, merged
from conformance.probe.room import AGENT, Entry, ProbeRoom
from conformance.probe.site import Site, Surroundings
from conformance.stage.base import StepUnmetError
from conformance.stage.triggers import Control
from mock_servers.documents import substitute
from protocol_core.clock import LoopClock
from protocol_core.http import HttpRequest
from protocol_core.videosdk.credentials import agent_token, mint, new_participant_id
from protocol_core.videosdk.revision import load

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from avatar_protocols.tables import RevisionInfo

__all__ = ["PROBE", "VideoSdkProbe"]

_SERVERS = ("pace", "strict_sender")
"""Options of a scenario that are the worker's; all others are the room's."""
_SAMPLE = b"\xff\xff"
"""The sample -1: not silence, and no UTF-8 either."""


class VideoSdkProbe(Probe):
    """Plays a VideoSDK agent by hand."""

    protocol = "videosdk"
    credentials = ("api_key", "secret")

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - those of Probe
        super().__init__(*args)
        self._tables = load(self.revision.id)
        self._clock = LoopClock(asyncio.get_running_loop())
        self._room: ProbeRoom | None = None
        variables = self.variables
        variables.setdefault("room_id", f"room-{secrets.token_hex(4)}")
        variables.setdefault("agent_id", f"agent_{secrets.token_hex(4)}")
        self._dispatched = not self._has_dispatcher
        if "participant_id" in variables:
            variables["worker_id"] = variables["participant_id"]
        else:
            variables.setdefault("worker_id", new_participant_id(self._tables))
        self.commands = {
            "broadcast": self._broadcast,
            "join": self._join,
            "leave": self._leave,
            "room": self._room_acts,
        }
        self.steps |= {
            "send": lambda args: self._send(self.resolve(args)),
            "send_text": lambda text: self._broadcast({"text": substitute(text, self.variables)}),
            "send_binary": lambda data: self._broadcast({"hex": data}),
        }

    @classmethod
    @asynccontextmanager
    async def surroundings(
        cls, revision: RevisionInfo, options: dict[str, Any], seed: int
    ) -> AsyncGenerator[Surroundings]:
        from mock_servers.videosdk.platform import VideoSdkPlatform

        own = {name: value for name, value in options.items() if name in _SERVERS}
        rest = {name: value for name, value in options.items() if name not in _SERVERS}
        rest = {"pace": False, "seed": seed, **rest, "worker": "absent"}
        async with VideoSdkPlatform(revision, **rest) as platform:
            worker_id = new_participant_id(load(revision.id))
            room_id = f"room-{secrets.token_hex(4)}"
            yield Surroundings(
                options=own,
                urls={"room": platform.urls["room"]},
                credentials={"token": platform.token(worker_id), "participant_id": worker_id},
                room=room_id,
                site=Site(
                    urls={"room": platform.urls["room"], "control": platform.control_url},
                    credentials={
                        **platform.credentials,
                        "room_id": room_id,
                        "participant_id": worker_id,
                    },
                ),
            )

    # What a probe does.

    async def connect(self, args: Args) -> None:
        await self._join({"as": AGENT, **args})

    async def open(self, args: Args) -> None:
        if self._has_dispatcher:
            response = await self.call(self.constants.Endpoint.DISPATCH.name, args)
            if response.status // 100 != 2:  # noqa: PLR2004 - the class of success
                raise StepUnmetError(f"the dispatcher answered HTTP {response.status}")
        await self.connect({"participant_id": args["agent_id"]} if "agent_id" in args else {})
        room, worker = self._in_room(), self.variables["worker_id"]
        if worker not in room.participants():
            await self.journal.wait_for(
                lambda r: r.kind == "join" and r.participant == worker,
                deadline=3600.0,  # the step's own deadline comes first
            )

    async def send_audio(self, args: Args) -> None:
        limit = args.get("chunk", self.constants.Limit.PCM_CHUNK)
        pcm = self._speech(args)
        mode = args.get("reliability", self.constants.Reliability.UNRELIABLE)
        for start in range(0, len(pcm), limit):
            await self._say(pcm[start : start + limit], mode, args)

    def request(self, endpoint: str, args: Args) -> HttpRequest:
        spec, names = self.endpoints[endpoint], self.constants
        base = self.site.urls.get(spec.base)
        if base is None:
            raise StepUnmetError(f"the server has no {spec.base}")
        if endpoint == names.Endpoint.ROOMS.name:
            headers = {names.Header.AUTHORIZATION: self._token({})}
            body = b""
        else:
            headers = {names.Header.CONTENT_TYPE: names.MediaType.JSON}
            body = json_body(args, self._join_request(args))
        return HttpRequest(
            method=args.get("method", spec.method),
            url=base.rstrip("/") + args.get("path", spec.path),
            headers=merged(headers, args.get("headers", {})),
            body=body,
        )

    async def settle(self) -> None:
        if self._room is not None:
            await self._room.settle()

    async def aclose(self) -> None:
        if self._room is not None:
            await self._room.aclose()
        await super().aclose()

    # Steps.

    async def _send(self, args: Args) -> None:
        message = args["message"]
        payload = self.codec.encode(message, args.get("data", {}))
        kind = args.get("kind")
        if kind == "text" and isinstance(payload, bytes):
            payload = payload.decode()
        if kind == "binary" and isinstance(payload, str):
            payload = payload.encode()
        modes = self.constants.Reliability
        usual = modes.UNRELIABLE if message == self.constants.Payload.PCM else modes.RELIABLE
        await self._say(payload, args.get("reliability", usual), args)

    async def _broadcast(self, args: Args) -> None:
        payload: bytes | str
        payload = bytes.fromhex(args["hex"]) if "hex" in args else str(args["text"])
        modes = self.constants.Reliability
        usual = modes.UNRELIABLE if isinstance(payload, bytes) else modes.RELIABLE
        for _ in range(args.get("times", 1)):
            await self._say(payload, args.get("reliability", usual), args)

    async def _join(self, args: Args) -> None:
        name = args.get("as", "visitor")
        own = self.variables["agent_id"] if name == AGENT else f"{name}_{secrets.token_hex(4)}"
        identity = args.get("participant_id", own)
        room = self._room
        if room is None:
            room = ProbeRoom(
                self.next_channel(),
                self.journal,
                self.codec,
                self._clock,
                self.constants.Received.RELIABILITY,
            )
            self._room = room
            self.channels.append(room)
        room.workers.add(self.variables["worker_id"])
        if name == AGENT:
            self.learn("agent_id", identity)
        entry = Entry(
            url=self.site.urls["room"],
            room_id=self.variables["room_id"],
            token=self._token(args.get("mint", {})),
            participant_id=identity,
        )
        if not await room.join(name, entry) and not args.get("refused"):
            raise StepUnmetError(f"the room did not let {name} in")

    async def _leave(self, args: Args) -> None:
        await self._in_room().leave(args.get("as", AGENT))

    async def _room_acts(self, args: Args) -> None:
        """One action of the platform that keeps the room: ours, even if the worker is not."""
        url = self.site.urls.get("control")
        if url is None:
            root = self.site.urls["room"].replace("ws", "http", 1)
            origin = "/".join(root.split("/")[:3])
            url = f"{origin}/_understudy/{self.protocol}"
        await Control(url).pull({"act": args})

    # Inside.

    @property
    def _has_dispatcher(self) -> bool:
        return self.endpoints[self.constants.Endpoint.DISPATCH.name].base in self.site.urls

    def _in_room(self) -> ProbeRoom:
        if self._room is None:
            raise StepUnmetError("the agent is not in a room")
        return self._room

    async def _say(self, payload: bytes | str, mode: str, args: Args) -> None:
        await self._in_room().send(payload, mode, name=args.get("as", AGENT))

    def _speech(self, args: Args) -> bytes:
        """Audio: given, or of a number of bytes or seconds; not silent unless ``fill`` says so."""
        if "audio" in args:
            return base64.b64decode(args["audio"])
        per_second = self.constants.Audio.BYTES_PER_SECOND
        seconds: float = args.get("seconds", 0)
        size: int = args["bytes"] if "bytes" in args else round(seconds * per_second)
        fill: bytes = bytes.fromhex(args["fill"]) if "fill" in args else _SAMPLE
        return (fill * (size // len(fill) + 1))[:size]

    def _join_request(self, args: Args) -> dict[str, Any]:
        """The body of a good agent's call, with what a step changes about it."""
        field = self.constants.JoinField
        given: dict[str, Any] = args.get("mint", {})
        identity = args.get("participant_id")
        if identity is not None:
            self.learn("worker_id", identity)
        members = {
            field.ROOM_NAME: self.variables["room_id"],
            field.TOKEN: self._worker_token(given),
            field.PARTICIPANT_ID: self.variables["worker_id"],
            field.SIGNALING_BASE_URL: None,
        }
        changes: dict[str, Any] = args.get("members", {})
        removed = set(args.get("without", ()))
        return {k: v for k, v in {**members, **changes}.items() if k not in removed}

    def _token(self, given: dict[str, Any]) -> str:
        return agent_token(
            self._tables,
            api_key=self._account("api_key"),
            secret=given.get("secret", self._account("secret")),
            now=self.now(),
            ttl=given.get("ttl"),
        )

    def _worker_token(self, given: dict[str, Any]) -> str:
        """The worker's token, good or as a step wants it."""
        token = mint(
            self._tables,
            api_key=self._account("api_key"),
            secret=given.get("secret", self._account("secret")),
            now=self.now(),
            participant_id=given.get("participant_id", self.variables["worker_id"]),
            ttl=given.get("ttl"),
        ).token
        if not given.get("unsigned"):
            return token
        header = msgspec.json.encode({"alg": "none", "typ": self.constants.Jwt.TYPE})
        claims = token.split(".")[1]
        return f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{claims}."

    def _account(self, name: str) -> str:
        if name not in self.variables:
            raise ConformanceError(f"the probe needs the credential {name}")
        return self.variables[name]


PROBE = VideoSdkProbe
