from __future__ import annotations

import pytest

from mock_servers import mock
from protocol_core.errors import ConfigurationError


@pytest.mark.parametrize(
    "action",
    [
        {"worker_joins": True},
        {"worker_leaves": True},
        {"worker_moves": "another-room"},
        {"participant_joins": {}},
        {"participant_leaves": {"participant_id": "user"}},
        {"participant_says": {"text": "hi", "reliability": "RELIABLE"}},
        {"participant_says": {"message": "segment_end"}},
        {"participant_says": {"binary": "00ff"}},
        {"fail_sends": {}},
        {"fail_sends": {"error": "send_no_producer", "after": 2, "times": 1, "who": "worker"}},
        {"deny_joins": {"who": "agent"}},
    ],
)
def test_a_plan_may_say(action):
    mock("videosdk", plan=[{"on": "message", "do": [action]}])


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({"worker_joins": False}, "worker_joins"),
        ({"worker_moves": ""}, "worker_moves"),
        ({"participant_joins": {"participant_id": ""}}, "participant_joins"),
        ({"participant_says": {}}, "give one of"),
        ({"participant_says": {"text": "a", "binary": "00"}}, "give one of"),
        ({"participant_says": {"binary": "0g"}}, "hexadecimal"),
        ({"fail_sends": {"times": 0}}, "fail_sends"),
        ({"fail_sends": {"error": "dispatch_moved"}}, "fail_sends"),
        ({"deny_joins": {"who": "nobody"}}, "deny_joins"),
        ({"send": {"message": "PcmChunk"}, "delay": 1}, "exactly one key"),
    ],
)
def test_mistakes_are_found_when_the_plan_is_loaded(action, problem):
    with pytest.raises(ConfigurationError, match=problem):
        mock("videosdk", plan=[{"on": "message", "do": [action]}])
