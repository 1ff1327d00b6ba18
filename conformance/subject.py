"""Who is judged: an implementation as far as it is known, and what of the suite concerns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from avatar_protocols.registry import PROTOCOLS
from conformance.contract import claim_of
from conformance.errors import UsageError
from conformance.target import resolve

if TYPE_CHECKING:
    from conformance.contract import Claim, Description
    from conformance.scenario import Scenario
    from conformance.target import Target

__all__ = [
    "Subject",
    "client_subject",
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


def client_subject(description: Description, target: Target) -> tuple[Subject, Claim | None]:
    """A client as its adapter describes it, and its claim to be what is wanted; None if none."""
    claim = claim_of(description, target.protocol)
    if claim is not None and (target.role not in claim.roles or not _speaks(claim, target)):
        claim = None
    return (
        Subject(
            name=description.name,
            version=description.version,
            language=description.language,
            features=tuple(claim.features) if claim is not None else (),
            missing=dict(claim.missing) if claim is not None else {},
        ),
        claim,
    )


def server_subject(target: Target) -> Subject:
    """A server under test as far as it is known: ours does all, others what the flags say."""
    server = target.server
    if server is None or server.in_process:
        return Subject(
            name=f"{target.protocol} mock platform",
            version=suite_version(),
            language="python",
            features=_mock_features(target),
        )
    if server.control:
        return Subject(name=target.name or str(server), features=_mock_features(target))
    triggers = ("triggers",) if server.triggers else ()
    missing = {} if triggers else {"triggers": "no way was given to make this server do things"}
    return Subject(
        name=target.name or str(server),
        features=(*server.features, *triggers),
        missing=missing,
    )


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
    """Why a scenario cannot be played against a server; "" if it can."""
    if target.server is None or target.server.in_process:
        return ""
    if scenario.platform or (scenario.plan and not target.server.control):
        return "the scenario needs a server that is set up for it"
    return ""


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
