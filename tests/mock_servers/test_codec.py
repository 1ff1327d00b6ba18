from __future__ import annotations

import pytest

from mock_servers.codec import Codec, Decoded, decode_body


def test_a_codec_names_explains_and_builds():
    with pytest.raises(TypeError, match="abstract"):
        Codec()


def test_nothing_understood_is_no_problem_of_its_own():
    assert Decoded() == Decoded(name="", data=None, views=(), problems=[])


def test_a_body_is_read_and_judged():
    found = decode_body("start", b'{"a": 1}', lambda document: [f"judged {document}"])
    assert found.name == "start"
    assert found.data == {"a": 1}
    assert found.views == ({"a": 1},)
    assert found.problems == ["judged {'a': 1}"]


def test_a_body_that_is_no_object_is_a_problem_and_not_judged():
    found = decode_body("start", b"[]", lambda document: pytest.fail(f"judged {document}"))
    assert found == Decoded(problems=["a JSON list, not an object"])
