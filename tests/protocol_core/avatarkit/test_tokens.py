"""The token call and the upgrade, both ends."""

import json

import pytest

from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from protocol_core.avatarkit import SessionTokenError, tokens
from protocol_core.errors import ConfigurationError, RemoteProtocolError
from protocol_core.http import HttpRequest, HttpResponse, UpgradeRequest
from tests.protocol_core.avatarkit.support import config, load, vectors

REST = [error for error in CATALOGUE.values() if error.at == "rest" and error.http]
UPGRADE = [error for error in CATALOGUE.values() if error.at == "upgrade" and error.http]


def name(error):
    return error.name


def test_the_token_call():
    assert tokens.token_request(config()) == HttpRequest(
        method="POST",
        url="https://console/v1/session-tokens",
        headers={"X-Api-Key": "key", "Content-Type": "application/json"},
        body=b'{"expireAt": 600}',
    )


@vectors("urls", kind="console")
def test_the_address_of_the_console(vector):
    assert tokens.token_request(config(console_url=vector["base"])).url == vector["url"]


@pytest.mark.parametrize("setting", ["api_key", "console_url", "expire_at"])
def test_what_the_token_call_cannot_do_without(setting):
    with pytest.raises(ConfigurationError, match=f"{setting}: missing: AVK-AUTH-012"):
        tokens.token_request(config(**{setting: None}))


ANSWERS = [pytest.param(row, id=row["id"]) for row in load("token_bodies") if "token" in row]


@pytest.mark.parametrize("row", ANSWERS)
def test_answers_to_the_token_call(row):
    response = HttpResponse(status=row["status"], body=row["body"].encode())
    if "session_token" in row["token"]:
        assert tokens.read_token_response(response) == row["token"]["session_token"]
        return
    with pytest.raises(SessionTokenError) as caught:
        tokens.read_token_response(response)
    error = caught.value
    assert error.phase == "session_token"
    assert error.raw_body == row["body"]
    for field in ("code", "http_status"):
        assert getattr(error, field) == row["token"].get(field, getattr(error, field))


@pytest.mark.parametrize("token", [1, None, {"a": 1}])
def test_a_token_is_a_text(token):
    body = json.dumps({"sessionToken": token}).encode()
    with pytest.raises(SessionTokenError, match="no session token"):
        tokens.read_token_response(HttpResponse(status=200, body=body))


@pytest.mark.parametrize("error", REST, ids=name)
def test_the_catalogue_of_the_token_call(error):
    with pytest.raises(SessionTokenError) as caught:
        tokens.read_token_response(tokens.error_response(error.http))
    assert (caught.value.code, caught.value.phase) == (error.code, error.phase)


@pytest.mark.parametrize("error", UPGRADE, ids=name)
def test_the_catalogue_of_the_upgrade(error):
    response = tokens.error_response(error.http)
    found = tokens.upgrade_rejection(response)
    assert (found.code, found.phase) == (error.code, error.phase)
    assert (found.http_status, found.raw_body) == (error.http.status, response.text)


def test_catalogued_headers_go_out():
    response = tokens.error_response(CATALOGUE["token_rate_limited"].http)
    assert response.headers == {"Content-Type": "application/json", "Retry-After": "1"}
    assert tokens.error_response(CATALOGUE["billing_required"].http).body == b""


def test_calls_without_an_answer():
    error = tokens.token_call_failed("no route")
    assert (error.code, error.phase, error.http_status) == (
        "connectionFailed",
        "session_token",
        None,
    )
    error = tokens.connect_failed("no route")
    assert (error.code, error.phase) == ("connectionFailed", "websocket_connect")


def upgrade(row):
    settings = config(
        ingress_url=row["base"],
        avatar_id=row["avatar_id"],
        app_id=row["app_id"],
        query_auth=row["auth"] == "query",
    )
    return tokens.upgrade_request(settings, row["session_token"])


@vectors("urls", kind="websocket", refused=None)
def test_the_address_of_the_websocket(vector):
    assert upgrade(vector).url == vector["url"]


@vectors("urls", kind="websocket", refused=True)
def test_addresses_that_are_refused(vector):
    with pytest.raises(ConfigurationError):
        upgrade(vector)


@pytest.mark.parametrize("setting", ["ingress_url", "avatar_id", "app_id"])
def test_what_the_upgrade_cannot_do_without(setting):
    with pytest.raises(ConfigurationError, match=f"{setting}: missing: AVK-CONN-012"):
        tokens.upgrade_request(config(**{setting: ""}), "tok")


@pytest.mark.parametrize("query_auth", [True, False])
def test_the_server_reads_what_the_client_writes(query_auth):
    request = tokens.upgrade_request(config(query_auth=query_auth, avatar_id="a b/c"), "s+t")
    assert bool(request.headers) is not query_auth
    assert ("s%2Bt" in request.url) is query_auth
    lowered = {name.lower(): value for name, value in request.headers.items()}
    credentials = tokens.read_upgrade(UpgradeRequest(url=request.url, headers=lowered))
    assert credentials == tokens.UpgradeCredentials(
        avatar_id="a b/c", app_id="app", session_token="s+t", query_auth=query_auth
    )


def test_an_upgrade_without_credentials():
    credentials = tokens.read_upgrade(UpgradeRequest(url="ws://host/websocket"))
    assert credentials == tokens.UpgradeCredentials(
        avatar_id="", app_id="", session_token="", query_auth=True
    )


def test_the_server_reads_the_token_call():
    call = tokens.read_token_request(tokens.token_request(config()))
    assert call == tokens.TokenRequest(api_key="key", expire_at=600)
    granted = tokens.token_response("tok")
    assert tokens.read_token_response(granted) == "tok"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"expireAt": "600"}', b'{"expireAt": true}', b"\xff"]
)
def test_token_calls_that_cannot_be_read(body):
    with pytest.raises(RemoteProtocolError, match="no integer expireAt"):
        tokens.read_token_request(HttpRequest(method="POST", url="", body=body))
