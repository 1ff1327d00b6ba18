from __future__ import annotations

import pytest

from mock_servers.channel import Channel, reset_transport
from mock_servers.limits import Limits
from protocol_core.errors import ConfigurationError


class Bare(Channel):
    """A channel that can do what every channel can."""

    writable = True

    def send(self, message):
        raise NotImplementedError

    def close(self, code=1000, reason=""):
        raise NotImplementedError

    def fail(self, reason):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("method", "arguments", "complaint"),
    [
        ("ping", (b"x",), "ping: news is no WebSocket"),
        ("withhold_pongs", (), "withhold_pong: news is no WebSocket"),
        ("comment", ("x",), "comment: news is no event stream"),
    ],
)
def test_what_only_some_channels_can(method, arguments, complaint):
    channel = Bare(1, None, None, Limits(), "news")
    with pytest.raises(ConfigurationError, match=complaint):
        getattr(channel, method)(*arguments)


async def test_before_it_opens_and_after_it_has_ended_nothing_can_be_broken_off():
    channel = Bare(1, None, None, Limits())
    channel.abort()
    channel.hang_up()
    assert not channel.aborted
    await channel.flushed()


async def test_a_comment_on_a_websocket(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        with pytest.raises(ConfigurationError, match="socket is no event stream"):
            await platform.act({"comment": "x"})
        await ws.send_str("goes on")
        assert await ws.receive_str() == "goes on"


async def test_each_endpoint_may_have_its_own_codec(echo, dial, http):
    class Loud(type(echo().codec)):
        def decode(self, message, sender):
            return super().decode(message.upper(), sender)

        def encode(self, name, data):
            return super().encode(name, data).upper()

    class Several(echo):
        def make_codec(self):
            codec = super().make_codec()
            codec.for_endpoint = lambda endpoint: Loud() if endpoint == "socket" else codec
            return codec

    plan = [{"on": "message", "message": "LOUD", "do": [{"send": {"message": "quiet"}}]}]
    async with Several() as platform:
        ws = await dial(platform)
        platform.plan.replace(plan)
        await ws.send_str("loud")
        assert await ws.receive_str() == "QUIET"
        names = [(r.name, r.raw) for r in platform.journal.messages()]
        assert names == [("HELLO", "hello"), ("LOUD", "loud"), ("QUIET", "QUIET")]
        async with http.post(f"{platform.urls['base']}/feed"):
            await platform.journal.wait_for({"kind": "message", "connection": 2, "name": "hello"})


def test_a_transport_without_a_socket_is_aborted_all_the_same():
    class Transport:
        aborted = False

        def get_extra_info(self, name):
            assert name == "socket"

        def abort(self):
            self.aborted = True

    transport = Transport()
    reset_transport(transport)
    assert transport.aborted
