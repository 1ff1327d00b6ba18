from __future__ import annotations

import pytest

from mock_servers.matching import agreement, matches


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1}}, {"a": 1}, False),
        ({"a": 1}, {}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ([{"a": 1}], [{"a": 1, "b": 2}], True),
        ([1], [1, 2], False),
        ([1], "1", False),
        (None, None, True),
        ("x", "x", True),
    ],
)
def test_a_pattern_is_a_piece(pattern, value, expected):
    assert matches(pattern, value) is expected


def test_agreement_counts_leaves_and_names_differences():
    pattern = {"kind": "message", "data": {"end": True, "id": "a"}}
    agreed, differences = agreement(pattern, {"kind": "message", "data": {"end": False, "id": "a"}})
    assert agreed == 2
    assert differences == ["data.end is False, not True"]


def test_agreement_with_something_that_is_not_there():
    assert agreement({"data": {"x": {"y": 1}}}, {"data": None}) == (
        0,
        ["data.x.y is None, not 1"],
    )
