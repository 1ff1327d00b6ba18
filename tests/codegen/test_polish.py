from __future__ import annotations

import ast

from codegen.polish import polish

SOURCE = """
from __future__ import annotations
from typing import Annotated
from msgspec import Meta, Struct, field

class Word(Struct, frozen=True):
    "One word. It is described at such length that its text goes on for more than a line."
    text: Annotated[str, Meta(description="The word's text.", min_length=1)]
    plain: Annotated[int, Meta(description="A number.", examples=[1], title="Plain")] = 1
    tags: list[str] = field(default_factory=list)
    extra: dict[str, int] = field(default_factory=dict)
    named: list[str] = field(name="Named", default_factory=list)
    pass

class Empty(Struct, frozen=True):
    pass

Short: Annotated[str, Meta(title="Short", max_length=3)] = Word
"""


def test_descriptions_become_docstrings_and_constraints_stay() -> None:
    text = polish(SOURCE, "Words.")
    tree = ast.parse(text)
    assert ast.get_docstring(tree) == "Words."
    assert 'text: Annotated[str, Meta(min_length=1)]\n    """The word\'s text."""' in text
    assert 'plain: int = 1\n    """A number."""' in text
    assert "description" not in text
    assert "Short: Annotated[str, Meta(max_length=3)] = Word" in text


def test_what_is_needless_goes() -> None:
    text = polish(SOURCE, "Words.")
    word, empty = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    assert not any(isinstance(node, ast.Pass) for node in word.body)
    assert isinstance(empty.body[0], ast.Pass)
    assert "tags: list[str] = []" in text
    assert "extra: dict[str, int] = {}" in text
    assert "default_factory=list" in text  # beside a name, a call is needed


def test_long_docstrings_are_wrapped() -> None:
    text = polish(SOURCE, "Words.")
    assert max(map(len, text.splitlines())) <= 100


def test_the_public_names_are_listed() -> None:
    assert "__all__ = ['Empty', 'Short', 'Word']" in polish(SOURCE, "Words.")
