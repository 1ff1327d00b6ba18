"""How the adapter of AIAvatarKit's clients maps their names, and its microphone and loudspeaker."""

from __future__ import annotations

import base64
import json

import pytest

IDS = {"session_id": "s", "user_id": "u"}


def encoded(data):
    return base64.b64encode(data).decode()


@pytest.fixture
async def kit(talk_to):
    talk = await talk_to("aiavatar_client")

    async def come(name, count=1):
        """What was reported under a name, once there is so much of it."""
        await talk.until(lambda _: len(talk.events(name)) >= count)
        return talk.events(name)

    async def receive(*responses):
        """Let the stub receive something."""
        assert await talk.ask("send_text", text=json.dumps(responses)) == ("done", None)

    talk.come, talk.receive = come, receive
    return talk


@pytest.fixture(params=["websocket", "http"])
async def either(request, kit):
    """A client of each transport, with an open session."""
    kit.transport = request.param
    assert (await kit.open("echo", transport=request.param, **IDS))[0] == "done"
    return kit


# --- opening -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "name"), [("websocket", "ws"), ("http", "http")])
async def test_what_open_answers(kit, transport, name):
    kind, result = await kit.open("echo", transport=transport)
    told = {"session_id": f"{name}_session", "context_id": None}
    assert (kind, result) == ("done", told)
    assert kit.events("opened") == [told]


async def test_a_socket_tells_that_it_is_connected(kit):
    await kit.open("echo", **IDS, context_id="c")
    assert kit.events("connected") == [{**IDS, "context_id": "c"}]
    assert kit.events("opened") == [{"session_id": "s", "context_id": "c"}]


async def test_settings_of_http(kit):
    heard = {"volume_db_threshold": -30.0, "timeout": 3.0, "cancel_echo": False}
    await kit.open("echo", transport="http", context_id="c", **IDS, **heard)
    await kit.ask("send_text", text="options")
    assert json.loads((await kit.come("final"))[0]["text"]) == {
        "url": "stub:echo/chat",
        "api_key": "k",
        "timeout": 3.0,
        "vad_volume_db_threshold": -30.0,
        "auto_noise_filter_threshold": False,
        "cancel_echo": False,
        "begun": {**IDS, "context_id": "c"},
    }


async def test_what_is_not_configured_stays_the_default(kit):
    await kit.open("echo", transport="http", api_key=None)
    await kit.ask("send_text", text="options")
    told = json.loads((await kit.come("final"))[0]["text"])
    assert told.keys() == {"url", "api_key", "auto_noise_filter_threshold", "begun"}
    assert told["api_key"] is None
    assert told["begun"]["user_id"] == "http_user"


async def test_the_clients_do_not_dial_again(kit):
    await kit.open("echo")
    assert (await kit.open("echo", same_client=True))[0] == "unsupported"


@pytest.mark.parametrize("command", ["send_text", "send_audio", "close"])
async def test_without_a_session_nothing_can_be_done(kit, command):
    kind, reason = await kit.ask(command, audio="")
    assert (kind, "open" in reason) == ("unsupported", True)


@pytest.mark.parametrize(
    "command",
    ["send_event", "transcribe", "synthesize", "interrupt", "send_frame", "serve", "act"],
)
async def test_what_the_clients_do_not_have(kit, command):
    await kit.open("echo")
    assert (await kit.ask(command, audio=""))[0] == "unsupported"


OPENING = {
    "refused": {"http_status": 403, "raw_body": "no", "type": "InvalidStatus"},
    "nobody": {"type": "ConnectionRefusedError"},
    "late": {"type": "TimeoutError", "kind": "timeout"},
}


@pytest.mark.parametrize("behaviour", OPENING)
async def test_a_socket_that_cannot_be_opened(kit, behaviour):
    kind, error = await kit.open(behaviour)
    assert kind == "error"
    assert error.pop("message")
    told = {"code": "CONNECT_FAILED", "phase": "websocket_connect", "kind": "transport"}
    assert error == told | OPENING[behaviour]
    assert kit.events("closed") == []


async def test_something_else_that_keeps_a_socket_from_opening(kit):
    kind, error = await kit.open("odd")
    assert (kind, error) == ("error", {"kind": "local", "type": "KeyError", "message": "'data'"})


# --- turns ---------------------------------------------------------------------------------------


async def test_a_turn_of_text(either):
    files = [{"type": "image", "url": "u"}]
    params = {"name": "x"}
    await either.ask("send_text", text="hi", files=files, system_prompt_params=params)
    told = json.loads((await either.come("final"))[0]["text"])
    assert told == {
        "type": "start" if either.transport == "http" else "invoke",
        **IDS,
        "context_id": None,
        "text": "hi",
        "files": files,
        "system_prompt_params": params,
    }


async def test_a_turn_of_pictures_alone(either):
    await either.ask("send_text", files=[])
    told = json.loads((await either.come("final"))[0]["text"])
    assert (told["text"], told["files"]) == (None, [])


