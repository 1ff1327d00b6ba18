from __future__ import annotations

import pytest

from conformance.errors import CheckError, ConformanceError, ScenarioError, UsageError
from protocol_core.errors import UnderstudyError


@pytest.mark.parametrize("kind", [CheckError, ScenarioError, UsageError])
def test_one_base_for_everything_that_the_command_line_prints(kind: type[Exception]) -> None:
    assert issubclass(kind, ConformanceError)
    assert issubclass(ConformanceError, UnderstudyError)


@pytest.mark.parametrize(
    ("place", "line", "hint", "text"),
    [
        ("", 0, "", "a.yaml: is empty"),
        ("", 3, "", "a.yaml:3: is empty"),
        ("steps[1]", 0, "", "a.yaml: steps[1]: is empty"),
        ("", 0, "remove it", "a.yaml: is empty; remove it"),
        ("steps[1]", 3, "remove it", "a.yaml:3: steps[1]: is empty; remove it"),
    ],
)
def test_a_malformed_scenario_says_where_what_and_what_to_do(
    place: str, line: int, hint: str, text: str
) -> None:
    error = ScenarioError("is empty", file="a.yaml", place=place, line=line, hint=hint)
    assert str(error) == text
    assert (error.problem, error.file) == ("is empty", "a.yaml")
    assert (error.place, error.line, error.hint) == (place, line, hint)


def test_the_others_are_their_message() -> None:
    assert str(UsageError("--role is client or server")) == "--role is client or server"
    assert str(CheckError("no such id")) == "no such id"
