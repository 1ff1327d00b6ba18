from __future__ import annotations

import pytest

from avatar_protocols import schemas
from mock_servers.actions import Vocabulary
from mock_servers.plan import Plan, RuleData, load_plan
from protocol_core.errors import ConfigurationError


@pytest.fixture
def make():
    vocabulary = Vocabulary(
        errors={"expired": frozenset({"upgrade"})}, messages=["A", "B"], endpoints=["start"]
    )

    def make(*rules):
        return Plan(vocabulary, rules)

    return make


def test_the_first_rule_that_matches_acts(make):
    plan = make(
        {"on": "message", "message": "A", "where": {"end": True}, "do": [{"send_text": "1"}]},
        {"on": "message", "message": "A", "do": [{"send_text": "2"}]},
    )
    assert plan.find("message", message="A", views=lambda: [{"end": False}]).index == 1
    assert plan.find("message", message="A", views=lambda: [{}, {"end": True}]).index == 0
    assert plan.find("message", message="B") is None
    assert plan.find("open") is None
    assert plan.listens("message")
    assert not plan.listens("http")


def test_nth_and_times_count_matches(make):
    plan = make(
        {"on": "upgrade", "nth": 2, "do": [{"error": "expired"}]},
        {"on": "upgrade", "times": 1, "do": []},
    )
    found = [plan.find("upgrade", endpoint="socket") for _ in range(4)]
    assert [rule.index if rule else None for rule in found] == [1, 0, None, None]
    assert [(rule["matched"], rule["fired"]) for rule in plan.dump()] == [(4, 1), (3, 1)]


def test_what_dump_shows_can_be_loaded(make):
    plan = make({"on": "http", "endpoint": "start", "do": [], "then_default": True})
    dumped = plan.dump()
    plan.replace(dumped)
    assert plan.rules[0].data == RuleData(on="http", endpoint="start", do=[], then_default=True)
    check = schemas.meta_validator("plan")
    for rule in dumped:
        rule.pop("matched"), rule.pop("fired")
    assert schemas.problems(check, dumped) == []


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("on", "Expected `object`"),
        ({"on": "open"}, "missing required field `do`"),
        ({"on": "opened", "do": []}, "Invalid enum value"),
        ({"on": "open", "do": [], "colour": 1}, "unknown field `colour`"),
        ({"on": "open", "do": [], "nth": 0}, ">= 1"),
        ({"on": "message", "message": "C", "do": []}, r"plan\[0\]\.message: no such message"),
        ({"on": "open", "message": "A", "do": []}, "has no message"),
        ({"on": "http", "endpoint": "stop", "do": []}, "no such endpoint"),
        ({"on": "message", "endpoint": "stop", "do": []}, "no such endpoint"),
        ({"on": "http", "do": [{"close": {}}]}, r"plan\[0\]\.do\[0\]\.close: cannot happen"),
    ],
)
def test_mistakes_are_reported_when_the_plan_is_loaded(make, rule, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        make(rule)


def test_a_mistake_leaves_the_old_rules_in_place(make):
    plan = make({"on": "open", "do": []})
    with pytest.raises(ConfigurationError):
        plan.replace([{"on": "nowhere", "do": []}])
    assert len(plan.rules) == 1


def test_append_adds_a_rule(make):
    plan = make()
    assert plan.append({"on": "open", "do": []}).index == 0
    assert plan.listens("open")


def test_a_single_action_needs_no_point(make):
    assert make().action({"error": "expired"}).name == "error"


def test_plans_are_read_from_files(tmp_path, make):
    file = tmp_path / "plan.yaml"
    file.write_text("- {on: open, do: []}\n")
    assert make(*load_plan(file)).rules[0].data.on == "open"
    file.write_text('plan: [{"on": open, do: []}]\n')
    assert load_plan(file) == [{"on": "open", "do": []}]
    file.write_text("colour: blue\n")
    with pytest.raises(ConfigurationError, match="a plan is a list"):
        load_plan(file)
    for text in (b"[", b"\xff", b"[" * 5000):
        file.write_bytes(text)
        with pytest.raises(ConfigurationError, match="not YAML"):
            load_plan(file)
