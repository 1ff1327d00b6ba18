from __future__ import annotations

import asyncio
import socket

import pytest

from mock_servers.exchange import text_response
from mock_servers.hosts import reachable
from mock_servers.server import Server
from protocol_core.errors import ConfigurationError


def test_other_interfaces_need_a_control_token():
    with pytest.raises(ConfigurationError, match="control token"):
        Server(host="0.0.0.0")
    Server(host="0.0.0.0", control_token="x")


def test_names_are_unique(echo):
    server = Server()
    server.mount(echo())
    with pytest.raises(ConfigurationError, match="one name"):
        server.mount(echo())
    with pytest.raises(ConfigurationError, match="one name"):
        server.mount(echo(name="_understudy"))


async def test_several_platforms_share_a_port(echo, http):
    server = Server()
    one, two = echo(name="one"), echo(name="two")
    server.mount(one)
    server.mount(two)
    await server.start()
    try:
        for platform in (one, two):
            async with http.post(f"{platform.urls['base']}/hello", data=platform.name) as reply:
                assert (await reply.json())["hello"] == platform.name
        assert len(one.journal) == len(two.journal) == 2
    finally:
        await server.stop()
        await server.stop()


async def test_paths_that_nobody_serves(echo, http):
    async with echo() as platform:
        root = f"http://{platform.server.address}"
        for path in ("/", "/other/hello", "/echo/nothing", "/echo"):
            async with http.get(root + path) as reply:
                assert reply.status == 404
                assert (await reply.json())["platforms"] == ["echo"]
        async with http.get(f"{root}/echo/socket") as reply:
            assert reply.status == 426
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with http.get(f"{root}/echo//socket", headers=headers) as reply:
            assert reply.status == 404
        seen = [(r.kind, r.target, r.status) for r in platform.journal.records if r.name == ""]
        assert seen == [
            ("http_request", "/", None),
            ("http_response", "", 404),
            ("http_request", "/other/hello", None),
            ("http_response", "", 404),
            ("http_request", "/echo/nothing", None),
            ("http_response", "", 404),
            ("http_request", "/echo", None),
            ("http_response", "", 404),
            ("upgrade_request", "/echo//socket", None),
            ("upgrade_response", "", 404),
        ]


class Rooted:
    """What a platform has that answers at the root."""

    root_paths = ("/service",)
    extra_ports = 2

    def route(self, method, path):
        return super().route(method, path.removeprefix("/service"))

    def answer(self, exchange):
        return text_response(f"{exchange.path} {exchange.listener}")


@pytest.fixture
def rooted(echo):
    return type("RootedPlatform", (Rooted, echo), {})


async def test_paths_at_the_root(rooted, echo, http):
    server = Server()
    platform, other = rooted(name="one"), echo(name="two")
    server.mount(other)
    server.mount(platform)
    await server.start()
    try:
        for path in ("/service/hello", "/one/service/hello", "/one/hello"):
            async with http.post(f"http://{server.address}{path}") as reply:
                assert (await reply.text()).endswith("hello 0")
        for path, status in (("/service", 404), ("/serviced", 404), ("/hello", 404)):
            async with http.post(f"http://{server.address}{path}") as reply:
                assert reply.status == status
        # The last two lead to nobody, and are in nobody's journal.
        assert [r.target for r in platform.journal.where(kind="http_request")] == [
            "/service/hello",
            "/one/service/hello",
            "/one/hello",
            "/service",
        ]
    finally:
        await server.stop()


async def test_addresses_of_a_platform_s_own(rooted, http):
    server = Server()
    platform, other = rooted(name="one"), rooted(name="two")
    other.root_paths = ("/elsewhere",)
    server.mount(platform)
    server.mount(other)
    await server.start()
    try:
        assert len({*platform.addresses, *other.addresses}) == 5
        assert platform.addresses[0] == other.addresses[0] == server.address
        for mounted in (platform, other):
            for number, address in enumerate(mounted.addresses[1:], start=1):
                async with http.post(f"http://{address}/hello?key=k") as reply:
                    assert await reply.text() == f"/hello {number}"
                async with http.get(f"http://{address}/_understudy/health") as reply:
                    assert reply.status == 404
        assert len(platform.journal) == len(other.journal) == 8
        ws = await http.ws_connect(f"ws://{platform.addresses[2]}/socket")
        assert await ws.receive_str() == "hello"
    finally:
        await server.stop()
    assert platform.sessions == []


