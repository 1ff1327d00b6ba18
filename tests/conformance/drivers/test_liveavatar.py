from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from avatar_protocols.liveavatar.v0_2.messages import MessageName
from avatar_protocols.registry import PROTOCOLS, resolve
from conformance.drivers.base import UnsupportedError, encoded
from conformance.drivers.liveavatar import SENDERS, LiveAvatarDriver, features
from mock_servers import mock
from protocol_core.errors import ConfigurationError
from protocol_core.liveavatar.errors import LiveAvatarError, SendRefused
from tests.conformance.helpers import opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conformance.drivers.conftest import Driven

SAMPLES = encoded(bytes(640))


@pytest.fixture
def driven(platform: Any, drive: Callable[..., Driven]) -> Driven:  # noqa: ARG001 - outlives the client
    return drive(LiveAvatarDriver)


@pytest.fixture
async def platform() -> AsyncIterator[Any]:
    async with mock("liveavatar", pace=False, seed=1) as made:
        yield made


@pytest.fixture
async def opened(driven: Driven, platform: Any) -> Any:
    """A session that has begun; the platform behind it."""
    await driven.do("open", **opening(platform))
    return platform


async def sent(platform: Any, name: str, count: int = 1) -> list[Any]:
    """What the agent has sent under a name, as the platform recorded it."""
    return await platform.journal.wait_for({"name": name, "sender": "client"}, count)


async def test_what_open_answers(driven: Driven, platform: Any) -> None:
    result = await driven.do("open", **opening(platform))
    (reply,) = platform.journal.where(kind="http_response")
    assert result["session_id"] == reply.data["data"]["sessionId"]
    assert result["sfu_url"] == reply.data["data"]["sfuUrl"]
    assert result["user_token"]
    assert ("opened", {"session_id": result["session_id"]}) in driven.events
    await sent(platform, "session.ready")
    assert driven.told("init")[0]["session_id"] == result["session_id"]


async def test_the_settings_reach_the_platform(driven: Driven, platform: Any) -> None:
    await driven.do("open", **opening(platform, voice_id="alto", sandbox=True))
    (request,) = platform.journal.where(kind="http_request")
    assert request.data["voiceId"] == "alto"
    assert request.headers["x-env-sandbox"] == "true"


async def test_what_the_platform_says_is_reported(driven: Driven, opened: Any) -> None:
    for name, data in [
        ("input.text", {"requestId": "r1", "data": {"text": "hello"}}),
        ("session.state", {"seq": 7, "timestamp": 8, "data": {"state": "SPEAKING"}}),
        ("control.interrupt", {"requestId": "r1"}),
        ("system.idleTrigger", {"data": {"reason": "quiet", "idleTimeMs": 9}}),
        ("error", {"requestId": "r1", "data": {"code": "E1", "message": "no"}}),
        ("session.closing", {"data": {"reason": "over"}}),
    ]:
        await opened.act({"send": {"message": name, "data": data}})
    await opened.act({"close": {"code": 1000, "reason": "bye"}})
    await opened.journal.wait_for({"kind": "close", "sender": "client"})
    await driven.driver.settle()
    assert driven.told("text") == [{"request_id": "r1", "text": "hello"}]
    assert {"state": "SPEAKING", "seq": 7, "timestamp": 8} in driven.told("state")
    assert driven.told("interrupted") == [{"request_id": "r1"}]
    assert driven.told("idle") == [{"reason": "quiet", "idle_time_ms": 9}]
    assert driven.told("closing") == [{"reason": "over"}]
    (error,) = driven.told("error")
    assert (error["kind"], error["server_code"], error["req_id"]) == ("protocol", "E1", "r1")


#: Every event that an agent's client has a method for, in an order that a conversation allows.
CONVERSATION = (
    ("INPUT_VOICE_START", {"request_id": "r1"}),
    ("INPUT_ASR_PARTIAL", {"request_id": "r1", "text": "hel", "seq": 0}),
    ("INPUT_VOICE_FINISH", {"request_id": "r1"}),
    ("INPUT_ASR_FINAL", {"request_id": "r1", "text": "hello"}),
    ("RESPONSE_START", {"request_id": "r1", "response_id": "s1", "speed": 1.5, "volume": 0.5}),
    ("RESPONSE_CHUNK", {"request_id": "r1", "response_id": "s1", "text": "hi", "seq": 0}),
    ("RESPONSE_DONE", {"request_id": "r1", "response_id": "s1"}),
    ("RESPONSE_CANCEL", {"response_id": "s1"}),
    ("RESPONSE_AUDIO_START", {"request_id": "r1", "response_id": "s2"}),
    ("RESPONSE_AUDIO_FINISH", {"request_id": "r1", "response_id": "s2"}),
    ("RESPONSE_AUDIO_PROMPT_START", {}),
    ("RESPONSE_AUDIO_PROMPT_FINISH", {}),
    ("CONTROL_INTERRUPT", {"request_id": "r1"}),
    ("SYSTEM_PROMPT", {"text": "sing"}),
    ("ERROR", {"code": "E1", "message": "no", "request_id": "r1"}),
)


async def test_every_event_is_sent_as_it_was_ordered(driven: Driven, opened: Any) -> None:
    assert {member for member, _ in CONVERSATION} == set(SENDERS)
    for member, data in CONVERSATION:
        name = str(MessageName[member])
        used = await driven.do("send_event", name=name, data=data)
        assert used == {k: v for k, v in data.items() if k in {"request_id", "response_id", "seq"}}
        (record,) = await sent(opened, name)
        inner = record.data.get("data") or {}
        assert record.data.get("requestId") == data.get("request_id")
        assert record.data.get("responseId") == data.get("response_id")
        assert {k: inner.get(k) for k in ("text", "code", "message")} == {
            k: data.get(k) for k in ("text", "code", "message")
        }


