"""A protocol of three lines, played by the framework alone, and an HTTP client."""

from __future__ import annotations

from typing import ClassVar

import aiohttp
import pytest

from avatar_protocols.tables import RevisionInfo
from mock_servers.accounts import Account
from mock_servers.actions import ActionSpec, Vocabulary
from mock_servers.codec import Codec, Decoded
from mock_servers.exchange import json_response, text_response
from mock_servers.platform import Platform
from mock_servers.redaction import SecretPositions
from mock_servers.session import LiveSession
from mock_servers.stream import Stream


class EchoCodec(Codec):
    """Text is its own name; ``broken`` has a problem."""

    def decode(self, message, sender):
        if isinstance(message, bytes):
            return Decoded(
                name="binary", data={"hex": message.hex()}, views=({"hex": message.hex()},)
            )
        problems = ["is broken"] if message == "broken" else []
        data = {"text": message, "sender": sender}
        return Decoded(name=message.split()[0], data=data, views=(data,), problems=problems)

    def encode(self, name, data):
        return " ".join([name, *map(str, data.values())])

    def document(self, endpoint, body, *, response):
        data = {"body": body.decode(), "response": response}
        return Decoded(name=endpoint, data=data, views=(data,))


class EchoSession(LiveSession):
    extra_actions: ClassVar = {"shout": lambda session, value: session.send(value.upper())}

    def default_open(self):
        self.send("hello")
        self.later(60, self._idle)

    def observe_open(self):
        self.variables["opened"] = "yes"

    def default_message(self, message):
        if message == "fail":
            raise RuntimeError("on purpose")
        self.send(message)

    def observe_message(self, message):
        self.variables["observed"] = str(message)

    def default_end(self, code, reason):
        self.platform.ends.append((code, reason))

    def on_sent(self, name, data):  # noqa: ARG002 - as LiveSession has it
        self.variables["sent"] = name

    def send_error(self, name):
        self.send(f"error {name}")
        self.connection.close(1000, name)

    def _idle(self):
        self.send("idle")
        self.connection.close(1000, "idle")


class EchoPlatform(Platform):
    protocol = "echo"
    message_bytes = 4096
    streams = frozenset({"feed"})
    carriers = frozenset({"tunnel"})
    credentials: ClassVar = {"api_key": "echo-key"}

    def __init__(self, **settings):
        self.ends = []
        info = RevisionInfo(
            protocol="echo", id="1", status="active", aliases=(), packages=(), sources=(), module=""
        )
        super().__init__(info, **settings)
        self.reset_accounts()

    def make_codec(self):
        return EchoCodec()

    def vocabulary(self):
        return Vocabulary(
            actions={"shout": ActionSpec(str, frozenset({"message", "open"}))},
            errors={
                "refused": frozenset({"http", "upgrade"}),
                "gone": frozenset({"message", "open"}),
            },
            endpoints=["hello", "socket", "feed", "tunnel"],
        )

    def secret_positions(self):
        return SecretPositions(
            headers=frozenset({"x-key", "authorization"}),
            query=frozenset({"key"}),
            members=frozenset({"secret"}),
        )

    def route(self, method, path):
        routes = {
            ("POST", "/hello"): ("hello", False),
            ("POST", "/feed"): ("feed", False),
            ("GET", "/socket"): ("socket", True),
            ("GET", "/tunnel"): ("tunnel", True),
        }
        return routes.get((method, path))

    def answer(self, exchange):
        if exchange.endpoint == "feed":
            return self.feed(exchange)
        return json_response({"hello": exchange.body.decode(), "query": exchange.query})

    def feed(self, exchange):
        if exchange.query.get("key") == "wrong":
            return text_response("no", 401)
        return Stream(start=lambda connection: EchoSession(self, connection, "feed"))

    def admit(self, exchange):
        return None if exchange.query.get("key") != "wrong" else text_response("no", 401)

    def start_session(self, exchange, connection):  # noqa: ARG002 - as Platform has it
        return EchoSession(self, connection, self.mint.identifier("echo"))

    def error_response(self, name):
        return text_response(name, 403)

    def reset_accounts(self):
        self.accounts.clear()
        self.accounts.add(Account(name="demo", api_key="echo-key"))
        self.redactor.register("api_key", "echo-key")

    @property
    def urls(self):
        return {"base": f"http://{self.mount_address}"}


@pytest.fixture
def echo():
    """The platform class, to be made with the options of the test."""
    return EchoPlatform


class Http:
    """An HTTP client that keeps its sockets until the test is over."""

    def __init__(self, session):
        self._session = session
        self._sockets = []

    def __getattr__(self, name):
        return getattr(self._session, name)

    async def ws_connect(self, *arguments, **options):
        self._sockets.append(await self._session.ws_connect(*arguments, **options))
        return self._sockets[-1]

    def drop(self):
        for socket in self._sockets:
            socket._response.close()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        client = Http(session)
        yield client
        client.drop()


@pytest.fixture
def dial(http):
    """Connect to an echo platform and take its greeting."""

    async def connect(platform, query="", **options):
        ws = await http.ws_connect(f"{platform.urls['base']}/socket{query}", **options)
        if not platform.plan.rules:
            assert await ws.receive_str() == "hello"
        return ws

    return connect
