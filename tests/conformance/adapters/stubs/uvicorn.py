# ruff: noqa: T201 - it prints like the package it stands in for
"""As much of uvicorn as the adapter uses; requests and answers are lines of JSON."""

import asyncio
import json
from types import SimpleNamespace


class Config:
    loaded = False

    def __init__(self, app, **options):
        self.app, self.options = app, options

    def load(self):
        self.loaded, self.lifespan_class = True, lambda config: config.options["lifespan"]


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server, self.transport, self.rest = server, None, b""

    def connection_made(self, transport):
        self.transport = transport
        self.server.server_state.connections.add(self)

    def connection_lost(self, _):
        self.transport = None
        self.server.server_state.connections.discard(self)

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.task = asyncio.ensure_future(self.server.config.app(json.loads(line), None, self))

    def __call__(self, message):
        if self.transport is not None:
            self.transport.write(json.dumps(message).encode() + b"\n")


class Server:
    def __init__(self, config):
        self.config, self.server_state = config, SimpleNamespace(connections=set())

    async def startup(self, sockets):
        print("the stub starts")
        with self.capture_signals():
            assert (self.config.loaded, self.lifespan) == (True, "off")
        loop = asyncio.get_running_loop()
        for each in sockets:
            await loop.create_server(lambda: Connection(self), sock=each)
