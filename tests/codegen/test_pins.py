from __future__ import annotations

from importlib.metadata import version

import pytest

from codegen.layout import Layout
from codegen.pins import check_pins, pins
from codegen.problems import ToolError


def test_every_tool_of_this_repository_is_pinned() -> None:
    assert {
        "buf-bin",
        "datamodel-code-generator",
        "grpcio-tools",
        "jinja2",
        "jsonschema-rs",
        "msgspec",
        "pyyaml",
        "ruff",
    } <= set(pins(Layout()))


def test_a_repository_without_pins_is_generated_with_what_is_there(layout) -> None:
    assert pins(layout) == {}
    check_pins(layout)


def test_other_versions_are_refused(layout, put) -> None:
    put(
        "pyproject.toml",
        f"""
        [dependency-groups]
        codegen = ["msgspec=={version("msgspec")}", "jinja2==0.1", "no-such-tool==1.0", "ruff>=1"]
        """,
    )
    with pytest.raises(ToolError) as caught:
        check_pins(layout)
    assert str(caught.value).splitlines() == [
        f"jinja2 0.1 is pinned, here it is {version('jinja2')}",
        "no-such-tool 1.0 is pinned, here it is not installed",
        "Run: nox -s generate",
    ]
