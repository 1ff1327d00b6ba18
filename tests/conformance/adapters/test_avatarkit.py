"""How the AvatarKit adapter maps the SDK's names to the contract's."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
async def kit(talk_to):
    return await talk_to("avatarkit")


async def settings_of(kit, **options):
    kind, result = await kit.open("echo", **options)
    assert kind == "done", result
    assert kit.events("opened") == [result]
    return json.loads(result["connection_id"])


async def test_what_is_not_configured_stays_the_default(kit):
    settings = await settings_of(kit)
    assert settings["use_query_auth"] is False
    assert settings["expire_at"]
    absent = {"sample_rate", "bitrate", "audio_format", "livekit_egress", "on_encoded_audio"}
    assert not absent & settings.keys()


async def test_settings(kit):
    settings = await settings_of(
        kit,
        auth="query",
        sample_rate=8000,
        bitrate=1,
        audio_format="ogg_opus",
        encoder={"frame_duration_ms": 10},
        livekit_egress={"url": "u"},
        avatar_id=None,
    )
    assert settings["use_query_auth"] is True
    assert (settings["sample_rate"], settings["bitrate"]) == (8000, 1)
    assert settings["livekit_egress"] == {"url": "u", "api_token": ""}
    assert settings["ogg_opus_encoder"]
    assert settings["on_encoded_audio"]
    assert settings["avatar_id"] == ""


@pytest.mark.parametrize(
    "options",
    [{"auth": "cookie"}, {"livekit_egress": {"uri": "u"}}, {"encoder": 1}, {"expire_in": "soon"}],
)
async def test_options_that_nobody_knows(kit, options):
    kind, reason = await kit.open("echo", **options)
    assert kind == "unsupported"
    assert reason


async def test_token_only_then_reuse(kit):
    assert await kit.open("echo", start=False) == ("done", None)
    assert not kit.events("opened")
    assert (await kit.open("other", reuse_token=True))[0] == "done"
    assert "stub:echo" in kit.events("opened")[0]["connection_id"]


@pytest.mark.parametrize(
    ("behaviour", "options", "expected"),
    [
        ("echo", {"api_key": None}, {"kind": "local", "type": "ValueError"}),
        (
            "unknown-avatar",
            {},
            {
                "kind": "protocol",
                "code": "avatarNotFound",
                "http_status": 404,
                "phase": "websocket_connect",
            },
        ),
        ("odd-exception", {}, {"kind": "protocol", "type": "KeyError"}),
    ],
)
async def test_errors(kit, behaviour, options, expected):
    kind, error = await kit.open(behaviour, **options)
    assert kind == "error"
    assert error.items() >= expected.items()
    assert ("code" in error) == ("code" in expected)


async def test_a_timeout_of_the_sdk_happens_on_the_moved_clock(kit):
    opening = kit.post("open", urls={"ingress": "stub:no-answer"}, credentials={"api_key": "k"})
    assert (await kit.ask("advance", seconds=31))[0] == "done"
    error = (await kit.answer(opening))["error"]
    assert (error["kind"], error["code"]) == ("timeout", "connectionFailed")


async def test_audio_and_frames(kit):
    await kit.open("echo")
    assert await kit.ask("send_audio", audio="AAECAw==", end=True) == (
        "done",
        {"req_id": "req of 4 bytes"},
    )
    assert kit.events("frame") == [{"data": "AAECAw==", "end": True}]
    assert await kit.ask("interrupt") == ("done", {"req_id": "interrupted"})
    assert (await kit.ask("send_audio", audio="A"))[0] == "unsupported"
    assert (await kit.ask("send_text", text="hi"))[0] == "unsupported"


async def test_an_event_comes_before_the_answer_of_the_command_that_caused_it(kit):
    await kit.open("closes")
    assert (await kit.ask("send_audio", audio=""))[0] == "error"
    assert [line.get("event") or line["answer"] for line in kit.lines[-2:]] == ["closed", "error"]
    assert kit.lines[-2]["data"] == {"code": None, "reason": None}


async def test_a_session_that_ends_slowly_is_helped_by_the_clock(kit):
    await kit.open("deaf")
    assert await kit.ask("reset") == ("done", {"pending": []})


async def test_a_lent_libopus_that_cannot_be_loaded_is_said(talk_to):
    kit = await talk_to("avatarkit", UNDERSTUDY_LIBOPUS="/no/such/libopus.so")
    _, result = await kit.ask("describe")
    (claim,) = result["implementations"]
    assert ("opus_encoder" in claim["features"]) != ("opus_encoder" in claim["missing"])
