"""The error record and its classification."""

import pytest

from avatar_protocols.avatarkit.v0_1_7.errors import CLASSIFICATION, CODES
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit.bodies import read_details
from protocol_core.avatarkit.errors import (
    AvatarKitError,
    ErrorCode,
    Phase,
    SessionTokenError,
    classify,
    closed_error,
    rejection,
    server_error,
)
from protocol_core.errors import PlatformError
from tests.protocol_core.avatarkit.support import load, vectors

CLASSIFIED = load("classification")


@vectors("classification")
def test_the_documented_rows(vector):
    phase = Phase(vector["phase"])
    if "http_status" in vector:
        details = read_details(vector["body"], plain=phase is Phase.WEBSOCKET_CONNECT)
        error = rejection(
            AvatarKitError,
            "Refused",
            phase,
            details,
            http_status=vector["http_status"],
            raw_body=vector["body"],
        )
    else:
        message = pb.ServerError(code=vector.get("server_code", 0), message=vector.get("text", ""))
        error = server_error(message, phase)
    assert error.code in {vector["code"], *vector.get("also", ())}
    assert error.phase == phase


def test_every_row_of_the_table_can_be_reached():
    assert {row["row"] for row in CLASSIFIED} >= {rule.row for rule in CLASSIFICATION} - {28}


def test_there_are_nineteen_codes():
    assert len(ErrorCode) == len(CODES) == 19


def test_codes_are_compared_exactly_and_texts_without_case():
    phase = Phase.WEBSOCKET_CONNECT
    assert classify(phase, server_code="UNAVAILABLE") == ErrorCode.EGRESS_UNAVAILABLE
    assert classify(phase, server_code="unavailable") == ErrorCode.UNKNOWN
    assert classify(phase, title=" CREDITS Exhausted ") == ErrorCode.CREDITS_EXHAUSTED
    assert classify(phase, server_code="credits exhausted") == ErrorCode.CREDITS_EXHAUSTED


def test_a_text_is_not_found_across_a_border():
    assert classify(Phase.UNKNOWN, title="credits", detail="exhausted") == ErrorCode.UNKNOWN


def test_the_words_of_a_refusal():
    def words(body):
        details = read_details(body, plain=True)
        return rejection(
            SessionTokenError, "No", Phase.SESSION_TOKEN, details, http_status=418, raw_body=body
        ).message

    assert words("") == "No (HTTP 418)"
    assert words("why") == "No (HTTP 418): why"
    assert words('{"title": "T", "detail": "D", "code": "c"}') == "No (HTTP 418): T - D"
    assert words('{"title": "T"}') == "No (HTTP 418): T"
    assert words('{"code": "c"}') == "No (HTTP 418): c"


def test_the_words_of_a_server_error():
    worded = pb.ServerError(code=7, message="sorry", connection_id="c", req_id="r")
    error = server_error(worded, Phase.WEBSOCKET_RUNTIME)
    assert error.message == "Avatar session error: sorry (server code 7)"
    assert (error.server_code, error.server_detail) == ("7", "sorry")
    assert (error.connection_id, error.req_id) == ("c", "r")
    error = server_error(pb.ServerError(), Phase.WEBSOCKET_HANDSHAKE)
    assert error.message == "WebSocket handshake rejected by server: server code 0"
    assert (error.server_detail, error.connection_id, error.req_id) == (None, None, None)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1011, "why", " (code 1011: why)"),
        (1011, "", " (code 1011)"),
        (None, "why", " (why)"),
        (None, "", ""),
    ],
)
def test_the_words_of_a_close(code, reason, words):
    error = closed_error(Phase.WEBSOCKET_SEND, code, reason, req_id="r")
    assert error.message == f"WebSocket connection closed unexpectedly{words}"
    assert (error.close_code, error.close_reason, error.req_id) == (code, reason, "r")


def test_the_record():
    error = closed_error(Phase.WEBSOCKET_RUNTIME, 1011, "why")
    assert isinstance(error, PlatformError)
    assert str(error).startswith("connectionClosed: WebSocket connection closed")
    assert error.record() == {
        "code": "connectionClosed",
        "message": "WebSocket connection closed unexpectedly (code 1011: why)",
        "phase": "websocket_runtime",
        "http_status": None,
        "server_code": None,
        "server_title": None,
        "server_detail": None,
        "connection_id": None,
        "req_id": None,
        "raw_body": None,
        "close_code": 1011,
        "close_reason": "why",
    }
