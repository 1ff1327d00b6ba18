from __future__ import annotations

import pytest

from protocol_core.akool.revision import load
from protocol_core.errors import ConfigurationError


def test_the_default_is_v2():
    assert load().id == "0.1.8"
    assert load(load()) is load()


@pytest.mark.parametrize(
    ("revision", "traits"),
    [
        ("0.1.8", (False, False, False)),
        ("0.1.9", (False, True, True)),
        ("0.1.8-documented", (True, False, False)),
    ],
)
def test_traits_stand_in_the_tables(revision, traits):
    found = load(revision)
    assert (found.documented, found.direct, found.names_avatar) == traits
    assert load(revision) is found


def test_unknown_revisions_are_refused():
    with pytest.raises(ConfigurationError, match="revision"):
        load("0.0.1")
