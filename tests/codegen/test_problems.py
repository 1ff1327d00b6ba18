from __future__ import annotations

from codegen.problems import Problem, SourceError


def test_a_problem_names_file_place_and_rule() -> None:
    problem = Problem(
        "spec/demo/states.yaml", "machines.connection", "known-state", "no such state"
    )
    shown = "spec/demo/states.yaml: machines.connection: no such state [known-state]"
    assert str(problem) == shown


def test_a_problem_of_a_whole_file_has_no_place() -> None:
    assert str(Problem("a.yaml", "", "present", "missing")) == "a.yaml: missing [present]"


def test_an_error_lists_each_problem_once_in_order() -> None:
    first, second = Problem("a", "", "r", "m"), Problem("b", "", "r", "m")
    error = SourceError([second, first, second])
    assert error.problems == [first, second]
    assert str(error) == f"{first}\n{second}"
