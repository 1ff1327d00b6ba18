from __future__ import annotations

import pytest

from mock_servers import platform_class, platforms
from mock_servers.protocol import PlayedProtocol


def test_a_protocol_has_to_add_all_of_it():
    class Nothing(PlayedProtocol):
        protocol = "nothing"

    with pytest.raises(TypeError, match="abstract methods"):
        Nothing()
    assert {"admit", "answer", "credentials", "start_session"} <= Nothing.__abstractmethods__


def test_most_protocols_need_neither_roots_nor_ports_nor_streams_nor_carriers():
    assert (PlayedProtocol.root_paths, PlayedProtocol.extra_ports) == ((), 0)
    assert (PlayedProtocol.streams, PlayedProtocol.carriers) == (frozenset(), frozenset())


@pytest.mark.parametrize("protocol", platforms())
def test_every_platform_plays_a_protocol(protocol):
    platform = platform_class(protocol)
    assert issubclass(platform, PlayedProtocol)
    assert not platform.__abstractmethods__
