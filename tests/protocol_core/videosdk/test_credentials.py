from __future__ import annotations

import json
import re
import sys

import jwt
import pytest

from protocol_core.videosdk.credentials import (
    Credentials,
    agent_token,
    mint,
    new_participant_id,
    verify,
)
from protocol_core.videosdk.errors import CredentialsError, TokenFault, TokenRefused
from tests.protocol_core.videosdk.support import REVISION, load, vectors

SECRET = "demo-secret-of-at-least-32-bytes"
NOW = 1_700_000_000
GENERATED = re.compile(r"avatar_[0-9a-f]{8}")


def check(token, **changes):
    settings = {"secret": SECRET, "now": NOW, "participant_id": "avatar_0a1b2c3d"} | changes
    return verify(REVISION, token, **settings)


@vectors("tokens", lambda row: "refused" not in row)
def test_good_tokens_are_taken(vector):
    worker = vector["schema"] == "avatar-token-claims"
    claims = check(vector["token"], worker=worker)
    written = json.loads(vector["text"])
    assert claims.api_key == written["apikey"]
    assert (claims.issued_at, claims.expires_at) == (written["iat"], written["exp"])
    assert claims.participant_id == written.get("participantId")


@vectors("tokens", lambda row: "refused" in row)
def test_bad_tokens_are_refused(vector):
    with pytest.raises(TokenRefused) as caught:
        check(vector["token"])
    assert caught.value.fault == TokenFault(vector["refused"])
    assert vector["token"] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "secret", "a.b.c", "a.b", "a.b.\ud800"])
def test_what_is_no_token_is_refused(text):
    with pytest.raises(TokenRefused) as caught:
        check(text)
    assert caught.value.fault is TokenFault.HEADER


def test_expiry_is_judged_by_the_given_time():
    token = mint(REVISION, api_key="k", secret=SECRET, now=5.9, participant_id="p", ttl=10).token
    assert check(token, now=14.999, participant_id="p").expires_at == 15
    with pytest.raises(TokenRefused) as caught:
        check(token, now=15, participant_id="p")
    assert caught.value.fault is TokenFault.EXPIRED


def test_nobody_in_particular_may_join_with_any_participants_token():
    token = mint(REVISION, api_key="k", secret=SECRET, now=NOW, participant_id="p").token
    assert check(token, participant_id=None).participant_id == "p"


def test_what_is_minted():
    made = mint(REVISION, api_key="key", secret=SECRET, now=NOW + 0.7)
    assert GENERATED.fullmatch(made.participant_id)
    assert jwt.get_unverified_header(made.token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(made.token, options={"verify_signature": False})
    assert claims == {
        "apikey": "key",
        "permissions": ["allow_join"],
        "version": 2,
        "iat": NOW,
        "exp": NOW + 3600,
        "participantId": made.participant_id,
    }
    assert made.token not in repr(made)
    assert made.attributes is None


def test_the_agents_own_token_names_nobody():
    token = agent_token(REVISION, api_key="key", secret=SECRET, now=NOW, ttl=60)
    claims = check(token, worker=False)
    assert (claims.participant_id, claims.expires_at) == (None, NOW + 60)


def test_made_identities_have_the_vendors_form():
    made = {new_participant_id(REVISION) for _ in range(20)}
    assert len(made) == 20
    for row in load("identities"):
        assert bool(GENERATED.fullmatch(row["participant_id"])) == row["generated"]
    assert all(GENERATED.fullmatch(identity) for identity in made)


def test_without_the_library_nothing_is_signed(monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    for call in (
        lambda: mint(REVISION, api_key="k", secret=SECRET, now=NOW),
        lambda: check("a.b.c"),
    ):
        with pytest.raises(CredentialsError, match="PyJWT is required") as caught:
            call()
        assert (caught.value.code, caught.value.kind) == ("SIGNER_MISSING", "local")


def test_credentials_keep_their_secret():
    assert "t0ken" not in repr(Credentials(participant_id="p", token="t0ken"))
