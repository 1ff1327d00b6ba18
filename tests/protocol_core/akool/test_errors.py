from __future__ import annotations

import pytest

from protocol_core.akool.errors import CLASSES, AkoolError, SendRefused, classify, failure
from protocol_core.akool.revision import load
from protocol_core.errors import LocalProtocolError, PlatformError
from tests.protocol_core.akool.client_side import README, V2
from tests.protocol_core.akool.instance import DOCUMENTED, vectors

REVISIONS = [load(revision) for revision in ("0.1.8", "0.1.9", DOCUMENTED)]
REFUSALS = {"NOT_CONNECTED", "NOT_READY", "UNSUPPORTED"}


@vectors("classification")
def test_classification(vector):
    number = vector.get("server_code", vector.get("close_code"))
    for revision in REVISIONS:
        found = classify(
            revision, vector["phase"], number=number, http_status=vector.get("http_status")
        )
        assert found == vector["code"]


def test_a_phase_without_rows():
    with pytest.raises(LookupError, match="no row"):
        classify(V2, "configuration")


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_code_has_a_class(revision):
    codes = {str(code) for code in revision.errors.ErrorCode}
    assert codes - CLASSES.keys() <= REFUSALS
    assert {*CLASSES.values()} == {
        kind for kind in CLASSES.values() if issubclass(kind, AkoolError)
    }
    assert len({*CLASSES.values()}) == len(CLASSES)


def test_errors_hold_the_facts():
    error = failure(
        V2, "no such key", phase="discovery", server_code=4001, http_status=200, raw_body="{}"
    )
    assert isinstance(error, PlatformError)
    assert type(error) is CLASSES["AUTHENTICATION_FAILED"]
    assert str(error) == ("no such key (AUTHENTICATION_FAILED in discovery, HTTP 200, number 4001)")
    assert (error.retry, failure(V2, "x", phase="connect").retry) == (False, True)


def test_a_close_code_is_a_number_too():
    error = failure(README, "busy", phase="connect", close_code=4003)
    assert error.code == "INSTANCE_OCCUPIED"
    assert str(error) == "busy (INSTANCE_OCCUPIED in connect, close 4003)"


def test_refusals_are_ours():
    error = SendRefused(
        "no", protocol="akool", code="NOT_READY", phase="audio", requirement="AKO-PARAM-001"
    )
    assert isinstance(error, LocalProtocolError)
    assert (error.code, error.phase, error.protocol) == ("NOT_READY", "audio", "akool")
