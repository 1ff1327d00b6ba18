"""Golden vectors and their helpers, for the tests of the generated code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

VECTORS = Path(__file__).parent.parent / "vectors"


def vectors(protocol: str, topic: str) -> list[dict[str, Any]]:
    """The vectors of one file."""
    text = (VECTORS / protocol / f"{topic}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["vectors"]


def pytest_generate_tests(metafunc: Any) -> None:
    """Parametrise tests marked ``vectors(protocol, topic)`` with the rows of that file."""
    for mark in metafunc.definition.iter_markers("vectors"):
        protocol, *topics = mark.args
        rows = [row for topic in topics for row in vectors(protocol, topic)]
        if "only" in mark.kwargs:
            rows = [row for row in rows if mark.kwargs["only"](row)]
        assert rows, f"{mark.args} has no such vectors"
        metafunc.parametrize("vector", rows, ids=[row["id"] for row in rows])


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "vectors(protocol, *topics, only): run once for each vector")