async def test_the_conversation_goes_on_in_the_context_that_start_names(either):
    await either.receive({"type": "start", "context_id": "c"})
    await either.come("start")
    await either.ask("send_text", text="hi")
    assert json.loads((await either.come("final"))[0]["text"])["context_id"] == "c"


async def test_a_turn_of_audio(either):
    await either.ask("send_audio", audio="AAECAw==", turn=True)
    told = json.loads((await either.come("final"))[0]["text"])
    assert (told["audio_data"], told["session_id"]) == ("AAECAw==", "s")


async def test_the_microphone_hears_in_pieces_of_the_recorder(either):
    await either.ask("send_audio", audio=encoded(bytes(2500)))
    told = [final["text"] for final in await either.come("final", 3)]
    assert told == ["heard 1024 bytes", "heard 1024 bytes", "heard 452 bytes"]


@pytest.mark.parametrize(
    ("command", "params"),
    [("send_text", {"text": 1}), ("send_audio", {"audio": "A"}), ("send_audio", {})],
)
async def test_what_cannot_be_read(kit, command, params):
    await kit.open("echo")
    assert (await kit.ask(command, **params))[0] == "unsupported"


TURNS = {
    "pipeline": {
        "code": "PIPELINE_ERROR",
        "phase": "stream",
        "kind": "protocol",
        "server_detail": "no model",
        "raw_body": '{"type": "error", "metadata": {"error": "no model"}}',
    },
    "null": {
        "code": "PIPELINE_ERROR",
        "phase": "stream",
        "kind": "protocol",
        "raw_body": '{"type": "error", "metadata": null}',
    },
    "mute": {"code": "PIPELINE_ERROR", "phase": "stream", "kind": "protocol"},
    "401": {"code": "AUTHENTICATION_FAILED", "http_status": 401, "raw_body": "told"},
    "404": {"code": "NOT_FOUND", "http_status": 404, "raw_body": "told"},
    "422": {"code": "INVALID_REQUEST", "http_status": 422},
    "503": {"code": "SERVER_ERROR", "http_status": 503, "raw_body": "told"},
    "slow": {"code": "RESPONSE_TIMEOUT", "kind": "timeout"},
    "transport": {"code": "TRANSPORT_ERROR"},
    "url": {"code": "TRANSPORT_ERROR"},
    "closed": {"code": "NOT_CONNECTED", "phase": "runtime"},
    "odd": {"kind": "local", "phase": None},
}


@pytest.mark.parametrize("name", TURNS)
async def test_a_turn_that_fails_is_an_event(kit, name):
    await kit.open("echo", transport="http")
    assert await kit.ask("send_text", text=f"raise {name}") == ("done", None)
    (error,) = await kit.come("error")
    assert error.pop("type")
    error.pop("message", None)
    told = {"phase": "http", "kind": "transport"} | TURNS[name]
    assert error == {key: value for key, value in told.items() if value is not None}


# --- what is received ----------------------------------------------------------------------------


NOBODY = {"context_id": "c"}
EVENTS = [  # what is received: what is reported
    (
        {"type": "start", "metadata": {"request_text": "hi"}},
        {"request_text": "hi", **NOBODY},
    ),
    ({"type": "start"}, {"request_text": None, **NOBODY}),
    (
        {
            "type": "chunk",
            "text": "[face:joy]Hi",
            "voice_text": "Hi",
            "language": "en",
            "metadata": {"is_first_chunk": True},
        },
        {
            "text": "[face:joy]Hi",
            "voice_text": "Hi",
            "language": "en",
            "audio": "",
            "pcm_format": None,
            "metadata": {"is_first_chunk": True},
            **NOBODY,
        },
    ),
    (
        {
            "type": "tool_call",
            "metadata": {
                "tool_call": {
                    "id": "1",
                    "name": "look",
                    "arguments": "{}",
                    "result": {"data": {"a": 1}, "is_final": True},
                }
            },
        },
        {
            "id": "1",
            "name": "look",
            "arguments": "{}",
            "data": {"a": 1},
            "is_final": True,
            **NOBODY,
        },
    ),
    (
        {"type": "tool_call"},
        {"id": None, "name": None, "arguments": None, "data": None, "is_final": None, **NOBODY},
    ),
    ({"type": "vision", "metadata": {"source": "camera"}}, {"source": "camera", **NOBODY}),
    (
        {"type": "final", "text": "Hi", "voice_text": "Hi"},
        {"text": "Hi", "voice_text": "Hi", **NOBODY},
    ),
    ({"type": "stop"}, NOBODY),
]


@pytest.mark.parametrize(("received", "reported"), EVENTS)
async def test_every_response_is_an_event(kit, received, reported):
    await kit.open("echo")
    await kit.receive({**received, **NOBODY})
    assert (await kit.come(received["type"]))[0] == reported


