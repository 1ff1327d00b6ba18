from __future__ import annotations

import socket

import pytest

from mock_servers.hosts import is_loopback, reachable, url_host


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


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "192.168.1.1", "example.org"])
def test_a_host_is_reached_by_its_own_name(host):
    assert reachable(host) == host


class FakeSocket:
    def __init__(self, family, kind):
        assert kind == socket.SOCK_DGRAM
        self.family = family

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def connect(self, address):
        self.address = address

    def getsockname(self):
        return ("192.168.7.7" if self.family == socket.AF_INET else "fd00::7", 5)


@pytest.mark.parametrize(
    ("host", "expected"), [("", "192.168.7.7"), ("0.0.0.0", "192.168.7.7"), ("::", "fd00::7")]
)
def test_every_interface_is_reached_by_this_machine_s_address(monkeypatch, host, expected):
    monkeypatch.setattr(socket, "socket", FakeSocket)
    assert reachable(host) == expected


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_without_a_network_there_is_the_loopback_interface(monkeypatch, host, expected):
    def unreachable(_socket, _address):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(FakeSocket, "connect", unreachable)
    monkeypatch.setattr(socket, "socket", FakeSocket)
    assert reachable(host) == expected


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("a.b", "a.b")]
)
def test_hosts_in_urls(host, expected):
    assert url_host(host) == expected
