"""Who is judged: an implementation as far as it is known, and what of the suite concerns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from avatar_protocols.registry import PROTOCOLS
from conformance.contract import claims_of
from conformance.errors import UsageError
from conformance.target import resolve

if TYPE_CHECKING:
    from conformance.contract import Claim, Description
    from conformance.scenario import Scenario
    from conformance.target import Target

__all__ = [
    "Subject",
    "adapter_subject",
    "inapplicable",
    "server_subject",
    "suite_version",
    "unreachable",
]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An implementation as far as it is known.

    Attributes:
        name, version, language: as it describes itself; "" if it does not.
        features: what it can do, by the names of the protocol's table.
        missing: what it cannot do, each with the reason.
    """

    name: str
    version: str = ""
    language: str = ""
    features: tuple[str, ...] = ()
    missing: dict[str, str] = {}


def adapter_subject(description: Description, target: Target) -> tuple[Subject, Claim | None]:
    """What an adapter holds, as it describes it, and its claim to be what is wanted; None if none.

    The name that a table of ours gives it wins over its own: one adapter may be several rows.
    """
    claims = claims_of(description, target.protocol, target.role)
    claim = next((claim for claim in claims if _speaks(claim, target)), None)
    own = claim.name if claim is not None else ""
    return (
        Subject(
            name=target.known_as or own or description.name,
            version=description.version,
            language=description.language,
            features=tuple(claim.features) if claim is not None else (),
            missing=dict(claim.missing) if claim is not None else {},
        ),
        claim,
    )


def server_subject(target: Target) -> Subject:
    """A server that is no adapter's as far as it is known: ours do all, others what flags say."""
    server = target.server
    if server is None or server.in_process:
        return Subject(
            name=f"{target.protocol} mock platform",
            version=suite_version(),
            language="python",
            features=_mock_features(target),
        )
    if server.control:
        every = _mock_features(target)
        features = tuple(name for name in every if name not in _TOLD)
        unheard = "only a server in process, or an adapter, tells of it"
        missing = {name: unheard for name in every if name in _TOLD}
        return Subject(name=target.name or str(server), features=features, missing=missing)
    triggers = ("triggers",) if server.triggers else ()
    if "advance" in server.triggers:
        triggers = (*triggers, "clock")
    missing = {} if triggers else {"triggers": "no way was given to make this server do things"}
    return Subject(
        name=target.name or str(server),
        features=(*server.features, *triggers),
        missing=missing,
    )


_TOLD = frozenset({"input_events"})
"""Features that show beside the wire alone."""


def _mock_features(target: Target) -> tuple[str, ...]:
    """Our own platforms do whatever their specification names."""
    return (*PROTOCOLS[target.protocol].features, "triggers")


def inapplicable(scenario: Scenario, subject: Subject) -> str:
    """Why a scenario does not concern an implementation; "" if it does."""
    lacking = [need for need in scenario.needs if need not in subject.features]
    if not lacking:
        return ""
    reasons = [f"{n} ({subject.missing[n]})" if n in subject.missing else n for n in lacking]
    return f"the implementation does not claim {', '.join(reasons)}"


def unreachable(scenario: Scenario, target: Target) -> str:
    """Why a scenario cannot be played against a server; "" if it can.

    An adapter is given the scenario's ``platform`` with ``serve``, and says itself what it cannot
    do of it; a plan is for our own platforms.
    """
    reason = "the scenario needs a server that is set up for it"
    server = target.server
    if target.adapter is not None:
        return reason if scenario.plan else ""
    if server is None or server.in_process:
        return ""
    set_up = scenario.platform or (scenario.plan and not server.control)
    return reason if set_up else ""


def _speaks(claim: Claim, target: Target) -> bool:
    for revision in claim.revisions:
        try:
            if resolve(target.protocol, revision).id == target.revision:
                return True
        except UsageError:
            continue  # a revision that this suite does not know
    return False


def suite_version() -> str:
    """The version of this suite."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("understudy")
    except PackageNotFoundError:
        return "development"
