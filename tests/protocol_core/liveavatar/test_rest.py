from __future__ import annotations

import json

import pytest

from protocol_core.http import HttpRequest
from protocol_core.liveavatar import rest
from protocol_core.liveavatar.config import settle
from protocol_core.liveavatar.errors import InvalidResponseError, StartError, TransportError
from tests.protocol_core.liveavatar.support import DATA, REVISION, URL, config, reply, vectors

BASE = "https://facemarket.ai/vih/dispatcher"


def request(**changes):
    given = config(**changes)
    return rest.start_request(REVISION, given, settle(given))


def test_start_request():
    made = request()
    assert (made.method, made.url) == ("POST", f"{BASE}/v1/session/start")
    assert made.headers == {"Authorization": "Bearer key", "Content-Type": "application/json"}
    assert json.loads(made.body) == {"avatarId": "avatar"}


def test_start_request_with_everything():
    made = request(base_url="http://localhost:1/", sandbox=True, voice_id="v")
    assert made.url == "http://localhost:1/v1/session/start"
    assert made.headers["X-Env-Sandbox"] == "true"
    assert json.loads(made.body) == {"avatarId": "avatar", "voiceId": "v"}


def test_stop_request():
    made = rest.stop_request(REVISION, config(), settle(config()), "session-1")
    assert made.url == f"{BASE}/v1/session/stop"
    assert json.loads(made.body) == {"sessionId": "session-1"}


@vectors("rest", lambda row: "outcome" in row)
def test_what_a_reply_means(vector):
    answer = reply(vector["text"].encode(), vector.get("status", 200))
    start = vector["schema"] == "start-response"
    parse = rest.parse_start_response if start else rest.parse_stop_response
    if vector["outcome"] in {"started", "stopped"}:
        result = parse(REVISION, answer)
        if start:
            assert result.agent_ws_url == json.loads(vector["text"])["data"]["agentWsUrl"]
        return
    with pytest.raises((InvalidResponseError, StartError, TransportError)) as caught:
        parse(REVISION, answer)
    assert caught.value.code == vector["outcome"]
    if "number" in vector:
        assert caught.value.server_code == vector["number"]


def test_every_row_of_the_catalogue():
    rows = [row for row in REVISION.errors.CATALOGUE.values() if row.at == "rest" and row.http]
    assert len(rows) > 20
    for row in rows:
        body = row.http.text.encode() if row.http.json is None else row.http.json
        parse = rest.parse_start_response
        if row.phase == "session_stop":
            parse = rest.parse_stop_response
        with pytest.raises((InvalidResponseError, StartError, TransportError)) as caught:
            parse(REVISION, reply(body, row.http.status))
        assert (caught.value.code, caught.value.phase) == (row.code, row.phase), row.name
        assert caught.value.http_status == row.http.status
        assert caught.value.retry == (row.code in RETRIED and isinstance(caught.value, StartError))


RETRIED = {"NO_ORCHESTRATION_POD", "NO_RENDERER_POD", "SESSION_START_FAILED"}


@pytest.mark.parametrize(
    ("body", "number", "message"),
    [
        ({}, -1, "Unknown error"),
        ({"code": None, "message": "m"}, -1, "m"),
        ({"code": True, "message": 5}, -1, "Unknown error"),
        ({"code": "0", "message": "m"}, -1, "m"),
        ({"code": 0.5}, -1, "Unknown error"),
        ({"code": 40003.0}, 40003, "Unknown error"),
        ({"code": 7, "message": "m", "data": DATA}, 7, "m"),
    ],
)
def test_the_number_must_be_a_number(body, number, message):
    with pytest.raises(StartError) as caught:
        rest.parse_start_response(REVISION, reply(body))
    assert (caught.value.server_code, caught.value.message) == (number, message)
    assert caught.value.code == "SESSION_START_FAILED"


@pytest.mark.parametrize(
    "data",
    [None, [], {}, DATA | {"sessionId": 5}, DATA | {"sfuUrl": ""}, DATA | {"userToken": None}],
)
def test_data_without_its_members(data):
    with pytest.raises(InvalidResponseError) as caught:
        rest.parse_start_response(REVISION, reply({"code": 0, "data": data}))
    assert caught.value.code == "INVALID_RESPONSE"


@pytest.mark.parametrize("url", [None, "", 5])
def test_no_place_to_dial(url):
    with pytest.raises(InvalidResponseError) as caught:
        rest.parse_start_response(REVISION, reply({"code": 0, "data": DATA | {"agentWsUrl": url}}))
    assert caught.value.code == "AGENT_WS_URL_MISSING"


@pytest.mark.parametrize("body", [b"", b"\xff", b'"\xff"', b"[1]", b"[" * 100_000])
def test_answers_that_are_none(body):
    with pytest.raises(InvalidResponseError):
        rest.parse_start_response(REVISION, reply(body))


def test_what_is_secret_stays_on_the_backend():
    result = rest.parse_start_response(REVISION, reply({"code": 0, "data": DATA}))
    assert URL not in repr(result)
    assert "user-token-1" not in repr(result)
    assert result.frontend == rest.FrontendAccess(
        user_token="user-token-1", sfu_url="wss://sfu.example"
    )
    assert result.agent_token is None


def test_the_platform_reads_what_the_agent_sends():
    order = rest.parse_start_request(REVISION, request(sandbox=True, voice_id="v"))
    assert order == rest.StartOrder(api_key="key", sandbox=True, avatar_id="avatar", voice_id="v")
    plain = rest.parse_start_request(REVISION, request())
    assert (plain.voice_id, plain.sandbox) == (None, False)
    stop = rest.stop_request(REVISION, config(), settle(config()), "s")
    assert rest.parse_stop_request(REVISION, stop).session_id == "s"


@pytest.mark.parametrize("header", [{}, {"authorization": "Basic x"}, {"Authorization": "Bearer "}])
def test_callers_without_a_key(header):
    made = HttpRequest(method="POST", url="/", headers=header, body=b'{"sessionId":"s"}')
    assert rest.parse_stop_request(REVISION, made).api_key is None


@vectors("rest", lambda row: row["schema"].endswith("-request"))
def test_requests_are_read_as_their_schema_says(vector):
    made = HttpRequest(method="POST", url="/", body=vector["text"].encode())
    start = vector["schema"] == "start-request"
    parse = rest.parse_start_request if start else rest.parse_stop_request
    if vector["valid"]:
        parse(REVISION, made)
    else:
        with pytest.raises(ValueError, match=r"."):
            parse(REVISION, made)


def test_the_agent_reads_what_the_platform_answers():
    for token in (None, "t"):
        result = rest.StartResult(
            session_id="s", sfu_url="u", user_token="t", agent_ws_url="w", agent_token=token
        )
        answer = rest.start_response(REVISION, result)
        assert answer.headers == {"Content-Type": "application/json"}
        assert rest.parse_start_response(REVISION, answer) == result
    rest.parse_stop_response(REVISION, rest.stop_response(REVISION))


def test_a_call_without_an_answer():
    error = rest.unanswered(REVISION, "reset", phase="session_start")
    assert (error.code, error.kind) == ("HTTP_ERROR", "transport")
    late = rest.unanswered(REVISION, "late", phase="session_stop", timed_out=True)
    assert late.kind == "timeout"
