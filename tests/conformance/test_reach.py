from __future__ import annotations

import socket
import threading

import pytest

from conformance.errors import UsageError
from conformance.reach import origin_of, reach


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h/x", ("h", 80, False)),
        ("ws://h:8080", ("h", 8080, False)),
        ("https://h", ("h", 443, True)),
        ("wss://[::1]:9/y?z", ("::1", 9, True)),
    ],
)
def test_origins(url: str, origin: tuple[str, int, bool]) -> None:
    assert origin_of("--server", url) == origin


@pytest.mark.parametrize("url", ["", "h", "ftp://h", "http://", "http://h:port", "http://[::1"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(UsageError, match=r"--server .*not a URL"):
        origin_of("--server", url)


def test_a_server_that_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach({"console": f"http://127.0.0.1:{port}", "b": f"ws://127.0.0.1:{port}"}, within=5)


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port} is not there: .*start the server"):
        reach({"base": f"http://127.0.0.1:{port}"}, within=5)
    with pytest.raises(UsageError, match="is not there"):
        reach({"base": f"http://{'x' * 70}.invalid"}, within=5)


def test_a_server_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        with pytest.raises(UsageError, match="speaks no trusted TLS"):
            reach({"base": f"https://127.0.0.1:{port}"}, within=5)
        thread.join()
