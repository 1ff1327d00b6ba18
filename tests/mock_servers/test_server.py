from __future__ import annotations

import asyncio

import pytest

from mock_servers.server import Server, is_loopback
from protocol_core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.1", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_loopback(host, expected):
    assert is_loopback(host) is expected


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
