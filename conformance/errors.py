"""What can be wrong with the suite's own material and with a request for a run.

UnderstudyError
└── ConformanceError     one clear line; the command line prints it and exits with status 2
    ├── ScenarioError    a scenario file is malformed: file, place, rule, what to do
    ├── CheckError       a check is registered wrongly
    └── UsageError       the run that was asked for cannot be
"""

from __future__ import annotations

from protocol_core.errors import UnderstudyError

__all__ = ["CheckError", "ConformanceError", "ScenarioError", "UsageError"]


class ConformanceError(UnderstudyError):
    """Base of the suite's own errors."""


class ScenarioError(ConformanceError):
    """A malformed scenario file.

    Attributes:
        file: its path, relative to the folder of scenarios.
        place: where in it, as a path of keys and indexes; "" for the whole file.
        line: line number, from 1; 0 if unknown.
        problem: which rule it breaks.
        hint: what to do about it.
    """

    def __init__(
        self, problem: str, *, file: str, place: str = "", line: int = 0, hint: str = ""
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = file
        self.place = place
        self.line = line
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        place = f" {self.place}:" if self.place else ""
        advice = f"; {self.hint}" if self.hint else ""
        return f"{where}:{place} {self.problem}{advice}"


class CheckError(ConformanceError):
    """A check that cannot be registered."""


class UsageError(ConformanceError):
    """A run that cannot be: an unknown id, a bad flag, nothing selected."""