async def test_a_failing_callback_reports_first(kit):
    await kit.open("echo", callbacks={"start": "raise"})
    await kit.receive({"type": "start"}, {"type": "final"})
    await kit.come("final")
    assert len(kit.events("start")) == 1
    assert (await kit.leave())[1].count("callback failed: the scenario") == 1


@pytest.mark.parametrize(("source", "told"), [("camera", "data:x"), ("screen", None)])
async def test_a_picture_of_what_the_character_wants_to_see(kit, source, told):
    await kit.open("echo", images={"camera": "data:x"})
    await kit.receive({"type": "vision", "metadata": {"source": source}})
    assert (await kit.come("final"))[0]["text"] == told


async def test_faces_and_animations_are_held_by_the_time_of_day(kit):
    await kit.open("echo", faces=["wink"], animations=["bow"])
    await kit.receive(
        {"type": "chunk", "face": ["joy", 0]},
        {"type": "chunk", "face": ["wink", 60], "animation": ["bow", 70]},
    )
    assert await kit.come("animation") == [{"name": "bow", "duration": 70}]
    assert kit.events("face") == [{"name": "joy", "duration": 0}, {"name": "wink", "duration": 60}]
    await kit.ask("advance", seconds=65)
    assert (await kit.come("face", 3))[2] == {"name": "neutral", "duration": None}
    assert len(kit.events("animation")) == 1
    await kit.ask("advance", seconds=6)
    assert (await kit.come("animation", 2))[1] == {"name": "idling", "duration": None}


async def test_a_face_that_the_avatar_does_not_have(kit):
    await kit.open("echo")
    await kit.receive({"type": "chunk", "face": ["wink", 0]})
    assert (await kit.come("error"))[0]["type"] == "KeyError"
    assert kit.events("face") == []


# --- the loudspeaker -----------------------------------------------------------------------------


SOUND, WORDS = {"type": "chunk", "audio_data": "AAECAw=="}, {"type": "chunk", "text": "Hi"}
PCM = {**SOUND, "metadata": {"pcm_format": {"sample_rate": 24000}}}


async def test_a_sound_is_played(kit):
    await kit.open("echo")
    await kit.receive(WORDS, SOUND, SOUND)
    await kit.come("played", 2)
    told = {"audio": "AAECAw==", "pcm_format": None, "voice_text": None}
    assert kit.events("play") == [told, told]
    assert kit.events("played") == [{"completed": True}] * 2
    assert kit.events("chunk")[1]["audio"] == "AAECAw=="


async def test_a_sound_lasts_until_it_is_over(kit):
    await kit.open("echo", playback="hold")
    await kit.receive(SOUND, SOUND)
    for count in (1, 2):
        await kit.come("play", count)
        assert len(kit.events("played")) == count - 1
        assert await kit.ask("finish_playback") == ("done", None)
        await kit.come("played", count)
    assert kit.events("flush") == []


async def test_a_sound_is_cut_off(kit):
    await kit.open("echo", playback="hold")
    await kit.receive(SOUND)
    await kit.come("play")
    await kit.receive({"type": "stop"})
    assert await kit.come("flush") == [{"dropped": 0, "playing": True}]
    assert await kit.come("played") == [{"completed": False}]


async def test_pieces_of_pcm_wait_in_line(kit):
    await kit.open("echo", playback="hold")
    await kit.receive(PCM)
    pcm_format = {"sample_rate": 24000, "channels": 1, "sample_width": 2}
    told = {"audio": "AAECAw==", "pcm_format": pcm_format, "voice_text": None}
    assert await kit.come("play") == [told]
    await kit.receive(PCM, PCM, {"type": "stop"})
    assert await kit.come("flush") == [{"dropped": 2, "playing": True}]
    assert len(kit.events("play")) == 1


# --- the end -------------------------------------------------------------------------------------


async def test_close(either):
    assert await either.ask("close") == ("done", None)
    closed = [{"code": 1000, "reason": "bye"}] if either.transport == "websocket" else []
    assert either.events("closed") == closed


async def test_turns_under_way_are_dropped_by_close(either):
    await either.ask("send_text", text="hang")
    assert await either.ask("close") == ("done", None)
    assert await either.ask("reset") == ("done", {"pending": []})
    assert either.events("error") == []


async def test_reset_leaves_nothing_behind(kit):
    for transport in ("websocket", "http"):
        await kit.open("echo", transport=transport, playback="hold")
        await kit.receive({"type": "chunk", "face": ["joy", 30]}, SOUND)
        await kit.come("play")
        await kit.ask("send_text", text="hang")
        assert await kit.ask("reset") == ("done", {"pending": []})
        seen = len(kit.lines)
        await kit.ask("advance", seconds=60)
        assert len(kit.lines) == seen + 1
        kit.lines.clear()
    await kit.open("echo", transport="http")
    while True:
        kit.lines.clear()
        await kit.ask("send_text", text="threads")
        names = json.loads((await kit.come("final"))[0]["text"])
        if (names.count("held"), names.count("player")) == (2, 1):  # those of this session
            break
