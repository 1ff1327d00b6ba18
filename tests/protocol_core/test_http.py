"""HTTP values."""

import pytest

from protocol_core.http import HttpResponse


def test_a_body_reads_as_text_whatever_its_bytes():
    assert HttpResponse(status=200, body=b"caf\xc3\xa9 \xff").text == "café \ufffd"


def test_a_body_reads_as_json():
    assert HttpResponse(status=200, body=b'{"code": 0}').json() == {"code": 0}


def test_a_body_that_is_not_json_is_a_value_error():
    with pytest.raises(ValueError, match="Expecting value"):
        HttpResponse(status=502, body=b"<html>").json()
