from __future__ import annotations

import re

import pytest

from mock_servers.videosdk.tokens import TOKEN_FORM, describe_token
from tests.protocol_core.videosdk.support import load, vectors

SECRETS = {"demo-key": "demo-secret-of-at-least-32-bytes"}


def describe(token, secrets=SECRETS):
    return describe_token(token, secrets, algorithm="HS256", key_claim="apikey")


@vectors("tokens")
def test_a_token_is_described(vector):
    described = describe(vector["token"])
    wanted = {"signature": "invalid", "header": "none"}.get(vector.get("refused"), "valid")
    if "apikey" not in described["claims"]:
        wanted = "invalid"  # whose secret it would be is not known
    assert described["signature"] == wanted
    assert re.fullmatch(TOKEN_FORM, vector["token"])


def test_the_digest_tells_tokens_apart():
    tokens = {row["token"] for row in load("tokens")}
    assert len({describe(token)["digest"] for token in tokens}) == len(tokens)


def test_no_secret_is_known_of_another_account():
    assert describe(load("tokens")[0]["token"], {})["signature"] == "invalid"


@pytest.mark.parametrize("token", ["", "secret", "a.b.c", "eyJ.e30.c2ln", "a.b.\ud800"])
def test_what_is_no_token_is_not_described(token):
    assert describe(token) is None
