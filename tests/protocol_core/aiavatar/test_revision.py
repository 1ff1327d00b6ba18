from __future__ import annotations

import pytest

from protocol_core.aiavatar.revision import load
from protocol_core.errors import ConfigurationError


def test_aliases_and_the_default_lead_to_the_same_modules():
    default = load()
    assert default.id == "0.7"
    assert load("0.7") is load("0.7.10") is default
    assert load(default) is default
    assert default.constants.REVISION == "0.7"


@pytest.mark.parametrize("revision", ["0.6", "0.9", "0.9.2"])
def test_refuses_what_has_no_code(revision):
    with pytest.raises(ConfigurationError) as caught:
        load(revision)
    assert caught.value.setting == "revision"
