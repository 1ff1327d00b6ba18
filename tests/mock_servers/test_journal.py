from __future__ import annotations

import asyncio
import io
import json

import msgspec
import pytest

from avatar_protocols import schemas
from avatar_protocols.trace import Record
from mock_servers.codec import Decoded
from mock_servers.journal import Journal, NotSeenError
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor, SecretPositions


@pytest.fixture
def make():
    def make(**limits):
        positions = SecretPositions(members=frozenset({"secret"}))
        redactor = Redactor(positions)
        redactor.register("api_key", "topsecret")
        return Journal(lambda: 1.5, redactor, Limits(**limits))

    return make


def test_a_record_is_explained_once_and_when_looked_at(make):
    calls = []

    def explain():
        calls.append(1)
        return Decoded(
            name="NAME", data={"x": "topsecret", "secret": "s3"}, problems=["topsecret!"]
        )

    journal = make()
    entry = journal.add(
        "message", sender="client", connection=1, payload="s3 topsecret", explain=explain
    )
    assert not calls
    record = entry.record
    assert entry.record is record
    assert len(calls) == 1
    assert record == Record(
        seq=1,
        time=1.5,
        source="wire",
        sender="client",
        kind="message",
        name="NAME",
        connection=1,
        data={"x": "‹api_key›", "secret": "‹redacted›"},
        raw="‹redacted› ‹api_key›",
        problems=["‹api_key›!"],
    )


def test_records_are_valid_against_the_trace_schema(make):
    journal = make()
    journal.add(
        "http_request", sender="client", name="x", method="POST", target="/a", headers={"A": "b"}
    )
    journal.add("message", sender="server", payload=b"\x00\x01", opcode="binary", connection=2)
    journal.add("close", code=1000, reason="bye")
    journal.note("look", problem=True)
    check = schemas.meta_validator("trace")
    for record in journal.records:
        assert schemas.problems(check, msgspec.to_builtins(record)) == []
    assert journal.records[0].headers == {"a": "b"}
    assert journal.records[1].raw == "AAE="
    assert journal.records[3].problems == ["look"]


def test_it_is_bounded_by_number_and_by_bytes(make):
    journal = make(journal_records=3)
    for _ in range(5):
        journal.add("note")
    assert [record.seq for record in journal.records] == [3, 4, 5]
    assert journal.dropped == 2
    journal = make(journal_bytes=10)
    for _ in range(4):
        journal.add("message", payload=b"12345")
    assert len(journal) == 2


def test_where_and_messages_select(make):
    journal = make()
    journal.add("message", name="a", sender="client")
    journal.add("message", name="b", sender="server")
    journal.add("close", sender="client")
    assert [r.seq for r in journal.where(sender="client")] == [1, 3]
    assert [r.seq for r in journal.where(lambda r: r.kind == "close")] == [3]
    assert [r.seq for r in journal.messages()] == [1, 2]
    assert [r.seq for r in journal.messages("b")] == [2]
    assert [r.seq for r in journal.messages(sender="client")] == [1]
    assert journal.where({"no_such_member": 1}) == []
    journal.clear()
    assert journal.records == []


def test_what_is_news(make):
    journal = make(journal_records=3)
    for number in range(5):
        journal.add("note", reason=str(number))
    assert [record.seq for record in journal.since(0)] == [3, 4, 5]
    assert [record.seq for record in journal.since(4)] == [5]
    assert journal.since(5) == []


async def test_wait_for_counts_past_and_future(make):
    journal = make()
    journal.add("message", name="a")
    waiting = asyncio.ensure_future(journal.wait_for({"name": "a"}, count=2))
    await asyncio.sleep(0)
    journal.add("message", name="b")
    assert not waiting.done()
    journal.add("message", name="a")
    assert [record.seq for record in await waiting] == [1, 3]
    assert [record.seq for record in await journal.wait_for({"name": "b"})] == [2]


async def test_wait_for_can_ignore_the_past(make):
    journal = make()
    journal.add("message", name="a")
    with pytest.raises(NotSeenError):
        await journal.wait_for({"name": "a"}, after=1, deadline=0)


async def test_a_failed_wait_names_what_came_closest(make):
    journal = make()
    journal.add("message", name="a", sender="server")
    journal.add("message", name="a", sender="client", data={"end": False})
    with pytest.raises(NotSeenError) as caught:
        await journal.wait_for({"name": "a", "sender": "client", "data": {"end": True}}, deadline=0)
    error = caught.value
    record, differences = error.near_misses[0]
    assert (record.seq, differences) == (2, ["data.end is False, not True"])
    assert "near miss #2 client message a: data.end is False, not True" in str(error)


async def test_a_failed_wait_for_a_function_has_no_near_misses(make):
    with pytest.raises(NotSeenError, match="satisfies the function"):
        await make().wait_for(lambda _: False, deadline=0)


def test_export_writes_a_trace_file(make):
    journal = make()
    journal.add("message", name="a")
    file = io.StringIO()
    journal.export(file, {"protocol": "echo", "revision": "1", "role": "client"})
    header, line = file.getvalue().splitlines()
    assert json.loads(header) == {"trace": 1, "protocol": "echo", "revision": "1", "role": "client"}
    assert msgspec.json.decode(line, type=Record).name == "a"


def test_whatever_a_peer_says_can_be_exported(make):
    journal = make()
    data = {"x": "\ud800", "secret": "\udcff"}
    journal.add(
        "message",
        participant="\udcff topsecret",
        payload=r'{"x": "\ud800"}',
        explain=lambda: Decoded(name="\ud800", data=data),
    )
    file = io.StringIO()
    journal.export(file)
    record = json.loads(file.getvalue().splitlines()[1])
    assert (record["name"], record["participant"]) == ("\\ud800", "\\udcff ‹api_key›")
    assert record["data"] == {"x": "\\ud800", "secret": "‹redacted›"}
