from __future__ import annotations

import pytest

from avatar_protocols.tables import FrameError, Requirement, RevisionInfo


def test_a_frame_error_says_field_value_and_reason() -> None:
    error = FrameError("codec", 3, "is undefined")
    assert (error.field, error.value, error.reason) == ("codec", 3, "is undefined")
    assert str(error) == "codec = 3: is undefined"
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("role", "client", "server"),
    [("client", True, False), ("server", False, True), ("both", True, True)],
)
def test_whom_a_requirement_binds(role, client, server) -> None:
    row = Requirement(
        id="X",
        level="MUST",
        role=role,
        revisions=(),
        text="",
        source="doc",
        observable="wire",
        checks=(),
    )
    assert (row.binds("client"), row.binds("server")) == (client, server)
    assert row.observable_by("client") == "wire"


def test_a_planned_revision_loads_nothing() -> None:
    planned = RevisionInfo(
        protocol="x", id="1", status="planned", aliases=(), packages=(), sources=(), module=""
    )
    with pytest.raises(ModuleNotFoundError):
        planned.load("constants")
