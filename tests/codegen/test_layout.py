from __future__ import annotations

from codegen.layout import REPOSITORY, Layout


def test_the_default_layout_is_this_repository() -> None:
    layout = Layout()
    assert (REPOSITORY / "pyproject.toml").is_file()
    assert {"avatarkit", "liveavatar"} <= set(layout.protocols())
    assert layout.name(layout.meta / "trace.schema.json") == "schemas/meta/trace.schema.json"
    assert layout.out == REPOSITORY / "generated" / "python"
