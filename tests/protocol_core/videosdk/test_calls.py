from __future__ import annotations

import json

import pytest

from protocol_core.http import HttpResponse
from protocol_core.videosdk import calls
from protocol_core.videosdk.credentials import Credentials
from protocol_core.videosdk.errors import DispatchError, RoomCreationError
from tests.protocol_core.videosdk.support import REVISION, vectors

CREDENTIALS = Credentials(participant_id="avatar_0a1b2c3d", token="a.b.c")
PHASE = REVISION.errors.Phase


def test_the_join_request():
    url = "http://dispatcher.example/start?queue=1"
    request = calls.dispatch_request(REVISION, url, CREDENTIALS, "abcd")
    assert (request.method, request.url) == ("POST", url)
    assert request.headers == {"Content-Type": "application/json"}
    assert json.loads(request.body) == {
        "room_name": "abcd",
        "token": "a.b.c",
        "participant_id": "avatar_0a1b2c3d",
        "signaling_base_url": None,
    }


def test_another_signaling_host_is_named():
    request = calls.dispatch_request(
        REVISION, "http://d", CREDENTIALS, "abcd", signaling_base_url="signal.example"
    )
    assert json.loads(request.body)["signaling_base_url"] == "signal.example"


@vectors("rest", lambda row: row.get("endpoint") == "dispatch")
def test_answers_of_the_dispatcher(vector):
    response = HttpResponse(status=vector["status"], body=vector["text"].encode())
    if vector["outcome"] == "started":
        calls.parse_dispatch_response(REVISION, response)
        return
    with pytest.raises(DispatchError) as caught:
        calls.parse_dispatch_response(REVISION, response)
    error = caught.value
    assert (error.code, error.phase) == (vector["outcome"], "dispatch")
    assert (error.http_status, error.raw_body) == (vector["status"], vector["text"])


@vectors("rest", lambda row: row.get("endpoint") == "rooms")
def test_answers_of_the_room_service(vector):
    response = HttpResponse(status=vector["status"], body=vector["text"].encode())
    if vector["outcome"] == "room":
        assert calls.parse_room_response(REVISION, response) == "abcd-efgh-ijkl"
        return
    with pytest.raises(RoomCreationError) as caught:
        calls.parse_room_response(REVISION, response)
    assert (caught.value.code, caught.value.phase) == (vector["outcome"], "room_creation")


@pytest.mark.parametrize("body", [b"[]", b'{"roomId": 7}', b'{"roomId": ""}'])
def test_a_room_without_an_id(body):
    with pytest.raises(RoomCreationError) as caught:
        calls.parse_room_response(REVISION, HttpResponse(status=200, body=body))
    assert caught.value.code == "ROOM_ID_MISSING"


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b'{"roomId": "\xff"}'])
def test_a_room_service_in_maintenance(body):
    response = HttpResponse(status=200, body=body)
    with pytest.raises(RoomCreationError, match="Failed to create room") as caught:
        calls.parse_room_response(REVISION, response)
    assert caught.value.code == "ROOM_CREATION_FAILED"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "https://api.videosdk.live/v2/rooms"),
        ("signal.example", "https://signal.example/v2/rooms"),
        ("http://127.0.0.1:80/x/", "http://127.0.0.1:80/x/v2/rooms"),
    ],
)
def test_the_request_for_a_room(base, url):
    request = calls.rooms_request(REVISION, "t0ken", base)
    assert (request.method, request.url, request.body) == ("POST", url, b"")
    assert request.headers == {"Authorization": "t0ken"}


@pytest.mark.parametrize(
    ("phase", "code"),
    [(PHASE.DISPATCH, "DISPATCH_UNREACHABLE"), (PHASE.ROOM_CREATION, "ROOM_CREATION_FAILED")],
)
def test_calls_without_an_answer(phase, code):
    slow = calls.unanswered(REVISION, phase, "no answer within 5 s", timed_out=True)
    assert (slow.code, slow.kind, slow.retry) == (code, "timeout", True)
    assert calls.unanswered(REVISION, phase, "refused", timed_out=False).kind == "transport"


def test_no_room_is_known():
    error = calls.unset_room(REVISION)
    assert (error.code, error.kind, error.requirement) == ("ROOM_ID_UNSET", "local", "VSD-DISP-003")


@vectors("rest", lambda row: row.get("schema") == "join-request")
def test_what_a_dispatcher_makes_of_a_body(vector):
    read = calls.parse_join_request(REVISION, vector["text"].encode())
    assert isinstance(read, calls.JoinRequestFault) == (not vector["valid"])


def test_what_is_wrong_with_a_body():
    for body in (b"{", b'{"token": "\xff"}'):
        broken = calls.parse_join_request(REVISION, body)
        assert (broken.json, broken.code) == (False, "JOIN_REQUEST_INVALID")
    assert calls.parse_join_request(REVISION, b'{"x":' + b"[" * 100_000).json is False
    wrong = calls.parse_join_request(REVISION, b"{}")
    assert wrong.json is True
    assert "room_name" in wrong.detail
