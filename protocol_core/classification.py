"""Which stable code a failure has: the first row of the generated table that matches.

The rows are data (``CLASSIFICATION`` of each revision's errors); this is what they mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_protocols.tables import Rule

__all__ = ["classify", "matches"]


def classify(
    rules: Iterable[Rule],
    *,
    phase: str,
    code: object = None,
    text: str = "",
    http: int | None = None,
) -> str:
    """The code of the first row that matches.

    Args:
        rules: the rows, in order.
        phase: when it happened.
        code: the peer's own code, close codes among them; None where it gave none.
        text: the peer's words.
        http: status of an HTTP answer; None where there was none.

    Raises:
        LookupError: the table does not cover it.
    """
    for rule in rules:
        if matches(rule, phase=phase, code=code, text=text, http=http):
            return rule.code
    raise LookupError(f"no row of the classification covers {code!r} in {phase}")


def matches(
    rule: Rule, *, phase: str, code: object = None, text: str = "", http: int | None = None
) -> bool:
    """Whether a row matches; see `avatar_protocols.tables.Rule`, and `classify` for the rest."""
    conditions: list[bool] = []
    if rule.codes:
        conditions.append(code is not None and str(code) in rule.codes)
    if rule.text:
        lowered = text.lower()
        conditions.append(any(fragment in lowered for fragment in rule.text))
    if rule.http:
        conditions.append(http in rule.http)
    if rule.http_range is not None:
        first, last = rule.http_range
        conditions.append(http is not None and first <= http <= last)
    if rule.phases:
        conditions.append(phase in rule.phases)
    return any(conditions) if rule.any else all(conditions)
