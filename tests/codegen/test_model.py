from __future__ import annotations

import pytest

from codegen.model import Constant, RequirementRow


def test_a_row_without_revisions_holds_in_all() -> None:
    assert Constant(value=1, source="doc").belongs("0.2")
    row = Constant(value=1, source="doc", revisions=["0.2"])
    assert row.belongs("0.2")
    assert not row.belongs("0.4")


@pytest.mark.parametrize(
    ("given", "expected"), [("OP-1", ["OP-1"]), (["OP-1", "OP-2"], ["OP-1", "OP-2"])]
)
def test_open_points_are_one_or_several(given, expected) -> None:
    assert Constant(value=1, source="doc", open_point=given).open_points == expected


def test_a_role_may_have_its_own_way_to_be_observed() -> None:
    row = RequirementRow(
        id="DEM-X-001",
        level="MUST",
        role="both",
        text="…",
        source="doc",
        observable="wire",
        server_observable="no: inside",
        checks=[],
    )
    assert row.observable_by("client") == "wire"
    assert row.observable_by("server") == "no: inside"
