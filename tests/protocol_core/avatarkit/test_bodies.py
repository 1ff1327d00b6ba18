"""Bodies of refused calls."""

import pytest

from protocol_core.avatarkit.bodies import NO_DETAILS, ErrorDetails, parse_json, read_details
from tests.protocol_core.avatarkit.support import load

ROWS = [
    pytest.param(row["body"], plain, row[call]["details"], id=f"{row['id']}-{call}")
    for row in load("token_bodies")
    for call, plain in (("token", False), ("upgrade", True))
    if "details" in row.get(call, {})
]


@pytest.mark.parametrize(("body", "plain", "details"), ROWS)
def test_the_documented_shapes(body, plain, details):
    assert read_details(body, plain=plain) == ErrorDetails(**details)


@pytest.mark.parametrize("body", ["", "  \n"])
def test_an_empty_body_says_nothing(body):
    assert read_details(body, plain=True) == NO_DETAILS


@pytest.mark.parametrize(
    ("status", "number"),
    [(None, None), ("404", 404), ("gone", None), ("4.5", None)],
)
def test_a_status_counts_if_it_is_an_integer(status, number):
    assert ErrorDetails(status=status).status_number == number


def test_nesting_without_end_is_no_document():
    assert parse_json("[" * 1_000_000) is None
