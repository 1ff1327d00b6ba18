from __future__ import annotations

import json

import pytest
import yaml

from avatar_protocols import schemas
from mock_servers.aiavatar import dialogue
from mock_servers.aiavatar.dialogue import (
    Dialogue,
    Fail,
    Progress,
    Say,
    ScriptedTool,
    UseTool,
    Wait,
    load_dialogue,
    sentences,
)
from protocol_core.errors import ConfigurationError

SCHEMA = schemas.meta_validator("dialogue")


def said(script, *texts, files=False):
    progress = Progress()
    return [
        "".join(step.say for step in script.answer(progress, text, files=files)) for text in texts
    ]


def test_turns_without_conditions_take_their_course():
    script = Dialogue([{"answer": "One."}, {"answer": "Two.", "times": 2}, {"note": "nothing"}])
    assert said(script, "a", "b", "c", "d", "e") == ["One.", "Two.", "Two.", "", ""]


def test_turns_with_conditions_answer_as_often_as_they_fit():
    script = Dialogue(
        [
            {"when": {"text": " Hello "}, "answer": "Hi!"},
            {"when": {"pattern": r"\bweather\b"}, "times": 1, "answer": "Sunny."},
            {"when": {"turn": 4}, "answer": "The fourth."},
            {"when": {}, "answer": "Hm."},
        ]
    )
    texts = ("hello", "the WEATHER", "the weather", "x", "HELLO")
    assert said(script, *texts) == ["Hi!", "Sunny.", "Hm.", "The fourth.", "Hi!"]


def test_pictures_count():
    script = Dialogue(
        [
            {"when": {"files": True}, "answer": "A picture."},
            {"when": {"files": False}, "answer": "No."},
        ]
    )
    assert said(script, "x", files=True) == ["A picture."]
    assert said(script, "x") == ["No."]


def test_each_conversation_has_its_own_progress():
    script = Dialogue([{"answer": "One."}])
    assert said(script, "x") == said(script, "x") == ["One."]


def test_utterances_take_the_transcripts_in_order():
    script = Dialogue(
        [
            {"transcript": "Hello", "answer": "Hi!"},
            {"answer": "Anything."},
            {"transcript": ""},
            {"transcript": "Bye", "when": {"pattern": "bye"}, "answer": "See you."},
        ]
    )
    progress = Progress()
    assert [script.hear(progress) for _ in range(4)] == ["Hello", "", "Bye", "Bye"]
    assert said(script, "Hello", "hello", "good-bye") == ["Hi!", "Hi!", "Anything."]
    assert Dialogue([{"answer": "x"}]).hear(progress) == ""


def test_steps_of_an_answer():
    (turn,) = [
        {
            "answer": [
                "As it stands. Whole.",
                {"say": "Long", "speech": 12, "language": "ja-JP"},
                {
                    "tool": {
                        "name": "look",
                        "arguments": {"a": 1},
                        "progress": [{"b": 2}],
                        "seconds": 2,
                    }
                },
                {"wait": 1.5},
                {"fail": True},
            ]
        }
    ]
    assert Dialogue([turn]).answer(Progress(), "x") == (
        Say(say="As it stands. Whole."),
        Say(say="Long", speech=12.0, language="ja-JP"),
        UseTool(
            tool=ScriptedTool(name="look", arguments={"a": 1}, progress=[{"b": 2}], seconds=2.0)
        ),
        Wait(wait=1.5),
        Fail(fail=True),
    )


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("", []),
        ("Hello", ["Hello"]),
        ("Hello! How are you? ", ["Hello! ", "How are you? "]),
        ("What?! Really... yes. It is 3.5.", ["What?! ", "Really... ", "yes. ", "It is 3.5."]),
        ("今日\u3002何\uff1f はい\uff01", ["今日\u3002", "何\uff1f ", "はい\uff01"]),
        ("One\nTwo", ["One\n", "Two"]),
        ("[face:joy]Hi. [face:fun]Ho.", ["[face:joy]Hi. ", "[face:fun]Ho."]),
    ],
)
def test_text_is_cut_behind_its_sentences(text, chunks):
    assert sentences(text) == chunks
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize(
    ("turn", "place", "problem"),
    [
        ({"answr": "x"}, "dialogue[0]", "did you mean answer"),
        ({}, "dialogue[0]", "an empty turn"),
        ("x", "dialogue[0]", "a turn is a mapping"),
        ({"when": {"txt": 1}}, "dialogue[0].when", "did you mean text"),
        ({"when": {"pattern": "("}}, "dialogue[0].when.pattern", "not a regular expression"),
        ({"when": 5}, "dialogue[0]", "when"),
        ({"times": 0}, "dialogue[0]", "times"),
        ({"answer": 5}, "dialogue[0]", "answer"),
        ({"answer": [5]}, "dialogue[0].answer[0]", "a text or a mapping"),
        ({"answer": [{}]}, "dialogue[0].answer[0]", "no such step"),
        ({"answer": [{"wiat": 1}]}, "dialogue[0].answer[0]", "did you mean wait"),
        ({"answer": [{"wait": -1}]}, "dialogue[0].answer[0]", "wait"),
        ({"answer": [{"fail": False}]}, "dialogue[0].answer[0]", "fail"),
        ({"answer": [{"say": "x", "sound": 1}]}, "dialogue[0].answer[0]", "no such member"),
        ({"answer": [{"tool": {"nam": "x"}}]}, "dialogue[0].answer[0].tool", "did you mean name"),
        ({"answer": [{"tool": 5}]}, "dialogue[0].answer[0]", "tool"),
    ],
)
def test_mistakes_are_named_with_their_place(turn, place, problem):
    with pytest.raises(ConfigurationError) as caught:
        load_dialogue([turn])
    assert caught.value.setting == place
    assert problem in str(caught.value)
    assert not SCHEMA.is_valid([turn]) or problem == "not a regular expression"


def test_files_are_yaml_or_json(tmp_path):
    turns = [{"when": {"text": "on"}, "answer": ["One."]}]
    for name, text in (("a.yaml", yaml.safe_dump(turns)), ("a.json", json.dumps(turns))):
        (tmp_path / name).write_text(text)
        for path in (tmp_path / name, str(tmp_path / name)):
            assert said(load_dialogue(path), "On") == ["One."]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "not YAML"), ("turns: []", "a list of turns"), (b"\xff\xfe\xfa", "not YAML")],
)
def test_other_files_are_refused(tmp_path, text, problem):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError, match=problem):
        load_dialogue(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        load_dialogue(tmp_path / "nowhere.yaml")


def test_the_default_dialogue_is_valid_and_says_something():
    path = dialogue._DEFAULT
    assert SCHEMA.is_valid(yaml.safe_load(path.read_text()))
    script = load_dialogue()
    for text in ("Hello", "Tell me a story", "Look at me", "asdf"):
        assert script.answer(Progress(), text)
    assert script.hear(Progress())


def test_the_schema_and_the_loader_know_the_same_members():
    definitions = schemas.meta("dialogue")["$defs"]
    for title, kind in (
        ("Turn", dialogue._TurnData),
        ("When", dialogue._When),
        ("Say", Say),
        ("UseTool", UseTool),
        ("Wait", Wait),
        ("Fail", Fail),
    ):
        assert set(definitions[title]["properties"]) == set(kind.__struct_fields__)
    tool = definitions["UseTool"]["properties"]["tool"]["properties"]
    assert set(tool) == set(ScriptedTool.__struct_fields__)
