from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.registry import PROTOCOLS, resolve
from conformance.drivers.aiavatar import AIAvatarDriver, features
from conformance.drivers.base import UnsupportedError, encoded
from mock_servers import mock
from protocol_core.aiavatar.errors import AIAvatarError, SendRefused
from protocol_core.errors import ConfigurationError
from tests.conformance.helpers import opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conformance.drivers.conftest import Driven

PICTURE = "data:image/png;base64,AAAA"
DIALOGUE = [
    {"when": {"text": "Look"}, "answer": "[vision:camera]Let me see."},
    {"when": {"text": "Fail"}, "answer": [{"fail": True}]},
    {
        "when": {"text": "Work"},
        "answer": [{"tool": {"name": "t", "arguments": {"a": 1}, "result": {"b": 2}}}],
    },
    {"when": {"text": "Talk"}, "answer": ["One.", "Two.", "Three."]},
    {"transcript": "Hello", "when": {}, "answer": "[face:joy][animation:nodding_once]Hi."},
]


@pytest.fixture
def driven(platform: Any, drive: Callable[..., Driven]) -> Driven:  # noqa: ARG001 - outlives the client
    return drive(AIAvatarDriver)


@pytest.fixture
async def platform() -> AsyncIterator[Any]:
    async with mock("aiavatar", pace=False, seed=1, dialogue=DIALOGUE) as made:
        yield made


@pytest.fixture(params=["http", "websocket"])
async def opened(driven: Driven, platform: Any, request: pytest.FixtureRequest) -> str:
    """A session that has begun, on either transport; which one."""
    options = {"transport": request.param, "images": {"camera": PICTURE}, "cancel_echo": False}
    await driven.do("open", **opening(platform, **options))
    return str(request.param)


async def told(driven: Driven, platform: Any, name: str, count: int = 1) -> list[Any]:
    """What was reported under a name, once the server has said the last word."""
    await platform.journal.wait_for({"name": name, "sender": "server"}, count)
    while len(driven.told(name)) < count:
        await driven.driver.travel.quiet()
    return driven.told(name)


async def test_what_open_answers(driven: Driven, platform: Any) -> None:
    result = await driven.do("open", **opening(platform, session_id="mine", user_id="me"))
    assert result == {"session_id": "mine", "context_id": None}
    assert driven.told("opened") == [result]
    await driven.driver.settle()
    assert driven.told("connected")[0]["session_id"] == "mine"
    (start,) = platform.journal.where(name="start", sender="client")
    assert start.data["user_id"] == "me"


async def test_nothing_crosses_the_wire_before_the_first_turn_over_http(
    driven: Driven, platform: Any
) -> None:
    await driven.do("open", **opening(platform, transport="http"))
    assert platform.journal.where(kind="http_request") == []


async def test_a_turn(driven: Driven, platform: Any, opened: str) -> None:  # noqa: ARG001 - both transports
    await driven.do("send_text", text="Hello")
    (final,) = await told(driven, platform, "final")
    assert final["voice_text"] == "Hi."
    (start,) = driven.told("start")
    assert start["request_text"] == "Hello"
    assert start["context_id"]
    (chunk,) = driven.told("chunk")
    assert (chunk["text"], chunk["pcm_format"]) == ("[face:joy][animation:nodding_once]Hi.", None)
    assert driven.told("face") == [{"name": "joy", "duration": 4.0}]
    assert driven.told("animation") == [{"name": "nodding_once", "duration": 4.0}]
    assert driven.told("play")[0]["audio"] == chunk["audio"]
    assert driven.told("played") == [{"completed": True}]


async def test_vision_tools_and_failures(driven: Driven, platform: Any, opened: str) -> None:
    await driven.do("send_text", text="Look")
    await told(driven, platform, "final")
    assert driven.told("vision") == [{"source": "camera"}]
    await driven.do("send_text", text="Work")
    calls = await told(driven, platform, "tool_call", 2)
    assert (calls[0]["name"], calls[-1]["data"], calls[-1]["is_final"]) == ("t", {"b": 2}, True)
    await driven.do("send_text", text="Fail")
    (error,) = await told(driven, platform, "error")
    assert (error["code"], error["kind"]) == ("PIPELINE_ERROR", "protocol")
    assert error["phase"] == ("stream" if opened == "http" else "runtime")
    assert '"type":"error"' in error["raw_body"]


async def test_playback_may_be_held(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, playback="hold"))
    await driven.do("send_text", text="Talk")
    await told(driven, platform, "final")
    assert len(driven.told("play")) == 1
    await driven.do("finish_playback")
    await driven.driver.travel.quiet()
    assert len(driven.told("play")) == 2
    await driven.do("send_text", text="Hello")
    await told(driven, platform, "final", 2)
    assert driven.told("flush") == [{"dropped": 1, "playing": True}]
    assert driven.told("played") == [{"completed": True}, {"completed": False}]
    assert len(driven.told("stop")) == 2


async def test_audio(driven: Driven, platform: Any, opened: str) -> None:
    await driven.do("send_audio", audio=encoded(bytes(3200)))
    await driven.do("send_audio", audio=encoded(bytes(320)), turn=True)
    await told(driven, platform, "final")
    if opened == "websocket":
        assert len(platform.journal.where(name="data", sender="client")) == 4
        assert platform.journal.where(name="invoke", sender="client")[0].data["audio_data"]
    else:
        assert platform.journal.where(kind="http_request")[0].data["audio_data"]


