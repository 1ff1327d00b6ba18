from __future__ import annotations

from types import SimpleNamespace

import pytest

from protocol_core.errors import LocalProtocolError, PlatformError
from protocol_core.liveavatar import errors
from tests.protocol_core.liveavatar.support import REVISION


def test_errors_show_what_they_hold():
    error = errors.StartError(
        "too many",
        code="QUOTA_EXHAUSTED",
        phase="session_start",
        server_code=40006,
        http_status=200,
    )
    assert str(error) == "too many (QUOTA_EXHAUSTED in session_start, HTTP 200, number 40006)"
    closed = errors.HandshakeError(
        "gone", code="HANDSHAKE_CLOSED", phase="handshake", close_code=1011
    )
    assert str(closed).endswith("close 1011)")
    assert isinstance(error, PlatformError)


def test_refusals_are_ours():
    with pytest.raises(LocalProtocolError) as caught:
        errors.refuse("no", "LAC-X", value=1, hint="do better")
    assert str(caught.value) == "no [LAC-X] (got 1): do better"
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.code in list(REVISION.errors.ErrorCode)


def test_numbers_are_classified_by_the_table():
    for code, info in REVISION.errors.CODES.items():
        if info.number is not None:
            assert errors.classify(REVISION, info.number, phase="session_start") == code
    assert errors.classify(REVISION, -1, phase="session_stop") == "SESSION_START_FAILED"


def test_a_table_that_covers_nothing_is_a_fault_of_the_specification():
    empty = SimpleNamespace(errors=SimpleNamespace(CLASSIFICATION=()))
    with pytest.raises(LookupError):
        errors.classify(empty, 1, phase="session_start")
    with pytest.raises(LookupError):
        errors.classify(REVISION, 1, phase="runtime")
