from __future__ import annotations

import math

import pytest

from conformance import yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: yes", {"on": "yes"}),
        ("a: no", {"a": "no"}),
        ("a: true", {"a": True}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: 010", {"a": 10}),
        ("a: 0x10", {"a": 16}),
        ("a: 0o10", {"a": 8}),
        ("a: -5", {"a": -5}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: .5", {"a": 0.5}),
        ("a: .inf", {"a": math.inf}),
        ("a: ~\nb:", {"a": None, "b": None}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: '1'", {"a": "1"}),
    ],
)
def test_the_types_of_yaml_1_2(text: str, value: object) -> None:
    assert yaml.load(text) == value


def test_a_key_that_stands_twice_is_an_error() -> None:
    with pytest.raises(yaml.YAMLError, match="'a' stands here twice"):
        yaml.load("a: 1\nb: 2\na: 3")


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object:os.system x", "\t- a", "a: b: c"])
def test_what_is_no_yaml_is_an_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.load(text)


def test_lines() -> None:
    text = "a: 1\nb:\n  - c: 1\n  - d:\n      e: 2\n"
    assert yaml.line_of(text, ()) == 1
    assert yaml.line_of(text, ("b", 1)) == 4
    assert yaml.line_of(text, ("b", 1, "d", "e")) == 5
    assert yaml.line_of(text, ("b", 1, "d", "absent")) == 5
    assert yaml.line_of(text, ("b", 9)) == 3
    assert yaml.line_of(text, ("a", "x", "y")) == 1
