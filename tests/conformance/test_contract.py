from __future__ import annotations

import pytest

from conformance.contract import (
    Answer,
    ContractError,
    Event,
    claims_of,
    parse_description,
    parse_line,
)

DESCRIPTION = {
    "contract": 1,
    "name": "x",
    "version": "1",
    "language": "c",
    "implementations": [{"protocol": "avatarkit", "revisions": ["0.1.7"], "roles": ["client"]}],
}


def test_answers() -> None:
    done = parse_line(b'{"id": 1, "answer": "done", "result": {"a": 1}}')
    assert done == Answer(id=1, answer="done", result={"a": 1})
    refused = parse_line(b'{"id": 2, "answer": "unsupported", "reason": "why"}')
    assert refused == Answer(id=2, answer="unsupported", reason="why")


def test_null_in_an_error_record_means_absent() -> None:
    line = b'{"id": 1, "answer": "error", "error": {"kind": "local", "code": null, "phase": "x"}}'
    assert parse_line(line) == Answer(id=1, answer="error", error={"kind": "local", "phase": "x"})


def test_events() -> None:
    assert parse_line(b'{"event": "frame", "data": {"end": true}}') == Event(
        event="frame", data={"end": True}
    )


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"[]",
        b"1",
        b"",
        b"{}",
        b'{"id": 1}',
        b'{"id": 1, "answer": "perhaps"}',
        b'{"id": "1", "answer": "done"}',
        b'{"id": 1, "answer": "error"}',
        b'{"id": 1, "answer": "error", "error": {"kind": "cosmic"}}',
        b'{"id": 1, "answer": "error", "error": {"kind": "local", "http_status": "x"}}',
        b'{"event": 1}',
        b'{"event": "Bad Name"}',
        b'{"event": "error", "data": {"code": 7, "kind": "local"}}',
        b'{"event": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_everything_else_is_a_fault_of_the_adapter(line: bytes) -> None:
    with pytest.raises(ContractError, match="no answer and no event"):
        parse_line(line)


def test_a_quotation_is_short_and_harmless() -> None:
    with pytest.raises(ContractError) as caught:
        parse_line(b"\x1b[31m" + b"x" * 1000)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_descriptions() -> None:
    description = parse_description(DESCRIPTION)
    (claim,) = claims_of(description, "avatarkit", "client")
    assert claim.revisions == ["0.1.7"]
    assert claims_of(description, "avatarkit", "server") == []
    assert claims_of(description, "liveavatar", "client") == []


@pytest.mark.parametrize("change", [{"contract": 2}, {"name": ""}, {"implementations": []}])
def test_a_description_that_breaks_the_contract(change: dict[str, object]) -> None:
    with pytest.raises(ContractError, match="describe"):
        parse_description({**DESCRIPTION, **change})
    with pytest.raises(ContractError, match="describe"):
        parse_description(None)
