from __future__ import annotations

import pytest

from protocol_core.aiavatar import errors
from tests.protocol_core.aiavatar.support import REVISION, vectors

LATER = {"TURN_TIMEOUT", "RECOGNITION_ERROR"}


@vectors("classification", lambda row: row["code"] not in LATER)
def test_the_table_finds_the_code(vector):
    close = vector.get("codes")
    found = errors.classify(
        REVISION,
        phase=vector["phase"],
        http=vector.get("http"),
        close=None if close is None else int(close),
        text=vector["text"],
    )
    assert found == vector["code"]


@pytest.mark.parametrize(
    "received",
    [
        {"phase": "http", "http": 302},
        {"phase": "runtime", "close": 1011},
        {"phase": "websocket_connect"},
    ],
)
def test_what_no_row_covers_has_no_code(received):
    assert errors.classify(REVISION, **received) is None


def test_every_code_that_is_raised_has_a_class_of_its_own_or_its_parent():
    local = {"NOT_CONNECTED", "INVALID_ARGUMENT"}
    assert errors.CLASSES.keys() == {str(code) for code in REVISION.errors.ErrorCode} - local
    assert all(issubclass(kind, errors.AIAvatarError) for kind in errors.CLASSES.values())


@pytest.mark.parametrize("code", errors.CLASSES)
def test_an_error_knows_whether_a_retry_can_help(code):
    error = errors.make_error(REVISION, "no", code=code, phase="http")
    assert type(error) is errors.CLASSES[code]
    assert error.retry is REVISION.errors.CODES[code].retry


def test_an_error_formats_itself():
    error = errors.make_error(
        REVISION, "wrong key", code="AUTHENTICATION_FAILED", phase="http", http_status=401
    )
    assert str(error) == "wrong key (AUTHENTICATION_FAILED in http, HTTP 401)"
    assert error.kind == "protocol"


def test_a_time_limit_makes_another_kind_of_the_same_code():
    options = {"code": "CONNECT_FAILED", "phase": "websocket_connect"}
    assert errors.make_error(REVISION, "slow", **options, timed_out=True).kind == "timeout"
    assert errors.make_error(REVISION, "gone", **options).kind == "transport"


def test_a_refusal_names_the_rule():
    with pytest.raises(errors.SendRefused, match="AIA-AUDIO-002") as caught:
        errors.refuse("odd", "AIA-AUDIO-002", value=3)
    assert caught.value.code == "INVALID_ARGUMENT"
