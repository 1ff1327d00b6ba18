"""Errors hold fields and format themselves from them."""

from protocol_core.errors import (
    ConfigurationError,
    LocalProtocolError,
    MissingLibraryError,
    PlatformError,
    ProtocolError,
    SendRefused,
    SessionError,
)


def test_a_protocol_error_names_the_rule_the_value_and_the_remedy():
    error = LocalProtocolError(
        "audio is not allowed yet", requirement="AVK-HS-006", value=b"\x01", hint="await start()"
    )
    assert str(error) == "audio is not allowed yet [AVK-HS-006] (got b'\\x01'): await start()"
    assert isinstance(error, ProtocolError)


def test_parts_that_are_missing_leave_no_trace():
    assert str(ProtocolError("odd")) == "odd"


def test_a_long_value_is_shortened():
    assert len(str(ProtocolError("too long", value="x" * 500))) < 110


def test_a_configuration_error_names_the_setting():
    error = ConfigurationError(
        "not a WebSocket URL", setting="ingress", value="ftp://x", hint="wss"
    )
    assert str(error) == "ingress: not a WebSocket URL (got 'ftp://x'): wss"


def test_a_missing_library_is_both_an_import_and_a_configuration_that_fails():
    error = MissingLibraryError("videosdk", "PyJWT", "jwt")
    assert str(error) == (
        "videosdk needs PyJWT, which is not installed: pip install 'understudy[videosdk]'"
    )
    assert isinstance(error, ConfigurationError)
    assert isinstance(error, ModuleNotFoundError)
    assert error.name == "jwt"


def test_a_refusal_is_a_local_error_with_a_code():
    error = SendRefused("not yet", protocol="p", code="NOT_READY", requirement="P-1", hint="wait")
    assert isinstance(error, LocalProtocolError)
    assert (error.protocol, error.code, error.phase) == ("p", "NOT_READY", "")
    assert str(error) == "not yet [P-1]: wait"


def test_a_session_error_knows_nothing_that_it_was_not_told():
    error = SessionError("it failed", code="FAILED", phase="start")
    assert isinstance(error, PlatformError)
    assert str(error) == "it failed (FAILED in start)"
    assert vars(error) == {
        "message": "it failed",
        "code": "FAILED",
        "phase": "start",
        "retry": False,
        "kind": "protocol",
        "http_status": None,
        "server_code": None,
        "raw_body": "",
        "close_code": None,
        "close_reason": "",
        "requirement": "",
    }


def test_a_session_error_shows_the_numbers_that_it_knows():
    error = SessionError(
        "it failed", code="FAILED", phase="start", http_status=503, server_code=7, close_code=4001
    )
    assert str(error) == "it failed (FAILED in start, HTTP 503, number 7, close 4001)"
