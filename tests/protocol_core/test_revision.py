from __future__ import annotations

from typing import Any

import pytest

from avatar_protocols import registry
from avatar_protocols.tables import RevisionInfo
from protocol_core.errors import ConfigurationError
from protocol_core.revision import Revision, load


class WithFrames(Revision, frozen=True, kw_only=True):
    frames: Any


def test_none_means_the_default_and_a_revision_means_itself():
    default = load(Revision, "akool")
    assert default.id == registry.PROTOCOLS["akool"].default_revision
    assert load(Revision, "akool", default) is default
    assert load(Revision, "akool", default.id) is default


def test_members_are_the_generated_modules_of_that_name():
    found = load(WithFrames, "liveavatar", "0.2")
    assert found.frames.__name__ == "avatar_protocols.liveavatar.v0_2.frames"
    assert found.states.__name__ == "avatar_protocols.liveavatar.v0_2.states"


def test_unknown_revisions_are_refused():
    with pytest.raises(ConfigurationError) as caught:
        load(Revision, "akool", "0.0.1")
    assert caught.value.setting == "revision"
    assert caught.value.value == "0.0.1"


def test_planned_revisions_have_no_code(monkeypatch):
    planned = RevisionInfo(
        protocol="akool",
        id="9",
        status="planned",
        aliases=(),
        packages=(),
        sources=(),
        module="",
    )
    monkeypatch.setattr(registry, "resolve", lambda *_: planned)
    with pytest.raises(ConfigurationError, match="planned"):
        load(Revision, "akool", "9")
