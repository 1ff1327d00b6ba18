from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol_core.liveavatar.reassembly import MAX_GAP, Reassembly


def numbers(pieces):
    return [seq for seq, _, _ in pieces]


def test_in_order():
    text = Reassembly()
    assert text.add(0, 7, "a") == [(0, 7, "a")]
    assert text.add(1, 8, "b") == [(1, 8, "b")]
    assert text.text == "ab"
    assert text.missing == ()


def test_any_first_number_counts():
    text = Reassembly()
    assert numbers(text.add(12, 0, "b")) == [12]
    assert numbers(text.add(11, 0, "a")) == [11]  # from before the first
    assert numbers(text.add(13, 0, "c")) == [13]
    assert text.text == "abc"


def test_waits_for_a_gap_and_takes_each_once():
    text = Reassembly()
    text.add(0, 0, "a")
    assert text.add(2, 0, "c") == []
    assert text.add(2, 0, "x") is None
    assert numbers(text.add(1, 0, "b")) == [1, 2]
    assert text.add(0, 0, "x") is None
    assert text.text == "abc"


def test_the_end_does_not_wait():
    text = Reassembly()
    text.add(0, 0, "a")
    text.add(5, 0, "f")
    text.add(3, 0, "d")
    assert numbers(text.finish()) == [3, 5]
    assert text.finish() == []
    assert text.text == "adf"
    assert text.missing == (1, 2, 4)


def test_gaps_are_bounded():
    text = Reassembly()
    text.add(0, 0, "")
    released = []
    for seq in range(10, 10 + MAX_GAP + 1):
        released += text.add(seq, 0, "")
    assert numbers(released) == list(range(10, 10 + MAX_GAP + 1))
    text.add(10**12, 0, "")
    assert len(text.missing) == MAX_GAP


@given(st.permutations(range(1, 20)))
def test_any_order_gives_the_same_text(order):
    text = Reassembly()
    out = numbers(text.add(0, 0, "0."))
    for seq in order:
        out += numbers(text.add(seq, 0, f"{seq}."))
    assert out == list(range(20))
    assert text.text == "".join(f"{seq}." for seq in range(20))
