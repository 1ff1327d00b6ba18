from __future__ import annotations

import pytest

from protocol_core.akool.addresses import Instance
from protocol_core.akool.attempts import Attempts
from protocol_core.akool.config import settle
from protocol_core.akool.errors import AuthenticationError, ConnectError, RetryError, failure
from tests.protocol_core.akool.client_side import DIRECT, V2, config

HOSTS = tuple(Instance(host="h", port=port) for port in (1, 2))


def attempts(revision=V2, **changes):
    made = Attempts(revision, settle(config(**changes), revision))
    made.begin(HOSTS)
    return made


def broken(**facts):
    return failure(V2, "broken", phase="connect", **facts)


def test_in_turn_and_round_again():
    made = attempts(max_attempts=4)
    seen = []
    for _ in range(3):
        made.dialled()
        seen.append((made.candidate.port, made.after(broken())))
    assert seen == [(1, 1.0), (2, 2.0), (1, 4.0)]
    assert made.candidates == HOSTS


def test_attempts_are_used_up():
    made = attempts(max_attempts=2)
    made.dialled()
    made.after(broken())
    made.dialled()
    last = broken(server_code=4003, server_text="busy", close_code=4003)
    with pytest.raises(RetryError, match="after 2 attempts: broken") as caught:
        made.after(last)
    error = caught.value
    assert error.cause is last
    assert (error.code, error.server_code, error.close_code) == ("RETRIES_EXHAUSTED", 4003, 4003)


def test_one_attempt_is_one_attempt():
    made = attempts(max_attempts=1)
    made.dialled()
    with pytest.raises(RetryError, match="after 1 attempt: "):
        made.after(broken())


def test_a_bad_key_is_not_tried_again():
    made = attempts()
    made.dialled()
    with pytest.raises(AuthenticationError):
        made.after(broken(http_status=401))


def test_a_given_server_is_tried_once():
    made = attempts(DIRECT, server_url="host")
    made.dialled()
    with pytest.raises(ConnectError):
        made.after(broken())


def test_too_soon_always_waits():
    made = attempts(retry_base_delay=0)
    made.dialled()
    assert made.after(broken()) == 0
    made.dialled()
    assert made.after(broken(close_code=4004)) == 1.0


def test_delays_are_bounded():
    assert [attempts().delay(n) for n in range(6)] == [1, 2, 4, 8, 8, 8]


def test_counting_begins_anew():
    made = attempts(max_attempts=1)
    made.dialled()
    made.begin()
    assert (made.made, made.candidate) == (0, HOSTS[0])
