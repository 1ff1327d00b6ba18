"""Reporting what is wrong with a plan, a configuration or a control call."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NoReturn

from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["fail"]


def fail(place: str, problem: str, value: object, known: Collection[str] = ()) -> NoReturn:
    """Report a mistake in a plan.

    Raises:
        ConfigurationError: always.
    """
    near = difflib.get_close_matches(str(value), known, n=3, cutoff=0.5)
    hint = ""
    if known:
        hint = (
            f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
        )
    raise ConfigurationError(problem, setting=place, value=value, hint=hint)
