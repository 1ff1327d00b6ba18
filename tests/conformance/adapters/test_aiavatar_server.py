"""How the adapter of AIAvatarKit's servers sets them up, and its stand-ins for what costs money.

The servers are stubs: what is sent to them are lines of JSON, and so is what comes back.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict

import msgspec
import pytest

from mock_servers.aiavatar.dialogue import Dialogue, Progress


@pytest.fixture
async def kit(talk_to, tmp_path):
    talk = await talk_to("aiavatar_server", TMPDIR=str(tmp_path))
    talk.folder = tmp_path
    talk.links = []

    async def serve(**options):
        kind, result = await talk.ask("serve", urls={}, credentials={}, options=options)
        assert kind == "done", result
        talk.address = result["urls"]["http"].removeprefix("http://").split(":")
        return result

    async def say(path="/chat", **request):
        """What comes of a request."""
        reader, writer = await asyncio.open_connection(*talk.address)
        talk.links.append(writer)
        writer.write(json.dumps({"path": path, **request}).encode() + b"\n")
        told = []
        while (line := json.loads(await reader.readline())) != {"end": path}:
            told.append(line)
        return told

    async def texts(*words, **request):
        """What is answered to a number of texts, in order."""
        return [[told.get("text") for told in await say(text=word, **request)] for word in words]

    talk.serve, talk.say, talk.texts = serve, say, texts
    yield talk
    for link in talk.links:
        link.close()


# --- setting up ----------------------------------------------------------------------------------


async def test_what_serve_answers(kit):
    result = await kit.serve(api_key="k")
    assert result["credentials"] == {"api_key": "k"}
    http, websocket = result["urls"]["http"], result["urls"]["websocket"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", http)
    assert websocket == http.replace("http", "ws")
    again = await kit.serve()
    assert again == {"urls": result["urls"], "credentials": {"api_key": ""}}


async def test_what_is_not_set_stays_the_default(kit):
    await kit.serve(pace=False, seed=3)
    (settings,) = await kit.say("/ws/settings")
    assert settings == {
        "chunk_size": 0,
        "sample_rate": 16000,
        "volume_db_threshold": -50.0,
        "silence_duration_threshold": 0.5,
        "min_duration": 0.2,
        "max_duration": 10.0,
        "wakewords": None,
        "wakeword_timeout": 60.0,
        "merge_request_threshold": 0.0,
        "voice_recorder_enabled": False,
        "files": ["voices"],
    }


async def test_options(kit):
    hearing = {"volume_db_threshold": -30.0, "silence": 1.0, "min_speech": 0.3}
    waking = {"wakewords": ["hey"], "wakeword_timeout": 9.0, "merge_within": 2.0}
    await kit.serve(api_key="k", pcm_chunk_bytes=640, max_recording=5.0, **hearing, **waking)
    (settings,) = await kit.say("/ws/settings")
    told = {
        "chunk_size": 640,
        "volume_db_threshold": -30.0,
        "silence_duration_threshold": 1.0,
        "min_duration": 0.3,
        "max_duration": 5.0,
        "wakewords": ["hey"],
        "wakeword_timeout": 9.0,
        "merge_request_threshold": 2.0,
    }
    assert settings.items() >= told.items()
    (settings,) = await kit.say("/settings")
    assert (settings["api_key"], settings["wakewords"]) == ("k", ["hey"])
    assert "sample_rate" not in settings  # HTTP has its voice detection in the client


@pytest.mark.parametrize(
    "options", [{"nonsense": 1, "seed": 1}, {"dialogue": {}}, {"dialogue": "file.yaml"}, 7]
)
async def test_what_cannot_be_served(kit, options):
    assert (await kit.ask("serve", options=options))[0] == "unsupported"


@pytest.mark.parametrize("command", ["open", "act", "send_text", "send_audio", "interrupt"])
async def test_what_is_a_clients_business(kit, command):
    assert (await kit.ask(command, audio="", action={}))[0] == "unsupported"


# --- the dialogue --------------------------------------------------------------------------------


DIALOGUES = {
    "in order": [{"answer": "One."}, {"answer": "Two."}, {"times": 2, "answer": "Three."}],
    "by text": [
        {"when": {"text": " Hello "}, "answer": "Hi."},
        {"when": {"pattern": r"\bweather\b"}, "answer": "Sunny."},
        {"when": {"turn": 4}, "answer": "The fourth."},
        {"when": {"files": True}, "answer": "A picture."},
        {"when": {"files": False, "text": "what"}, "times": 1, "answer": "No picture."},
    ],
    "by transcript": [
        {"transcript": "Hello", "answer": "Hi."},
        {"transcript": "Bye", "when": {}, "answer": "Anything."},
    ],
    "sentences": [
        {
            "when": {},
            "answer": "[face:joy]Hi! How?! Well... 3.5 is.it\nso\u3002\uff01Ah\u3002 Oh\uff1f  Y.",
        },
    ],
    "as they stand": [{"when": {}, "answer": ["One. Two.", {"say": "Three. Four."}]}],
    "without a word": [{"when": {"turn": 1}}, {"when": {}, "answer": ""}],
    "of nothing": [],
}
SAID = [
    ("Hello", False),
    ("HELLO ", False),
    ("the Weather, please", True),
    ("what", False),
    ("what", True),
    ("what", False),
    ("", False),
]


@pytest.mark.parametrize("name", DIALOGUES)
async def test_the_same_dialogue_as_the_mock_platform_plays(kit, name):
    turns = DIALOGUES[name]
    await kit.serve(dialogue=turns)
    expected, progress = Dialogue(turns), defaultdict(Progress)
    for context in ("one", "two"):
        for text, files in SAID:
            pictures = [{"url": "u"}] if files else None
            told = await kit.say(text=text, context=context, files=pictures)
            steps = expected.answer(progress[context], text, files=files)
            assert [each["text"] for each in told] == [step.say for step in steps]


async def test_a_dialogue_of_its_own(kit):
    await kit.serve()
    assert await kit.texts("Hi") == [["[face:joy]Hello. ", "What can I do for you?"]]


async def test_how_things_are_said(kit):
    answer = [
        "[face:joy]Thirty characters, as it were.",
        {"say": "Silent.", "speech": 0},
        {"say": "Long.", "speech": 2},
        {"say": "Hai.", "language": "ja-JP"},
        "[vision:camera]",
    ]
    await kit.serve(dialogue=[{"when": {}, "answer": answer}])
    told = await kit.say(text="go")
    assert [each["language"] for each in told] == [None, None, None, "ja-JP", None]
    seconds = [each["sound"] / 2 / 16000 for each in told]
    assert seconds == pytest.approx([30 / 15, 0, 2, 4 / 15, 0], abs=1 / 16000)


async def test_tools(kit):
    look = {"name": "look", "id": "1", "arguments": {"at": "x"}, "progress": [{"n": 1}, {"n": 2}]}
    tools = [{"tool": {**look, "result": {"a": "b"}, "seconds": 30}}, {"tool": {"name": "bare"}}]
    await kit.serve(dialogue=[{"when": {}, "answer": ["First.", *tools]}])
    asked = asyncio.create_task(kit.say(text="go"))
    # Three pauses, each of which may begin before the clock is moved or after.
    while not asked.done():
        await kit.ask("advance", seconds=10)
    first, *calls, bare, done = await asked
    assert first["text"] == "First."
    known = {"id": "1", "name": "look", "arguments": '{"at": "x"}'}
    results = [None, {"data": {"n": 1}, "is_final": False}, {"data": {"n": 2}, "is_final": False}]
    results.append({"data": {"a": "b"}, "is_final": True})
    assert calls == [{**known, "result": result} for result in results]
    assert (bare["arguments"], bare["result"]) == ("{}", None)
    assert done["result"] == {"data": {}, "is_final": True}
    assert bare["id"] == done["id"] != "1"


async def test_pauses_pass_with_advance(kit):
    await kit.serve(dialogue=[{"when": {}, "answer": [{"wait": 600}, "There."]}])
    asked = asyncio.create_task(kit.say(text="go"))
    while not asked.done():
        await kit.ask("advance", seconds=300)
    assert [each["text"] for each in await asked] == ["There."]


async def test_a_turn_that_fails(kit):
    await kit.serve(dialogue=[{"when": {}, "answer": ["So far.", {"fail": True}, "No more."]}])
    first, error = await kit.say(text="go")
    assert (first["text"], error["error"].partition(":")[0]) == ("So far.", "RuntimeError")


async def test_what_is_heard(kit):
    dialogue = [{"transcript": "one", "answer": "1"}, {"transcript": "two", "answer": "2"}]
    await kit.serve(dialogue=dialogue)
    for path in ("/chat", "/ws"):
        told = [await kit.say(path) for _ in range(3)]
        assert [[each["text"] for each in answer] for answer in told] == [["1"], ["2"], ["2"]]
    told = [await kit.say("/transcribe") for _ in range(3)]
    assert told == [[{"text": "one"}], [{"text": "two"}], [{"text": "two"}]]


async def test_nothing_is_heard_where_no_transcript_is(kit):
    await kit.serve(dialogue=[{"when": {}, "answer": "Well."}])
    assert await kit.say("/transcribe") == [{"text": ""}]


def test_every_member_of_a_turn_is_known_here_too(adapters):
    """A new member of the mock platform's dialogues is to be thought of here as well."""
    from mock_servers.aiavatar.dialogue import ScriptedTool

    source = (adapters / "aiavatar_server.py").read_text(encoding="utf-8")
    names = {field.name for field in msgspec.structs.fields(ScriptedTool)}
    assert {name for name in names if f'"{name}"' not in source} == set()


