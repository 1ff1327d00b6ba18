from __future__ import annotations

import pytest

from mock_servers.akool.instances import Instance, InstanceOptions, make_instances
from protocol_core.akool.revision import load


def test_both_groups_are_numbered_through():
    made = make_instances(
        (InstanceOptions(), InstanceOptions(avatar_id="other", healthy=False)),
        (InstanceOptions(occupied=True, status="available"),),
        "demo",
    )
    assert [(each.index, each.group, each.avatar_id) for each in made] == [
        (0, "test", "demo"),
        (1, "test", "other"),
        (2, "production", "demo"),
    ]
    assert [each.busy for each in made] == [False, False, True]


@pytest.mark.parametrize(
    ("revision", "free", "busy"),
    [
        (
            "0.1.8",
            {"ip": "h", "port": 1, "avatar_id": "a", "healthy": True, "index": 0}
            | {"status": "available"},
            "busy",
        ),
        ("0.1.8-documented", {"host": "h", "port": 1, "status": "active"}, "inactive"),
    ],
)
def test_discovery_tells_the_truth_unless_told_otherwise(revision, free, busy):
    instance = Instance(index=0, group="test", avatar_id="a")
    modules = load(revision)
    assert instance.listed(modules, "h:1") == free
    instance.occupied = True
    assert instance.listed(modules, "[::1]:1")["status"] == busy
    instance.status = "draining"
    assert instance.listed(modules, "h:1")["status"] == "draining"


def test_the_guard():
    instance = Instance(index=0, group="test", avatar_id="a")
    assert not instance.too_soon(0.0, 1.0)
    instance.left_at = 5.0
    assert instance.too_soon(5.9, 1.0)
    assert not instance.too_soon(6.0, 1.0)
    assert not instance.too_soon(5.1, None)


def test_description():
    instance = Instance(index=2, group="production", avatar_id="a")
    assert instance.describe("h:1") == {
        "index": 2,
        "group": "production",
        "address": "h:1",
        "avatar_id": "a",
        "healthy": True,
        "busy": False,
    }
