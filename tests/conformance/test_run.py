from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.errors import UsageError
from conformance.run import Order, Progress, parse_shard, run
from conformance.stage.base import Deadlines
from conformance.target import ServerTarget, Target
from tests.conformance.helpers import fake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.worker import Report

CLIENT = Target(protocol="avatarkit", revision="0.1.7", role="client", adapter=fake())
SERVER = Target(protocol="avatarkit", revision="0.1.7", role="server", server=ServerTarget())
MANY = """
    protocol: avatarkit
    role: client
    topic: topic
    scenarios:
      - id: many
        title: Many
        matrix: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]
        steps: [{open: {}}]
        verifies: [AVK-HS-001]
"""
OTHER_REVISION = """
      - id: other
        title: Of another revision
        revisions: ["9.9"]
        steps: [{open: {}}]
        verifies: [AVK-HS-001]
"""


class Ear(Progress):
    def __init__(self) -> None:
        self.order: list[int] = []
        self.total = 0

    def begin(self, collector: Any) -> None:
        self.total = len(collector.jobs)

    def step(self, report: Report, verdicts: Sequence[Any]) -> None:
        assert verdicts
        self.order.append(report.job)


def order(scenarios: Any, **members: Any) -> Order:
    return Order(folder=scenarios.folder, deadlines=Deadlines(step=5), **members)


def ids(results: Any) -> list[str]:
    return [run.scenario.rpartition("/")[2] for run in results.scenarios]


def test_everything_is_played_in_order(scenarios: Any) -> None:
    scenarios(MANY + OTHER_REVISION)
    ear = Ear()
    results = run(order(scenarios), [CLIENT], ear)
    assert ids(results) == ["many-a", "many-b", "many-c", "many-d", "many-e"]
    assert (ear.order, ear.total) == ([0, 1, 2, 3, 4], 5)
    assert results.outcome == "could-not-run"


def test_shards_are_disjoint_and_complete(scenarios: Any) -> None:
    scenarios(MANY)
    parts = [ids(run(order(scenarios, shard=(n, 2)), [CLIENT])) for n in (1, 2)]
    assert parts == [["many-a", "many-c", "many-e"], ["many-b", "many-d"]]


def test_the_seed_makes_the_order(scenarios: Any) -> None:
    scenarios(MANY)
    one, again, other = (
        ids(run(order(scenarios, shuffle=True, seed=seed), [CLIENT])) for seed in (1, 1, 2)
    )
    assert one == again
    assert sorted(one) == sorted(other)
    assert one != other


def test_repeats(scenarios: Any, tmp_path: Any) -> None:
    scenarios(MANY)
    results = run(order(scenarios, repeat=3, only=("many-a",), out=tmp_path), [CLIENT])
    assert ids(results) == ["many-a"] * 3
    assert [r.run for r in results.scenarios] == [1, 2, 3]
    assert len({r.trace for r in results.scenarios}) == 3  # nothing passed, so each is kept


def test_fail_fast(scenarios: Any) -> None:
    scenarios(MANY.replace("{open: {}}", "{await: {event: x, within: 0.05}}"))
    results = run(order(scenarios, fail_fast=True), [CLIENT])
    assert len(results.scenarios) == 1
    assert results.outcome == "failed"


def test_a_malformed_file_hides_nothing(scenarios: Any) -> None:
    scenarios(MANY)
    scenarios("nonsense: [", "avatarkit/client/broken.yaml")
    results = run(order(scenarios), [CLIENT])
    assert len(results.scenarios) == 6
    assert results.verdicts[0].scenario == "avatarkit/client/broken.yaml"
    assert "is not valid YAML" in results.verdicts[0].message


def test_nothing_but_a_malformed_file(scenarios: Any) -> None:
    scenarios("nonsense: [", "avatarkit/client/broken.yaml")
    assert run(order(scenarios), [CLIENT]).outcome == "could-not-run"


def test_nothing_selected(scenarios: Any) -> None:
    scenarios(MANY)
    with pytest.raises(UsageError, match="--only nope: no scenario"):
        run(order(scenarios, only=("nope",)), [CLIENT])
    with pytest.raises(UsageError, match=r"no scenarios for avatarkit 0.1.7 \(server\)"):
        run(order(scenarios), [SERVER])


def test_servers_come_first(scenarios: Any) -> None:
    scenarios(MANY)
    server = MANY.replace("role: client", "role: server").replace("many", "much")
    scenarios(server, "avatarkit/server/topic.yaml")
    results = run(order(scenarios, only=("many-a", "much-a")), [CLIENT, SERVER])
    assert ids(results) == ["much-a", "many-a"]
    assert [who.role for who in results.implementations] == ["client", "server"]


def test_an_implementation_that_cannot_be_started_is_given_up(scenarios: Any) -> None:
    scenarios(MANY)
    lost = Target(
        protocol="avatarkit", revision="0.1.7", role="client", adapter=fake("leaves"), name="lost"
    )
    results = run(order(scenarios), [lost])
    assert len(results.scenarios) == 3
    assert results.outcome == "could-not-run"
    assert results.implementations[0].name == "lost"


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/0", "-1/2"])
def test_shards_have_a_form(text: str) -> None:
    with pytest.raises(UsageError, match="--shard takes i/n"):
        parse_shard(text)


def test_a_shard() -> None:
    assert parse_shard("2/3") == (2, 3)