async def test_ports_follow_a_given_one(rooted, echo):
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = Server(port=port)
        first, middle, last = rooted(name="a"), echo(name="b"), rooted(name="c")
        last.root_paths = ()
        for platform in (first, middle, last):
            server.mount(platform)
        try:
            await server.start()
        except (OSError, OverflowError):
            continue  # somebody has one of the ports
        assert first.addresses == tuple(f"127.0.0.1:{port + i}" for i in range(3))
        assert middle.addresses == (f"127.0.0.1:{port}",)
        assert last.addresses == tuple(f"127.0.0.1:{port + i}" for i in (0, 3, 4))
        await server.stop()
        return
    pytest.fail("no five free ports in a row")


async def test_when_one_address_is_taken_none_is_kept(rooted):
    platform = rooted()
    server = Server()
    server.mount(platform)
    assert platform.extra_ports == 2
    listen, opened = server._listen, []

    async def fail_at_last(port, *arguments):
        if len(opened) == platform.extra_ports:
            raise OSError("in use")
        opened.append(await listen(port, *arguments))
        return opened[-1]

    server._listen = fail_at_last
    with pytest.raises(OSError, match="in use"):
        await server.start()
    assert platform.server is None
    for port in opened:
        with socket.create_server(("127.0.0.1", port)):
            pass
    await server.stop()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"roots": ("/a",)}, {"roots": ("/a",)}),
        ({"roots": ("/a",)}, {"roots": ("/a/b",)}),
        ({"roots": ("/a/b",)}, {"roots": ("/a",)}),
        ({"name": "a"}, {"roots": ("/a/b",)}),
        ({"roots": ("/a/b",)}, {"name": "a"}),
        ({}, {"name": "a", "roots": ("/a",)}),
        ({}, {"roots": ("/_understudy/x",)}),
    ],
)
def test_paths_at_the_root_belong_to_one_platform(echo, first, second):
    server = Server()
    for position, options in enumerate((first, second)):
        platform = echo(name=options.get("name", f"echo{position}"))
        platform.root_paths = options.get("roots", ())
        if position:
            with pytest.raises(ConfigurationError, match="at the root"):
                server.mount(platform)
        else:
            server.mount(platform)


async def test_an_address_that_clients_can_use(echo, http):
    server = Server(host="0.0.0.0", control_token="x", advertise="127.0.0.1")
    platform = echo()
    server.mount(platform)
    await server.start()
    try:
        assert platform.urls["base"] == f"http://127.0.0.1:{server.port}/echo"
        async with http.post(f"{platform.urls['base']}/hello") as reply:
            assert reply.status == 200
    finally:
        await server.stop()
    assert Server(host="0.0.0.0", control_token="x").address == f"{reachable('0.0.0.0')}:0"
    assert Server(host="::1").address == "[::1]:0"


async def test_request_bodies_are_bounded(echo, http):
    async with echo(limits={"body_bytes": 100}) as platform:
        async with http.post(f"{platform.urls['base']}/hello", data=bytes(101)) as reply:
            assert reply.status == 413
        assert len(platform.journal) == 0


async def test_upgrades_that_are_no_websocket_handshake(echo, http):
    async with echo() as platform:
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with http.get(f"{platform.urls['base']}/socket", headers=headers) as reply:
            assert reply.status == 400
        assert platform.sessions == []
        assert platform.ends == [(None, "")]


async def test_no_subprotocol_is_selected(echo, dial):
    async with echo() as platform:
        ws = await dial(platform, protocols=("chat",))
        assert ws.protocol is None


async def test_garbage_instead_of_http(echo):
    async with echo() as platform:
        reader, writer = await asyncio.open_connection("127.0.0.1", platform.server.port)
        writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        await writer.wait_closed()