async def test_ids_that_are_left_out_are_minted_and_kept(driven: Driven, opened: Any) -> None:
    begun = await driven.do("send_event", name="response.start", data={"request_id": "r1"})
    chunk = {"request_id": "r1", "text": "a"}
    went_on = await driven.do("send_event", name="response.chunk", data=chunk)
    assert went_on["response_id"] == begun["response_id"]
    again = await driven.do("send_event", name="response.start", data={})
    assert again["response_id"] != begun["response_id"]
    assert again["request_id"]
    records = await sent(opened, "response.start", 2)
    assert [r.data["responseId"] for r in records] == [begun["response_id"], again["response_id"]]


@pytest.mark.parametrize(
    ("data", "told"),
    [({"colour": "red"}, "system.prompt has no colour"), ({}, "system.prompt needs text")],
)
async def test_events_that_no_method_could_send(
    driven: Driven, opened: Any, data: dict[str, Any], told: str
) -> None:
    with pytest.raises(UnsupportedError, match=told):
        await driven.do("send_event", name="system.prompt", data=data)
    assert opened.journal.messages("system.prompt") == []


async def test_an_event_of_ones_own(driven: Driven, opened: Any) -> None:
    data = {"request_id": "r1", "data": {"x": [1]}}
    assert await driven.do("send_event", name="my.own", data=data) == {"request_id": "r1"}
    (record,) = await sent(opened, "my.own")
    assert (record.data["requestId"], record.data["data"]) == ("r1", {"x": [1]})


async def test_frames_are_sent_field_by_field(driven: Driven, opened: Any) -> None:
    await driven.do("send_event", name="response.audio.start", data={"request_id": "r1"})
    fields = {"sequence": 4, "timestamp": 9, "sample_rate": 0, "samples": 320}
    await driven.do("send_frame", frame="AudioFrame", key=1, payload=SAMPLES, **fields)
    (record,) = await sent(opened, "AudioFrame")
    told = {**fields, "sample_rate": "HZ_16000", "key": True}
    assert told.items() <= record.data.items()
    with pytest.raises(UnsupportedError, match="no frame 'Smell'"):
        await driven.do("send_frame", frame="Smell", payload="")
    with pytest.raises(UnsupportedError, match="`payload` must be base64"):
        await driven.do("send_frame", frame="AudioFrame")


async def test_whole_responses(driven: Driven, opened: Any) -> None:
    written = await driven.do("send_text", request_id="r1", response_id="s1", chunks=["a", "b"])
    assert written == {"request_id": "r1", "response_id": "s1"}
    await sent(opened, "response.done")
    texts = [r.data["data"]["text"] for r in opened.journal.messages("response.chunk")]
    assert texts == ["a", "b"]
    spoken = await driven.do("send_audio", audio=SAMPLES, sample_rate=16000)
    (finish,) = await sent(opened, "response.audio.finish")
    assert finish.data["requestId"] == spoken["request_id"]
    assert await driven.do("send_audio", audio=SAMPLES, prompt=True) == {}
    await sent(opened, "response.audio.promptFinish")
    with pytest.raises(UnsupportedError, match="`codec` is pcm"):
        await driven.do("send_audio", audio=SAMPLES, codec="opus")


async def test_an_interrupt_names_its_turn(driven: Driven, opened: Any) -> None:
    assert await driven.do("interrupt", request_id="r1") == {}
    (record,) = await sent(opened, "control.interrupt")
    assert record.data["requestId"] == "r1"


async def test_a_close_stops_the_session(driven: Driven, opened: Any) -> None:
    await driven.do("close")
    await driven.driver.settle()
    assert [data["code"] for data in driven.told("closed")] == [1000]
    assert opened.journal.where(kind="http_request", name="session_stop")


async def test_which_opens_share_a_client(driven: Driven, platform: Any) -> None:
    clients = driven.driver.clients
    for options, count in [({}, 1), ({"same_client": True}, 1), ({}, 2)]:
        await driven.do("open", **opening(platform, **options))
        await driven.do("close")
        assert len(clients) == count, options


async def test_without_a_session(driven: Driven) -> None:
    for command in ("interrupt", "close", "send_event"):
        with pytest.raises(RuntimeError, match="`open` comes first"):
            await driven.do(command)


async def test_errors_are_records(driven: Driven, platform: Any) -> None:
    parameters = opening(platform, api_key="wrong")
    with pytest.raises(LiveAvatarError) as caught:
        await driven.do("open", **parameters)
    record = driven.driver.record(caught.value)
    assert record["type"] == type(caught.value).__name__
    assert record["server_code"] == str(caught.value.server_code)
    assert record["server_detail"] == record["message"] == caught.value.message
    own = ConfigurationError("no", setting="x")
    assert driven.driver.record(own) == {
        "type": "ConfigurationError",
        "message": str(own),
        "kind": "local",
    }


@pytest.mark.usefixtures("opened")
async def test_what_the_client_refuses_to_send_is_a_local_error(driven: Driven) -> None:
    await driven.do("close")
    with pytest.raises(SendRefused) as caught:
        await driven.do("interrupt")
    record = driven.driver.record(caught.value)
    assert record["kind"] == "local"
    assert record["phase"] == "runtime"


def test_everything_that_a_client_may_is_claimed() -> None:
    claimed, missing = features(resolve("liveavatar"))
    every = PROTOCOLS["liveavatar"].features
    assert missing == {}
    assert every.keys() - claimed == {name for name in every if every[name].endswith("(server)")}
