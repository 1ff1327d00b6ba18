from __future__ import annotations

import random

import pytest

from mock_servers.redaction import Mint, Redactor, SecretPositions


@pytest.fixture
def mint():
    return Mint(random.Random(1))


@pytest.fixture
def redactor():
    positions = SecretPositions(
        headers=frozenset({"x-key", "authorization"}),
        query=frozenset({"key"}),
        members=frozenset({"token"}),
    )
    redactor = Redactor(positions)
    redactor.register("api_key", "my key/1")
    return redactor


def test_minted_secrets_are_recognised_without_being_registered(mint, redactor):
    secret = mint.secret("session_token")
    assert redactor.text(f"a {secret} b") == "a ‹session_token› b"
    assert redactor.text(f"{secret}{secret}") == "‹session_token›‹session_token›"


def test_the_same_seed_mints_the_same_secrets():
    first, second = Mint(random.Random(7)), Mint(random.Random(7))
    assert [first.secret("a"), first.identifier("b")] == [
        second.secret("a"),
        second.identifier("b"),
    ]


def test_registered_secrets_are_found_in_their_encoded_forms(redactor):
    assert redactor.text("my key/1") == "‹api_key›"
    assert redactor.text("my%20key%2F1 my+key%2F1") == "‹api_key› ‹api_key›"


def test_an_empty_secret_hides_nothing(redactor):
    redactor.register("nothing", "")
    assert redactor.text("abc") == "abc"


def test_the_longer_of_two_secrets_wins(redactor):
    redactor.register("other", "my key/1-other")
    assert redactor.text("my key/1-other") == "‹other›"


def test_unknown_values_in_secret_positions_are_hidden(redactor):
    assert redactor.headers({"X-Key": "somebody's", "Accept": "*/*"}) == {
        "X-Key": "‹redacted›",
        "Accept": "*/*",
    }
    assert redactor.headers({"Authorization": "Bearer abc"}) == {
        "Authorization": "Bearer ‹redacted›"
    }
    assert redactor.headers({"Authorization": "Bearer my key/1"}) == {
        "Authorization": "Bearer ‹api_key›"
    }
    assert redactor.target("/p?a=1&key=zz&b") == "/p?a=1&key=‹redacted›&b"
    assert redactor.target("/p?key=my+key%2F1") == "/p?key=‹api_key›"
    assert redactor.target("/p?key=") == "/p?key="


def test_documents_are_searched_at_any_depth(redactor):
    hidden: set[str] = set()
    document = {"a": [{"token": "unknown"}, "my key/1", 3], "token": "", "n": {"token": 4}}
    assert redactor.document(document, hidden) == {
        "a": [{"token": "‹redacted›"}, "‹api_key›", 3],
        "token": "",
        "n": {"token": 4},
    }
    assert hidden == {"unknown"}


def test_bytes_keep_their_length(mint, redactor):
    secret = mint.secret("session_token").encode()
    data = b"\x01" + secret + b"my key/1\x02"
    assert redactor.bytes(data) == b"\x01" + b"*" * (len(secret) + 8) + b"\x02"


def test_secrets_of_a_form_of_their_own_are_recognised_anywhere():
    positions = SecretPositions(forms={"token": r"eyJ[a-z]+"})
    redactor = Redactor(positions)
    redactor.register("api_key", "eyJab-key")
    minted = Mint(random.Random(1)).secret("session_token")
    assert redactor.text(f"a eyJabc {minted} eyJ") == "a ‹token› ‹session_token› eyJ"
    assert redactor.bytes(b"eyJabc.") == b"******."


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (r'{"token": "ab\/cd", "n": 1}', '{"token": "‹redacted›", "n": 1}'),
        ('{"token":"first","token":"second"}', '{"token":"‹redacted›","token":"‹redacted›"}'),
        ('{"a": {"token": "cut o', '{"a": {"token": "‹redacted›'),
        (r'{"token": "a\"b", "x": "y"}', '{"token": "‹redacted›", "x": "y"}'),
        ('{"token": "my key/1"}', '{"token": "‹api_key›"}'),
        (r'["my key\/1"]', '["‹api_key›"]'),
        ('{"token": "", "tokens": "x"}', '{"token": "", "tokens": "x"}'),
    ],
)
def test_members_are_hidden_in_whatever_spelling(redactor, raw, shown):
    assert redactor.raw(raw) == shown


def test_without_secret_members_known_secrets_are_hidden_all_the_same():
    redactor = Redactor()
    redactor.register("api_key", "secret")
    assert redactor.raw('{"token": "secret"}') == '{"token": "‹api_key›"}'


def test_a_single_letter_is_hidden_only_where_it_stands(redactor):
    hidden: set[str] = set()
    assert redactor.document({"token": "t"}, hidden) == {"token": "‹redacted›"}
    assert hidden == set()


def test_what_no_file_can_hold_is_escaped(redactor):
    hidden: set[str] = set()
    document = {"\ud800": "é\udfff", "token": "x\ud800"}
    shown = {"\\ud800": "é\\udfff", "token": "‹redacted›"}
    assert redactor.document(document, hidden) == shown
    assert hidden == {"x\\ud800"}
    assert redactor.headers({"X-Key": "\udcff", "A": "\udcff"}) == {
        "X-Key": "‹redacted›",
        "A": "\\udcff",
    }


def test_documents_are_shown_to_a_bounded_depth(redactor):
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    shown = redactor.document({"a": deep}, set())["a"]
    depth = 0
    while isinstance(shown, list):
        shown, depth = shown[0], depth + 1
    assert (shown, depth) == ("‹nested too deeply›", 63)
