from __future__ import annotations

import random

import pytest

from protocol_core.akool.addresses import Instance
from protocol_core.akool.config import settle
from protocol_core.akool.discovery import choose, discovery_request, read_discovery
from protocol_core.akool.errors import AkoolError, DiscoveryError
from protocol_core.akool.revision import load
from protocol_core.http import HttpResponse
from tests.protocol_core.akool.client_side import DIRECT, V2, config, listing, reply
from tests.protocol_core.akool.instance import vectors


@vectors("discovery")
def test_what_an_answer_means(vector):
    for revision in map(load, vector["revisions"]):
        response = reply(vector["body"], vector["status"])
        if vector["outcome"] == "found":
            found = read_discovery(revision, response)
            candidates = choose(found, "a1", random.Random(1), 3)
            assert sorted(item.address for item in candidates) == sorted(vector["candidates"])
            continue
        with pytest.raises(AkoolError) as caught:
            read_discovery(revision, response)
        error = caught.value
        allowed = {vector["outcome"], *vector.get("also", ())}
        assert vector["outcome"] == "any" or error.code in allowed
        assert (error.phase, error.http_status) == ("discovery", vector["status"])
        assert error.raw_body == vector["body"]


def test_the_number_and_words_are_kept():
    with pytest.raises(DiscoveryError, match="no such group") as caught:
        read_discovery(V2, reply({"code": 5000, "msg": "no such group", "data": None}))
    assert (caught.value.server_code, caught.value.server_text) == (5000, "no such group")
    with pytest.raises(DiscoveryError, match="Unknown error"):
        read_discovery(V2, reply({"code": 5000, "msg": 7}))
    with pytest.raises(DiscoveryError, match="Unknown error"):
        read_discovery(V2, reply({"code": True}))


def test_the_request():
    for revision, query in ((V2, "group_name"), (DIRECT, "avatar_id")):
        request = discovery_request(revision, config(), settle(config(), revision))
        assert query in request.url
        assert "key" not in request.url  # AKO-AUTH-008
        assert request.headers == {"api_key": "key", "Content-Type": "application/json"}


def test_chance_is_reproducible_and_fair():
    found = read_discovery(V2, reply(listing(1, 2, 3, 4)))
    first = choose(found, "a", random.Random(5), 3)
    assert first == choose(found, "a", random.Random(5), 3)
    assert len(first) == 3
    tried = {choose(found, "a", random.Random(seed), 3)[0].port for seed in range(50)}
    assert tried == {1, 2, 3, 4}


def test_those_with_the_avatar_come_first():
    mine = Instance(host="h", port=1, avatar_id="a")
    other = Instance(host="h", port=2, avatar_id="b")
    assert choose([other, mine], "a", random.Random(0), 3) == (mine,)
    assert {*choose([other, mine], "c", random.Random(0), 3)} == {mine, other}


def test_a_body_that_is_no_text():
    response = HttpResponse(status=200, body=b'{"code": "\xff"}')
    with pytest.raises(DiscoveryError, match="not JSON"):
        read_discovery(V2, response)