async def test_speech_endpoints(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, transport="http"))
    assert (await driven.do("transcribe", audio=encoded(bytes(320)))).keys() == {"text"}
    assert (await driven.do("synthesize", text="Hello", language="en"))["audio"]


async def test_settings_of_a_session(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    await driven.do("send_event", name="config", data={"volume_db_threshold": -40})
    (setting,) = await platform.journal.wait_for({"name": "config", "sender": "client"})
    assert setting.data["metadata"] == {"volume_db_threshold": -40.0}


async def test_a_lost_connection_and_the_same_client(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform))
    await driven.do("send_text", text="Hello")
    await told(driven, platform, "final")
    await platform.act({"reset": True})
    while not driven.told("error"):
        await driven.driver.travel.quiet()
    assert driven.told("closed") == [{"code": 1006, "reason": ""}]
    (error,) = driven.told("error")
    assert (error["code"], error["kind"]) == ("CONNECTION_LOST", "transport")
    again = await driven.do("open", **opening(platform, same_client=True))
    assert again["context_id"] == driven.told("start")[0]["context_id"]


async def test_closing(driven: Driven, platform: Any, opened: str) -> None:
    await driven.do("close")
    if opened == "websocket":
        assert platform.journal.where(name="stop", sender="client")
        assert driven.told("closed") == [{"code": 1000, "reason": ""}]


@pytest.mark.parametrize(
    ("command", "params", "transport"),
    [
        ("send_event", {"name": "config", "data": {"volume_db_threshold": 1}}, "http"),
        ("send_event", {"name": "voiced"}, "websocket"),
        ("send_event", {"name": "config", "data": {"speed": 1}}, "websocket"),
        ("send_event", {"name": "config"}, "websocket"),
        ("transcribe", {"audio": ""}, "websocket"),
        ("send_audio", {"audio": "*"}, "http"),
    ],
)
async def test_what_cannot_be_asked(
    driven: Driven, platform: Any, command: str, params: dict[str, Any], transport: str
) -> None:
    await driven.do("open", **opening(platform, transport=transport))
    with pytest.raises(UnsupportedError):
        await driven.do(command, **params)


async def test_an_unknown_transport(driven: Driven, platform: Any) -> None:
    with pytest.raises(UnsupportedError, match="pigeon"):
        await driven.do("open", **opening(platform, transport="pigeon"))


async def test_refusals_are_answers(driven: Driven, platform: Any, opened: str) -> None:  # noqa: ARG001 - both transports
    with pytest.raises(SendRefused) as caught:
        await driven.do("send_audio", audio=encoded(b"\0"), turn=True)
    record = driven.driver.record(caught.value)
    assert (record["kind"], record["code"]) == ("local", "INVALID_ARGUMENT")
    assert driven.driver.record(ConfigurationError("no", setting="http"))["kind"] == "local"


async def test_failed_calls_are_answers_and_failed_turns_events(
    driven: Driven, platform: Any
) -> None:
    await driven.do("open", **opening(platform, transport="http", api_key="wrong"))
    with pytest.raises(AIAvatarError) as caught:
        await driven.do("transcribe", audio=encoded(bytes(320)))
    record = driven.driver.record(caught.value)
    assert (record["code"], record["http_status"]) == ("AUTHENTICATION_FAILED", 401)
    assert record["server_detail"] == "Invalid or missing API Key"
    await driven.do("send_text", text="Hello")
    while not driven.told("error"):
        await driven.driver.travel.quiet()
    assert driven.told("error")[0]["code"] == "AUTHENTICATION_FAILED"


async def test_nothing_heard_and_an_older_turn(driven: Driven, drive: Any) -> None:
    del driven
    dialogue = [
        {"transcript": "", "answer": "Never."},
        {"when": {"text": "Story"}, "answer": ["Once.", {"wait": 0.1}, "Twice."]},
        {"when": {}, "answer": "Well."},
    ]
    async with mock("aiavatar", pace=False, dialogue=dialogue) as platform:
        other = drive(AIAvatarDriver)
        await other.do("open", **opening(platform, transport="http"))
        await other.do("send_audio", audio=encoded(bytes(320)), turn=True)
        while not other.told("nothing_heard"):
            await other.driver.travel.quiet()
        await other.do("send_text", text="Story")
        await told(other, platform, "chunk")
        await other.do("send_text", text="Enough")
        while not other.told("superseded"):
            await other.driver.travel.quiet()
        assert other.told("superseded") == [{"text": "Once."}]
        await other.driver.end()


def test_every_feature_of_clients_is_claimed_and_none_of_servers() -> None:
    claimed, missing = features(resolve("aiavatar", "0.7"))
    every = PROTOCOLS["aiavatar"].features
    assert missing == {}
    assert {"chat", "socket", "playback", "resume"} <= {*claimed}
    assert not {name for name in claimed if "(server" in every[name] or "0.9" in every[name]}
    assert every.keys() - {*claimed} == {
        name for name, text in every.items() if "(server" in text or "0.9" in text
    }
