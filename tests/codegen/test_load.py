from __future__ import annotations

import pytest

from codegen.load import read_json, read_yaml
from codegen.problems import SourceError


def rule_of(error: SourceError) -> str:
    (problem,) = error.problems
    return problem.rule


def test_yaml_is_read_and_numbers_are_typed(layout, put) -> None:
    path = put("spec/x.yaml", "numbers: [1, 2.5]\nbase: &b {a: 1}\nmore: {<<: *b, c: 2}\n")
    expected = {"numbers": [1, 2.5], "base": {"a": 1}, "more": {"a": 1, "c": 2}}
    assert read_yaml(path, layout) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("12:30", "12:30"),
        ("0123", "0123"),
        ("-5", -5),
        ("0x1F", 31),
        ("1e3", "1e3"),
        ("1.5e3", 1500.0),
        ("null", None),
        ("~", None),
        ("2025-01-02", "2025-01-02"),
        ("1.0", 1.0),
        ("0.1.7", "0.1.7"),
    ],
)
def test_plain_words_are_those_of_yaml_1_2(layout, put, text, expected) -> None:
    path = put("spec/x.yaml", f"{text}: 1\nvalue: {text}\n")
    value = read_yaml(path, layout)["value"]
    assert value == expected
    assert type(value) is type(expected)


def test_a_repeated_key_in_yaml_is_a_fault(layout, put) -> None:
    path = put("spec/x.yaml", "a: 1\nb:\n  c: 1\n  c: 2\n")
    with pytest.raises(
        SourceError, match=r"spec/x.yaml: line 4: the key 'c' is repeated"
    ) as caught:
        read_yaml(path, layout)
    assert rule_of(caught.value) == "unique-keys"


def test_a_repeated_key_in_json_is_a_fault(layout, put) -> None:
    path = put("schemas/x.json", '{"a": {"b": 1, "b": 2}}')
    with pytest.raises(SourceError, match="the key 'b' is repeated"):
        read_json(path, layout)


@pytest.mark.parametrize(
    ("read", "text", "rule"),
    [
        (read_yaml, "a: [1", "yaml"),
        (read_yaml, "a: !!python/object x", "yaml"),
        (read_json, "{", "json"),
    ],
)
def test_broken_syntax_is_a_fault(layout, put, read, text, rule) -> None:
    path = put("spec/broken", text)
    with pytest.raises(SourceError) as caught:
        read(path, layout)
    assert rule_of(caught.value) == rule


def test_an_absent_file_is_a_fault(layout) -> None:
    with pytest.raises(SourceError) as caught:
        read_yaml(layout.spec / "absent.yaml", layout)
    assert rule_of(caught.value) == "present"


def test_other_encodings_are_a_fault(layout) -> None:
    path = layout.spec / "latin.yaml"
    path.write_bytes("naïve: 1".encode("latin-1"))
    with pytest.raises(SourceError) as caught:
        read_yaml(path, layout)
    assert rule_of(caught.value) == "utf-8"
