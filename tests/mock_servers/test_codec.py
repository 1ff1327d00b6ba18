from __future__ import annotations

import pytest

from mock_servers.codec import Codec, Decoded


def test_a_codec_names_explains_and_builds():
    with pytest.raises(TypeError, match="abstract"):
        Codec()


def test_nothing_understood_is_no_problem_of_its_own():
    assert Decoded() == Decoded(name="", data=None, views=(), problems=[])
