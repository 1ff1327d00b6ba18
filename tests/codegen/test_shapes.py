from __future__ import annotations

from codegen.shapes import is_array, is_object


def test_objects_and_arrays_are_told_apart() -> None:
    assert is_object({})
    assert is_array([])
    assert not is_object([])
    assert not is_array(())
