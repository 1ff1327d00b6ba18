from __future__ import annotations

from typing import Any

import pytest

from conformance.scenario import (
    Broken,
    Scenario,
    Step,
    discover,
    load_file,
    of_revision,
    select,
)
from tests.conformance.helpers import scenario

HEAD = """
    protocol: avatarkit
    role: client
    topic: topic
    scenarios:
"""
ONE = f"""{HEAD}
      - id: one
        title: The first
        needs: [clock]
        plan:
          - {{on: http, do: []}}
        steps:
          - open: {{auth: header}}
          - await: {{event: error}}
        expect: {{code: x}}
        verifies: [AVK-HS-001, AVK-HS-002.text]
"""


def load(scenarios: Any, text: str, place: str = "avatarkit/client/topic.yaml") -> list[Any]:
    return load_file(scenarios(text, place), folder=scenarios.folder)


SERVER = """
    protocol: aiavatar
    role: server
    topic: topic
    scenarios:
      - id: one
        title: The probe has steps of its own, and awaits know rooms and streams
        steps:
          - command: {name: dance, within: 2, tempo: fast}
          - http: {endpoint: chat}
          - await: {ping: server, channel: 1}
          - await: {join: "*", from: server}
          - await: {leave: $participant_id}
          - await: {track: audio, where: {state: published}}
          - await: {message: "*", participant: a, reliability: UNRELIABLE}
        verifies: [AIA-SSE-001]
"""


def test_steps_of_a_server_scenario(scenarios: Any) -> None:
    place = "aiavatar/server/topic.yaml"
    (found,) = load(scenarios, SERVER, place)
    assert isinstance(found, Scenario), found.message
    assert found.steps[0].kind == "command"
    for old, new in (
        ("name: dance, ", ""),
        ("track: audio", "track: smell"),
        ("UNRELIABLE", "PROBABLY"),
        ("channel: 1", "channel: 0"),
    ):
        (broken,) = load(scenarios, SERVER.replace(old, new), place)
        assert isinstance(broken, Broken), new


def test_rules_that_only_other_revisions_have_are_left_out() -> None:
    made = scenario({"open": {}}, protocol="akool", verifies=("AKO-CONN-102", "AKO-CONN-001"))
    for revision, rules in (
        ("0.1.8", ("AKO-CONN-001",)),
        ("0.1.8-documented", ("AKO-CONN-102",)),
    ):
        fitting = of_revision(made, revision)
        assert fitting is not None
        assert fitting.verifies == rules
    alone = scenario({"open": {}}, protocol="akool", verifies=("AKO-CONN-102.text",))
    assert of_revision(alone, "0.1.9") is None
    assert of_revision(alone, "0.1.8-documented") is alone
    bound = scenario({"open": {}}, protocol="akool", revisions=("0.1.9",))
    assert of_revision(bound, "0.1.8") is None
    typo = scenario({"open": {}}, protocol="akool", verifies=("AKO-NONE-001",))
    assert of_revision(typo, "0.1.8") is typo  # the judge says what is wrong with it


def test_a_scenario_is_read(scenarios: Any) -> None:
    (found,) = load(scenarios, ONE)
    assert isinstance(found, Scenario)
    assert found.id == "avatarkit/client/topic/one"
    assert found.steps == (
        Step(number=1, kind="open", args={"auth": "header"}),
        Step(number=2, kind="await", args={"event": "error"}),
    )
    assert found.plan == ({"on": "http", "do": []},)
    assert found.needs == ("clock",)
    assert found.expect == {"code": "x"}
    assert found.requirements == ("AVK-HS-001", "AVK-HS-002")
    assert str(found.steps[1]) == "step 2 (await)"


def test_a_matrix_makes_a_scenario_of_each_row(scenarios: Any) -> None:
    text = f"""{HEAD}
      - id: many
        title: "{{{{name}}}} is {{{{code}}}}"
        matrix:
          - {{name: a, code: 1, key: x}}
          - {{name: b-2, code: [2], key: y}}
        steps:
          - await: {{event: error, where: {{code: "{{{{code}}}}", "{{{{key}}}}": 1}}}}
        verifies: [AVK-HS-001]
    """
    first, second = load(scenarios, text)
    assert (first.id, first.title) == ("avatarkit/client/topic/many-a", "a is 1")
    assert first.steps[0].args["where"] == {"code": 1, "x": 1}
    assert second.id == "avatarkit/client/topic/many-b-2"
    assert second.steps[0].args["where"] == {"code": [2], "y": 1}


def test_revisions_of_the_file_hold_for_its_scenarios(scenarios: Any) -> None:
    text = ONE.replace("topic: topic", "topic: topic\n    revisions: ['0.1.7']")
    (found,) = load(scenarios, text)
    assert found.revisions == ("0.1.7",)


