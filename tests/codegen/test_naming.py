from __future__ import annotations

import pytest

from codegen.naming import class_name, constant_name, field_name, revision_module


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("appIDMismatch", "APP_ID_MISMATCH"),
        ("sessionTokenExpired", "SESSION_TOKEN_EXPIRED"),
        ("input.voice.start", "INPUT_VOICE_START"),
        ("response.audio.promptStart", "RESPONSE_AUDIO_PROMPT_START"),
        ("NO_RENDERER_POD", "NO_RENDERER_POD"),
        ("AudioFrame", "AUDIO_FRAME"),
        ("token_expired", "TOKEN_EXPIRED"),
        ("v2beta", "V2BETA"),
    ],
)
def test_constant_name(name: str, expected: str) -> None:
    assert constant_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sample_rate", "SampleRate"),
        ("InputText", "InputText"),
        ("start-request", "StartRequest"),
        ("appId", "AppId"),
    ],
)
def test_class_name(name: str, expected: str) -> None:
    assert class_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sessionId", "session_id"), ("pass", "pass_"), ("idleTimeMs", "idle_time_ms")],
)
def test_field_name(name: str, expected: str) -> None:
    assert field_name(name) == expected


@pytest.mark.parametrize(
    ("revision", "expected"), [("0.1.7", "v0_1_7"), ("0.2", "v0_2"), ("1.0rc-1", "v1_0rc_1")]
)
def test_revision_module(revision: str, expected: str) -> None:
    assert revision_module(revision) == expected
