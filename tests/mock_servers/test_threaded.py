from __future__ import annotations

import threading
import urllib.request

import pytest

from mock_servers.threaded import ThreadedPlatform
from protocol_core.errors import ConfigurationError


def post(url, body=b""):
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST")) as reply:
        return reply.read()


def test_synchronous_code_can_use_a_platform(echo):
    with ThreadedPlatform(echo) as platform:
        assert b'"hello":"x"' in post(f"{platform.urls['base']}/hello", b"x")
        assert [record.kind for record in platform.records] == ["http_request", "http_response"]
        assert platform.wait_for({"kind": "http_request"})[0].raw == "x"
        assert platform.messages() == []
        platform.advance(5)
        platform.act({"advance": 5})
        assert platform.run(lambda inner: inner.now()) >= 10
        platform.set_plan([{"on": "http", "do": [{"respond": {"text": "planned"}}]}])
        assert post(f"{platform.urls['base']}/hello") == b"planned"
        platform.reset()
        assert platform.sessions() == []
        assert platform.describe()["protocol"] == "echo"
        assert platform.credentials == {"api_key": "echo-key"}


def test_errors_come_back_to_the_caller(echo):
    with ThreadedPlatform(echo) as platform:
        with pytest.raises(ConfigurationError):
            platform.act({"nonsense": 1})
        with pytest.raises(AssertionError, match="waited 0 s"):
            platform.wait_for({"kind": "close"}, deadline=0)


def test_nothing_stays_behind(echo):
    before = threading.active_count()
    platform = ThreadedPlatform(echo)
    with platform:
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    platform.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = platform.records
    with pytest.raises(RuntimeError, match="does not run"):
        _ = platform.urls


def test_a_failed_start_leaves_no_thread(echo):
    before = threading.active_count()
    with pytest.raises(ConfigurationError):
        ThreadedPlatform(lambda: echo(plan=["nonsense"])).start()
    assert threading.active_count() == before
