"""What every probe can do: REST calls, WebSockets, raw messages. Protocols add their handshakes."""

from __future__ import annotations

import asyncio
import base64
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec

from avatar_protocols.tables import EndpointSpec
from conformance.probe.socket import ProbeSocket
from conformance.stage.base import StepUnmetError
from mock_servers.documents import is_object, substitute
from protocol_core.clock import LoopClock
from reference_client.http import HttpClient, RequestFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from avatar_protocols.tables import RevisionInfo
    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from mock_servers.redaction import Redactor
    from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["Probe", "Site"]

Args = dict[str, Any]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The server as the probe knows it.

    Attributes:
        urls: base URLs by name.
        credentials: what it accepts.
    """

    urls: dict[str, str]
    credentials: dict[str, str]


class Probe(ABC):
    """A raw scripted client.

    Args:
        site: where the server is.
        journal: where everything is written down.
        codec: builds and explains messages.
        redactor: hides secrets; told of every secret that the probe learns.
        revision: the revision to speak.

    Attributes:
        protocol: the protocol it speaks.
        credentials: names of the credentials that it cannot do without.
        revision: the revision it speaks.
        constants: the generated constants of the revision.
        endpoints: its endpoints, by name.
        sockets: every WebSocket so far, failed attempts included.
        now: Unix time in seconds, as the server sees it.
        variables: what ``$name`` stands for in a step: credentials, and what the server answered.
    """

    protocol: ClassVar[str]
    credentials: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        site: Site,
        journal: Journal,
        codec: Codec,
        redactor: Redactor,
        revision: RevisionInfo,
    ) -> None:
        self.site = site
        self.journal = journal
        self.codec = codec
        self.redactor = redactor
        self.revision = revision
        self.constants: Any = revision.load("constants")
        self.endpoints = _endpoints_of(self.constants)
        self.sockets: list[ProbeSocket] = []
        self.variables: dict[str, str] = dict(site.credentials)
        self.now: Callable[[], float] = time.time
        self._http = HttpClient(clock=LoopClock(asyncio.get_running_loop()), time_limit=None)
        self.steps: dict[str, Callable[[Any], Awaitable[None]]] = {
            "http": self._step_http,
            "connect": lambda args: self.connect(self.resolve(args)),
            "open": lambda args: self.open(self.resolve(args)),
            "send": self._step_send,
            "send_text": self._step_text,
            "send_binary": self._step_binary,
            "send_audio": lambda args: self.send_audio(self.resolve(args)),
            "close": self._step_close,
            "reset": self._step_reset,
            "ping": self._step_ping,
        }

    # What a protocol adds.

    @abstractmethod
    async def connect(self, args: Args) -> None:
        """Get what an upgrade needs, and ask for it. Whether it succeeded stands in the trace."""

    @abstractmethod
    async def open(self, args: Args) -> None:
        """Play the whole happy handshake.

        Raises:
            StepUnmetError: the server did not play along.
        """

    @abstractmethod
    async def send_audio(self, args: Args) -> None:
        """Send audio as the protocol carries it."""

    @abstractmethod
    def request(self, endpoint: str, args: Args) -> HttpRequest:
        """The REST call that a good client makes, with what ``args`` changes about it."""

    def replied(self, endpoint: str, response: HttpResponse) -> None:  # noqa: B027 - a protocol may have nothing to learn
        """Learn from a reply: keep in ``variables`` what later steps need."""

    # What protocols use.

    async def call(self, endpoint: str, args: Args) -> HttpResponse:
        """Make one REST call.

        Raises:
            StepUnmetError: there was no HTTP answer.
        """
        request = self.request(endpoint, args)
        spec = self.endpoints[endpoint]
        self.journal.add(
            "http_request",
            sender="client",
            name=endpoint,
            method=request.method,
            target=_target(request.url),
            headers=request.headers,
            payload=request.body.decode("utf-8", errors="replace"),
            explain=lambda: self.codec.document(spec.name, request.body, response=False),
        )
        try:
            response = await self._http.request(request)
        except RequestFailed as error:
            raise StepUnmetError(f"no answer to {request.method} {request.url}: {error}") from error
        self.replied(endpoint, response)
        self.journal.add(
            "http_response",
            sender="server",
            name=endpoint,
            status=response.status,
            headers=response.headers,
            payload=response.body.decode("utf-8", errors="replace"),
            explain=lambda: self.codec.document(spec.name, response.body, response=True),
        )
        return response

    async def upgrade(
        self, endpoint: str, url: str, headers: Mapping[str, str | None], args: Args
    ) -> ProbeSocket:
        """Ask for a WebSocket; ``pong``, ``headers`` and ``subprotocols`` of ``args`` apply."""
        socket = ProbeSocket(
            len(self.sockets) + 1, self.journal, self.codec, endpoint, pong=args.get("pong", True)
        )
        self.sockets.append(socket)
        extra: dict[str, str | None] = args.get("headers", {})
        await socket.open(url, {**headers, **extra}, args.get("subprotocols", ()))
        return socket

    async def answer_to(
        self, socket: ProbeSocket, name: str, *, after: int, text: str
    ) -> dict[str, Any]:
        """Wait for the server's message of a name on a socket; its data.

        Raises:
            StepUnmetError: another message, or the end of the connection, came instead.
        """
        ends = {"close", "reset"}
        found = await self.journal.wait_for(
            lambda r: (
                r.connection == socket.number
                and r.sender == "server"
                and (r.kind == "message" or r.kind in ends)
            ),
            after=after,
            deadline=3600.0,  # the step's own deadline comes first
        )
        first = found[0]
        if first.kind in ends:
            code = f" with code {first.code}" if first.code is not None else ""
            raise StepUnmetError(f"the server ended the connection{code} instead of {text}")
        if first.name != name:
            shown = (
                msgspec.json.encode(first.data).decode()[:200] if first.data else first.raw[:200]
            )
            raise StepUnmetError(
                f"the server answered {first.name or shown} instead of {text}: {shown}"
            )
        return first.data or {}

    @property
    def seen(self) -> int:
        """Sequence number of the newest record."""
        records = self.journal.records
        return records[-1].seq if records else 0

    def socket(self, args: object = None) -> ProbeSocket:
        """The newest open socket, or the one that ``connection`` names.

        Raises:
            StepUnmetError: there is none.
        """
        number = args.get("connection") if is_object(args) else None
        if number is not None:
            found = [s for s in self.sockets if s.number == number]
        else:
            found = [s for s in self.sockets if s.is_open] or self.sockets[-1:]
        if not found:
            raise StepUnmetError("there is no connection to send on")
        return found[-1]

    def resolve(self, args: Any) -> Any:  # noqa: ANN401 - whatever stands in the YAML
        """The arguments of a step with ``$name`` replaced."""
        return substitute(args or {}, self.variables)

    def learn(self, name: str, value: str, *, secret: bool = False) -> None:
        """Remember what the server has given out."""
        self.variables[name] = value
        if secret:
            self.redactor.register(name, value)

    async def aclose(self) -> None:
        """Let go of everything."""
        for socket in self.sockets:
            socket.drop()
        await self._http.close()

    # Steps

    async def _step_http(self, args: Args) -> None:
        resolved = self.resolve(args)
        await self.call(resolved["endpoint"], resolved)

    async def _step_send(self, args: Args) -> None:
        resolved = self.resolve(args)
        message = self.codec.encode(resolved["message"], resolved.get("data", {}))
        self.socket(resolved).send(message)

    async def _step_text(self, text: str) -> None:
        self.socket().send(substitute(text, self.variables))

    async def _step_binary(self, data: str) -> None:
        self.socket().send(bytes.fromhex(data))

    async def _step_close(self, args: Args | None) -> None:
        values = args or {}
        self.socket(values).close(values.get("code", 1000), values.get("reason", ""))

    async def _step_reset(self, args: object) -> None:
        self.socket(args).reset()

    async def _step_ping(self, args: object) -> None:
        payload = args.get("payload", "") if is_object(args) else ""
        self.socket(args).ping(payload.encode())


def json_body(args: Args, default: object) -> bytes:
    """A request's body: ``json``, ``text`` or ``body`` (base64) of the step, else the default."""
    if "text" in args:
        return str(args["text"]).encode()
    if "body" in args:
        return base64.b64decode(args["body"])
    return msgspec.json.encode(args.get("json", default))


def merged(headers: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Header fields with changes; None removes one."""
    both = {**headers, **changes}
    return {name: value for name, value in both.items() if value is not None}


def _endpoints_of(constants: Any) -> dict[str, EndpointSpec]:  # noqa: ANN401 - a generated module
    """The endpoints of a revision, by name."""
    members = cast("dict[str, object]", vars(constants.Endpoint))
    return {spec.name: spec for spec in members.values() if isinstance(spec, EndpointSpec)}


def _target(url: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
