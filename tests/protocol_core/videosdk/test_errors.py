from __future__ import annotations

import msgspec
import pytest

from protocol_core.videosdk import errors as e
from tests.protocol_core.videosdk.support import REVISION, load, vectors

AGENTS = {"SIGNER_MISSING", "CREDENTIALS_MISSING"}
STATUS = {"DISPATCH_REFUSED": 503}


@vectors("local_failures", lambda row: row["phase"] == "send" and "text" in row)
def test_the_transports_words_are_classified(vector):
    error = e.failure(REVISION, "send", vector["text"])
    assert isinstance(error, e.SendError)
    assert error.code == vector["code"]


def test_every_code_of_the_classification_is_reached():
    reached = set()
    for rule in REVISION.errors.CLASSIFICATION:
        text = rule.text[0] if rule.text else "something else"
        status = rule.http_range[0] if rule.http_range else None
        code = e.classify(REVISION, phase=rule.phases[0], text=text, status=status)
        assert code == rule.code
        reached.add(code)
    assert reached <= {row.code for row in REVISION.errors.CODES.values()}
    assert {row["code"] for row in load("local_failures") if row["code"]} - reached == {"ACK_LOST"}


@pytest.mark.parametrize(
    ("phase", "text", "kind"),
    [
        ("credentials", "PyJWT is required", e.CredentialsError),
        ("room_creation", "No VideoSDK auth available", e.CredentialsError),
        ("room_creation", "Failed to create room: x", e.RoomCreationError),
        ("dispatch", "refused", e.DispatchError),
        ("join", "refused", e.JoinError),
        ("send", "x", e.SendError),
        ("feed", "AvatarServer not started", e.FeedError),
    ],
)
def test_each_phase_has_its_class(phase, text, kind):
    error = e.failure(REVISION, phase, text)
    assert type(error) is kind
    assert isinstance(error, e.VideoSdkError)
    assert error.retry == REVISION.errors.CODES[error.code].retry


def test_phases_that_the_table_does_not_cover():
    with pytest.raises(LookupError, match="nowhere"):
        e.classify(REVISION, phase="nowhere")
    empty = msgspec.structs.replace(REVISION, errors=type("E", (), {"CLASSIFICATION": ()}))
    with pytest.raises(LookupError):
        e.classify(empty, phase="send")


def test_what_errors_say():
    error = e.failure(REVISION, "dispatch", "HTTP 503", status=503)
    assert str(error) == "HTTP 503 (DISPATCH_REFUSED in dispatch, HTTP 503)"
    assert str(e.failure(REVISION, "send", "gone")) == "gone (SEND_FAILED in send)"
    refused = e.TokenRefused(e.TokenFault.EXPIRED, "an hour ago")
    assert str(refused) == "token refused (expired): an hour ago"