BAD_ENTRIES = {
    "a step that does not exist": ("steps: [{opne: {}}]", "did you mean 'open'"),
    "two kinds in a step": ("steps: [{open: {}, close: {}}]", "steps[0]"),
    "no steps": ("steps: []", "steps"),
    "an unknown variable": ("steps: [{open: {a: '{{x}}'}}]", "{{x}} is no member"),
    "a bad id": ("id: Bad Id", "scenarios[1].id"),
    "a check id that is none": ("verifies: [HS-1]", "verifies[0]"),
    "bytes that are no hexadecimal": ("steps: [{server: {send_binary: 0102}}]", "send_binary"),
    "an action without name": ("steps: [{server: {}}]", "steps[0].server"),
    "a matrix row without name": ("matrix: [{a: 1}]", "matrix[0]"),
}


@pytest.mark.parametrize(("change", "told"), BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_a_malformed_scenario_hides_no_other(scenarios: Any, change: str, told: str) -> None:
    entry = {
        "id": "id: two",
        "title": "title: The second",
        "steps": "steps: [{open: {}}]",
        "verifies": "verifies: [AVK-HS-001]",
    }
    entry[change.partition(":")[0]] = change
    text = ONE + "      - " + "\n        ".join(entry.values()) + "\n"
    first, second = load(scenarios, text)
    assert isinstance(first, Scenario)
    assert isinstance(second, Broken)
    assert told in second.message
    assert second.message.startswith("avatarkit/client/topic.yaml:")
    assert second.protocol == "avatarkit"
    assert second.role == "client"


def test_the_line_is_told(scenarios: Any) -> None:
    text = ONE.replace("- open: {{auth: header}}", "").replace("await", "awiat")
    (broken,) = load(scenarios, text)
    line = int(broken.message.split(":")[1])
    assert (
        "awiat"
        in scenarios.folder.joinpath("avatarkit/client/topic.yaml")
        .read_text()
        .splitlines()[line - 1]
    )


def test_an_id_stands_once(scenarios: Any) -> None:
    entry = ONE.removeprefix(HEAD)
    first, second = load(scenarios, ONE + entry)
    assert isinstance(first, Scenario)
    assert "stands here twice" in second.message


BAD_FILES = {
    "no YAML": ("a: [", "is not valid YAML"),
    "empty": ("", "avatarkit/client/topic.yaml"),
    "a list": ("- a", "type"),
    "no scenarios": ("protocol: avatarkit\nrole: client\ntopic: topic\nscenarios: []", "scenarios"),
    "another protocol": (ONE.replace("avatarkit", "liveavatar"), "not its place"),
    "another topic": (ONE.replace("topic: topic", "topic: other"), "not its place"),
    "a key twice": (ONE.replace("needs", "title"), "stands here twice"),
}


@pytest.mark.parametrize(("text", "told"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_malformed_file_is_one_broken_entry(scenarios: Any, text: str, told: str) -> None:
    (broken,) = load(scenarios, text)
    assert isinstance(broken, Broken)
    assert told in broken.message
    assert broken.id == "avatarkit/client/topic.yaml"


def test_a_file_that_is_no_text(scenarios: Any) -> None:
    path = scenarios(ONE)
    path.write_bytes(b"\xff\xfe")
    (broken,) = load_file(path, folder=scenarios.folder)
    assert "cannot be read" in broken.message


def test_discovery_reads_only_what_is_wanted(scenarios: Any) -> None:
    scenarios(ONE)
    scenarios("broken: [", "liveavatar/client/topic.yaml")
    scenarios(ONE.replace("client", "server"), "avatarkit/server/topic.yaml")
    folder = scenarios.folder
    assert [s.id for s in discover(["avatarkit"], ["client"], folder=folder)] == [
        "avatarkit/client/topic/one"
    ]
    assert len(discover(folder=folder)) == 3


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("avatarkit/client/topic/one", True),
        ("topic/one", True),
        ("one", True),
        ("topic/*", True),
        ("avatarkit", True),
        ("avatarkit/client/", True),
        ("*n*", True),
        ("AVK-HS-001", True),
        ("AVK-HS-002", True),
        ("AVK-*", True),
        ("two", False),
        ("topic/o", False),
        ("AVK-HS-003", False),
    ],
)
def test_selection(scenarios: Any, pattern: str, chosen: bool) -> None:
    found = load(scenarios, ONE)
    assert bool(select(found, [pattern])) is chosen
    assert select(found, []) == found


def test_broken_scenarios_can_be_selected_by_id(scenarios: Any) -> None:
    (broken,) = load(scenarios, ONE.replace("AVK-HS-001", "nonsense"))
    assert select([broken], ["topic/one"]) == [broken]


def test_every_scenario_of_the_suite_is_well_formed() -> None:
    broken = [item.message for item in discover() if isinstance(item, Broken)]
    assert broken == []
