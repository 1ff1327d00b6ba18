from __future__ import annotations

import pytest

import understudy


def test_the_few_names() -> None:
    assert set(understudy.__all__) <= set(dir(understudy))
    for name in understudy.__all__:
        assert getattr(understudy, name) is not None


def test_no_other_names() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = understudy.nonsense
