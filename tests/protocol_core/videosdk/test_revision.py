from __future__ import annotations

import pytest

from protocol_core.errors import ConfigurationError
from protocol_core.videosdk import revision


def test_the_default_is_the_specifications():
    assert revision.load().id == "1.0"
    assert revision.load() is revision.load("1.0")


def test_aliases_and_loaded_revisions():
    assert revision.load("1.0.30") is revision.load("1.0")
    loaded = revision.load()
    assert revision.load(loaded) is loaded


def test_unknown_revisions_are_refused():
    with pytest.raises(ConfigurationError, match="revision"):
        revision.load("7")
