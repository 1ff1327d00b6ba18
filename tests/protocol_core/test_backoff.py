"""Exponential backoff."""

import pytest

from protocol_core.backoff import delay_after


def test_delays_double_up_to_the_longest():
    delays = [delay_after(n, base=1, factor=2, cap=60) for n in range(8)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("base", "factor", "cap", "delay"), [(0, 2, 60, 0), (3, 1, 60, 3), (5, 2, 4, 4)]
)
def test_any_number_of_failures_is_cheap_and_does_not_overflow(base, factor, cap, delay):
    assert delay_after(10**12, base=base, factor=factor, cap=cap) == delay


def test_a_long_run_of_failures_stays_at_the_longest():
    assert delay_after(10**12, base=1, factor=2, cap=60) == 60
