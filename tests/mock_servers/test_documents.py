from __future__ import annotations

import pytest

from mock_servers.documents import is_list, is_object, substitute
from protocol_core.errors import ConfigurationError


def test_substitution_goes_everywhere_and_can_be_escaped():
    document = {"x": ["$a", {"y": "$a"}], "z": "$$a", "n": 3, "s": "a$a"}
    assert substitute(document, {"a": "1"}) == {
        "x": ["1", {"y": "1"}],
        "z": "$a",
        "n": 3,
        "s": "a$a",
    }


def test_unknown_variables_are_named():
    with pytest.raises(ConfigurationError, match=r"did you mean \$request_id"):
        substitute("$requestid", {"request_id": "r"})


def test_kinds_of_documents():
    assert is_object({})
    assert is_list([])
    assert not is_object([])
    assert not is_list(())
