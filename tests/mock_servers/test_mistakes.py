from __future__ import annotations

import pytest

from mock_servers.mistakes import fail
from protocol_core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("known", "hint"),
    [((), ""), (["alpha", "beta"], "did you mean alpha"), (["xyz"], "known: xyz")],
)
def test_the_hint_helps(known, hint):
    with pytest.raises(ConfigurationError) as caught:
        fail("plan[0]", "no such thing", "alpa", known)
    assert hint in caught.value.hint
    assert str(caught.value).startswith("plan[0]: no such thing (got 'alpa')")
