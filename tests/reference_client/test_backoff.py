from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.errors import ConfigurationError
from reference_client.backoff import Backoff, BackoffSettings


def test_doubles_up_to_the_cap_and_begins_anew():
    backoff = Backoff()
    assert [backoff.next_delay() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.failures == 8
    backoff.reset()
    assert backoff.next_delay() == 1


def test_ends_after_so_many_attempts():
    backoff = Backoff(BackoffSettings(attempts=2))
    assert [backoff.next_delay() for _ in range(3)] == [1, 2, None]


def test_jitter_shortens():
    backoff = Backoff(BackoffSettings(jitter=0.5), chance=lambda: 0.5)
    assert [backoff.next_delay() for _ in range(3)] == [0.75, 1.5, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": -1},
        {"factor": 0.5},
        {"cap": 0.5},
        {"jitter": 1.5},
        {"attempts": 0},
    ],
)
def test_refuses_shapes_that_cannot_work(wrong):
    with pytest.raises(ConfigurationError) as caught:
        BackoffSettings(**wrong)
    assert caught.value.setting in wrong


@given(
    st.integers(0, 100_000),
    st.floats(0, 10),
    st.floats(1, 10),
    st.floats(10, 1000),
)
def test_never_shrinks_and_never_passes_the_cap(failures, base, factor, cap):
    shape = BackoffSettings(base=base, factor=factor, cap=cap)
    backoff = Backoff(shape)
    backoff.failures = failures
    delay, later = backoff.next_delay(), backoff.next_delay()
    assert 0 <= delay <= later <= cap
