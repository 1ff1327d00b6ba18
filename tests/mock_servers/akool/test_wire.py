from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mock_servers.akool.wire import AkoolCodec
from mock_servers.schemas import SchemaCheck
from protocol_core.akool.revision import load

VECTORS = Path(__file__).parents[2] / "vectors" / "akool"


def make(revision):
    return AkoolCodec(load(revision), SchemaCheck("akool", revision), lambda: "minted")


def rows(topic):
    return yaml.safe_load((VECTORS / f"{topic}.yaml").read_text())["vectors"]


@pytest.fixture
def codec():
    return make("0.1.8")


@pytest.mark.parametrize("revision", ["0.1.8", "0.1.9"])
@pytest.mark.parametrize("row", rows("messages"), ids=lambda row: row["id"])
def test_messages_have_the_names_of_the_specification(revision, row):
    decoded = make(revision).decode(row["text"], row["sender"])
    assert (decoded.name, decoded.problems) == (row["message"], [])
    assert decoded.data == json.loads(row["text"])


@pytest.mark.parametrize("row", rows("documented_messages"), ids=lambda row: row["id"])
def test_documented_messages_have_theirs(row):
    decoded = make("0.1.8-documented").decode(row["text"], row["sender"])
    assert (decoded.name, decoded.problems) == (row["message"], [])


@pytest.mark.parametrize(
    ("topic", "revision"),
    [("invalid_messages", "0.1.8"), ("documented_invalid_messages", "0.1.8-documented")],
)
def test_what_is_wrong_is_a_problem(topic, revision):
    codec = make(revision)
    for row in rows(topic):
        senders = ["client", "server"] if row["sender"] == "both" else [row["sender"]]
        for sender in senders:
            problems = codec.decode(row["text"], sender).problems
            tolerated = sender == "server" and "unknown" in row["flags"]
            assert problems or tolerated, row["id"]


@pytest.mark.parametrize(
    ("message", "sender", "name", "problem"),
    [
        (b"\x00", "client", "", "binary"),
        ("nonsense", "client", "", "not JSON"),
        ("[1]", "client", "", "a JSON list"),
        ('{"type": 5}', "client", "", "no string member type"),
        ('{"type": "auth"}', "client", "auth", "no type of this revision"),
        ('{"v":2,"type":"pong","mid":"x","pld":{}}', "client", "pong", "not the client's to send"),
    ],
)
def test_problems_are_named(codec, message, sender, name, problem):
    decoded = codec.decode(message, sender)
    assert decoded.name == name
    assert any(problem in each for each in decoded.problems), decoded.problems


def test_what_a_server_may_send_beyond_the_tables_is_no_problem(codec):
    assert codec.decode('{"type": "banner"}', "server").problems == []


def test_payloads_are_matched_like_members(codec):
    views = codec.decode('{"v":2,"type":"chat","mid":"m","pld":{"audio":"AA=="}}', "client").views
    assert views[0]["audio"] == "AA=="
    assert views[0]["mid"] == "m"


def test_every_name_is_known():
    assert make("0.1.8").names == {
        "ping",
        "chat",
        "command/set-params",
        "command/interrupt",
        "event/leave_channel",
        "system/websocket_connected",
        "system/agora_connected",
        "ack",
        "pong",
        "error",
    }
    assert {"auth", "agora_params", "audio_data", "ping"} < make("0.1.8-documented").names


@pytest.mark.parametrize(
    ("name", "data", "document"),
    [
        ("pong", {}, {"v": 2, "type": "pong", "mid": "minted", "pld": {}}),
        (
            "system/agora_connected",
            {"channel_id": "c"},
            {
                "v": 2,
                "type": "system",
                "mid": "minted",
                "pld": {"status": "agora_connected", "channel_id": "c"},
            },
        ),
        (
            "ack",
            {"mid": "m", "v": 3, "original_mid": "o"},
            {"v": 3, "type": "ack", "mid": "m", "pld": {"original_mid": "o"}},
        ),
        ("ack", {"pld": []}, {"v": 2, "type": "ack", "mid": "minted", "pld": []}),
        (
            "event/leave_channel",
            {"reason": "r"},
            {
                "v": 2,
                "type": "event",
                "mid": "minted",
                "pld": {"event": "leave_channel", "reason": "r"},
            },
        ),
        (
            "banner/x",
            {"text": "t"},
            {"v": 2, "type": "banner", "mid": "minted", "pld": {"text": "t"}},
        ),
    ],
)
def test_messages_are_built_from_name_and_payload(codec, name, data, document):
    assert json.loads(codec.encode(name, data)) == document


def test_bare_messages_are_built_as_they_are():
    codec = make("0.1.8-documented")
    assert json.loads(codec.encode("ping", {})) == {"type": "ping"}
    assert json.loads(codec.encode("audio_data", {"data": "AA=="})) == {
        "type": "audio_data",
        "data": "AA==",
    }


def test_discovery_bodies_are_explained(codec):
    body = b'{"code": 1000, "data": {"instances": []}}'
    assert codec.document("service_status", body, response=True).problems == []
    assert codec.document("service_status", b'{"msg": ""}', response=True).problems
    assert codec.document("service_status", b"<html>", response=True).problems
    assert codec.document("service_status", b"[]", response=True).problems
    assert codec.document("service_status", b"", response=True).problems == []
    assert codec.document("service_status", b"x", response=False).problems == []
    assert codec.document("websocket", b"unauthorized", response=True).problems == []
