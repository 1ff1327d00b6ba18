from __future__ import annotations

import pytest

from mock_servers.documents import NoObjectError, is_list, is_object, parse_object, substitute
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


def test_substitution_leaves_the_value_as_it_is():
    document = {"x": ["$a"]}
    substitute(document, {"a": "1"})["x"].append("2")
    assert document == {"x": ["$a"]}


def test_objects_are_read_from_text_and_from_bytes():
    assert parse_object('{"a": 1}') == parse_object(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON: "),
        (b"\xff", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ("[1]", "a JSON list, not an object"),
        ("null", "a JSON NoneType, not an object"),
    ],
)
def test_what_is_no_object_is_told(text, said):
    with pytest.raises(NoObjectError) as caught:
        parse_object(text)
    assert str(caught.value).startswith(said)
