"""The streaming avatar instances of a platform: who is connected to which, and since when not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from mock_servers.akool.session import AkoolSession
    from protocol_core.akool.revision import Revision

__all__ = ["Group", "Instance", "InstanceOptions", "make_instances"]

Group = Literal["test", "production"]


class InstanceOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instance as it is set up.

    Attributes:
        avatar_id: avatar that it has; None for the one in the demo credentials.
        status: what discovery says of it; None for the truth.
        healthy: what discovery says of its health.
        occupied: whether somebody else is connected all the time.
    """

    avatar_id: str | None = None
    status: str | None = None
    healthy: bool = True
    occupied: bool = False


@dataclass(kw_only=True)
class Instance:
    """One instance. Tests may change it at any time.

    Attributes:
        index: position among all, and among the platform's addresses.
        group: who finds it.
        avatar_id: avatar that it has at the moment.
        status: what discovery says of it; None for the truth.
        healthy: what discovery says of its health.
        occupied: whether somebody else is connected.
        session: the session that is connected.
        left_at: clock time when the last session ended, seconds; None before the first.
    """

    index: int
    group: Group
    avatar_id: str
    status: str | None = None
    healthy: bool = True
    occupied: bool = False
    session: AkoolSession | None = None
    left_at: float | None = None

    @property
    def busy(self) -> bool:
        """Whether it takes nobody else (AKO-CONN-008)."""
        return self.occupied or self.session is not None

    def too_soon(self, now: float, guard: float | None) -> bool:
        """Whether it is guarded against being connected to again (AKO-CONN-009)."""
        return guard is not None and self.left_at is not None and now < self.left_at + guard

    def listed(self, modules: Revision, address: str) -> dict[str, Any]:
        """The instance as discovery lists it (AKO-DISC-008, AKO-DISC-101).

        Args:
            modules: the revision.
            address: ``host:port`` of the instance.
        """
        host, _, port = address.rpartition(":")
        of = modules.constants
        if modules.documented:
            free, taken = of.ServiceStatus.ACTIVE, of.ServiceStatus.INACTIVE
        else:
            free, taken = of.InstanceStatus.AVAILABLE, of.InstanceStatus.BUSY
        truth: str = taken if self.busy else free
        status = truth if self.status is None else self.status
        rest = modules.rest
        entry = (
            rest.Service(host=host.strip("[]"), port=int(port), status=status)
            if modules.documented
            else rest.Instance(
                ip=host.strip("[]"),
                port=int(port),
                avatar_id=self.avatar_id,
                status=status,
                healthy=self.healthy,
                index=self.index,
            )
        )
        document: dict[str, Any] = msgspec.to_builtins(entry)
        return document

    def describe(self, address: str) -> dict[str, Any]:
        """The instance for the port file and the control API."""
        return {
            "index": self.index,
            "group": self.group,
            "address": address,
            "avatar_id": self.avatar_id,
            "healthy": self.healthy,
            "busy": self.busy,
        }


def make_instances(
    test: tuple[InstanceOptions, ...], production: tuple[InstanceOptions, ...], avatar_id: str
) -> list[Instance]:
    """The instances of both groups, in the order of their addresses."""
    groups: tuple[tuple[Group, tuple[InstanceOptions, ...]], ...] = (
        ("test", test),
        ("production", production),
    )
    made: list[Instance] = []
    for group, options in groups:
        for each in options:
            made.append(
                Instance(
                    index=len(made),
                    group=group,
                    avatar_id=avatar_id if each.avatar_id is None else each.avatar_id,
                    status=each.status,
                    healthy=each.healthy,
                    occupied=each.occupied,
                )
            )
    return made
