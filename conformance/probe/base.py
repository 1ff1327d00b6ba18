"""What every probe can do: HTTP calls, event streams, WebSockets, raw messages.

Protocols add their handshakes, and steps of their own in `Probe.commands`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec

from avatar_protocols.tables import EndpointSpec
from conformance.errors import ConformanceError
from conformance.probe.calls import CallLog, merged
from conformance.probe.channels import chosen
from conformance.probe.form import form
from conformance.probe.site import Surroundings
from conformance.probe.socket import ProbeSocket
from conformance.probe.stream import ProbeStream
from conformance.stage.base import StepUnmetError
from mock_servers.documents import is_object, substitute
from protocol_core.clock import LoopClock
from reference_client.http import HttpClient, RequestFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from avatar_protocols.tables import RevisionInfo
    from conformance.probe.channels import ProbeChannel
    from conformance.probe.site import Site
    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from mock_servers.redaction import Redactor
    from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["Args", "Probe"]

Args = dict[str, Any]


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
        channels: every channel so far, failed attempts included.
        commands: steps of the protocol's own: ``command: {name: …}`` of a scenario calls them with
            the other members, in which ``$name`` has been replaced.
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
        self.channels: list[ProbeChannel] = []
        self.variables: dict[str, str] = dict(site.credentials)
        self.now: Callable[[], float] = time.time
        self._http = HttpClient(clock=LoopClock(asyncio.get_running_loop()), time_limit=None)
        self._log = CallLog(journal, codec)
        self._numbers = itertools.count(1)
        self._calls: set[asyncio.Task[object]] = set()
        self.commands: dict[str, Callable[[Args], Awaitable[None]]] = {}
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

    @classmethod
    def surroundings(
        cls, revision: RevisionInfo, options: dict[str, Any], seed: int
    ) -> AbstractAsyncContextManager[Surroundings]:
        """What must stand beside a server under test that is reached through its adapter.

        Entered before the adapter's ``serve`` and left when the adapter has been reset. A server
        that listens needs nothing. A protocol whose server joins a room that the harness keeps
        starts that room here, and names it in what it gives.

        Args:
            revision: the revision that is played.
            options: the scenario's ``platform``.
            seed: seed of the scenario.
        """
        del cls, revision, seed
        return nullcontext(Surroundings(options=options))

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
        """The HTTP call that a good client makes, with what ``args`` changes about it.

        ``parts`` of a step is a form, and replaces the body and its type afterwards.
        """

    def replied(self, endpoint: str, response: HttpResponse) -> None:  # noqa: B027 - a protocol may have nothing to learn
        """Learn from a reply: keep in ``variables`` what later steps need."""

    async def settle(self) -> None:  # noqa: B027 - WebSockets and streams are settled by the stage
        """Wait until all that was sent to us is here, on channels that are the protocol's own."""

    def deliver(self, message: bytes | str, args: Args) -> None:
        """Send one message where the steps ``send``, ``send_text`` and ``send_binary`` send it.

        Args:
            message: what to send, legal or not.
            args: the step's other members; ``connection`` names a socket.
        """
        self.socket(args).send(message)

    # What protocols use.

    async def call(self, endpoint: str, args: Args) -> HttpResponse:
        """Make one HTTP call.

        Raises:
            StepUnmetError: there was no HTTP answer.
        """
        request = self._prepared(endpoint, args)
        self._log.asked(endpoint, request)
        try:
            response = await self._http.request(request)
        except RequestFailed as error:
            raise StepUnmetError(f"no answer to {request.method} {request.url}: {error}") from error
        self.replied(endpoint, response)
        self._log.answered(endpoint, response)
        return response

    async def stream(self, endpoint: str, args: Args) -> ProbeStream:
        """Make one call whose answer is an event stream; returns once the answer has begun.

        The stream is journaled as it comes, in the background. A refusal is journaled as a whole.

        Raises:
            StepUnmetError: there was no HTTP answer.
        """
        request = self._prepared(endpoint, args)
        stream = ProbeStream(self.next_channel(), self.journal, self.codec.for_endpoint(endpoint))
        self.channels.append(stream)
        self._log.asked(endpoint, request, stream.number)

        def answered(response: HttpResponse) -> None:
            self.replied(endpoint, response)
            self._log.answered(endpoint, response, stream.number)

        await stream.open(self._http, request, answered)
        return stream

    def _prepared(self, endpoint: str, args: Args) -> HttpRequest:
        request = self.request(endpoint, args)
        if "parts" not in args:
            return request
        media_type, body = form(args["parts"])
        kept = {k: v for k, v in request.headers.items() if k.lower() != "content-type"}
        headers = merged({**kept, "Content-Type": media_type}, args.get("headers", {}))
        return msgspec.structs.replace(request, headers=headers, body=body)

    def next_channel(self) -> int:
        """The number of a new channel."""
        return next(self._numbers)

    @property
    def sockets(self) -> list[ProbeSocket]:
        """Every WebSocket so far, failed attempts included."""
        return [channel for channel in self.channels if isinstance(channel, ProbeSocket)]

    @property
    def streams(self) -> list[ProbeStream]:
        """Every event stream so far, refused requests included."""
        return [channel for channel in self.channels if isinstance(channel, ProbeStream)]

    async def upgrade(
        self, endpoint: str, url: str, headers: Mapping[str, str | None], args: Args
    ) -> ProbeSocket:
        """Ask for a WebSocket; ``pong``, ``headers`` and ``subprotocols`` of ``args`` apply."""
        socket = ProbeSocket(
            self.next_channel(),
            self.journal,
            self.codec.for_endpoint(endpoint),
            endpoint,
            pong=args.get("pong", True),
        )
        self.channels.append(socket)
        extra: dict[str, str | None] = args.get("headers", {})
        await socket.open(url, {**headers, **extra}, args.get("subprotocols", ()))
        return socket

    async def answer_to(
        self, socket: ProbeChannel, name: str, *, after: int, text: str
    ) -> dict[str, Any]:
        """Wait for the server's message of a name on a channel; its data.

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
        """The newest open WebSocket, or the one that ``connection`` names.

        Raises:
            StepUnmetError: there is none.
        """
        return chosen(self.sockets, args)

    def channel(self, args: object = None) -> ProbeChannel:
        """The newest open channel, or the one that ``connection`` names.

        Raises:
            StepUnmetError: there is none.
        """
        return chosen(self.channels, args)

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
        for channel in self.channels:
            channel.drop()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._http.close()

    # Steps

    async def _step_http(self, args: Args) -> None:
        resolved = self.resolve(args)
        endpoint = resolved["endpoint"]
        if endpoint not in self.endpoints:
            known = ", ".join(self.endpoints)
            raise ConformanceError(f"there is no endpoint {endpoint!r}; the protocol has {known}")
        kind = self.endpoints[endpoint].kind
        call = (self.stream if kind == "sse" else self.call)(endpoint, resolved)
        if not resolved.get("background"):
            await call
            return
        task: asyncio.Task[object] = asyncio.ensure_future(self._in_background(call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        await asyncio.sleep(0)  # the request is on its way

    async def _in_background(self, call: Awaitable[object]) -> None:
        try:
            await call
        except StepUnmetError as error:
            self.journal.note(str(error))

    async def _step_send(self, args: Args) -> None:
        resolved = self.resolve(args)
        codec = self.socket(resolved).codec if self.sockets else self.codec
        self.deliver(codec.encode(resolved["message"], resolved.get("data", {})), resolved)

    async def _step_text(self, text: str) -> None:
        self.deliver(substitute(text, self.variables), {})

    async def _step_binary(self, data: str) -> None:
        self.deliver(bytes.fromhex(data), {})

    async def _step_close(self, args: Args | None) -> None:
        values = args or {}
        self.channel(values).close(values.get("code", 1000), values.get("reason", ""))

    async def _step_reset(self, args: object) -> None:
        self.channel(args).reset()

    async def _step_ping(self, args: object) -> None:
        payload = args.get("payload", "") if is_object(args) else ""
        self.socket(args).ping(payload.encode())


def _endpoints_of(constants: Any) -> dict[str, EndpointSpec]:  # noqa: ANN401 - a generated module
    """The endpoints of a revision, by name."""
    members = cast("dict[str, object]", vars(constants.Endpoint))
    return {spec.name: spec for spec in members.values() if isinstance(spec, EndpointSpec)}