# --- the end -------------------------------------------------------------------------------------


async def test_close_breaks_every_connection_and_serves_nobody(kit):
    await kit.serve()
    await kit.texts("Hi")
    reader, writer = await asyncio.open_connection(*kit.address)
    kit.links.append(writer)
    writer.write(b'{"path": "/settings"}\n')
    assert b"api_key" in await reader.readline()
    assert await kit.ask("close") == ("done", None)
    await reader.read()  # up to its end
    _, deaf = await asyncio.open_connection(*kit.address)
    kit.links.append(deaf)
    deaf.write(b'{"path": "/settings"}\n')
    assert await kit.ask("close") == ("done", None)  # harmless


@pytest.mark.parametrize("end", ["reset", "close", "serve"])
async def test_one_scenario_leaves_nothing_to_the_next(kit, end):
    await kit.serve(dialogue=[{"answer": "Once."}], api_key="k")
    (fresh,) = await kit.say("/settings")
    assert fresh["open"] == 5
    assert await kit.texts("Hi", "Hi") == [["Once."], []]
    (used,) = await kit.say("/settings")
    assert sorted(used["files"]) == ["c.db", "voices"]
    (folder,) = kit.folder.iterdir()
    if end != "serve":
        result = {"pending": []} if end == "reset" else None
        assert await kit.ask(end) == ("done", result)
        assert list(kit.folder.iterdir()) == []
    await kit.serve(dialogue=[{"answer": "Once."}], api_key="k")
    assert await kit.say("/settings") == [fresh]
    assert await kit.texts("Hi") == [["Once."]]
    assert folder not in kit.folder.iterdir()


async def test_an_answer_under_way_is_named_and_cancelled(kit):
    await kit.serve(dialogue=[{"when": {}, "answer": ["So far.", {"wait": 60}, "There."]}])
    reader, writer = await asyncio.open_connection(*kit.address)
    kit.links.append(writer)
    writer.write(b'{"path": "/chat", "text": "go"}\n')
    assert b"So far." in await reader.readline()
    kind, result = await kit.ask("reset")
    assert kind == "done"
    assert "Uvicorn._serve_app" in result["pending"]
    assert await reader.read() == b""
    assert await kit.ask("reset") == ("done", {"pending": []})
