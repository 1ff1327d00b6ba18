"""The WebSocket shell."""

import asyncio
import contextlib
import http
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from protocol_core.clock import LoopClock, ManualClock
from protocol_core.http import UpgradeRequest
from reference_client.websocket import ConnectFailed, Pump, Socket, SocketClosed, UpgradeRejected

PING = Opcode.PING


class Server:
    """A raw WebSocket server; what it does with a connection is set by the test."""

    def __init__(self):
        self.url = ""
        self.connections = []
        self.pongs = True
        self.frames = []
        self.arrived = asyncio.Event()
        self.requests = []
        self.reply = None
        self.behave = self.echo

    async def echo(self, connection):
        async for message in connection:
            await connection.send(message)

    async def handle(self, connection):
        self.connections.append(connection)
        receive = connection.protocol.recv_frame

        def look(frame):
            self.frames.append(frame.opcode)
            self.arrived.set()
            if self.pongs or frame.opcode is not PING:
                receive(frame)

        connection.protocol.recv_frame = look
        with contextlib.suppress(ConnectionClosed):
            await self.behave(connection)

    async def seen(self, count, opcode):
        """Wait until so many frames of a kind have arrived."""
        while self.frames.count(opcode) < count:
            self.arrived.clear()
            await self.arrived.wait()

    def process_request(self, connection, request):
        self.requests.append(request)
        return None if self.reply is None else self.reply(connection)

    @property
    def upgrade(self):
        return UpgradeRequest(url=self.url, headers={"X-App-ID": "app"})


@pytest.fixture
async def server():
    made = Server()
    async with serve(
        made.handle, "127.0.0.1", 0, process_request=made.process_request, ping_interval=None
    ) as listening:
        made.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/in?id=a"
        yield made


@pytest.fixture
def clock():
    return ManualClock()


@asynccontextmanager
async def opened(server, clock, **options):
    socket = await Socket.open(server.upgrade, clock=clock, **options)
    try:
        yield socket
    finally:
        await socket.abort()


async def turn():
    for _ in range(5):
        await asyncio.sleep(0)


# -- opening ---------------------------------------------------------------------------------------


async def test_an_upgrade_goes_out_as_it_stands(server, clock):
    async with opened(server, clock) as socket:
        await socket.send("text")
        await socket.send(b"binary")
        assert [await socket.receive(), await socket.receive()] == ["text", b"binary"]
    request = server.requests[0]
    assert request.path == "/in?id=a"
    assert request.headers["X-App-ID"] == "app"
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert "Sec-WebSocket-Protocol" not in request.headers
    assert clock.next_deadline() is None


async def test_compression_is_offered_on_request(server, clock):
    async with opened(server, clock, compression=True):
        assert "permessage-deflate" in server.requests[0].headers["Sec-WebSocket-Extensions"]


@pytest.mark.parametrize("status", [200, 302, 401, 503])
async def test_a_rejection_arrives_whole(server, clock, status):
    def reply(connection):
        response = connection.respond(http.HTTPStatus(status), "why not")
        response.headers["Location"] = "/elsewhere"
        return response

    server.reply = reply
    with pytest.raises(UpgradeRejected) as caught:
        await Socket.open(server.upgrade, clock=clock)
    rejection = caught.value
    assert (rejection.status, rejection.body) == (status, b"why not")
    assert rejection.headers["Location"] == "/elsewhere"
    assert len(server.requests) == 1, "redirects are not followed"


@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:1/",
        "ws://127.0.0.1:65536/",
        "ws://127.0.0.1:-1/",
        "ws://[::1/",
        "http://127.0.0.1/",
        "ws://",
        "ws://" + "a" * 70 + ".invalid/",
    ],
)
async def test_addresses_that_lead_nowhere(clock, url):
    with pytest.raises(ConnectFailed) as caught:
        await Socket.open(UpgradeRequest(url=url), clock=clock)
    assert not caught.value.timed_out


