from __future__ import annotations

from mock_servers.videosdk.rejection import JoinRefusedError


def test_it_says_why():
    error = JoinRefusedError("join_token_expired", "it expired 3 s ago")
    assert (error.row, str(error)) == ("join_token_expired", "it expired 3 s ago")
