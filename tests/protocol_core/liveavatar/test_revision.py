from __future__ import annotations

import pytest

from protocol_core.errors import ConfigurationError
from protocol_core.liveavatar.revision import load


def test_aliases_and_the_default_lead_to_the_same_modules():
    default = load()
    assert default.id == "0.2"
    assert load("0.2") is load("0.2.1") is default
    assert load(default) is default
    assert default.constants.REVISION == "0.2"


@pytest.mark.parametrize("revision", ["0.3", "0.4", "0.4.4"])
def test_refuses_what_has_no_code(revision):
    with pytest.raises(ConfigurationError) as caught:
        load(revision)
    assert caught.value.setting == "revision"
