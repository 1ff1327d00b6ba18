"""The specification tables as types, once their meta-schemas have accepted them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "Closing",
    "Code",
    "Constant",
    "Decision",
    "Endpoint",
    "ErrataTable",
    "Erratum",
    "ErrorTable",
    "Event",
    "Frame",
    "FrameField",
    "FrameTable",
    "HttpBody",
    "MachineTable",
    "ProtocolTable",
    "RequirementRow",
    "RequirementTable",
    "Revision",
    "RuleRow",
    "Specification",
    "StateRow",
    "StateTable",
    "WireErrorRow",
]

Source = Literal["doc", "sdk", "both", "assumption"]
Role = Literal["client", "server", "both"]
Level = Literal["MUST", "SHOULD", "MAY"]
Points = str | list[str]


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every row may carry."""

    revisions: list[str] = msgspec.field(default_factory=list[str])
    open_point: Points = msgspec.field(default_factory=list[str])
    note: str = ""

    @property
    def open_points(self) -> list[str]:
        """Ids of the open points that the row depends on."""
        return [self.open_point] if isinstance(self.open_point, str) else self.open_point

    def belongs(self, revision: str) -> bool:
        """Whether the row holds in the revision; a row that names none holds in all."""
        return not self.revisions or revision in self.revisions


class Revision(_Row, frozen=True, kw_only=True):
    """One row of ``protocol.yaml``'s revisions."""

    status: Literal["active", "planned"]
    sources: list[str]
    aliases: list[str] = msgspec.field(default_factory=list[str])
    packages: list[str] = msgspec.field(default_factory=list[str])


class Endpoint(_Row, frozen=True, kw_only=True):
    """One row of ``protocol.yaml``'s endpoints."""

    kind: Literal["http", "websocket", "sse", "room"]
    method: str
    base: str
    path: str
    source: Source


Scalar = str | int | float | bool


class Constant(_Row, frozen=True, kw_only=True):
    """One row of ``protocol.yaml``'s constants."""

    value: Scalar | list[Scalar]
    source: Source
    unit: str = ""
    conflict: bool = False
    requirement: str = ""


class ProtocolTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``protocol.yaml``."""

    protocol: str
    title: str
    prefix: str
    roles: dict[str, str]
    default_revision: str
    revisions: dict[str, Revision]
    endpoints: dict[str, Endpoint]
    constants: dict[str, dict[str, Constant]]
    features: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    description: str = ""

    def active(self) -> list[str]:
        """Ids of the revisions that code is generated for, in the order of the table."""
        return [name for name, row in self.revisions.items() if row.status == "active"]


class RequirementRow(_Row, frozen=True, kw_only=True):
    """One requirement."""

    id: str
    level: Level
    role: Role
    text: str
    source: Source
    observable: str
    checks: list[str]
    proposed: Level | None = None
    why: str = ""
    conflict: bool = False
    client_observable: str | None = None
    server_observable: str | None = None

    def observable_by(self, role: str) -> str:
        """How the rule shows when the given role keeps or breaks it."""
        special = self.client_observable if role == "client" else self.server_observable
        return self.observable if special is None else special


class Decision(_Row, frozen=True, kw_only=True):
    """One open point and what we decided."""

    id: str
    issue: str
    decision: str
    conflict: bool = False


class RequirementTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``requirements.yaml``."""

    requirements: list[RequirementRow]
    open_points: list[Decision]


class Erratum(_Row, frozen=True, kw_only=True):
    """One thing over which the vendor's documents and its package part."""

    subject: str
    documented: str
    shipped: str
    follow: str
    see: list[str] = msgspec.field(default_factory=list[str])


class ErrataTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``errata.yaml``."""

    errata: list[Erratum]


class Event(_Row, frozen=True, kw_only=True):
    """One trigger of a state machine."""

    origin: Role = msgspec.field(name="from")
    message: str = ""
    description: str = ""
    source: Source | None = None
    requirements: list[str] = msgspec.field(default_factory=list[str])


class StateRow(_Row, frozen=True, kw_only=True):
    """One state and what leads out of it."""

    description: str
    on: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    ignored: list[str] = msgspec.field(default_factory=list[str])
    requirements: list[str] = msgspec.field(default_factory=list[str])


class MachineTable(_Row, frozen=True, kw_only=True):
    """One state machine.

    Attributes:
        name: what it is called in its revisions, where another one has taken its key.
    """

    initial: str
    events: dict[str, Event]
    states: dict[str, StateRow]
    name: str = ""
    description: str = ""
    source: Source | None = None


class StateTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``states.yaml``."""

    machines: dict[str, MachineTable]

    def of(self, revision: str) -> list[tuple[str, MachineTable]]:
        """The machines of a revision, each with its name there."""
        return [
            (machine.name or key, machine)
            for key, machine in self.machines.items()
            if machine.belongs(revision)
        ]


class Code(_Row, frozen=True, kw_only=True):
    """One stable error code of the client."""

    code: str
    meaning: str
    retry: bool
    number: int | None = None
    source: Source | None = None
    requirement: str = ""


class HttpBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP answer of a catalogued error."""

    status: int
    text: str | None = None
    json: Any = None
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Closing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The WebSocket close of a catalogued error."""

    code: int
    reason: str = ""


class WireErrorRow(_Row, frozen=True, kw_only=True):
    """One error that a server can produce."""

    name: str
    at: Literal["rest", "upgrade", "handshake", "runtime", "close"]
    code: str | None
    http: HttpBody | None = None
    message: dict[str, Any] | None = None
    close: Closing | None = None
    abort: bool = False
    phase: str | None = None
    requirement: str | None = None
    source: Source | None = None
    description: str = ""


class RuleRow(_Row, frozen=True, kw_only=True):
    """One row of the client's classification of errors."""

    row: int
    code: str
    codes: list[str] = msgspec.field(default_factory=list[str])
    text: list[str] = msgspec.field(default_factory=list[str])
    http: list[int] = msgspec.field(default_factory=list[int])
    http_range: list[int] | None = None
    phases: list[str] = msgspec.field(default_factory=list[str])
    any: bool = False


class ErrorTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``errors.yaml``."""

    codes: list[Code]
    catalogue: list[WireErrorRow]
    phases: list[str] = msgspec.field(default_factory=list[str])
    classification: list[RuleRow] = msgspec.field(default_factory=list[RuleRow])


class FrameField(_Row, frozen=True, kw_only=True):
    """One bit field of a frame's header."""

    name: str
    bits: int
    wire: str = ""
    meaning: str = ""
    unit: str = ""
    const: int | None = None
    enum: dict[str, int] | None = None
    flag: bool = False
    default: int | str | bool | None = None
    wraps: bool = False
    min: int | None = None
    max: int | None = None
    source: Source | None = None
    requirements: list[str] = msgspec.field(default_factory=list[str])


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows a frame's header."""

    length_field: str
    max: int | None = None
    description: str = ""


class Frame(_Row, frozen=True, kw_only=True):
    """One binary frame."""

    description: str
    header_bytes: int
    payload: Payload
    fields: list[FrameField]
    source: Source | None = None
    requirements: list[str] = msgspec.field(default_factory=list[str])


class FrameTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``frames.yaml``."""

    frames: dict[str, Frame]


class Specification(msgspec.Struct, frozen=True, kw_only=True):
    """All tables of one protocol.

    Attributes:
        frames: None for a protocol without binary frames.
        errata: None for a protocol whose sources agree.
    """

    protocol: ProtocolTable
    requirements: RequirementTable
    states: StateTable
    errors: ErrorTable
    frames: FrameTable | None
    errata: ErrataTable | None = None

    @property
    def id(self) -> str:
        """The protocol's id."""
        return self.protocol.protocol
