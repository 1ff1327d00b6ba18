"""The first row that matches decides; each condition that a row has must hold."""

from __future__ import annotations

import pytest

from avatar_protocols.tables import Rule
from protocol_core.classification import classify, matches

ROWS = (
    Rule(row=1, code="NUMBER", codes=("401", "4001")),
    Rule(row=2, code="WORDS", text=("quota", "credit"), phases=("start",)),
    Rule(row=3, code="STATUS", http=(404,)),
    Rule(row=4, code="RANGE", http_range=(500, 599)),
    Rule(row=5, code="EITHER", http=(402,), text=("denied",), any=True),
    Rule(row=6, code="OTHER", phases=("start",)),
)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"code": 401}, "NUMBER"),
        ({"code": "4001", "text": "no credit"}, "NUMBER"),
        ({"text": "Out of CREDIT"}, "WORDS"),
        ({"http": 404}, "STATUS"),
        ({"http": 500}, "RANGE"),
        ({"http": 599}, "RANGE"),
        ({"http": 402}, "EITHER"),
        ({"text": "session denied"}, "EITHER"),
        ({"http": 600, "text": "?", "code": 7}, "OTHER"),
        ({}, "OTHER"),
    ],
)
def test_the_first_row_that_matches(facts, code):
    assert classify(ROWS, phase="start", **facts) == code


def test_a_table_may_not_cover_it():
    with pytest.raises(LookupError, match="covers 7 in later"):
        classify(ROWS, phase="later", code=7, text="credit")


def test_a_row_without_conditions_always_matches():
    assert matches(Rule(row=1, code="ANY"), phase="later")


def test_no_code_is_no_code_of_that_name():
    assert not matches(Rule(row=1, code="X", codes=("None",)), phase="start")
