from __future__ import annotations

import ast

import jinja2
import pytest

from codegen.render import docstring, json_literal, literal, render, wrap


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1], (1,)),
        ([], ()),
        ([[1, "a"], 2.5], ((1, "a"), 2.5)),
        ({"a": [True, None]}, {"a": (True, None)}),
        ('say "hi"\n', 'say "hi"\n'),
    ],
)
def test_literal_makes_tuples_of_lists(value, expected) -> None:
    assert ast.literal_eval(literal(value)) == expected


def test_json_literal_keeps_lists() -> None:
    value = {"code": 1, "tags": ["a", {"b": None}], "ok": True}
    assert ast.literal_eval(json_literal(value)) == value


@pytest.mark.parametrize(
    "text",
    ["Short.", 'Ends with a quote "', 'Holds """ and \\ and \\n.', "word " * 60],
)
@pytest.mark.parametrize("indent", [0, 4])
def test_a_docstring_is_python_and_fits(text: str, indent: int) -> None:
    source = docstring(text, indent)
    assert max(len(line) for line in source.splitlines()) <= 100 - indent * 0
    words = ast.literal_eval(source).split()
    assert words == text.replace('"""', "'''").split()


def test_wrapping_keeps_ids_whole() -> None:
    text = wrap("x " * 46 + "see AVK-AUTH-001 and AVK-AUTH-002", 4)
    assert "AVK-AUTH-001" in text
    assert "AVK-AUTH-002" in text
    assert all(line.startswith("    ") for line in text.splitlines()[1:])


def test_a_template_that_misses_a_value_fails() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("constants.py.jinja")