@asynccontextmanager
async def raw(handle):
    """A TCP server; yields its URL, and ends when all its connections have."""
    tasks = []

    async def whole(reader, writer):
        tasks.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        await handle(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(whole, "127.0.0.1", 0) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        await asyncio.wait(tasks)


async def test_a_server_that_does_not_speak_http(clock):
    async def handle(_reader, writer):
        writer.write(b"SSH-2.0-none\r\n\r\n")

    async with raw(handle) as url:
        with pytest.raises(ConnectFailed):
            await Socket.open(UpgradeRequest(url=url), clock=clock)


async def test_opening_has_a_limit(clock):
    asked = asyncio.Event()

    async def handle(reader, _writer):
        asked.set()
        with contextlib.suppress(OSError):
            await reader.read()

    async with raw(handle) as url:
        request = UpgradeRequest(url=url)
        opening = asyncio.create_task(Socket.open(request, clock=clock, open_limit=10))
        await asked.wait()
        clock.advance(10)
        with pytest.raises(ConnectFailed, match="not open within 10 s") as caught:
            await opening
    assert caught.value.timed_out


# -- ends ------------------------------------------------------------------------------------------


async def end(socket):
    with pytest.raises(SocketClosed) as caught:
        await socket.receive()
    with pytest.raises(SocketClosed) as again:
        await socket.send(b"late")
    with pytest.raises(SocketClosed):
        await socket.ping(1)
    assert (again.value.code, again.value.reason) == (caught.value.code, caught.value.reason)
    return caught.value.code, caught.value.reason, caught.value.initiator


async def test_a_close_by_the_server(server, clock):
    server.behave = lambda connection: connection.close(4000, "why")
    async with opened(server, clock) as socket:
        assert await end(socket) == (4000, "why", "server")
        await socket.close()


async def test_a_close_by_the_client(server, clock):
    async with opened(server, clock) as socket:
        await socket.close(1000, "done")
        assert await end(socket) == (1000, "done", "client")


async def test_a_lost_connection(server, clock):
    async def behave(connection):
        connection.transport.abort()

    server.behave = behave
    async with opened(server, clock) as socket:
        code, reason, initiator = await end(socket)
    assert (code, reason, initiator) == (None, "", "")
    assert str(SocketClosed(code, reason, initiator)) == "connection lost"


async def test_a_message_that_is_too_long(server, clock):
    server.behave = lambda connection: connection.send(bytes(11))
    async with opened(server, clock, max_message_bytes=10) as socket:
        code, _, initiator = await end(socket)
    assert (code, initiator) == (1009, "client")


async def test_a_peer_that_never_answers_the_close(server, clock):
    hold = asyncio.Event()

    async def behave(connection):
        connection.transport.pause_reading()
        hold.set()
        await connection.wait_closed()

    server.behave = behave
    async with opened(server, clock, close_limit=10) as socket:
        await hold.wait()
        closing = asyncio.create_task(socket.close())
        await turn()
        clock.advance(10)
        await closing
        assert await end(socket) == (1000, "", "client")
        server.connections[0].transport.abort()


# -- the pump --------------------------------------------------------------------------------------


class Echoing:
    """A session that says hello, reports what it hears, and can be told what to want."""

    def __init__(self):
        self.answers = []
        self.close = None
        self.due = None

    def opened(self, _now):
        return ["hello"]

    def receive(self, data, _now):
        return [("heard", data)]

    def timeout(self, now):
        self.due = None
        return [("timeout", now)]

    def closed(self, code, reason, _now):
        return [("closed", code, reason)]

    def deadline(self):
        return self.due

    def data_to_send(self):
        answers, self.answers = self.answers, []
        return answers

    def close_to_send(self):
        return self.close


class Rig:
    """A pump between the server and an `Echoing` session."""

    def __init__(self, server, clock, **options):
        self.server, self.clock, self.options = server, clock, options
        self.session = Echoing()
        self.events = []
        self.delivered = asyncio.Event()

    def deliver(self, event):
        self.events.append(event)
        self.delivered.set()

    async def __aenter__(self):
        self.socket = await Socket.open(self.server.upgrade, clock=self.clock)
        self.pump = Pump(
            self.socket, self.session, clock=self.clock, deliver=self.deliver, **self.options
        )
        self.task = asyncio.create_task(self.pump.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait((self.task,))

    async def until(self, *event):
        while event not in self.events:
            self.delivered.clear()
            await self.delivered.wait()


async def test_the_pump_carries_both_ways(server, clock):
    async with Rig(server, clock) as rig:
        await rig.until("heard", "hello")
        await rig.pump.send([b"a", b"b"])
        await rig.until("heard", b"b")
        await rig.pump.close()
        await rig.task
    assert rig.events == [
        ("heard", "hello"),
        ("heard", b"a"),
        ("heard", b"b"),
        ("closed", 1000, ""),
    ]


async def test_the_sessions_answers_and_close_go_out(server, clock):
    async with Rig(server, clock) as rig:
        rig.session.answers = ["answer"]
        rig.session.close = (4001, "enough")
        await rig.task
    assert ("closed", 4001, "enough") in rig.events


async def test_the_session_wants_a_deadline(server, clock):
    async with Rig(server, clock) as rig:
        await rig.until("heard", "hello")
        rig.session.due = 5.0
        rig.pump.rearm()
        clock.advance(4.9)
        await turn()
        rig.session.answers = ["late"]
        clock.advance(0.1)
        await rig.until("heard", "late")
        assert ("timeout", 5.0) in rig.events
        rig.session.due = 7.0
        rig.session.close = (1000, "idle")
        rig.pump.rearm()
        clock.advance(2)
        await rig.task
    assert rig.events[-1] == ("closed", 1000, "idle")


async def test_a_fault_at_a_deadline_is_not_lost(server, clock):
    async with Rig(server, clock) as rig:
        await rig.until("heard", "hello")
        rig.session.timeout = None  # nobody can go on with that
        rig.session.due = 5.0
        rig.pump.rearm()
        clock.advance(5)
        with pytest.raises(TypeError):
            await rig.task
    assert rig.events[-1] == ("closed", None, "")


async def test_a_close_while_saying_hello(server, clock):
    async def behave(connection):
        connection.transport.abort()

    server.behave = behave
    async with Rig(server, clock) as rig:
        await rig.task
    assert rig.events == [("closed", None, "")]


async def test_what_was_said_before_the_end_is_heard(server, clock):
    async def behave(connection):
        await connection.send("refused")
        await connection.close(4001, "no")

    server.behave = behave
    socket = await Socket.open(server.upgrade, clock=clock)
    await socket._connection.wait_closed()
    events = []
    await Pump(socket, Echoing(), clock=clock, deliver=events.append).run()
    assert events == [("heard", "refused"), ("closed", 4001, "no")]


async def test_keepalive_pings_and_pongs(server, clock):
    async with Rig(server, clock, ping_interval=20.0, pong_limit=5.0) as rig:
        await rig.until("heard", "hello")
        for number in range(3):
            clock.advance(20)
            await server.seen(number + 1, PING)
            # The pong is on its way before this answer.
            await rig.pump.send([bytes((number,))])
            await rig.until("heard", bytes((number,)))
            await turn()
        assert not rig.task.done()


async def test_a_missing_pong_ends_the_connection(server, clock):
    server.pongs = False
    async with Rig(server, clock, ping_interval=20.0, pong_limit=5.0) as rig:
        await rig.until("heard", "hello")
        clock.advance(20)
        await server.seen(1, PING)
        clock.advance(5)
        await rig.task
    assert rig.events[-1] == ("closed", 1011, "keepalive ping timeout")


async def test_a_slow_consumer_slows_the_reading(server, clock):
    gate = asyncio.Event()
    async with Rig(server, clock, drain=gate.wait) as rig:
        await rig.until("heard", "hello")
        await rig.pump.send([b"1", b"2"])
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.events == [("heard", "hello")]
        gate.set()
        await rig.until("heard", b"2")


async def test_a_cancelled_pump_leaves_nothing_behind(server, clock):
    before = asyncio.all_tasks()
    async with Rig(server, clock, ping_interval=20.0) as rig:
        await rig.until("heard", "hello")
    await server.connections[0].wait_closed()
    await turn()
    assert asyncio.all_tasks() - before == set()
    assert clock.next_deadline() is None


async def test_real_time_is_a_clock_too(server):
    clock = LoopClock(asyncio.get_running_loop())
    async with opened(server, clock) as socket:
        assert await socket.ping(60) >= 0
