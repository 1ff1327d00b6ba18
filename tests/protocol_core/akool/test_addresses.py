from __future__ import annotations

import pytest

from protocol_core.akool.addresses import Instance, server_address, websocket_url
from protocol_core.akool.client import ClientSession
from protocol_core.akool.errors import ServerUrlError
from protocol_core.akool.revision import load
from tests.protocol_core.akool.client_side import DIRECT, V2, config, located
from tests.protocol_core.akool.instance import vectors


def each(vector):
    return [load(revision) for revision in vector["revisions"]]


@vectors("urls", lambda row: row["kind"] == "discovery")
def test_discovery(vector):
    for revision in each(vector):
        settings = config(
            discovery_url=vector["configured"],
            environment=vector["environment"],
            avatar_id=vector["avatar_id"],
        )
        request = ClientSession(settings, revision=revision).discovery_request()
        assert (request.method, request.url, request.body) == ("GET", vector["url"], b"")
        assert request.headers["api_key"] == "key"


@vectors("urls", lambda row: row["kind"] == "websocket")
def test_websocket(vector):
    given = {name: vector[name] for name in ("session_id", "avatar_id") if name in vector}
    for revision in each(vector):
        session = located(revision, **given)
        host = Instance(host=vector["host"], port=vector["port"])
        session._attempts.begin((host,))
        upgrade = session.upgrade_request(0.0)
        assert upgrade.url == vector["url"]
        assert upgrade.headers == ({} if revision.documented else {"api_key": "key"})


@vectors("urls", lambda row: row["kind"] == "direct" and "code" not in row)
def test_direct(vector):
    found = server_address(DIRECT, vector["configured"])
    assert (found.host, found.port) == (vector["host"], vector["port"])
    scheme = websocket_url(DIRECT, found, {}).partition(":")[0]
    assert scheme == vector["scheme"]


@vectors("urls", lambda row: row["kind"] == "direct" and "code" in row)
def test_direct_refused(vector):
    with pytest.raises(ServerUrlError) as caught:
        server_address(DIRECT, vector["configured"])
    assert caught.value.code == vector["code"]
    assert (caught.value.kind, caught.value.phase) == ("local", "configuration")


@pytest.mark.parametrize("given", ["ftp://host", "host:0", "host:x", "http://[::1", ""])
def test_what_else_is_no_server(given):
    with pytest.raises(ServerUrlError, match="cannot be used"):
        server_address(DIRECT, given)


def test_addresses_of_version_6():
    found = server_address(DIRECT, "wss://[::1]:9443/path")
    assert (found.host, found.address, found.secure) == ("::1", "[::1]:9443", True)
    assert websocket_url(V2, found, {}).startswith("wss://[::1]:9443/streamingAvatar")
