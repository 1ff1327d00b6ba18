"""Templates and Python literals."""

from __future__ import annotations

import textwrap
from pathlib import Path

import jinja2

from codegen.naming import class_name, constant_name, field_name, revision_module
from codegen.shapes import is_array, is_object

__all__ = ["docstring", "json_literal", "literal", "render", "wrap"]

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 (Python, not HTML)
)


def literal(value: object) -> str:
    """A value of the specification as Python source; lists become tuples, mappings stay dicts."""
    if is_object(value):
        return "{" + ", ".join(f"{k!r}: {literal(v)}" for k, v in value.items()) + "}"
    if is_array(value):
        items = [literal(item) for item in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    return repr(value)


def json_literal(value: object) -> str:
    """A JSON value as Python source; lists stay lists."""
    if is_object(value):
        return "{" + ", ".join(f"{k!r}: {json_literal(v)}" for k, v in value.items()) + "}"
    if is_array(value):
        return "[" + ", ".join(json_literal(item) for item in value) + "]"
    return repr(value)


def docstring(text: str, indent: int = 0, width: int = 100) -> str:
    """A docstring of the text, wrapped; every line but the first is indented by spaces."""
    safe = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    margin = " " * indent
    if len(safe) + 6 + indent <= width and not safe.endswith('"'):
        return f'"""{safe}"""'
    lines = textwrap.wrap(safe, width - indent - 3, break_long_words=False, break_on_hyphens=False)
    return '"""' + f"\n{margin}".join(lines) + f'\n{margin}"""'


def wrap(text: str, indent: int, width: int = 100) -> str:
    """Text inside of a docstring, wrapped; every line but the first is indented by spaces."""
    safe = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    lines = textwrap.wrap(safe, width - indent, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


_ENVIRONMENT.filters |= {
    "class_name": class_name,
    "constant_name": constant_name,
    "field_name": field_name,
    "json_literal": json_literal,
    "literal": literal,
    "revision_module": revision_module,
}


def render(template: str, **values: object) -> str:
    """The text of one template."""
    return _ENVIRONMENT.get_template(template).render(docstring=docstring, wrap=wrap, **values)
